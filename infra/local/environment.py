"""The environment that makes every tool talk to this stack, for services and for shells."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.local.airflow import airflow_environment
from infra.local.config import Config, write_private

# Marks the processes of a stack, so that strays can be found. It is not in the environment file:
# what a person starts from a shell of their own is never ours to stop.
MARKER = "STARLIFT_SUPERVISED"

# What services keep of the environment they are started from. Everything else stays outside: a
# profile, a proxy or an AIRFLOW__ setting of the shell must not decide what the stack does.
KEPT = re.compile(
    r"HOME|USER|LOGNAME|SHELL|PATH|TMPDIR|LANG|LC_[A-Z]+|TZ|JAVA_HOME|LD_LIBRARY_PATH"
    r"|SSL_CERT_FILE|STARLIFT_[A-Z_]+"
)

REGION = "us-east-1"
WAREHOUSE = "starlift"
GLUE_DATABASE = WORKGROUP = "starlift"
COPY_ROLE = "arn:aws:iam::123456789012:role/starlift-redshift-copy"


def environment(config: Config) -> dict[str, str]:
    """Return the variables that describe the stack; the same on every call for one config."""
    project, state, ports, secrets = config.project, config.state, config.ports, config.secrets
    loopback = "http://127.0.0.1"
    return {
        "STARLIFT_PROJECT": str(project),
        "STARLIFT_STATE": str(state),
        "STARLIFT_LAKE_BUCKET": config.lake_bucket,
        "STARLIFT_ARTIFACTS_BUCKET": config.artifacts_bucket,
        "STARLIFT_MANIFEST": str(config.manifest),
        "STARLIFT_LIVY_URL": f"{loopback}:{ports.livy}",
        "STARLIFT_COPY_ROLE": COPY_ROLE,
        "STARLIFT_DBT_TARGET": "local",
        "STARLIFT_GLUE_DATABASE": GLUE_DATABASE,
        "STARLIFT_ATHENA_WORKGROUP": WORKGROUP,
        "STARLIFT_POLL_SECONDS": "1",
        "STARLIFT_RETRY_SECONDS": "5",
        "STARLIFT_POSTGRES_PORT": str(ports.postgres),
        "STARLIFT_POSTGRES_PASSWORD": secrets.postgres_password,
        "AWS_ENDPOINT_URL": f"{loopback}:{ports.aws}",
        "AWS_ENDPOINT_URL_S3": f"{loopback}:{ports.s3}",
        "AWS_ACCESS_KEY_ID": "starlift",
        "AWS_SECRET_ACCESS_KEY": secrets.aws_secret_access_key,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # rclone answers a range with the checksum of the whole object, which S3 does not.
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "REDSHIFT_HOST": "127.0.0.1",
        "REDSHIFT_PORT": str(ports.redshift),
        "REDSHIFT_USER": "starlift",
        "REDSHIFT_PASSWORD": secrets.redshift_password,
        "REDSHIFT_DATABASE": WAREHOUSE,
        "REDSHIFT_SSL": "false",
        "DBT_PROJECT_DIR": str(project / "dbt_project"),
        "DBT_PROFILES_DIR": str(project / "profiles"),
        "DBT_TARGET_PATH": str(state / "dbt" / "target"),
        "DBT_LOG_PATH": str(state / "dbt" / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        # A proxy set in the shell must not be asked for our own servers.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONPATH": os.pathsep.join([str(project), str(project / "dags")]),
        **airflow_environment(config),
    }


def service_environment(config: Config, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return all that a service sees: the stack's variables over the few kept ones."""
    inherited = os.environ if environ is None else environ
    kept = {name: value for name, value in inherited.items() if KEPT.fullmatch(name)}
    kept.pop(MARKER, None)
    search = dict.fromkeys([str(scripts()), *kept.get("PATH", os.defpath).split(os.pathsep)])
    return {
        **kept,
        **environment(config),
        "PATH": os.pathsep.join(search),
        "PYTHONUNBUFFERED": "1",
    }


def scripts() -> Path:
    """Return the folder of this virtual environment's commands."""
    return Path(sys.prefix) / "bin"


def write_env_file(config: Config) -> Path:
    """Write `KEY='value'` lines that any POSIX shell reads with `set -a; . <file>`."""
    lines = [
        "# Written by `make up` and `make env`. Read it with: set -a; . <this file>; set +a",
        *(f"{name}={shlex.quote(value)}" for name, value in environment(config).items()),
        f'PATH={shlex.quote(str(scripts()))}:"$PATH"',
    ]
    write_private(config.env_file, "\n".join(lines) + "\n")
    return config.env_file
