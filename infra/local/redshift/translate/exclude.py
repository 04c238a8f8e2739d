"""`SELECT * EXCLUDE columns`: the stars of a select list as the columns that are left.

https://docs.aws.amazon.com/redshift/latest/dg/r_EXCLUDE_list.html: the list of columns ends the
select list, in parentheses or without.
"""

from __future__ import annotations

from collections.abc import Iterator

from infra.local.redshift.errors import GatewayError, refused
from infra.local.redshift.translate.blocks import (
    Block,
    Span,
    find_blocks,
    is_star,
    item,
    split_commas,
)
from infra.local.redshift.translate.columns import Known, columns_of, columns_of_from
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Token
from infra.local.redshift.translate.names import column_name
from infra.local.redshift.translate.relations import fold, quoted
from infra.local.redshift.translate.sources import read_from


def rewrite_exclude(sql: str, tokens: list[Token], known: Known) -> Edits | None:
    """The last select list with EXCLUDE without it; None where there is none."""
    for block in reversed(find_blocks(tokens)):
        span = block.clauses["list"]
        at = _exclude(tokens, span)
        if at is None:
            continue
        position = tokens[at].start + 1
        if [token.text for token in tokens[-4:]] == ["with", "no", "schema", "binding"]:
            raise refused("EXCLUDE in a late-binding view", sql, position=position)
        excluded = _excluded(tokens, at + 1, span.after)
        if excluded is None:
            raise GatewayError("42601", 'syntax error at or near "exclude"', position=position)
        edits = Edits(sql)
        left = set(excluded)
        for part in split_commas(tokens, Span(span.first, at)):
            found = item(tokens, part.first, part.after)
            start, end = tokens[found.first].start, tokens[found.after - 1].end
            if not is_star(tokens, found):
                name = found.alias or column_name(tokens, found.first, found.value_after)
                if name in excluded:
                    raise refused("EXCLUDE of a column that is listed", sql, position=position)
                continue
            kept: list[str] = []
            for shown, column in _star(sql, tokens, block, found.first, known):
                left.discard(column)
                if column not in excluded:
                    kept.append(shown)
            if not kept:
                raise GatewayError("42601", "EXCLUDE leaves no column", position=position)
            edits.replace(start, end, f" {', '.join(kept)} ")
        if left:
            name = min(left)
            raise GatewayError("42703", f'column "{name}" does not exist', position=position)
        edits.delete(tokens[at].start, tokens[span.after - 1].end)
        return edits
    return None


def _exclude(tokens: list[Token], span: Span) -> int | None:
    """The index of EXCLUDE in a select list, after a star or the end of another item."""
    depth = 0
    for index in range(span.first + 1, span.after - 1):
        token, before = tokens[index], tokens[index - 1]
        depth += token.is_mark("(") - token.is_mark(")")
        if (
            depth == 0
            and token.is_word("exclude")
            and not (before.is_word("as") or before.text in (".", ","))
            and (tokens[index + 1].is_name or tokens[index + 1].is_mark("("))
        ):
            return index
    return None


def _excluded(tokens: list[Token], first: int, after: int) -> set[str] | None:
    """The columns named after EXCLUDE; None where something else stands among them."""
    if tokens[first].is_mark("(") and tokens[after - 1].is_mark(")"):
        first, after = first + 1, after - 1
    names = tokens[first:after:2]
    commas = tokens[first + 1 : after : 2]
    if not all(token.is_name for token in names) or not all(token.is_mark(",") for token in commas):
        return None
    return {fold(token) for token in names} if len(names) == len(commas) + 1 else None


def _star(
    sql: str, tokens: list[Token], block: Block, first: int, known: Known
) -> Iterator[tuple[str, str]]:
    """What `*` or `name.*` stands for: each column as it is written, and its name."""
    source = read_from(tokens, block)
    if tokens[first].is_name:
        wanted = [each for each in source.sources if each.name == fold(tokens[first])]
        if len(wanted) != 1:
            raise refused("EXCLUDE of this star", sql, position=tokens[first].start + 1)
        for column in columns_of(sql, tokens, wanted[0], known):
            yield f"{quoted(str(wanted[0].name))}.{quoted(column)}", column
        return
    if len(source.sources) == 1 or source.merged:
        columns = columns_of_from(sql, tokens, block, known)
        if len(set(columns)) < len(columns):
            raise refused("EXCLUDE of columns that share a name", sql)
        for column in columns:
            yield quoted(column), column
        return
    for each in source.sources:
        if each.name is None:
            raise refused("EXCLUDE over a subquery without alias", sql)
        for column in columns_of(sql, tokens, each, known):
            yield f"{quoted(each.name)}.{quoted(column)}", column
