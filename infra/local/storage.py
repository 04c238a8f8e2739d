"""The local S3: its buckets, and what the stack puts into them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config as ClientConfig

from infra.local.config import Config
from infra.local.environment import environment
from infra.publish import Upload, publish_spark_jobs


def s3_client(config: Config) -> Any:
    """Return an S3 client for the stack's server, whatever the shell's AWS settings are."""
    settings = environment(config)
    return boto3.session.Session().client(
        "s3",
        endpoint_url=settings["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
        region_name=settings["AWS_REGION"],
        config=ClientConfig(proxies={}, retries={"max_attempts": 3, "mode": "standard"}),
    )


def publish(config: Config) -> list[Upload]:
    """Create the buckets where missing and upload the Spark job; skips what is there already."""
    client = s3_client(config)
    make_buckets(client, config.lake_bucket, config.artifacts_bucket)
    return publish_spark_jobs(client, config.artifacts_bucket, config.project)


def make_buckets(client: Any, *names: str) -> None:
    """Create buckets that do not exist yet."""
    existing = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for name in names:
        if name not in existing:
            client.create_bucket(Bucket=name)


def upload(config: Config, bucket: str, files: dict[str, Path]) -> int:
    """Upload files by key; returns the bytes sent."""
    client = s3_client(config)
    with ThreadPoolExecutor(max_workers=4) as pool:
        sent = [
            pool.submit(client.upload_file, str(path), bucket, key) for key, path in files.items()
        ]
        for each in sent:
            each.result()
    return sum(path.stat().st_size for path in files.values())
