"""The control planes' part of the lake: what AWS's stack `catalog` makes, on the local moto.

moto forgets everything when it stops; the next run of a source registers all its batches again.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config as ClientConfig

from infra.local.config import Config
from infra.local.environment import GLUE_DATABASE, WORKGROUP, environment


def aws_client(config: Config, service: str) -> Any:
    """Return a client of the stack's moto, whatever the shell's AWS settings are."""
    settings = environment(config)
    return boto3.session.Session().client(
        service,
        endpoint_url=settings["AWS_ENDPOINT_URL"],
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
        region_name=settings["AWS_REGION"],
        config=ClientConfig(proxies={}, retries={"max_attempts": 3, "mode": "standard"}),
    )


def prepare(config: Config) -> None:
    """Create the Glue database and the Athena work group where missing."""
    glue = aws_client(config, "glue")
    names = [each["Name"] for each in glue.get_databases()["DatabaseList"]]
    if GLUE_DATABASE not in names:
        glue.create_database(DatabaseInput={"Name": GLUE_DATABASE})
    athena = aws_client(config, "athena")
    groups = [each["Name"] for each in athena.list_work_groups()["WorkGroups"]]
    if WORKGROUP not in groups:
        output = {"OutputLocation": f"s3://{config.lake_bucket}/athena/"}
        athena.create_work_group(
            Name=WORKGROUP,
            Configuration={"ResultConfiguration": output, "EnforceWorkGroupConfiguration": True},
        )
