"""The columns of a source in FROM: read from its select list, or asked from PostgreSQL.

Translation is a pure function: what only PostgreSQL knows it asks for by raising `NeedsColumns`;
the session runs the query for its columns and translates again with the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.local.redshift.translate.blocks import Block, Span, closing, find_blocks, is_star, items
from infra.local.redshift.translate.lexer import Kind, Token
from infra.local.redshift.translate.relations import fold, quoted
from infra.local.redshift.translate.sources import Source


@dataclass(frozen=True)
class Known:
    """What a rewrite knows besides the text: columns by the query that has them, the case rule."""

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    case_sensitive: bool = False
    rows: frozenset[str] = frozenset()  # variables of a procedure


class NeedsColumns(Exception):
    """Translation goes on when the columns of this query are known.

    Of a relation that is named instead, columns and types are asked for: name, type, name, type …
    """

    def __init__(self, query: str, *, relation: tuple[str, ...] = ()) -> None:
        super().__init__(query)
        self.relation = relation
        self.query = query if not relation else f"select * from {'.'.join(map(quoted, relation))}"  # noqa: S608

    @property
    def key(self) -> str:
        """Under what the answer is known."""
        return f"types of {self.query}" if self.relation else self.query


class NeedsViews(NeedsColumns):
    """Asks instead which of some relations are views whose query is put in: late-binding ones."""

    def __init__(self, views: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(f"late-binding views of {', '.join(sorted(views))}")
        self.views = views


def columns_of(sql: str, tokens: list[Token], source: Source, known: Known) -> tuple[str, ...]:
    """The columns of a source, folded; raises NeedsColumns when its text does not tell them."""
    listed = _listed(tokens[source.first : source.value_after])
    if listed is not None:
        return listed
    return _asked(sql, tokens, Span(source.first, source.after), known)


def columns_of_from(sql: str, tokens: list[Token], block: Block, known: Known) -> tuple[str, ...]:
    """The columns of `select *` over a block's whole FROM clause."""
    clause = block.clauses["from"]
    return _asked(sql, tokens, Span(clause.first + 1, clause.after), known)


def _asked(sql: str, tokens: list[Token], span: Span, known: Known) -> tuple[str, ...]:
    """The columns of `select *` over some sources; raises NeedsColumns."""
    start, end = tokens[span.first].start, tokens[span.after - 1].end
    definitions = _definitions(sql, tokens, span.first)
    query = f"{definitions}select * from {_text(sql, tokens, start, end)}"  # noqa: S608
    found = known.columns.get(query)
    if found is None:
        raise NeedsColumns(query)
    return found


def _listed(tokens: list[Token]) -> tuple[str, ...] | None:
    """The columns that a subquery names, None where it has a star or a nameless column."""
    blocks = find_blocks(tokens)
    if not (blocks and len(tokens) > 1 and tokens[0].is_mark("(") and tokens[1].is_word("select")):
        return None
    names: list[str] = []
    for item in items(tokens, blocks[0]):
        last = tokens[item.after - 1]
        column = item.alias or (
            fold(last)
            if last.is_name
            and not is_star(tokens, item)
            and all(t.is_name or t.is_mark(".") for t in tokens[item.first : item.after])
            else None
        )
        if column is None:
            return None
        names.append(column)
    return tuple(names)


def _definitions(sql: str, tokens: list[Token], index: int) -> str:
    """A WITH clause of the common table expressions that a token can see."""
    levels: list[list[str]] = [[]]
    recursive = False
    position = 0
    while position < index:
        token = tokens[position]
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        if token.is_word("as") and following is not None and following.is_mark("("):
            end = closing(tokens, position + 1)
            first = _name_of_definition(tokens, position)
            if first is not None and end < index:
                start = tokens[first].start
                levels[-1].append(_text(sql, tokens, start, tokens[end].end))
                position = end + 1
                continue
        if token.is_mark("("):
            levels.append([])
        elif token.is_mark(")") and len(levels) > 1:
            levels.pop()
        recursive = recursive or token.is_word("recursive")
        position += 1
    found = [definition for level in levels for definition in level]
    return f"with {'recursive ' * recursive}{', '.join(found)} " if found else ""


def _name_of_definition(tokens: list[Token], position: int) -> int | None:
    """The index of the name before `[(columns)] AS (`, when that is a definition."""
    before = position - 1
    if tokens[before].is_mark(")"):
        depth = 1
        while before > 0 and depth:
            before -= 1
            depth += tokens[before].is_mark(")") - tokens[before].is_mark("(")
        before -= 1
    if before < 1 or not tokens[before].is_name:
        return None
    opening = tokens[before - 1]
    return before if opening.is_word("with", "recursive") or opening.is_mark(",") else None


def _text(sql: str, tokens: list[Token], start: int, end: int) -> str:
    """sql[start:end] with NULL for parameters, whose values are not known yet."""
    parts: list[str] = []
    position = start
    for token in tokens:
        if token.kind is Kind.PARAMETER and start <= token.start < end:
            parts += [sql[position : token.start], "null"]
            position = token.end
    return "".join([*parts, sql[position:end]])
