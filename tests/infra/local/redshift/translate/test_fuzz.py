"""Random SQL: a plan or an error of ours, never another exception, never for ever."""

from __future__ import annotations

import random
import time

import pytest

from infra.local.redshift.errors import INTERNAL_ERROR, GatewayError
from infra.local.redshift.translate.columns import NeedsColumns
from infra.local.redshift.translate.lexer import Token
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.statement import HANDLERS, split, translate

from ..statements import mutated, soup

CONTEXT = Context(denied=frozenset({"pg_sleep", "to_json"}))


Outcome = Plan | GatewayError | NeedsColumns


def attempt(sql: str) -> list[Outcome]:
    """What the translator says to each statement of a text."""
    try:
        statements = split(sql)
    except GatewayError as error:
        return [error]
    return [_translated(sql, tokens) for tokens in statements]


def _translated(sql: str, tokens: list[Token]) -> Outcome:
    try:
        return translate(sql, tokens, CONTEXT)
    except (GatewayError, NeedsColumns) as outcome:  # the session asks PostgreSQL for the columns
        return outcome


@pytest.mark.parametrize("seed", range(4))
def test_random_statements(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 the same statements on every run
    plans = errors = 0
    for number in range(600):
        sql = mutated(rng) if number % 2 else soup(rng, [" ".join(words) for words in HANDLERS])
        try:
            outcomes = attempt(sql)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} for {sql!r}") from error
        for outcome in outcomes:
            plans += isinstance(outcome, Plan)
            if isinstance(outcome, GatewayError):
                errors += 1
                assert outcome.sqlstate != INTERNAL_ERROR, sql
                assert outcome.position is None or 1 <= outcome.position <= len(sql) + 1, sql
    assert plans > 50, "the statements are too broken to test anything but errors"
    assert errors > 50


# A rewritten call renders what is in it: calls in calls cost their depth squared, 15 s at 30,000.
DEEP = 8_000


@pytest.mark.parametrize(
    "sql",
    [
        "select " + "(" * DEEP + "1" + ")" * DEEP,
        "select " + "(" * DEEP,
        "select " + ")" * DEEP,
        "select " + "nvl(" * DEEP + "1" + ", 2)" * DEEP,
        "select " + "case when true then " * DEEP + "1" + " end" * DEEP,
        "select * from " + "(select * from " * DEEP + "t" + ") as x" * DEEP,
        "select 1" + " + 1" * DEEP,
        "select a" + ".a" * DEEP,
        "select a" + "[0]" * DEEP,
        "with " + ", ".join(f"c{n} as (select 1 as a)" for n in range(2000)) + " select 1",
        "select 1" + " union all select 1" * 5000,
        "create table t (" + ", ".join(f"c{n} int" for n in range(3000)) + ")",
        "/*" * DEEP,
        "/*" * DEEP + "*/" * DEEP + " select 1",
        "'" * (2 * DEEP + 1),
        "$a" * DEEP,
        ";" * DEEP,
        "grant select on " + ", ".join("t" for _ in range(DEEP)) + " to u",
        "select a from t qualify " + "(" * DEEP + "row_number() over () = 1" + ")" * DEEP,
        "select a from t pivot (" + "(" * DEEP,
    ],
    ids=lambda sql: sql[:20],
)
def test_deep_and_long_statements_end_soon(sql: str) -> None:
    start = time.process_time()
    outcomes = attempt(sql)
    assert all(
        not isinstance(outcome, GatewayError) or outcome.sqlstate != INTERNAL_ERROR
        for outcome in outcomes
    )
    assert time.process_time() - start < 10
