"""Window functions: IGNORE NULLS, and the frames that Redshift wants.

PostgreSQL 18 has no IGNORE NULLS. FIRST_VALUE, LAST_VALUE and NTH_VALUE become aggregates over the
same frame that pass over NULL (catalog/45_windows.sql); LAG and LEAD become such aggregates over
the rows before or after the current one. A frame that ends with its partition is turned round,
order and all: PostgreSQL lets an aggregate grow row by row, but begins anew where rows leave it.
Sources: r_WF_first_value, r_WF_LAG, r_WF_LEAD, r_WF_nth in docs.aws.amazon.com/redshift/latest/dg.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.lexer import Kind, words

if TYPE_CHECKING:
    from infra.local.redshift.translate.expressions import Expressions

# What needs a frame as soon as its window is ordered (r_Window_function_synopsis).
FRAMED = words(
    "avg count max min sum stddev stddev_samp stddev_pop variance var_samp var_pop "
    "first_value last_value nth_value"
)
_BEFORE = " rows between unbounded preceding and 1 preceding"
_TURNED = {"preceding": "following", "following": "preceding"}


def check_frame(e: Expressions, name_at: int, closing: int) -> None:
    """Raise GatewayError for an ordered window of an aggregate without a frame of rows."""
    over = closing + 1
    if e.is_word(over, "ignore", "respect"):
        over += 2
    if not (e.is_word(over, "over") and e.is_mark(over + 1, "(")):
        return
    end = e.end_of_parentheses(over + 1)
    inside = e.tokens[over + 2 : end]
    position = e.tokens[name_at].start + 1
    if any(token.is_word("range", "groups") for token in inside):
        raise GatewayError("0A000", "RANGE window frame is not supported", position=position)
    depth, ordered = 0, False
    for token in inside:
        depth += token.is_mark("(") - token.is_mark(")")
        ordered = ordered or (depth == 0 and token.is_word("order"))
    if ordered and not any(token.is_word("rows") for token in inside):
        raise GatewayError(
            "0A000",
            "Aggregate window functions with an ORDER BY clause require a frame clause",
            position=position,
        )


def framed(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """FIRST_VALUE, LAST_VALUE, NTH_VALUE with IGNORE or RESPECT NULLS."""
    after = _take_nulls(e, opening, closing)
    if after is None:
        return
    name = e.tokens[name_at]
    if name.text == "nth_value":
        _check_number(e, name_at, opening, after)
    end = "last" if name.text == "last_value" else "first"
    over = _over(e, closing)
    if over is not None and _turn_frame(e, over):
        end = "first" if end == "last" else "last"
    if name.text == "nth_value":
        end = "nth" if end == "first" else "nth_last"
    e.edits.replace(name.start, name.end, f"pg_internal.{end}_not_null")


def shifted(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """LAG and LEAD; their window takes no frame in Redshift. LEAD is LAG in the other order."""
    after = _take_nulls(e, opening, closing)
    spans = e.arguments(opening, after if after is not None else closing)
    if not 1 <= len(spans) <= 2:
        raise e.wrong_arguments(name_at)
    if after is None:
        return
    over = _over(e, closing)
    if over is None:
        raise e.wrong_arguments(name_at)
    name, end = e.tokens[name_at], e.end_of_parentheses(over)
    if name.text == "lead":
        _turn(e, over, end, _BEFORE)
    else:
        e.edits.insert(e.tokens[end].start, _BEFORE)
    if len(spans) == 2:
        _check_number(e, name_at, opening, after)
    wanted = "last_not_null" if len(spans) == 1 else "nth_last_not_null"
    e.edits.replace(name.start, name.end, f"pg_internal.{wanted}")


def _over(e: Expressions, closing: int) -> int | None:
    """The index of the parenthesis of OVER (…) behind a call."""
    over = closing + 1
    if e.is_word(over, "ignore", "respect"):
        over += 2
    return over + 1 if e.is_word(over, "over") and e.is_mark(over + 1, "(") else None


def _turn_frame(e: Expressions, over: int) -> bool:
    """Turn `rows between x and unbounded following` round, unless it is the whole partition."""
    end = e.end_of_parentheses(over)
    rows = next((i for i in range(over + 1, end) if e.is_word(i, "rows")), end)
    frame = [token.text for token in e.tokens[rows:end]]
    tail = frame[1:2] == ["between"] and frame[-3:] == ["and", "unbounded", "following"]
    if not tail or frame[2:4] == ["unbounded", "preceding"]:
        return False
    start = " ".join(_TURNED.get(word, word) for word in frame[2:-3])
    _turn(e, over, rows, f" rows between unbounded preceding and {start}")
    return True


def _turn(e: Expressions, over: int, after: int, frame: str) -> None:
    """Replace a window by the one with its ORDER BY turned round and another frame.

    `after` is the index after its ORDER BY. NULL changes its side with the values.
    """
    end, depth, order = e.end_of_parentheses(over), 0, after
    for index in range(over + 1, after):
        depth += e.is_mark(index, "(") - e.is_mark(index, ")")
        if depth == 0 and e.is_word(index, "order"):
            order = index
    parts = []
    for first, last in e.arguments(order + 1, after) if order < after else ():
        stop, nulls = last, ""
        if e.is_word(stop - 2, "nulls"):
            nulls = " nulls last" if e.is_word(stop - 1, "first") else " nulls first"
            stop -= 2
        descending = e.is_word(stop - 1, "desc")
        if descending or e.is_word(stop - 1, "asc"):
            stop -= 1
        parts.append(f"{e.rewritten(first, stop)} {'asc' if descending else 'desc'}{nulls}")
    partition = e.rewritten(over + 1, order) if order > over + 1 else ""
    ordered = f" order by {', '.join(parts)}" if parts else ""
    e.edits.replace(
        e.tokens[over].start, e.tokens[end].end, f"({partition}{ordered}{frame})".replace("( ", "(")
    )
    e.done_to = max(e.done_to, end)


def _check_number(e: Expressions, name_at: int, opening: int, after: int) -> None:
    """The row that is counted to is a number from 1."""
    spans = e.arguments(opening, after)
    last = spans[-1] if len(spans) == 2 else None
    token = e.tokens[last[0]] if last is not None and last[1] - last[0] == 1 else None
    if token is None or token.kind is not Kind.NUMBER or token.text.strip("0") == "":
        raise e.refused(
            f"{e.tokens[name_at].text.upper()} IGNORE NULLS over a computed offset", name_at
        )


def _take_nulls(e: Expressions, opening: int, closing: int) -> int | None:
    """Take IGNORE or RESPECT NULLS out, from inside the parentheses or behind them.

    Returns the index after the arguments for IGNORE, None otherwise.
    """
    for first in (closing - 2, closing + 1):
        if (
            first > opening
            and e.is_word(first, "ignore", "respect")
            and e.is_word(first + 1, "nulls")
        ):
            e.edits.delete(e.tokens[first].start, e.tokens[first + 1].end)
            if first > closing:
                e.done_to = first + 1
            ignore = e.tokens[first].text == "ignore"
            return min(first, closing) if ignore else None
    return None
