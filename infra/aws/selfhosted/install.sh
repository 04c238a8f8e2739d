#!/bin/bash
# Makes this machine (Amazon Linux 2023) one of Airflow's: `install.sh control` or `install.sh worker`.
# Run by the machine's first start, in the folder of the unpacked bundle; /etc/starlift/airflow.env
# is there already. Nothing comes from the internet: packages are in the bundle, and dnf's are in S3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
role=$1
AWS_DEFAULT_REGION=$(sed -n s/^AWS_DEFAULT_REGION=//p /etc/starlift/airflow.env)
export AWS_DEFAULT_REGION

dnf install --quiet --assumeyes python3.12
id airflow &>/dev/null || useradd --system --home-dir /var/lib/starlift --create-home airflow
install -d -o airflow -g airflow /var/lib/starlift/dags /var/lib/starlift/airflow
install -d /opt/starlift/bin
python3.12 -m venv /opt/starlift/venv
/opt/starlift/venv/bin/python -m pip install --quiet --no-index --find-links . --require-hashes --requirement pins.txt
PATH=/opt/starlift/venv/bin:$PATH bash startup.sh
install -m 755 sync.sh secrets_env.py /opt/starlift/bin/
install -m 644 units/* /etc/systemd/system/
systemctl daemon-reload
systemctl start starlift-sync.service
systemctl enable --now starlift-sync.timer
if [[ $role == worker ]]; then
    systemctl enable --now airflow-worker
else
    systemctl enable --now airflow-migrate airflow-api-server airflow-scheduler airflow-dag-processor airflow-triggerer
fi
