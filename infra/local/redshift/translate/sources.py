"""The sources of a FROM clause: tables, subqueries, calls, and how they are joined."""

from __future__ import annotations

from dataclasses import dataclass

from infra.local.redshift.translate.blocks import Block, closing
from infra.local.redshift.translate.lexer import Kind, Token
from infra.local.redshift.translate.relations import NOT_AN_ALIAS, fold, qualified_name


@dataclass(frozen=True, slots=True)
class Source:
    """A table, view, subquery or call in FROM."""

    first: int
    after: int  # alias included
    parts: tuple[str, ...]  # the relation's name, empty for a subquery
    alias: str | None  # as written, None when it has none
    value_after: int  # index after the relation, before its alias

    @property
    def name(self) -> str | None:
        """The name by which columns refer to it."""
        return self.alias or (self.parts[-1] if self.parts else None)


@dataclass(frozen=True, slots=True)
class From:
    """A FROM clause taken apart."""

    sources: tuple[Source, ...]
    joins: bool  # JOIN syntax is used
    merged: bool  # NATURAL or USING merge columns


def read_from(tokens: list[Token], block: Block) -> From:
    """The sources of a block's FROM clause; a block without one has none."""
    span = block.clause("from")
    if span is None:
        return From((), joins=False, merged=False)
    sources: list[Source] = []
    joins, merged = _read_sources(tokens, span.first + 1, span.after, sources)
    return From(tuple(sources), joins, merged)


def _read_sources(
    tokens: list[Token], index: int, after: int, sources: list[Source]
) -> tuple[bool, bool]:
    """Collect sources; whether JOIN and whether NATURAL or USING stand between them."""
    joins = merged = False
    due = True
    while index < after:
        token = tokens[index]
        if due and (token.is_word("lateral", "only") or unpivots(tokens, index)):
            index += 1
        elif due and token.is_mark("(") and not tokens[index + 1].is_word("select", "with"):
            end = closing(tokens, index)
            if tokens[index + 1].is_mark("(") or tokens[index + 1].is_name:
                inner = _read_sources(tokens, index + 1, end, sources)
                joins, merged = joins or inner[0], merged or inner[1]
            index, due = end + 1, False
        elif due and (token.is_mark("(") or token.is_name):
            source = read_source(tokens, index, after)
            sources.append(source)
            index, due = source.after, False
        else:
            if token.is_mark(","):
                due = True
            elif token.is_word("join"):
                due = joins = True
            elif token.is_word("natural", "using"):
                merged = True
            index = closing(tokens, index) + 1 if token.is_mark("(") else index + 1
    return joins, merged


def unpivots(tokens: list[Token], index: int) -> bool:
    """Whether UNPIVOT stands here before the SUPER value whose attributes it gives."""
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    return tokens[index].is_word("unpivot") and following is not None and following.is_name


def read_source(tokens: list[Token], index: int, after: int) -> Source:
    """The relation that starts at an index, with its alias."""
    first = index
    parts: tuple[str, ...] = ()
    if tokens[index].is_mark("("):
        index = closing(tokens, index) + 1
    else:
        parts, index = qualified_name(tokens, index)
        if index < after and tokens[index].is_mark("("):
            index = closing(tokens, index) + 1
        while index < after and tokens[index].is_mark("["):  # of a SUPER value
            index = closing(tokens, index) + 1
            if index + 1 < after and tokens[index].is_mark("."):
                _, index = qualified_name(tokens, index + 1)
    value_after, alias = index, None
    explicit = index < after and tokens[index].is_word("as")
    index += explicit
    if index < after and tokens[index].is_name:
        token = tokens[index]
        if explicit or token.kind is Kind.QUOTED or token.text not in NOT_AN_ALIAS:
            alias = fold(token)
            index += 1
            if index < after and tokens[index].is_mark("("):
                index = closing(tokens, index) + 1
            if index + 1 < after and tokens[index].is_word("at"):  # … AS value AT place
                index += 2
    return Source(first, index, parts, alias, value_after)
