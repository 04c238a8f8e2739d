"""The way into the warehouse."""

from __future__ import annotations

from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
from airflow.sdk import Connection


class WarehouseHook(RedshiftSQLHook):
    """RedshiftSQLHook that leaves entering by IAM to the driver, which asks as dbt-redshift does.

    The provider (9.34) asks for the password of a named database user first. Whoever enters a
    provisioned cluster as the caller's role has no such name, and the request is refused before it
    is sent; the driver's ``group_federation`` asks for the role's own user.
    """

    def get_iam_token(self, conn: Connection) -> tuple[str, str, int]:
        """No user and no password, and the port."""
        return "", "", conn.port or 5439
