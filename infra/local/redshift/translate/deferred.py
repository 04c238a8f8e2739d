"""Queries of procedures that are translated when they run, as the text of an EXECUTE is.

Late-binding views and aliases that are used again are put in by what PostgreSQL knows when a query
runs. The procedure's variables become parameters; as in PostgreSQL 8, a variable's name means the
variable wherever an expression stands.
"""

from __future__ import annotations

from infra.local.redshift.errors import GatewayError, refused
from infra.local.redshift.translate.columns import NeedsViews
from infra.local.redshift.translate.lateral import lateral_uses
from infra.local.redshift.translate.lexer import Token, tokenize
from infra.local.redshift.translate.parser import literal
from infra.local.redshift.translate.relations import find_relations, fold
from infra.local.redshift.translate.result import Context, Plan

_DEFERRED = ("select", "with", "insert", "create")


def is_deferred(plan: Plan, context: Context) -> bool:
    """Whether a query has to wait until it runs; raises NeedsViews to ask for views."""
    if not plan.looks_up:
        return False
    if lateral_uses(_without_into(plan.sql)):
        return True
    relations = plan.relations or tuple(find_relations(tokenize(plan.sql)))
    parts = {relation.quoted: relation.parts for relation in relations if relation.source}
    if not parts:
        return False
    need = NeedsViews(parts)
    found = dict(context.columns).get(need.key)
    if found is None:
        raise need
    return bool(found)


def deferred(text: str, tokens: list[Token], names: set[str], *, loop: bool = False) -> str:
    """EXECUTE of a query's translation, with its variables as parameters and its INTO outside."""
    if not tokens[0].is_word(*_DEFERRED):
        raise refused("Late-binding views and aliases used again in this statement", text)
    into, (first, after) = "", _into(tokens)
    if first < after:
        into = f" {text[tokens[first].start : tokens[after - 1].end]}"
    parts: list[str] = []
    variables: list[str] = []
    position, index = 0, 0
    listed = _listed(tokens)
    while index < len(tokens):
        token = tokens[index]
        if index == first and into:
            parts.append(text[position : token.start])
            position, index = tokens[after - 1].end, after
            continue
        end = index + 1
        if index not in listed and _is_variable(tokens, index, names):
            while end + 1 < len(tokens) and tokens[end].is_mark(".") and tokens[end + 1].is_name:
                end += 2
            variable = text[token.start : tokens[end - 1].end]
            if variable not in variables:
                variables.append(variable)
            parts += [text[position : token.start], f"${variables.index(variable) + 1}"]
            position = tokens[end - 1].end
        index = end
    parts.append(text[position:])
    using = f" using {', '.join(variables)}" if variables else ""
    sql = f"execute pg_internal.translated({literal(''.join(parts))}){into}{using}"
    return f"{sql} " if loop else sql


def refuse_found(tokens: list[Token], text: str) -> GatewayError | None:
    """FOUND is not set by EXECUTE: the refusal of a body that reads it."""
    if any(token.is_word("found") for token in tokens):
        return refused("FOUND beside a query of late-binding views or of aliases used again", text)
    return None


def _into(tokens: list[Token]) -> tuple[int, int]:
    """The tokens of `INTO [STRICT] target, …` of a SELECT; an empty range without it."""
    depth = 0
    for index, token in enumerate(tokens):
        depth += token.is_mark("(") - token.is_mark(")")
        if depth or not token.is_word("into") or tokens[index - 1].is_word("insert"):
            continue
        after = index + (3 if tokens[index + 1].is_word("strict") else 2)
        while after + 1 < len(tokens) and tokens[after].text in (",", "."):
            after += 2
        return index, after
    return 0, 0


def _without_into(sql: str) -> str:
    """A query without its INTO."""
    tokens = tokenize(sql)
    first, after = _into(tokens)
    if first == after:
        return sql
    return sql[: tokens[first].start] + sql[tokens[after - 1].end :]


def _listed(tokens: list[Token]) -> set[int]:
    """The places of the column names in INSERT INTO name (…)."""
    if not tokens[0].is_word("insert"):
        return set()
    opening = next((i for i, token in enumerate(tokens) if token.is_mark("(")), len(tokens))
    query = next(
        (i for i, token in enumerate(tokens) if token.is_word("select", "with", "values")), 0
    )
    if opening > query:
        return set(range(query))
    closing = next(i for i in range(opening, len(tokens)) if tokens[i].is_mark(")"))
    return set(range(closing))


def _is_variable(tokens: list[Token], index: int, names: set[str]) -> bool:
    """Whether a variable stands at an index, where an expression may stand."""
    token = tokens[index]
    if not token.is_name or fold(token) not in names:
        return False
    before = tokens[index - 1] if index else None
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    if before is not None and (
        before.text in (".", "::") or before.is_word("as", "from", "join", "into", "table")
    ):
        return False
    return following is None or not following.is_mark("(")
