"""How Airflow is set on the laptop: the same version and DAG files as on MWAA, other settings.

Every setting is an `AIRFLOW__SECTION__OPTION` variable, so that there is no configuration file to
drift. Options and defaults: airflow/config_templates/config.yml of Airflow 3.3.1.
"""

from __future__ import annotations

import json
from pathlib import Path

from infra.local.config import Config

DOCS_SLUG = "starlift"
DOCS_PREFIX = "docs"
TASKS_AT_ONCE = 4


def loopback() -> str:
    """Name this machine for Airflow ([core] hostname_callable) without asking any name server."""
    return "127.0.0.1"


def metadata_url(config: Config, driver: str) -> str:
    """Return the SQLAlchemy address of Airflow's metadata database for one driver."""
    password, port = config.secrets.postgres_password, config.ports.postgres
    tls = "ssl=disable" if driver == "asyncpg" else "sslmode=disable&gssencmode=disable"
    return f"postgresql+{driver}://postgres:{password}@127.0.0.1:{port}/airflow?{tls}"


def broker_url(config: Config) -> str:
    """Return the address of CeleryExecutor's broker, which also holds its results."""
    return f"redis://:{config.secrets.broker_password}@127.0.0.1:{config.ports.broker}/0"


def celery_settings(config: Config) -> dict[str, str]:
    """Return what changes when Celery workers run the tasks; nothing without workers."""
    if not config.celery_workers:
        return {}
    # Imported by a worker's parent, so that its task processes start warm.
    warm = {"imports": [f"{__package__}.preload"]}
    return {
        "CORE__EXECUTOR": "CeleryExecutor",
        "CELERY__BROKER_URL": broker_url(config),
        # Not in the metadata database: workers then need no access to it.
        "CELERY__RESULT_BACKEND": broker_url(config),
        "CELERY__EXTRA_CELERY_CONFIG": json.dumps(warm),
        # Seconds after which the broker hands a task out again that nobody has ended: longer than
        # any task takes. Who finds the task of a dead worker sooner is the scheduler.
        "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
    }


def airflow_environment(config: Config) -> dict[str, str]:
    """Return Airflow's settings and connections as environment variables."""
    secrets = config.secrets
    settings = {
        "CORE__DAGS_FOLDER": str(config.project / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(TASKS_AT_ONCE),
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": str(TASKS_AT_ONCE),
        "CORE__MP_FORKSERVER_PRELOAD": f"{__package__}.preload",
        "CORE__HOSTNAME_CALLABLE": f"{__name__}.loopback",
        "CORE__FERNET_KEY": secrets.airflow_fernet_key,
        "CORE__EXECUTION_API_SERVER_URL": f"{config.airflow_url}/execution/",
        # No login: the server listens on loopback only, and everything here is made up.
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        # Nothing runs by itself on a laptop (see USE_JOB_SCHEDULE), so nothing has to be paused.
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "DATABASE__SQL_ALCHEMY_CONN": metadata_url(config, "psycopg2"),
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": metadata_url(config, "asyncpg"),
        "API__HOST": "127.0.0.1",
        "API__PORT": str(config.ports.airflow),
        "API__BASE_URL": config.airflow_url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": secrets.airflow_secret_key,
        "API__EXPOSE_CONFIG": "non-sensitive-only",
        "API_AUTH__JWT_SECRET": secrets.airflow_jwt_secret,
        # Runs come from `make backfill` or the UI: a laptop that was closed for a month would
        # otherwise start work as soon as it is opened. On MWAA the schedules are on.
        "SCHEDULER__USE_JOB_SCHEDULE": "False",
        "SCHEDULER__MP_START_METHOD": "forkserver",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
        # A scheduler that was killed leaves tasks that look alive for this many seconds.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        # Seconds between looks for the tasks of a scheduler that was killed; its successor's first
        # look comes too early, while the dead one's last heartbeat still counts (30 s).
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
        # The supervisor of a task sees its pipes close a moment before the process has ended, and
        # then sleeps for one interval with the executor's slot still taken (_monitor_subprocess in
        # airflow/sdk/execution_time/supervisor.py). The default of 5 seconds costs 5 per task.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # Heartbeats in a row that may fail: long enough for the API server to be restarted.
        "WORKERS__MAX_FAILED_HEARTBEATS": "60",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        # Parsing every DAG takes seconds of processor time, most of what an idle stack uses. An
        # edited file is parsed at once whatever this says (airflow/dag_processing/manager.py), and
        # `make backfill` asks for it when something else has changed that a DAG is made of.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
        "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(config.airflow_home / "bundles"),
        "LOGGING__BASE_LOG_FOLDER": str(config.airflow_home / "logs"),
        "LOGGING__LOGGING_LEVEL": "INFO",
        # The log servers would listen on all interfaces (airflow/utils/serve_logs/core.py) and are
        # not started: the API server reads task logs from the same folder. It still asks for a
        # running task's log here, and port 1 refuses at once.
        "LOGGING__WORKER_LOG_SERVER_PORT": "1",
        "LOGGING__TRIGGER_LOG_SERVER_PORT": "1",
        # A succeeded task that is cleared must run again, not find its old job.
        "STATE_STORE__CLEAR_ON_SUCCESS": "True",
        "METRICS__STATSD_ON": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "COSMOS__ENABLE_TELEMETRY": "False",
        "COSMOS__CACHE_DIR": str(config.airflow_home / "cosmos"),
        "COSMOS__DBT_DOCS_PROJECTS": json.dumps(docs_projects(config)),
        **celery_settings(config),
    }
    return {
        "AIRFLOW_HOME": str(config.airflow_home),
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        **{
            f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection)
            for name, connection in connections(config).items()
        },
    }


def docs_folder(config: Config) -> Path:
    """Return where the S3 server keeps the data dictionary."""
    return config.s3 / config.artifacts_bucket / DOCS_PREFIX


def docs_projects(config: Config) -> dict[str, dict[str, str]]:
    """Tell Cosmos's plugin where the data dictionary is.

    The DAG uploads it to `s3://<artifacts>/docs`. Reading `s3://` back would need s3fs, which pulls
    in another line of boto3; the S3 server's folder holds the same files.
    """
    directory = docs_folder(config)
    return {DOCS_SLUG: {"dir": str(directory), "index": "index.html", "name": "Data dictionary"}}


KEEPALIVE = {
    "tcp_keepalive": True,
    "tcp_keepalive_idle": 60,
    "tcp_keepalive_interval": 15,
    "tcp_keepalive_count": 4,
}
"""How redshift_connector notices in two minutes that the other side is gone (seconds, a number).

Not by its `timeout`: that is the socket's, for every single read (redshift_connector.core), so that
a COPY which takes longer counted as a lost connection. A load that hangs ends with its task's
execution_timeout.
"""


def connections(config: Config) -> dict[str, dict[str, object]]:
    """Return Airflow's connections in the JSON form of `AIRFLOW_CONN_*`."""
    return {
        # Keys, region and endpoints come from the standard AWS variables.
        "aws_default": {"conn_type": "aws"},
        "redshift_default": {
            "conn_type": "redshift",
            "host": "127.0.0.1",
            "port": config.ports.redshift,
            "login": "starlift",
            "password": config.secrets.redshift_password,
            "schema": "starlift",  # this hook calls the database "schema"
            "extra": {"ssl": False, **KEEPALIVE},
        },
        # The part of RunJobFlow that is not the same everywhere (EmrCreateJobFlowOperator merges
        # the two): on AWS it also has subnets, security groups and the log folder.
        "emr_default": {
            "conn_type": "emr",
            "extra": {
                "ServiceRole": "starlift-emr-service",
                "JobFlowRole": "starlift-emr-instance",
                "Instances": {
                    "MasterInstanceType": "m6g.xlarge",
                    "SlaveInstanceType": "m6g.xlarge",
                    "InstanceCount": 2,
                    "KeepJobFlowAliveWhenNoSteps": True,
                },
            },
        },
        "livy_default": {
            "conn_type": "livy",
            "schema": "http",
            "host": "127.0.0.1",
            "port": config.ports.livy,
        },
    }
