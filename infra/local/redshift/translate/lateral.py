"""Lateral column aliases: `select a + 1 as b, b * 2 as c`.

Redshift lets a select item use the alias of an item before it, unless a column of that name
exists. Whether one exists only PostgreSQL knows: here stands what could be meant, and the
substitution once PostgreSQL has said that there is no such column.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.local.redshift.translate.lexer import Kind, Token, tokenize, words
from infra.local.redshift.translate.relations import fold

_LIST_ENDS = words(
    "from into where group having order limit offset union except intersect window fetch"
)
# A name after one of these is not an alias without AS.
_NOT_BEFORE_ALIAS = words(
    "and or not like ilike in is between when then else case distinct all as similar to from "
    "over by select interval date timestamp time"
)


@dataclass(frozen=True, slots=True)
class LateralUse:
    """An alias, the text span that it stands for, and where later items use it."""

    alias: str
    start: int
    end: int
    uses: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Item:
    first: int
    after: int
    alias: str | None
    value_after: int  # index after the value's tokens


def lateral_uses(sql: str) -> list[LateralUse]:
    """Every alias whose name stands unqualified in a later item of its select list."""
    tokens = tokenize(sql)
    found: list[LateralUse] = []
    for index, token in enumerate(tokens):
        if token.is_word("select"):
            found += _in_list(tokens, index + 1)
    return found


def substitute(sql: str, alias: str) -> str | None:
    """The text with one alias's later uses replaced by its value; None when it has none."""
    edits = [
        (start, end, sql[use.start : use.end])
        for use in lateral_uses(sql)
        if use.alias == alias
        for start, end in use.uses
    ]
    if not edits:
        return None
    text = sql
    for start, end, value in sorted(edits, reverse=True):
        text = f"{text[:start]}({value}){text[end:]}"
    return text


def _in_list(tokens: list[Token], start: int) -> list[LateralUse]:
    """Uses within the select list that starts at an index."""
    items = _items(tokens, start)
    named = [_names(tokens, item) for item in items]
    later: set[str] = set().union(*named[1:]) if named else set()
    found: list[LateralUse] = []
    for number, item in enumerate(items[:-1]):
        if item.alias is None or item.alias not in later:
            continue
        uses: list[tuple[int, int]] = []
        for after in range(number + 1, len(items)):
            uses += named[after].get(item.alias, ())
            if items[after].alias == item.alias:
                break
        if uses:
            span = tokens[item.first].start, tokens[item.value_after - 1].end
            found.append(LateralUse(item.alias, *span, tuple(uses)))
    return found


def _items(tokens: list[Token], start: int) -> list[_Item]:
    """The items of a select list."""
    items: list[_Item] = []
    if start < len(tokens) and tokens[start].is_word("distinct", "all"):
        start += 1
    depth, first, index = 0, start, start
    while index < len(tokens):
        token = tokens[index]
        if token.text in ("(", "["):
            depth += 1
        elif token.text in (")", "]"):
            depth -= 1
            if depth < 0:
                break
        elif depth == 0 and (token.is_word(*_LIST_ENDS) and not _part_of_item(tokens, index)):
            break
        elif depth == 0 and token.is_mark(","):
            items.append(_item(tokens, first, index))
            first = index + 1
        index += 1
    if first < index:
        items.append(_item(tokens, first, index))
    return items


def _part_of_item(tokens: list[Token], index: int) -> bool:
    """`x is distinct from y` does not end the list; nor does a column called `t.order`."""
    before = tokens[index - 1]
    return before.is_mark(".") or (
        before.is_word("distinct") and index > 1 and tokens[index - 2].is_word("is", "not")
    )


def _item(tokens: list[Token], first: int, after: int) -> _Item:
    """One item with its alias, written with AS or without."""
    last = tokens[after - 1]
    if after - first >= 3 and last.is_name and tokens[after - 2].is_word("as"):
        return _Item(first, after, fold(last), after - 2)
    if after - first >= 2 and last.is_name and not last.is_word("end", "null", "true", "false"):
        before = tokens[after - 2]
        value = before.kind in (Kind.NUMBER, Kind.STRING, Kind.QUOTED, Kind.PARAMETER)
        word = before.kind is Kind.WORD and before.text not in _NOT_BEFORE_ALIAS
        if value or word or before.is_mark(")") or before.is_mark("]"):
            return _Item(first, after, fold(last), after - 1)
    return _Item(first, after, None, after)


def _names(tokens: list[Token], item: _Item) -> dict[str, list[tuple[int, int]]]:
    """The unqualified names in an item's value and where they stand, subqueries left out."""
    found: dict[str, list[tuple[int, int]]] = {}
    depth, skip_from = 0, None
    for index in range(item.first, item.value_after):
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
            before = tokens[index - 1] if index > item.first else None
            following = tokens[index + 1] if index + 1 < len(tokens) else None
            if before is not None and (before.is_mark(".") or before.is_word("as")):
                continue
            if following is not None and (following.is_mark(".") or following.is_mark("(")):
                continue
            found.setdefault(fold(token), []).append((token.start, token.end))
    return found
