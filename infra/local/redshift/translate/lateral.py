"""Column aliases in later select items and in WHERE: `select a + 1 as b, b * 2 as c … where b > 1`.

Redshift lets a select item use the alias of an item before it, and WHERE every alias of the list,
unless a column of that name exists. Whether one exists only PostgreSQL knows: here stands what
could be meant, and the substitution once PostgreSQL has said that there is no such column.

https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_list.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_WHERE_clause.html (usage notes)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from infra.local.redshift.translate.blocks import Block, find_blocks, items
from infra.local.redshift.translate.lexer import Kind, Token, tokenize
from infra.local.redshift.translate.relations import fold


@dataclass(frozen=True, slots=True)
class LateralUse:
    """An alias, the text span that it stands for, and where later items and WHERE use it."""

    alias: str
    start: int
    end: int
    uses: tuple[tuple[int, int], ...]


def lateral_uses(sql: str) -> list[LateralUse]:
    """Every alias whose name stands unqualified in a later item of its select list or in WHERE."""
    tokens = tokenize(sql)
    found: list[LateralUse] = []
    for block in find_blocks(tokens):
        found += _in_list(tokens, block)
    return found


def substitute(sql: str, uses: Iterable[LateralUse]) -> str:
    """The text with uses of aliases replaced by their values."""
    edits = [(start, end, sql[use.start : use.end]) for use in uses for start, end in use.uses]
    text = sql
    for start, end, value in sorted(edits, reverse=True):
        text = f"{text[:start]}({value}){text[end:]}"
    return text


def _in_list(tokens: list[Token], block: Block) -> list[LateralUse]:
    """Uses within the select list and the WHERE clause of a block."""
    listed = items(tokens, block)
    named = [_names(tokens, item.first, item.value_after) for item in listed]
    where = block.clause("where")
    filtered = _names(tokens, where.first + 1, where.after) if where else {}
    later: set[str] = set(filtered).union(*named[1:])
    found: list[LateralUse] = []
    aliases: set[str] = set()
    for number, item in enumerate(listed):
        if item.alias is None or item.alias not in later:
            continue
        if item.alias in named[number] and item.alias not in aliases:
            later.discard(item.alias)  # `trim(a) as a`: there is a column a, which comes first
            continue
        aliases.add(item.alias)
        uses: list[tuple[int, int]] = []
        for after in range(number + 1, len(listed)):
            uses += named[after].get(item.alias, ())
            if listed[after].alias == item.alias:
                break
        if sum(other.alias == item.alias for other in listed) == 1:
            uses += filtered.get(item.alias, ())
        if uses:
            span = tokens[item.first].start, tokens[item.value_after - 1].end
            found.append(LateralUse(item.alias, *span, tuple(uses)))
    listed_columns = _listed_columns(tokens, block) if found else ()
    return [use for use in found if use.alias not in listed_columns]


def _listed_columns(tokens: list[Token], block: Block) -> set[str]:
    """The columns that FROM itself lists, `f() as alias (column type, …)`: they come first."""
    span = block.clause("from")
    found: set[str] = set()
    if span is None:
        return found
    depth, listed = 0, False
    for index in range(span.first, span.after):
        token = tokens[index]
        if token.is_mark("("):
            depth += 1
            # An alias stands between the parentheses of a call or subquery and the list.
            before = tokens[index - 2] if tokens[index - 1].is_name else None
            listed = (
                depth == 1
                and before is not None
                and (
                    before.is_mark(")") or (before.is_word("as") and tokens[index - 3].is_mark(")"))
                )
            )
        elif token.is_mark(")"):
            depth -= 1
        elif depth == 1 and listed and token.is_name and tokens[index - 1].text in ("(", ","):
            found.add(fold(token))
    return found


def _names(tokens: list[Token], first: int, end: int) -> dict[str, list[tuple[int, int]]]:
    """The unqualified names among tokens and where they stand, without subqueries and types."""
    found: dict[str, list[tuple[int, int]]] = {}
    depth, skip_from = 0, None
    for index in range(first, end):
        token = tokens[index]
        if token.is_mark("("):
            depth += 1
            if skip_from is None and tokens[index + 1].is_word("select", "with"):
                skip_from = depth
        elif token.is_mark(")"):
            if skip_from == depth:
                skip_from = None
            depth -= 1
        elif skip_from is None and token.is_name:
            before = tokens[index - 1] if index > first else None
            following = tokens[index + 1] if index + 1 < len(tokens) else None
            if before is not None and (before.text in (".", "::") or before.is_word("as")):
                continue
            if following is not None and (
                following.text in (".", "(") or following.kind is Kind.STRING
            ):
                continue
            found.setdefault(fold(token), []).append((token.start, token.end))
    return found
