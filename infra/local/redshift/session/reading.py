"""Reading texts of any size without keeping other sessions waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from infra.local.redshift.errors import PROGRAM_LIMIT, STATEMENT_TOO_COMPLEX, GatewayError
from infra.local.redshift.translate.lexer import Token
from infra.local.redshift.translate.statement import split

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Bytes of one statement:
# https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-sql.html
MAX_STATEMENT = 16 * 1024 * 1024
# Characters from which on a text is read in a thread.
_LONG = 30_000


async def read(sql: str) -> list[list[Token]]:
    """The statements of a client's text; raises GatewayError when it cannot be read."""
    if len(sql) > MAX_STATEMENT // 4:
        size = len(sql.encode())
        if size > MAX_STATEMENT:
            raise GatewayError(
                PROGRAM_LIMIT,
                f"Statement is too large. Statement Size: {size} bytes. "
                f"Maximum Allowed: {MAX_STATEMENT} bytes",
            )
    return await aside(len(sql), split, sql)


async def aside(size: int, work: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Do what takes time in proportion to `size` characters, in a thread when they are many."""
    try:
        if size < _LONG:
            return work(*args, **kwargs)
        return await asyncio.to_thread(work, *args, **kwargs)
    except RecursionError as error:
        raise GatewayError(
            STATEMENT_TOO_COMPLEX,
            "stack depth limit exceeded: the statement is nested too deeply",
        ) from error
