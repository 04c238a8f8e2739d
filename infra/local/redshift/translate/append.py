"""ALTER TABLE APPEND: moves a table's rows into another one.

https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html; what it checks stands in
catalog/70_append.sql.
"""

from __future__ import annotations

from dataclasses import replace

from infra.local.redshift.translate.parser import Parser, dollar_quote, literal, quote
from infra.local.redshift.translate.result import Plan


def append_table(parser: Parser, target: tuple[str, ...]) -> Plan:
    """`… APPEND FROM source [IGNOREEXTRA | FILLTARGET]`, never inside a transaction."""
    parser.word("append")
    parser.word("from")
    source = parser.dotted_name()
    extra = parser.try_word("ignoreextra", "filltarget") or ""
    parser.finish()
    body = (
        f"begin perform pg_internal.append_table({literal(quote(*target))}, "
        f"{literal(quote(*source))}, {literal(extra)}); end"
    )
    plan = parser.plan(f"do {dollar_quote(body)}", tag="ALTER TABLE")
    return replace(plan, alone="ALTER TABLE APPEND")
