"""The lake for others: the task that registers a source's batches in the Glue catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError

from elt_lib.catalogue import CatalogueError, Lake, register
from elt_lib.catalogue_tables import Batch
from elt_lib.contract_yaml import load_sources
from elt_lib.hooks import WarehouseHook
from elt_lib.sessions import in_session
from elt_lib.settings import settings
from elt_lib.warehouse import Connection, sql, transaction

if TYPE_CHECKING:
    from airflow.sdk import Context

REGISTER = "register_batches"


def register_batches(source: str) -> RegisterOperator:
    """The task that tells the catalogue which batches of a source are loaded.

    Nothing waits for it: the warehouse doesn't need the catalogue, and a load that is committed
    stays, whatever becomes of this.
    """
    return RegisterOperator(
        task_id=REGISTER,
        source=source,
        database=settings().glue_database,
        outlets=[lake_asset(source)],
        execution_timeout=timedelta(minutes=30),
    )


def lake_asset(source: str) -> Asset:
    """What DAGs schedule on that read the lake: the source's batches are in the catalogue."""
    return Asset(name=f"{source}_lake", uri=f"starlift://{source}/lake")


class RegisterOperator(BaseOperator):
    """Make the Glue catalogue say of a source what the ledger says (see ``elt_lib.catalogue``).

    :param source: whose feeds.
    :param database: the Glue database.

    Returns how many partitions were created, updated or deleted.
    """

    template_fields: Sequence[str] = ("database",)
    ui_color = "#e6f4ea"

    def __init__(self, *, source: str, database: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.database = database

    def execute(self, context: Context) -> int:  # noqa: ARG002
        """Register; safe to repeat."""
        feeds = load_sources(settings().manifest)[self.source].feeds
        connect = WarehouseHook(redshift_conn_id="redshift_default").get_conn
        s3 = S3Hook("aws_default")
        bucket = settings().lake_bucket
        lake = Lake(
            bucket=bucket,
            read=lambda url: _read(s3, url),
            folders=lambda prefix: s3.list_prefixes(bucket, prefix, delimiter="/"),
        )
        hook = GlueCatalogHook(aws_conn_id="aws_default")  # type: ignore[no-untyped-call]
        glue = hook.get_conn()
        try:
            return register(
                glue,
                self.database,
                feeds,
                lambda: in_session(connect, lambda session: loaded_batches(session, self.source)),
                lake,
            )
        except CatalogueError as error:
            raise AirflowException(str(error)) from error


def loaded_batches(connection: Connection, source: str) -> list[Batch]:
    """A source's loaded batches, as the ledger has them now."""
    with transaction(connection) as cursor:
        cursor.execute(sql("loaded_manifests"), (source,))
        return [Batch(*row) for row in cursor.fetchall()]


def _read(s3: S3Hook, url: str) -> bytes | None:
    bucket, key = S3Hook.parse_s3_url(url)
    try:
        body: bytes = s3.get_conn().get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    return body
