"""Running a statement that the gateway executes itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from infra.local.redshift.commands.copy import run_copy
from infra.local.redshift.commands.copy_statement import CopyStatement
from infra.local.redshift.commands.unload import run_unload
from infra.local.redshift.commands.unload_statement import UnloadStatement
from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.session.query_log import Run
from infra.local.redshift.session.relay import Relay
from infra.local.redshift.settings import Settings
from infra.local.redshift.translate.lexer import Token

if TYPE_CHECKING:
    from infra.local.redshift.translate.result import Plan

Planning = Callable[[str, list[Token]], Awaitable["Plan | GatewayError"]]


async def run_command(
    command: CopyStatement | UnloadStatement,
    relay: Relay,
    settings: Settings,
    plan: Planning,
    run: Run,
) -> bytes:
    """Run it and return the client's messages; `plan` translates UNLOAD's query."""
    relay.command_id = None
    try:
        if isinstance(command, CopyStatement):
            done = await run_copy(command, relay, settings)
        else:
            query = await _inner(command.query, plan)
            done = await run_unload(command, query, relay, settings)
    except GatewayError as error:
        run.end(error=error.message, query_id=relay.command_id)
        raise
    run.end(messages.last_tag(done), query_id=relay.command_id)
    return done


async def _inner(query: str, plan: Planning) -> str:
    """PostgreSQL's form of a query within a statement; raises GatewayError."""
    from infra.local.redshift.translate.statement import split  # noqa: PLC0415 it imports us

    statements = split(query)
    if len(statements) != 1:
        raise GatewayError(SYNTAX_ERROR, "UNLOAD takes exactly one SELECT")
    planned = await plan(query, statements[0])
    if isinstance(planned, GatewayError):
        planned.position = None  # it would point into the query, not into the client's text
        raise planned
    return planned.sql
