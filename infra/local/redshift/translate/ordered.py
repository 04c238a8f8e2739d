"""LISTAGG, MEDIAN, PERCENTILE_CONT and PERCENTILE_DISC, as aggregates and as window functions.

PostgreSQL has no ordered aggregates over windows: there the order moves into the window, with a
frame of the whole partition. Sources: r_LISTAGG, r_MEDIAN, r_PERCENTILE_CONT and their window forms
in docs.aws.amazon.com/redshift/latest/dg.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError
from infra.local.redshift.translate.expressions import Expressions

_WHOLE = " rows between unbounded preceding and unbounded following"


@dataclass(frozen=True)
class _Tail:
    """What follows a call: `order by …` of WITHIN GROUP, the inside of OVER, the last index."""

    order: str
    over: str | None
    end: int


def _tail(e: Expressions, name_at: int, closing: int) -> _Tail:
    """Read WITHIN GROUP (…) and OVER (…) behind a call."""
    order, over, end = "", None, closing
    if e.is_word(end + 1, "within") and e.is_word(end + 2, "group"):
        if not e.is_mark(end + 3, "("):
            raise e.wrong_arguments(name_at)
        last = e.end_of_parentheses(end + 3)
        order = " " + e.rewritten(end + 4, last)
        end = last
    if e.is_word(end + 1, "over") and e.is_mark(end + 2, "("):
        last = e.end_of_parentheses(end + 2)
        inside = e.tokens[end + 3 : last]
        if any(token.is_word("order", "rows", "range") for token in inside):
            raise GatewayError(
                SYNTAX_ERROR,
                f"{e.tokens[name_at].text.upper()} takes a window of PARTITION BY only",
                position=e.tokens[name_at].start + 1,
            )
        over = e.rewritten(end + 3, last) + " " if inside else ""
        end = last
    return _Tail(order, over, end)


def _put(e: Expressions, name_at: int, tail: _Tail, text: str) -> None:
    e.edits.replace(e.tokens[name_at].start, e.tokens[tail.end].end, text)
    e.done_to = tail.end


def listagg(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """LISTAGG([DISTINCT] x [, delimiter]) [WITHIN GROUP (ORDER BY …)] [OVER (PARTITION BY …)].

    NULL and empty strings are left out.
    """
    spans = e.arguments(opening, closing)
    if not 1 <= len(spans) <= 2:
        raise e.wrong_arguments(name_at)
    first, after = spans[0]
    distinct = e.is_word(first, "distinct")
    value = f"nullif(({e.text_of((first + distinct, after))})::varchar, '')"
    delimiter = e.text_of(spans[1]) if len(spans) == 2 else "''"
    function = "pg_internal.listagg_distinct" if distinct else "string_agg"
    tail = _tail(e, name_at, closing)
    if tail.over is None:
        call = f"{function}({value}, {delimiter}{tail.order})"
    else:
        call = f"{function}({value}, {delimiter}) over ({tail.over}{tail.order.lstrip()}{_WHOLE})"
    _put(e, name_at, tail, f"pg_internal.listagg_result({call})")


def median(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """MEDIAN(x) [OVER (PARTITION BY …)] is the 0.5 continuous percentile."""
    spans = e.arguments(opening, closing)
    if len(spans) != 1:
        raise e.wrong_arguments(name_at)
    value = e.text_of(spans[0])
    tail = _tail(e, name_at, closing)
    _put(e, name_at, tail, _percentile("cont", "0.5", value, f" order by {value}", tail.over))


def percentile(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """PERCENTILE_CONT or PERCENTILE_DISC(p) WITHIN GROUP (ORDER BY x) [OVER (PARTITION BY …)]."""
    spans = e.arguments(opening, closing)
    tail = _tail(e, name_at, closing)
    if len(spans) != 1 or not tail.order:
        raise e.wrong_arguments(name_at)
    kind = e.tokens[name_at].text.rpartition("_")[2]
    if kind == "disc" and tail.over is None:
        e.done_to = -1  # PostgreSQL's own does the same
        return
    value = tail.order.strip()[len("order by") :].strip()
    for word in (" nulls first", " nulls last", " asc", " desc"):
        if value.lower().endswith(word):
            value = value[: -len(word)].strip()
    _put(e, name_at, tail, _percentile(kind, e.text_of(spans[0]), value, tail.order, tail.over))


def _percentile(kind: str, fraction: str, value: str, order: str, over: str | None) -> str:
    """The percentile of the ordered values that are not NULL."""
    kept = f"filter (where ({value}) is not null)"
    if over is None:
        values = f"array_agg({value}{order}) {kept}"
    else:
        values = f"array_agg({value}) {kept} over ({over}{order.lstrip()}{_WHOLE})"
    return f"pg_internal.percentile_{kind}_of({fraction}, {values})"
