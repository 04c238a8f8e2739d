"""install.sh makes a machine: run for real, in a file system of its own, as far as that goes.

Real are its packages, its user, its folders and units, and dbt's way from the bucket. What only a
machine of Amazon Linux has, dnf and a running systemd, is noted and not done.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from infra.aws import components, wheels
from infra.aws.deployment import Deployment
from infra.aws.release import startup_script

PROJECT = Path(__file__).resolve().parents[3]
MINE = f"{sys.version_info.major}.{sys.version_info.minor}"
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
MACHINE = """
set -eu
cp -a /etc/. etc/
for folder in etc opt; do mount --bind $folder /$folder; done
mount --bind lib /var/lib
mkdir -p /etc/starlift
printf 'AWS_DEFAULT_REGION=us-east-1\\n' > /etc/starlift/airflow.env
bash bundle/install.sh "$1"
id -un airflow
stat -c '%U %n' /var/lib/starlift/dags /var/lib/starlift/airflow
ls /opt/starlift/bin /etc/systemd/system
/opt/starlift/venv/bin/python -c 'import boto3; print("boto3", boto3.__version__)'
"$STARLIFT_DBT_HOME/bin/dbt" --version
"""
ALONE = [["unshare", "--mount", "true"], ["useradd", "--help"]]


def _can_be_alone() -> bool:
    if os.geteuid() != 0 or not all(shutil.which(command[0]) for command in ALONE):
        return False
    return all(
        subprocess.run(each, capture_output=True, check=False).returncode == 0 for each in ALONE
    )


@pytest.fixture
def bucket() -> Iterator[str]:
    """An S3 with a bucket for releases; its address."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    ).create_bucket(Bucket="releases")
    yield address
    server.stop()


@pytest.fixture
def machine(tmp_path: Path, bucket: str, index: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the unpacked bundle, a small one, and programs that note what they are told."""
    dbt = tmp_path / "dbt.zip"
    with zipfile.ZipFile(dbt, "w") as archive:
        archive.writestr("dbt/cli/main.py", "print('dbt as published')\n")
        archive.writestr("dbt/__init__.py", "")
        archive.writestr("dbt/cli/__init__.py", "")
    checksum = hashlib.sha256(dbt.read_bytes()).hexdigest()
    client = boto3.client(
        "s3",
        endpoint_url=bucket,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    client.upload_file(str(dbt), "releases", "airflow/dbt/small.zip")
    monkeypatch.setattr(wheels, "PYTHON", MINE)
    monkeypatch.setattr(components, "machine_requirements", lambda _: ["boto3"])
    startup = startup_script("releases", "airflow/dbt/small.zip", checksum)
    deployment = Deployment("starlift", "dev", {"Airflow": "ec2"})
    for folder in ("etc", "opt", "lib", "bin", "work"):
        (tmp_path / folder).mkdir()
    packed = components.bundle(deployment, PROJECT, tmp_path / "work", startup)
    (tmp_path / "bundle.zip").write_bytes(packed)
    zipfile.ZipFile(tmp_path / "bundle.zip").extractall(tmp_path / "bundle")
    for program in ("dnf", "systemctl"):
        path = tmp_path / "bin" / program
        path.write_text(f'#!/bin/sh\necho "{program} $*"\n')
        path.chmod(0o755)
    (tmp_path / "bin/python3.12").symlink_to(sys.executable)
    return tmp_path


@pytest.mark.slow
@pytest.mark.skipif(not _can_be_alone(), reason="needs root, mount namespaces and useradd")
@pytest.mark.parametrize(
    ("role", "enabled"),
    [
        ("worker", "airflow-worker"),
        (
            "control",
            "airflow-migrate airflow-api-server airflow-scheduler airflow-dag-processor "
            "airflow-triggerer",
        ),
    ],
)
def test_install_sh_makes_a_machine(machine: Path, bucket: str, role: str, enabled: str) -> None:
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", MACHINE, "machine", role],
        cwd=machine,
        env={
            **KEYS,
            "PATH": f"{machine}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(machine),
            "AWS_ENDPOINT_URL": bucket,
            "STARLIFT_DBT_HOME": "/opt/dbt",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "dnf install --quiet --assumeyes python3.12"
    assert [line for line in lines if line.startswith("systemctl")] == [
        "systemctl daemon-reload",
        "systemctl start starlift-sync.service",
        "systemctl enable --now starlift-sync.timer",
        f"systemctl enable --now {enabled}",
    ]
    assert "airflow /var/lib/starlift/dags" in lines
    assert "airflow /var/lib/starlift/airflow" in lines
    units = {path.name for path in (components.SELFHOSTED / "units").iterdir()}
    assert units | {"sync.sh", "secrets_env.py"} <= set(lines)
    assert lines[-1] == "dbt as published"
    assert not Path("/opt/starlift").exists()
