"""Calls whose arguments move: NVL2, DECODE, LISTAGG, MEDIAN, EXTRACT, CAST, CONVERT …

Each function gets the pass and three token indices: the call's name, its opening and its closing
parenthesis. Calls inside the arguments have been rewritten before.
"""

from __future__ import annotations

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.expressions import Expressions, Special
from infra.local.redshift.translate.functions import DATE_PARTS
from infra.local.redshift.translate.leader import over_catalogs
from infra.local.redshift.translate.lexer import Kind
from infra.local.redshift.translate.ordered import listagg, median, percentile
from infra.local.redshift.translate.types import varchar_size
from infra.local.redshift.translate.windows import framed, shifted


def _nvl2(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """NVL2(a, b, c): b where a is not NULL, else c."""
    spans = e.arguments(opening, closing)
    if len(spans) != 3:
        raise e.wrong_arguments(name_at)
    test, then, other = (e.text_of(span) for span in spans)
    e.replace_call(
        name_at, closing, f"(case when ({test}) is not null then ({then}) else ({other}) end)"
    )


def _decode(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """DECODE(value, search, result, …, default): NULL equals NULL."""
    texts = [e.text_of(span) for span in e.arguments(opening, closing)]
    if len(texts) < 3:
        raise e.wrong_arguments(name_at)
    value, pairs = texts[0], texts[1:]
    arms = "".join(
        f" when ({value}) is not distinct from ({pairs[i]}) then ({pairs[i + 1]})"
        for i in range(0, len(pairs) - 1, 2)
    )
    default = f" else ({pairs[-1]})" if len(pairs) % 2 else ""
    e.replace_call(name_at, closing, f"(case{arms}{default} end)")


def _ratio_to_report(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """RATIO_TO_REPORT(x) OVER (…): the share of x in its partition's sum."""
    if not e.is_word(closing + 1, "over") or not e.is_mark(closing + 2, "("):
        raise e.wrong_arguments(name_at)
    end = e.end_of_parentheses(closing + 2)
    value = e.text_of((opening + 1, closing))
    window = e.rewritten(closing + 2, end + 1)
    e.edits.replace(
        e.tokens[name_at].start,
        e.tokens[end].end,
        f"(({value})::float8 / nullif(sum({value}) over {window}, 0)::float8)",
    )
    e.done_to = end


def _avg(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """AVG of NUMERIC needs the sum, whose scale is the argument's; see catalog/40_functions.sql."""
    end, tail = closing, ""
    for word in ("filter", "over"):  # PIVOT is rewritten to FILTER
        if e.is_word(end + 1, word) and e.is_mark(end + 2, "("):
            first, end = end + 1, e.end_of_parentheses(end + 2)
            tail += f" {e.rewritten(first, end + 1)}"
    value = e.text_of((opening + 1, closing)) if closing > opening + 1 else ""
    parts = (f"{name}({value}){tail}" for name in ("sum", "count", "pg_internal.avg"))
    start = e.tokens[name_at - 2 if e.is_mark(name_at - 1, ".") else name_at].start
    e.edits.replace(start, e.tokens[end].end, f"pg_internal.avg({', '.join(parts)})")
    e.done_to = max(e.done_to, end)


def _deviation(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """STDDEV and VARIANCE are computed in floating point and return it.

    https://docs.aws.amazon.com/redshift/latest/dg/r_STDDEV_functions.html
    """
    spans = e.arguments(opening, closing)
    if len(spans) != 1:
        raise e.wrong_arguments(name_at)
    first, after = spans[0]
    first += e.is_word(first, "distinct", "all")
    start, end = e.tokens[first].start, e.tokens[after - 1].end
    e.edits.replace(start, end, f"({e.text_of((first, after))})::float8")


def _floating(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """EXP, LOG, POWER and SQRT return double precision, of NUMERIC as well.

    https://docs.aws.amazon.com/redshift/latest/dg/r_POWER.html, r_SQRT.html, r_EXP.html, r_LOG.html
    """
    spans = e.arguments(opening, closing)
    if len(spans) != (2 if e.tokens[name_at].text in ("pow", "power") else 1):
        raise e.wrong_arguments(name_at)
    for first, after in spans:
        start, end = e.tokens[first].start, e.tokens[after - 1].end
        e.edits.replace(start, end, f"({e.text_of((first, after))})::float8")


def _extract(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """EXTRACT returns the integer of one part only, which may be one of Redshift's aliases.

    https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html
    """
    part = e.at(opening + 1)
    if part is None or not e.is_word(opening + 2, "from"):
        return
    word = part.value.lower() if part.kind is Kind.STRING else part.name.lower()
    if word not in DATE_PARTS:
        raise GatewayError("22023", f'"{word}" is not a date part', position=part.start + 1)
    value = e.text_of((opening + 3, closing))
    datepart = DATE_PARTS[word]
    whole = f"floor(extract({datepart} from {value}))"
    if datepart in ("milliseconds", "microseconds"):  # without the seconds before them
        whole = f"mod({whole}, 1000)"
    elif datepart == "decade":  # the first one is 1 to 9
        whole += " + 1"
    kind = "bigint" if datepart == "epoch" else "int"
    e.replace_call(name_at, closing, f"({whole})::{kind}")


def _cast(e: Expressions, _name_at: int, opening: int, closing: int) -> None:
    """CAST(x AS type): the type's spelling."""
    depth = 0
    for index in range(closing - 1, opening, -1):
        text = e.tokens[index].text
        depth += (text == ")") - (text == "(")
        if depth == 0 and e.tokens[index].is_word("as"):
            e.type_at(index + 1)
            e.cut(opening + 1, index, index + 1)
            return


def _try_cast(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """TRY_CAST(x AS type): NULL where the value cannot be converted.

    https://docs.aws.amazon.com/redshift/latest/dg/r_TRY_CAST.html
    """
    after = next((i for i in range(closing - 1, opening, -1) if e.is_word(i, "as")), opening + 1)
    if after <= opening + 1 or after + 1 >= closing:
        raise e.wrong_arguments(name_at)
    e.type_at(after + 1)
    e.round(opening + 1, after, after + 1)
    value, kind = e.text_of((opening + 1, after)), e.text_of((after + 1, closing))
    if after == opening + 2 and (e.tokens[opening + 1].kind is Kind.STRING or value == "null"):
        value += "::text"
    size = varchar_size(e.tokens, after + 1)
    if size is not None:  # cut, which cannot fail
        text = f"pg_internal.cut(({value})::text, {size})::{kind}"
    else:
        name = kind.replace("'", "''")
        text = f"pg_internal.try_cast(({value}), null::{kind}, '{name}')::{kind}"
    e.replace_call(name_at, closing, text)


def _convert(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """CONVERT(type, x) is CAST(x AS type)."""
    spans = e.arguments(opening, closing)
    if len(spans) != 2:
        raise e.wrong_arguments(name_at)
    e.type_at(spans[0][0])
    e.cut(*spans[1], spans[0][0])
    kind, value = e.text_of(spans[0]), e.text_of(spans[1])
    e.replace_call(name_at, closing, f"cast({value} as {kind})")


def _json_path(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """JSON_EXTRACT_PATH_TEXT(json, element, … [, null_if_invalid])."""
    spans = e.arguments(opening, closing)
    lenient = e.is_word(spans[-1][0], "true", "false") if len(spans) > 2 else False
    flag = e.text_of(spans.pop()) if lenient else "false"
    if len(spans) < 2:
        raise e.wrong_arguments(name_at)
    path = ", ".join(e.text_of(span) for span in spans[1:])
    e.replace_call(
        name_at,
        closing,
        f"pg_internal.json_path_text({e.text_of(spans[0])}, array[{path}]::text[], {flag})",
    )


def _array(e: Expressions, name_at: int, opening: int, closing: int) -> None:
    """ARRAY(…) and OBJECT(…) build SUPER values."""
    if e.is_word(opening + 1, "select"):
        if over_catalogs(e.tokens):  # one of PostgreSQL's arrays
            return
        raise e.refused("ARRAY of a subquery", name_at)
    builder = {"array": "json_build_array", "object": "json_build_object"}[e.tokens[name_at].text]
    inner = ", ".join(e.text_of(span) for span in e.arguments(opening, closing))
    e.replace_call(name_at, closing, f"pg_internal.super_compact({builder}({inner}))")


def _late_binding_columns(e: Expressions, name_at: int, _opening: int, closing: int) -> None:
    """The session puts the expanded views in; see catalog/20_late_binding.sql.

    The columns are declared beside the call; those that are a `name`, of 127 bytes in Redshift, are
    VARCHAR here.
    """
    opening = next((i for i in range(closing + 1, closing + 4) if e.is_mark(i, "(")), None)
    if opening is not None:
        for index in range(opening + 1, e.end_of_parentheses(opening)):
            before = e.tokens[index - 1]
            if e.is_word(index, "name") and before.is_name:
                e.edits.replace(e.tokens[index].start, e.tokens[index].end, "varchar")
    e.replace_call(name_at, closing, "pg_internal.late_binding_columns_here()")


SPECIAL: dict[str, Special] = {
    "array": _array,
    "avg": _avg,
    "cast": _cast,
    "convert": _convert,
    "decode": _decode,
    "exp": _floating,
    "extract": _extract,
    "first_value": framed,
    "json_extract_path_text": _json_path,
    "lag": shifted,
    "last_value": framed,
    "lead": shifted,
    "listagg": listagg,
    "log": _floating,
    "median": median,
    "nth_value": framed,
    "nvl2": _nvl2,
    "object": _array,
    "percentile_cont": percentile,
    "percentile_disc": percentile,
    "pg_get_late_binding_view_cols": _late_binding_columns,
    "pow": _floating,
    "power": _floating,
    "ratio_to_report": _ratio_to_report,
    "sqrt": _floating,
    "stddev": _deviation,
    "stddev_pop": _deviation,
    "stddev_samp": _deviation,
    "try_cast": _try_cast,
    "var_pop": _deviation,
    "var_samp": _deviation,
    "variance": _deviation,
}
