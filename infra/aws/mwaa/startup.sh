#!/bin/bash
# Runs on every MWAA component before Airflow does, and must end within 4 min 55 s. It unpacks dbt
# into an environment of its own; `publish` writes the three values below.
set -euo pipefail

ARCHIVE_BUCKET=@BUCKET@
ARCHIVE_KEY=@KEY@
ARCHIVE_SHA256=@SHA256@
HOME_OF_DBT=${STARLIFT_DBT_HOME:-/usr/local/airflow/starlift-dbt}

# The web server runs no dbt, and may be unable to reach S3.
if [[ ${MWAA_AIRFLOW_COMPONENT:-worker} == webserver ]]; then
    exit 0
fi

began=$SECONDS
rm -rf "$HOME_OF_DBT"
python3 -m venv --without-pip "$HOME_OF_DBT"
python3 - "$ARCHIVE_BUCKET" "$ARCHIVE_KEY" "$ARCHIVE_SHA256" "$HOME_OF_DBT" <<'PYTHON'
import hashlib
import sys
import sysconfig
import zipfile
from pathlib import Path

import boto3

bucket, key, expected, home = sys.argv[1:]
archive = Path(home, "dbt.zip")
boto3.client("s3").download_file(bucket, key, str(archive))
found = hashlib.sha256(archive.read_bytes()).hexdigest()
if found != expected:
    sys.exit(f"starlift: s3://{bucket}/{key} has SHA-256 {found}, expected {expected}: publish again")
packages = sysconfig.get_path("purelib", vars={"base": home, "platbase": home})
zipfile.ZipFile(archive).extractall(packages)
archive.unlink()
PYTHON

printf '#!/bin/bash\nexec %s/bin/python -m dbt.cli.main "$@"\n' "$HOME_OF_DBT" > "$HOME_OF_DBT/bin/dbt"
chmod +x "$HOME_OF_DBT/bin/dbt"
"$HOME_OF_DBT/bin/dbt" --version
echo "starlift: dbt is unpacked after $((SECONDS - began)) s of 295"
