"""Names of result columns without alias: Redshift's, whatever a rewrite makes of them."""

from __future__ import annotations

from infra.local.redshift.translate.blocks import (
    Span,
    closing,
    find_blocks,
    is_star,
    items,
    split_commas,
    split_words,
)
from infra.local.redshift.translate.columns import Known
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Token
from infra.local.redshift.translate.relations import fold, quoted
from infra.local.redshift.translate.types import operand, varchar_size

# Calls that are rewritten, and the names of their columns.
CALLED = {
    "array": "array",
    "date_add": "date_add",
    "date_diff": "date_diff",
    "date_part": "pgdate_part",
    "dateadd": "date_add",
    "datediff": "date_diff",
    "extract": "date_part",
    "first_value": "first_value",
    "json_extract_path_text": "json_extract_path_text",
    "lag": "lag",
    "last_value": "last_value",
    "lead": "lead",
    "listagg": "listagg",
    "median": "median",
    "nth_value": "nth_value",
    "object": "object",
    "percentile_cont": "percentile_cont",
    "percentile_disc": "percentile_disc",
    "ratio_to_report": "ratio_to_report",
    "try_cast": "try_cast",
}
# Calls that PostgreSQL names so after their rewrite.
_NAMED_WELL = {"decode": "case", "nvl": "coalesce", "nvl2": "case"}
_NAMELESS = "?column?"


def name_items(sql: str, tokens: list[Token], _known: Known) -> Edits | None:
    """Aliases for select items that have none and whose name a rewrite would change."""
    edits = Edits(sql)
    changed = False
    for block in find_blocks(tokens):
        for found in items(tokens, block):
            if found.alias is None and not is_star(tokens, found):
                name = column_name(tokens, found.first, found.after)
                if name != _NAMELESS and _is_rewritten(tokens, found.first, found.after):
                    edits.insert(tokens[found.after - 1].end, f" as {quoted(name)}")
                    changed = True
    return edits if changed else None


def _is_rewritten(tokens: list[Token], first: int, after: int) -> bool:
    """Whether the value's outermost call or cast is one that is rewritten."""
    cast = _last_cast(tokens, first, after)
    if cast is not None:
        kept = varchar_size(tokens, cast + 1) is None and not tokens[cast + 1].is_word("super")
        return not kept or _is_rewritten(tokens, first, cast)
    if tokens[first].is_word("cast", "convert"):
        return True
    return tokens[first].is_word(*CALLED) and _is_call(tokens, first + 1, after)


def column_name(tokens: list[Token], first: int, after: int) -> str:
    """The name of the column that a value without alias gives."""
    cast = _last_cast(tokens, first, after)
    if cast is not None:  # x::type is called x, or like its type
        name = column_name(tokens, first, cast)
        return name if name != _NAMELESS else fold(tokens[cast + 1])
    if is_column(tokens, first, after):
        return fold(tokens[after - 1])
    if tokens[first].is_word("case") and tokens[after - 1].is_word("end"):
        return "case"
    opening = first
    while opening < after and not tokens[opening].is_mark("("):
        opening += 1
    called = all(token.is_name or token.is_mark(".") for token in tokens[first:opening])
    if not (first < opening < after and called and _is_call(tokens, opening, after)):
        return _NAMELESS
    name = fold(tokens[opening - 1])
    if name in ("cast", "convert"):
        return _cast_name(tokens, opening, name == "convert")
    return CALLED.get(name) or _NAMED_WELL.get(name, name)


def _cast_name(tokens: list[Token], opening: int, turned: bool) -> str:
    """CAST(x AS type) and CONVERT(type, x) are called x, or like the type."""
    end = closing(tokens, opening)
    parts = list(split_commas(tokens, Span(opening + 1, end)))
    if turned and len(parts) == 2:
        name = column_name(tokens, parts[1].first, parts[1].after)
        return name if name != _NAMELESS else fold(tokens[opening + 1])
    parts = list(split_words(tokens, Span(opening + 1, end), "as"))
    if len(parts) != 2:
        return _NAMELESS
    name = column_name(tokens, parts[0].first, parts[0].after)
    return name if name != _NAMELESS else fold(tokens[parts[1].first])


def _last_cast(tokens: list[Token], first: int, after: int) -> int | None:
    """The index of the `::` whose type ends the value."""
    for index in range(after - 1, first, -1):
        if tokens[index].is_mark("::"):
            whole = _is_type(tokens, index + 1, after) and operand(tokens, index) == first
            return index if whole else None
    return None


def _is_type(tokens: list[Token], first: int, after: int) -> bool:
    """Whether nothing but a type stands here: words, and a size."""
    index = first
    while index < after and tokens[index].is_name:
        index += 1
    if index < after and tokens[index].is_mark("("):
        index = closing(tokens, index) + 1
    while index < after and tokens[index].is_word("with", "without", "time", "zone"):
        index += 1
    return index == after and index > first


def _is_call(tokens: list[Token], opening: int, after: int) -> bool:
    """Whether the value ends with a call's parenthesis, OVER or WITHIN GROUP."""
    if opening >= after or not tokens[opening].is_mark("("):
        return False
    end = closing(tokens, opening) + 1
    while end < after and tokens[end].is_word(
        "over", "within", "group", "ignore", "respect", "nulls"
    ):
        end += 1
        if end < after and tokens[end].is_mark("("):
            end = closing(tokens, end) + 1
    return end == after


def is_column(tokens: list[Token], first: int, after: int) -> bool:
    """Whether the value is a column's name, dotted or not."""
    part = tokens[first:after]
    return (
        len(part) % 2 == 1
        and all(token.is_name for token in part[::2])
        and all(token.is_mark(".") for token in part[1::2])
        and not part[-1].is_word("null", "true", "false", "sysdate", "current_date")
    )
