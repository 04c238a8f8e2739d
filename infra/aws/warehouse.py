"""Making the warehouse ready for Airflow: one database user for its role, and what it may do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from infra.aws.change_sets import Say
from infra.aws.deployment import Deployment
from infra.aws.errors import DeployError

ENDED = frozenset({"FINISHED", "FAILED", "ABORTED"})
ALREADY = "already exists"
ISOLATION = (
    "select database_isolation_level from svv_redshift_databases "
    "where database_name = current_database()"
)
READERS = "starlift_readers"
"""Database role of the people who read; dbt grants it what it builds (STARLIFT_READERS)."""


def statements(deployment: Deployment, outputs: Mapping[str, str]) -> Iterator[str]:
    """What Airflow's user needs, and the way to the marts for readers.

    The user owns what it makes and nothing else. The marts' schema is made for it, so that readers
    can be let into it: dbt grants tables and not schemas.

    A caller that logs in by IAM is the database user ``IAMR:<role>``
    (docs.aws.amazon.com/redshift/latest/mgmt/redshift-iam-access-control-identity-based.html).
    With an external schema its readers are those of the marts, and Airflow's user; permissions are
    the schema's, its tables have none (…/latest/dg/r_CREATE_EXTERNAL_SCHEMA.html).
    """
    user = f'"IAMR:{deployment.task_role}"'
    yield f"create user {user} password disable"
    yield f"grant create, temporary on database starlift to {user}"
    yield f"create role {READERS}"
    yield f"create schema if not exists marts authorization {user}"
    yield f"grant usage on schema marts to role {READERS}"
    if "ExternalSchema" in outputs and "GlueDatabase" in outputs:
        schema = outputs["ExternalSchema"]
        yield (
            f"create external schema if not exists {schema} from data catalog "
            f"database '{outputs['GlueDatabase']}' "
            f"iam_role '{outputs['RedshiftSpectrumRoleArn']}'"
        )
        yield f"grant usage on schema {schema} to {user}"
        yield f"grant usage on schema {schema} to role {READERS}"


def prepare(
    session: Any, deployment: Deployment, outputs: Mapping[str, str], say: Say, pause: float = 1.0
) -> None:
    """Run the statements as administrator, through the Data API; what is there already stays.

    Raises DeployError with the warehouse's words.
    """
    data = session.client("redshift-data")
    for sql in statements(deployment, outputs):
        error = _run(data, _target(session, deployment, outputs), sql, pause)
        if error and ALREADY not in error:
            raise DeployError(f"The warehouse refused {sql!r}: {error}")
        say(f"  {sql}: {'as before' if error else 'done'}")


def isolation(
    session: Any, deployment: Deployment, outputs: Mapping[str, str], pause: float = 1.0
) -> str:
    """The isolation level of the database, "Snapshot Isolation" or "Serializable".

    docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_DATABASES.html; raises DeployError with
    the warehouse's words.
    """
    data = session.client("redshift-data")
    target = _target(session, deployment, outputs)
    made, error = _ended(data, target, ISOLATION, pause)
    if error:
        raise DeployError(f"The warehouse refused {ISOLATION!r}: {error}")
    records = data.get_statement_result(Id=made)["Records"]
    return str(records[0][0]["stringValue"]).strip() if records else "unknown"


def administrator(session: Any, deployment: Deployment, outputs: Mapping[str, str]) -> str:
    """ARN of the secret with the administrator's password, which Redshift manages."""
    if outputs["Kind"] == "provisioned":
        found = session.client("redshift").describe_clusters(ClusterIdentifier=deployment.name)
        return str(found["Clusters"][0]["MasterPasswordSecretArn"])
    found = session.client("redshift-serverless").get_namespace(namespaceName=deployment.name)
    return str(found["namespace"]["adminPasswordSecretArn"])


def _target(session: Any, deployment: Deployment, outputs: Mapping[str, str]) -> dict[str, str]:
    which = "WorkgroupName" if outputs["Kind"] == "serverless" else "ClusterIdentifier"
    return {
        which: deployment.name,
        "Database": outputs["Database"],
        "SecretArn": administrator(session, deployment, outputs),
    }


def _run(data: Any, target: Mapping[str, str], sql: str, pause: float) -> str:
    """Run one statement to its end; returns the error's text, empty when it went well."""
    return _ended(data, target, sql, pause)[1]


def _ended(data: Any, target: Mapping[str, str], sql: str, pause: float) -> tuple[str, str]:
    """Run one statement to its end; returns its id, and the error's text, empty for none."""
    made = data.execute_statement(Sql=sql, **target)
    while True:
        found = data.describe_statement(Id=made["Id"])
        if found["Status"] in ENDED:
            break
        time.sleep(pause)
    if found["Status"] == "FINISHED":
        return str(made["Id"]), ""
    return str(made["Id"]), str(found.get("Error") or found["Status"])
