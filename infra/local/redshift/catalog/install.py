"""Installing the catalog in PostgreSQL: role, database, `.sql` files. Safe to repeat."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.protocol.backend import Backend, connect
from infra.local.redshift.settings import Settings
from infra.local.redshift.translate.parser import literal, quote

logger = logging.getLogger("starlift.redshift")

# Seconds that PostgreSQL may take to come up.
START_TIMEOUT = 30.0
# Two gateways that start at once take turns.
_LOCK = 7_308_911


def scripts() -> list[Path]:
    """The `.sql` files in the order in which they run."""
    return sorted(Path(__file__).parent.glob("*.sql"))


async def admin_connection(settings: Settings, database: str) -> Backend:
    """A connection as PostgreSQL's superuser."""
    return await connect(
        settings.postgres_host,
        settings.postgres_port,
        {"user": "postgres", "database": database, "application_name": "redshift gateway"},
        settings.postgres_password,
    )


async def wait_for_postgres(settings: Settings, timeout: float = START_TIMEOUT) -> Backend:
    """Connect, waiting until PostgreSQL is up; raises GatewayError after the timeout."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        try:
            return await admin_connection(settings, "postgres")
        except GatewayError as error:
            # 57P03: PostgreSQL is still starting.
            if error.sqlstate not in ("08006", "57P03"):
                raise
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.1)


async def install(settings: Settings) -> frozenset[str]:
    """Make role, database and catalog; returns PostgreSQL's functions that Redshift lacks."""
    server = await wait_for_postgres(settings)
    try:
        await server.query(f"select pg_advisory_lock({_LOCK})")
        await _role(server, settings)
        await _database(server, settings)
        database = await admin_connection(settings, settings.database)
        try:
            await _catalog(database)
            return await denied_functions(database)
        finally:
            database.close()
    finally:
        server.close()


async def _role(server: Backend, settings: Settings) -> None:
    """The client's user, with the same password and cheap hashing for fast logins."""
    user = quote(settings.user)
    found = await server.query(f"select from pg_roles where rolname = {literal(settings.user)}")
    if not found:
        await server.query(f"create role {user} login superuser")
    await server.query("set scram_iterations = 16")
    await server.query(f"alter role {user} login superuser password {literal(settings.password)}")


async def _database(server: Backend, settings: Settings) -> None:
    name = literal(settings.database)
    if not await server.query(f"select from pg_database where datname = {name}"):
        await server.query(
            f"create database {quote(settings.database)} owner {quote(settings.user)} "
            "template template0"
        )


async def _catalog(database: Backend) -> None:
    """Run the scripts in one transaction unless these very scripts are installed."""
    texts = [path.read_text() for path in scripts()]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    await database.query("set client_min_messages = warning")
    installed = await database.query(
        "select obj_description(oid) from pg_namespace where nspname = 'pg_internal'"
    )
    if installed and installed[0][0] == digest:
        return
    logger.info("installing the catalog")
    await database.query("begin")
    await database.query("set local allow_system_table_mods = on")
    await database.query("set local event_triggers = off")  # those of an older catalog
    for text in texts:
        await database.query(text)
    await database.query(f"comment on schema pg_internal is {literal(digest)}")
    await database.query("commit")


async def denied_functions(database: Backend) -> frozenset[str]:
    """Names of PostgreSQL's functions that are not on the list of Redshift's."""
    rows: Sequence[Sequence[str | None]] = await database.query(
        "select distinct proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace "
        "and oid < 16384"
    )
    allowed = set((Path(__file__).parent / "functions.txt").read_text().split())
    return frozenset(str(row[0]) for row in rows) - allowed
