"""Looking for secrets in all that a stack writes down, except where it keeps them."""

from __future__ import annotations

import re
from dataclasses import asdict

TOKEN = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")
"""A JSON Web Token, as Airflow's tasks show to its API server."""


def secrets_of(config):
    """The stack's secrets by name; what is as short as a word is none."""
    return {name: value for name, value in asdict(config.secrets).items() if len(value) > 8}


def written_files(config):
    """Logs, what lies in S3 (reports, manifests), dbt's files and Livy's."""
    folders = [config.logs, config.airflow_home / "logs", config.s3, config.state / "dbt"]
    folders.append(config.state / "livy")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def tables(connection, *schemas):
    """The names of all tables of some schemas."""
    found = connection.execute(
        "select format('%%I.%%I', schemaname, tablename) from pg_tables "
        "where schemaname = any(%s) order by 1",
        (list(schemas),),
    )
    return [name for (name,) in found]


def leaks(config, metadata, warehouse):
    """Which secrets were found where: in files, Airflow's metadata, the warehouse's own tables."""
    secrets = secrets_of(config)

    def in_text(text):
        found = {name for name, secret in secrets.items() if secret in text}
        return found | ({"token"} if TOKEN.search(text) else set())

    found = set()
    for path in written_files(config):
        text = path.read_bytes().decode("latin-1")
        found |= {(name, path.name) for name in in_text(text)}
    for connection, schemas in ((metadata, ["public"]), (warehouse, ["pg_internal", "ops"])):
        for table in tables(connection, *schemas):
            for (row,) in connection.execute(f"select t::text from {table} as t"):
                found |= {(name, table) for name in in_text(row)}
    return found
