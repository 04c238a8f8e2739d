"""Rows of text to typed rows, and what is wrong with those that break the contract.

`convert_rows` touches every row and so does little more than convert and decide; `explain_rejects`
works out rules and reasons for the few that are rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql.types import DataType, StringType

from spark_jobs import sql
from spark_jobs.feed import BATCH_ID, LOADED_AT, SOURCE_FILE, Column, Feed
from spark_jobs.flaws import FIELDS, FLAW, RAW, flaw_reason, flaw_rule
from spark_jobs.reader import BLOCK, ROW
from spark_jobs.rules import Check, checks_of, convert, normalise
from spark_jobs.typed_values import convert_typed, text_as_read, written

REJECT = "_reject"
REJECTED = "rejected"
_RECORD = RAW, ROW, BLOCK, FLAW, FIELDS
Kinds = Mapping[str, DataType]


def convert_rows(rows: DataFrame, feed: Feed, batch_id: str, loaded_at: str) -> DataFrame:
    """Return every row once: the contract's columns typed, the loader's, and `rejected`.

    Of a rejected row, `_batch_id` holds all that was read of it, as JSON. `loaded_at` is UTC.
    """
    kinds = _kinds(rows, feed)
    bad = sql.any_of([f"{FLAW} is not null", *(check.broken for check in _checks(feed, kinds))])
    columns = (written(sql.name(c.name), kinds.get(c.name)) for c in feed.columns)
    texts = (f"{value} as f{at}" for at, value in enumerate((*_RECORD, *columns)))
    read = ", ".join((f"{_form(feed)} as form", *texts))
    # Expressions that stand here several times are evaluated once, each in a Java method of its
    # own; a selection of its own for them would copy every row, or be too long for HotSpot.
    batch = sql.literal(batch_id)
    converted = rows.selectExpr("*", *_texts(feed, kinds)).selectExpr(
        *(f"{_value(c, kinds)} as {sql.name(c.name)}" for c in feed.columns),
        f"if({bad}, to_json(struct({read})), {batch}) as {BATCH_ID}",
        SOURCE_FILE,
        f"{_outside_code(f'timestamp {sql.literal(loaded_at)}')} as {LOADED_AT}",
    )
    return converted.selectExpr("*", f"{BATCH_ID} <> {batch} as {REJECTED}")


def set_aside_rows(stored: DataFrame, feed: Feed, rows: DataFrame) -> DataFrame:
    """Return the rejected ones of `rows`, of the feed's format, out of the JSON of `_reject`.

    All their columns are texts.
    """
    columns = tuple(sql.name(column.name) for column in feed.columns)
    names, typed = (*_RECORD, *columns), _kinds(rows, feed)
    kinds = {ROW: "bigint", BLOCK: "bigint", FIELDS: "int"}
    kinds |= {sql.name(c.name): "map<string, string>" for c in feed.columns if c.extra}
    schema = ", ".join(f"f{at} {kinds.get(name, 'string')}" for at, name in enumerate(names))
    parsed = f"from_json({REJECT}, {sql.literal(f'form string, {schema}')}) as _read"
    mine = stored.selectExpr(SOURCE_FILE, parsed).where(f"_read.form = {_form(feed)}")
    texts = (f"_read.f{at} as {name}" for at, name in enumerate(names))
    values = (
        f"{text_as_read(sql.name(c.name), typed.get(c.name))} as {sql.name(c.name)}"
        for c in feed.columns
    )
    return mine.selectExpr(SOURCE_FILE, *texts).selectExpr(SOURCE_FILE, *_RECORD, *values)


def explain_rejects(rows: DataFrame, feed: Feed) -> DataFrame:
    """Return the rejected rows: file, place, rule, column, value, the raw record, all reasons.

    Rule, column and value are those of the first broken rule in the contract's order.
    """
    checks = _checks(feed, {})
    first = ", ".join(f"if({check.broken}, {at}, null)" for at, check in enumerate(checks))
    reasons = ", ".join(f"if({check.broken}, {check.reason}, null)" for check in checks)

    def of_first(values: Iterable[str], flawed: str) -> str:
        return f"if({FLAW} is null, get(array({', '.join(values)}), _first), {flawed})"

    none, unexplained = sql.literal(None), "raise_error('a rejected row breaks no rule')"
    rule = of_first((sql.literal(check.rule.value) for check in checks), flaw_rule())
    return (
        rows.selectExpr(SOURCE_FILE, *_RECORD, *_texts(feed, {}))
        .selectExpr("*", f"array_min(array({first})) as _first", f"array({reasons}) as _reasons")
        .selectExpr(
            *(SOURCE_FILE, ROW, BLOCK),
            f"coalesce({rule}, {unexplained}) as rule",
            f"{of_first((sql.literal(c.column) for c in checks), none)} as column",
            f"{of_first((c.value for c in checks), none)} as value",
            f"{RAW} as raw",
            f"if({FLAW} is null, array_join(_reasons, '; '), {flaw_reason(feed)}) as reason",
        )
    )


def _kinds(rows: DataFrame, feed: Feed) -> Kinds:
    """Return the types of the contract's columns that were not read as texts."""
    names = {column.name for column in feed.named_columns}
    typed = (field for field in rows.schema if field.name in names)
    return {f.name: f.dataType for f in typed if not isinstance(f.dataType, StringType)}


def _outside_code(constant: str) -> str:
    """Return a constant of a batch so that it is no part of the code that Spark generates.

    Java then compiles the code of a feed once in the life of a session: it would be that of another
    program for every batch. Spark keeps arrays beside the code; the index is 0.
    """
    return f"array({constant})[cast(shiftright({ROW}, 62) as int)]"


def _form(feed: Feed) -> str:
    return sql.literal(feed.files.format.value)


def _checks(feed: Feed, kinds: Kinds) -> Sequence[Check]:
    return [
        check
        for column in feed.named_columns
        for check in checks_of(_text_name(column), _value(column, kinds), column, feed.files)
    ]


def _texts(feed: Feed, kinds: Kinds) -> Sequence[str]:
    """Return what rules read: of a column with a type, the value itself is as good as a text."""
    return [
        f"{sql.name(c.name) if c.extra or c.name in kinds else _normal(c, feed)} as {_text_name(c)}"
        for c in feed.columns
    ]


def _normal(column: Column, feed: Feed) -> str:
    return normalise(sql.name(column.name), column, feed.files)


def _value(column: Column, kinds: Kinds) -> str:
    text, kind = _text_name(column), kinds.get(column.name)
    typed = convert_typed(text, kind, column) if kind else None
    return typed or convert(text, column)


def _text_name(column: Column) -> str:
    return sql.name(f"_text_{column.name}")
