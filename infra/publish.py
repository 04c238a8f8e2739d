"""Uploading what EMR runs: the Spark job and the package it imports.

Pure boto3 and no knowledge of where it runs: the laptop stack and the AWS deployment both call it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

JOB_PREFIX = "spark_jobs"
ARCHIVE_TIME = (1980, 1, 1, 0, 0, 0)
FILE_MODE = 0o644
NOT_FOUND = {"404", "NoSuchKey", "NotFound"}


@dataclass(frozen=True)
class Upload:
    """One object of the artifacts bucket; `changed` tells whether it had to be sent."""

    key: str
    changed: bool


def publish_spark_jobs(client: Any, bucket: str, project: Path) -> list[Upload]:
    """Upload `preprocess.py` and `spark_jobs.zip` where the DAG expects them; skips equal ones."""
    package = project / "spark_jobs"
    objects = {
        f"{JOB_PREFIX}/preprocess.py": (package / "preprocess.py").read_bytes(),
        f"{JOB_PREFIX}/spark_jobs.zip": spark_archive(package),
    }
    return [Upload(key, _put(client, bucket, key, body)) for key, body in objects.items()]


def spark_archive(package: Path) -> bytes:
    """Pack a Python package; the same files give the same bytes on every machine."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(package.rglob("*.py")):
            name = path.relative_to(package.parent).as_posix()
            entry = zipfile.ZipInfo(name, date_time=ARCHIVE_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, so that the mode below is read
            entry.external_attr = FILE_MODE << 16
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _put(client: Any, bucket: str, key: str, body: bytes) -> bool:
    """Upload unless the object there carries the same checksum; tells whether it was sent."""
    checksum = hashlib.sha256(body).hexdigest()
    try:
        head = client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in NOT_FOUND:
            raise
    else:
        # Names of metadata come back in other cases from other servers.
        if checksum in head["Metadata"].values():
            return False
    client.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"sha256": checksum})
    return True
