"""What the DAGs of a deployment are told: the counterpart of the laptop stack's environment."""

from __future__ import annotations

from collections.abc import Mapping

from infra.aws.deployment import Deployment
from infra.aws.warehouse import READERS

DBT = "/usr/local/airflow/starlift-dbt/bin/dbt"
"""Where mwaa/startup.sh puts dbt."""
SCRATCH = "/tmp/starlift"  # noqa: S108  (a container of its own; the DAG folder is read-only)


def airflow_settings(
    deployment: Deployment, outputs: Mapping[str, str], region: str
) -> dict[str, str]:
    """Variables that a release sets before it runs a DAG file; the same outputs give the same."""
    provisioned = outputs["Kind"] == "provisioned"
    return {
        "STARLIFT_LAKE_BUCKET": outputs["LakeBucket"],
        "STARLIFT_ARTIFACTS_BUCKET": outputs["ArtifactsBucket"],
        "STARLIFT_LIVY_URL": "http://{master}:8998",
        "STARLIFT_COPY_ROLE": outputs["RedshiftCopyRoleArn"],
        "STARLIFT_DBT_TARGET": "prod",
        "STARLIFT_READERS": f"role:{READERS}",
        "STARLIFT_DBT": DBT,
        "STARLIFT_EMR_RELEASE": outputs["ReleaseLabel"],
        "STARLIFT_ALERT_TOPIC": outputs["AlertTopicArn"],
        "STARLIFT_ENGINE": outputs["Engine"],
        "STARLIFT_GLUE_JOB": outputs.get("GlueJobName", ""),
        "STARLIFT_GLUE_DATABASE": outputs.get("GlueDatabase", ""),
        "STARLIFT_ATHENA_WORKGROUP": outputs["AthenaWorkGroup"],
        "STARLIFT_SERVERLESS_APPLICATION": outputs["ServerlessApplicationId"],
        "STARLIFT_SPARK_ROLE": outputs["EmrServerlessRoleArn"],
        "STARLIFT_TAGS": f"deployment={deployment.name},environment={deployment.environment}",
        "STARLIFT_CLUSTER_ID": deployment.name if provisioned else "",
        "REDSHIFT_HOST": outputs["Endpoint"],
        "REDSHIFT_PORT": "5439",
        "REDSHIFT_DATABASE": outputs["Database"],
        "AWS_REGION": region,
        # Cosmos and dbt write here and nowhere else.
        "AIRFLOW__COSMOS__CACHE_DIR": f"{SCRATCH}/cosmos",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "DBT_LOG_PATH": f"{SCRATCH}/dbt/logs",
        "DBT_TARGET_PATH": f"{SCRATCH}/dbt/target",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
