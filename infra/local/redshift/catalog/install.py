"""Installing the catalog in PostgreSQL: role, database, `.sql` files. Safe to repeat."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.protocol.backend import Backend, connect
from infra.local.redshift.settings import PARAMETERS, Settings
from infra.local.redshift.translate.admin import SHARED
from infra.local.redshift.translate.long_names import stored
from infra.local.redshift.translate.parser import literal, quote

logger = logging.getLogger("starlift.redshift")

# Seconds that PostgreSQL may take to come up.
START_TIMEOUT = 30.0
# How the names of system relations begin.
_SYSTEM_PREFIXES = ("pg_", "svv_", "svl_", "stv_", "stl_", "sys_")
# Seconds after which nobody waits for an answer any more.
_OLD = 600
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


@dataclass(frozen=True)
class SystemViews:
    """The relations of pg_catalog and information_schema, with the query that is put in for some.

    They stay as they are while a gateway runs: nobody has to ask PostgreSQL for them.
    """

    definitions: Mapping[tuple[str, ...], str] = field(default_factory=dict)

    def definition(self, parts: tuple[str, ...]) -> str | None:
        """The query of a system view, "" for one that is read as it is, None for other relations.

        Without a schema only names that begin as those of the system do are certain.
        """
        if len(parts) == 1:
            if not parts[0].startswith(_SYSTEM_PREFIXES):
                return None
            parts = ("pg_catalog", parts[0])
        return self.definitions.get(parts)


@dataclass(frozen=True)
class Catalog:
    """What the gateway knows of the catalog it has installed."""

    denied: frozenset[str]  # PostgreSQL's functions that Redshift lacks
    views: SystemViews
    answers: Path | None = None  # where procedures look for what they have asked


async def install(settings: Settings) -> Catalog:
    """Make role, database and catalog."""
    server = await wait_for_postgres(settings)
    try:
        await server.query(f"select pg_advisory_lock({_LOCK})")
        await _role(server, settings)
        await _database(server, settings)
        await _parameters(server, settings)
        database = await admin_connection(settings, settings.database)
        try:
            await _catalog(database)
            for (name,) in await database.query("select whole from pg_internal.long_name"):
                stored(str(name))  # known from now on
            return Catalog(
                await denied_functions(database),
                await _system_views(database),
                await _answers(database),
            )
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


async def _parameters(server: Backend, settings: Settings) -> None:
    """Let sessions start with the gateway's parameters, and with defaults for the others."""
    for name in PARAMETERS:
        value = settings.parameters.get(name)
        stands_for = name if name in SHARED else f"redshift.{name}"
        if value is None:
            change = f"reset {stands_for}"
        else:
            values = value.split(",") if name == "search_path" else [value]
            given = ", ".join(literal(each.strip()) for each in values)
            change = f"set {stands_for} to {given}"
        await server.query(f"alter database {quote(settings.database)} {change}")


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


async def _system_views(database: Backend) -> SystemViews:
    rows = await database.query(
        "select n.nspname, c.relname, coalesce(v.definition, '') from pg_catalog.pg_class as c "
        "join pg_catalog.pg_namespace as n on n.oid = c.relnamespace "
        "left join pg_internal.late_binding_view as v on v.view_id = c.oid "
        "where n.nspname in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'v')"
    )
    return SystemViews({(str(row[0]), str(row[1])): str(row[2]) for row in rows})


async def _answers(database: Backend) -> Path | None:
    """The folder of catalog/72_dynamic.sql, emptied; None where there cannot be one."""
    ((folder,),) = await database.query("show data_directory")
    answers = Path(str(folder)) / "redshift_answers"
    try:
        answers.mkdir(exist_ok=True)
        for left in answers.iterdir():
            if time.time() - left.stat().st_mtime > _OLD:
                left.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("EXECUTE in procedures will not work: %s", error)
        return None
    return answers


async def denied_functions(database: Backend) -> frozenset[str]:
    """Names of PostgreSQL's functions that are not on the list of Redshift's."""
    rows: Sequence[Sequence[str | None]] = await database.query(
        "select distinct proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace "
        "and oid < 16384"
    )
    allowed = set((Path(__file__).parent / "functions.txt").read_text().split())
    return frozenset(str(row[0]) for row in rows) - allowed
