"""Rows of text to typed rows, and what is wrong with those that break the contract.

Two steps: `convert_rows` touches every row and so does little more than convert and decide;
`explain_rejects` works out rules and reasons for the few that are rejected.
"""

from __future__ import annotations

from pyspark.sql import DataFrame

from spark_jobs import sql
from spark_jobs.feed import SOURCE_FILE, Column, Feed
from spark_jobs.reader import FIELDS, FLAW, RAW, flaw_reason, flaw_rule
from spark_jobs.rules import checks_of, convert, describe, normalise

REJECT = "_reject"


def convert_rows(rows: DataFrame, feed: Feed) -> DataFrame:
    """Return every row once: typed contract columns, the file, and `_reject`.

    `_reject` is NULL for a row that keeps the contract, else a struct of the record and its texts.
    """
    columns = feed.columns
    checks = [
        check for c in columns for check in checks_of(_text_name(c), _value_name(c), c, feed.files)
    ]
    bad = sql.any_of([f"{FLAW} is not null", *(check.broken for check in checks)])
    texts = ", ".join(_text_name(column) for column in columns)
    rejected = (
        f"named_struct('{RAW}', make_valid_utf8({RAW}), '{FLAW}', {FLAW}, '{FIELDS}', {FIELDS}, "
        f"'texts', array({texts}))"
    )
    # A selection per step: Spark evaluates once what a later step uses several times.
    return (
        rows.selectExpr(
            *(RAW, SOURCE_FILE, FLAW, FIELDS),
            *(f"{normalise(sql.name(c.name), c, feed.files)} as {_text_name(c)}" for c in columns),
        )
        .selectExpr("*", *_conversions(feed))
        .selectExpr(
            *(f"{_value_name(c)} as {sql.name(c.name)}" for c in columns),
            SOURCE_FILE,
            f"if({bad}, {rejected}, null) as {REJECT}",
        )
    )


def explain_rejects(converted: DataFrame, feed: Feed) -> DataFrame:
    """Return the rejected rows: the file, rule, column and value, all reasons, the raw record.

    Rule, column and value are those of the first broken rule in the contract's order.
    """
    columns = feed.columns
    checks = [
        check for c in columns for check in checks_of(_text_name(c), _value_name(c), c, feed.files)
    ]
    flawed = describe(flaw_rule(), None, sql.literal(None), flaw_reason(feed.files))
    broken = ", ".join(f"if({check.broken}, {check.finding}, null)" for check in checks)
    findings = f"if({FLAW} is null, array_compact(array({broken})), array({flawed}))"
    return (
        converted.where(f"{REJECT} is not null")
        .selectExpr(SOURCE_FILE, f"{REJECT}.*")
        .selectExpr(
            *(RAW, SOURCE_FILE, FLAW, FIELDS),
            *(f"texts[{at}] as {_text_name(column)}" for at, column in enumerate(columns)),
        )
        .selectExpr("*", *_conversions(feed))
        .selectExpr(SOURCE_FILE, RAW, f"{findings} as found")
        .selectExpr(
            SOURCE_FILE,
            *(f"found[0].{field} as {field}" for field in ("rule", "column", "value")),
            f"{RAW} as raw",
            "array_join(found.reason, '; ') as reason",
        )
    )


def _conversions(feed: Feed) -> list[str]:
    return [
        f"{convert(_text_name(c), c)} as {_value_name(c)}"
        for c in feed.columns
        if not c.type.is_text
    ]


def _value_name(column: Column) -> str:
    """Return where the typed value is; a text is its own value and is not carried twice."""
    return _text_name(column) if column.type.is_text else sql.name(column.name)


def _text_name(column: Column) -> str:
    return sql.name(f"_text_{column.name}")
