"""CREATE VIEW, bound and WITH NO SCHEMA BINDING.

A late-binding view is stored as its definition; PostgreSQL holds a view of no columns in its
name, so that it can be listed, renamed, granted and dropped (catalog/late_binding.sql). The
session puts the definition in where a statement reads the view.
"""

from __future__ import annotations

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.lexer import Token, tokenize
from infra.local.redshift.translate.parser import Parser, dollar_quote, literal, quote
from infra.local.redshift.translate.relations import Relation, find_relations, fold
from infra.local.redshift.translate.result import Context, Plan

_NO_BINDING = ("with", "no", "schema", "binding")


def create_view(parser: Parser, context: Context) -> Plan:
    """CREATE [OR REPLACE] VIEW name [(columns)] AS query [WITH NO SCHEMA BINDING]."""
    parser.word("create")
    replacing = parser.try_words("or", "replace")
    parser.word("view")
    parts = parser.dotted_name()
    columns = parser.names_in_parentheses() if parser.peek_mark("(") else []
    parser.word("as")
    first = parser.index
    last = parser.tokens[-4:]
    late = len(last) == 4 and tuple(token.text for token in last) == _NO_BINDING
    if not late:
        parser.expressions(context, 0, first)
        parser.query(context, first)
        return parser.plan(looks_up=True)
    query = parser.tokens[first:-4]
    if not query:
        raise parser.error()
    for relation in find_relations(query):
        if relation.schema is None:
            raise GatewayError(
                "0A000",
                "All the relation names inside should be qualified when creating "
                "VIEW WITH NO SCHEMA BINDING.",
                detail=f"Not qualified: {relation.name}",
                position=relation.start + 1,
            )
    parser.expressions(context, 0, first)
    parser.query(context, first, len(parser.tokens) - 4)
    definition = parser.edits.render(query[0].start, query[-1].end)
    original = parser.original
    if columns:
        names = quote_list(columns)
        definition = f"select * from ({definition}) as q({names})"  # noqa: S608 the client's own
    body = (
        "begin perform pg_internal.create_late_binding_view("
        f"{literal(quote(*parts))}, {str(replacing).lower()}, "
        f"{dollar_quote(definition)}, {literal(original)}); end"
    )
    return parser.plan(f"do {dollar_quote_around(body)}", tag="CREATE VIEW")


def quote_list(names: list[str]) -> str:
    """Column names, quoted, with commas."""
    return ", ".join(quote(name) for name in names)


def dollar_quote_around(body: str) -> str:
    """A dollar-quoted literal around a body that itself holds dollar-quoted literals."""
    tag, number = "$body$", 0
    while tag in body:
        number += 1
        tag = f"$body{number}$"
    return f"{tag}{body}{tag}"


def expand(sql: str, definitions: dict[str, str]) -> tuple[str, list[Relation]]:
    """SQL with the late-binding views among its relations replaced by their definitions.

    `definitions` is keyed by `Relation.quoted`. Returns the references inside the definitions
    too, in which other late-binding views may stand.
    """
    tokens = tokenize(sql)
    replaced: list[tuple[int, int, str]] = []
    inner: list[Relation] = []
    for relation in find_relations(tokens):
        definition = definitions.get(relation.quoted)
        if definition is None or not relation.source:
            continue
        inner += find_relations(tokenize(definition))
        alias = "" if relation.has_alias else " as " + quote(relation.name)
        replaced.append((relation.start, relation.end, f"({definition}){alias}"))
        if relation.schema is not None and not relation.has_alias:
            replaced += _unqualified(tokens, relation)
    parts: list[str] = []
    position = 0
    for start, end, text in sorted(replaced):
        if start >= position:  # a view that is read twice
            parts += [sql[position:start], text]
            position = end
    parts.append(sql[position:])
    return "".join(parts), inner


def _unqualified(tokens: list[Token], relation: Relation) -> list[tuple[int, int, str]]:
    """Columns written `schema.view.column`: the query in the view's place has no schema."""
    length = 2 * len(relation.parts)
    return [
        (tokens[index].start, tokens[index + length - 2].start, "")
        for index in range(len(tokens) - length)
        if tokens[index + length - 1].is_mark(".")
        and all(token.is_name for token in tokens[index : index + length : 2])
        and tuple(fold(token) for token in tokens[index : index + length : 2]) == relation.parts
        and not (index and tokens[index - 1].is_mark("."))
    ]
