"""Airflow's metadata database inside the embedded PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import psycopg

from infra.local.config import Config, write_private
from infra.local.environment import service_environment
from infra.local.errors import StackError
from infra.local.health import connect
from infra.local.supervise import tail

DATABASE = "airflow"


def prepare(config: Config) -> bool:
    """Create or migrate Airflow's tables where needed; tells whether there was anything to do.

    Asking Airflow costs seconds of imports, so the revision that this Airflow version left in the
    database is remembered and compared.
    """
    stamp = config.airflow_home / "migrated"
    wanted = f"{version('apache-airflow-core')} "
    known = stamp.read_text(encoding="utf-8") if stamp.exists() else ""
    _create_database(config)
    if known.startswith(wanted) and known == wanted + _revision(config):
        return False
    log = config.logs / "airflow-db-migrate.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            cwd=config.supervisor,
            env=service_environment(config),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        message = f"`airflow db migrate` failed ({log}):\n{tail(log, 15)}"
        raise StackError(message)
    write_private(stamp, wanted + _revision(config))
    return True


def _create_database(config: Config) -> None:
    with connect(config, "postgres", "postgres") as connection:
        found = connection.execute(
            "select 1 from pg_database where datname = %s", (DATABASE,)
        ).fetchone()
        if not found:
            connection.execute(f"create database {DATABASE}")


def _revision(config: Config) -> str:
    """Return the schema revision that Alembic recorded, or nothing for an empty database."""
    try:
        with connect(config, "postgres", DATABASE) as connection:
            row = connection.execute("select version_num from alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        return ""
    return str(row[0]) if row else ""
