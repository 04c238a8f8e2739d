"""Rows of text to typed rows, and what is wrong with those that break the contract.

`convert_rows` touches every row and so does little more than convert and decide; `explain_rejects`
works out rules and reasons for the few that are rejected.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame

from spark_jobs import sql
from spark_jobs.feed import SOURCE_FILE, Column, Feed
from spark_jobs.flaws import FIELDS, FLAW, RAW, flaw_reason, flaw_rule
from spark_jobs.reader import BLOCK, HASH, ROW, bucket
from spark_jobs.rules import Check, checks_of, convert, describe, normalise

REJECT = "_reject"
# Spark moves a filter below the selections that it depends on, copying their expressions into it,
# unless one of them is not deterministic (PushPredicateThroughNonJoin): the copies of copies would
# take a hundred times as long as the rows.
_BARRIER = "spark_partition_id() as _barrier"


def convert_rows(rows: DataFrame, feed: Feed) -> DataFrame:
    """Return every row once: typed contract columns, the file, and `_reject`.

    `_reject` is NULL for a row that keeps the contract, else the bucket of its record.
    """
    bad = sql.any_of([f"{FLAW} is not null", *(check.broken for check in _checks(feed))])
    # A selection per step: Spark evaluates once what a later step uses several times.
    return (
        rows.selectExpr(HASH, SOURCE_FILE, FLAW, *_texts(feed))
        .selectExpr("*", *_conversions(feed))
        .selectExpr(
            *(f"{_value_name(c)} as {sql.name(c.name)}" for c in feed.columns),
            SOURCE_FILE,
            f"if({bad}, {bucket()}, null) as {REJECT}",
        )
    )


def explain_rejects(rows: DataFrame, feed: Feed, line: str) -> DataFrame:
    """Return the rejected rows: file, line, rule, column, value, the raw record, all reasons.

    Rule, column and value are those of the first broken rule in the contract's order. `line` is the
    SQL of the line by `_source_file`, `_block` and `_row`.
    """
    flawed = describe(flaw_rule(), None, sql.literal(None), flaw_reason(feed))
    broken = ", ".join(f"if({check.broken}, {check.finding}, null)" for check in _checks(feed))
    findings = f"if({FLAW} is null, array_compact(array({broken})), array({flawed}))"
    return (
        rows.selectExpr(RAW, SOURCE_FILE, ROW, BLOCK, FLAW, FIELDS, *_texts(feed))
        .selectExpr("*", *_conversions(feed))
        .selectExpr(SOURCE_FILE, RAW, ROW, BLOCK, f"{findings} as found", _BARRIER)
        .where("cardinality(found) > 0 and _barrier >= 0")
        .selectExpr(
            *(SOURCE_FILE, f"{line} as line"),
            *(f"found[0].{field} as {field}" for field in ("rule", "column", "value")),
            f"make_valid_utf8({RAW}) as raw",
            "array_join(found.reason, '; ') as reason",
        )
    )


def _checks(feed: Feed) -> Sequence[Check]:
    return [
        check
        for column in feed.named_columns
        for check in checks_of(_text_name(column), _value_name(column), column, feed.files)
    ]


def _texts(feed: Feed) -> Sequence[str]:
    return [
        f"{sql.name(c.name) if c.extra else normalise(sql.name(c.name), c, feed.files)} "
        f"as {_text_name(c)}"
        for c in feed.columns
    ]


def _conversions(feed: Feed) -> Sequence[str]:
    return [
        f"{convert(_text_name(c), c)} as {_value_name(c)}"
        for c in feed.columns
        if not c.type.is_text
    ]


def _value_name(column: Column) -> str:
    """Return where the typed value is; a text is its own value and is not carried twice."""
    return _text_name(column) if column.type.is_text else sql.name(f"_value_{column.name}")


def _text_name(column: Column) -> str:
    return sql.name(f"_text_{column.name}")
