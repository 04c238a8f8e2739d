"""The types of columns, through subqueries and common table expressions down to the tables.

What the text tells is read from it; the columns of tables and views are asked from PostgreSQL by
raising `NeedsColumns`. A column that is found nowhere, or more than once, has no known type.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from infra.local.redshift.translate.blocks import (
    Block,
    Item,
    Span,
    closing,
    find_blocks,
    is_star,
    items,
)
from infra.local.redshift.translate.columns import Known, NeedsColumns
from infra.local.redshift.translate.lexer import Token
from infra.local.redshift.translate.names import is_column
from infra.local.redshift.translate.numeric_types import NumberType, Reader, common, of_type
from infra.local.redshift.translate.relations import fold
from infra.local.redshift.translate.sources import Source, read_from, read_source

_Types = list[NumberType | None]  # one for each place where the column was found


@dataclass(frozen=True, slots=True)
class _Definition:
    """A common table expression: its parenthesis, the tokens that can see it."""

    opening: int
    first: int
    after: int
    listed: bool  # it has a column list


class Scope:
    """The columns that the SELECTs of a statement see."""

    def __init__(self, tokens: list[Token], known: Known) -> None:
        self.tokens = tokens
        self.known = known
        self.blocks = find_blocks(tokens)
        self._open: set[tuple[int, str]] = set()  # definitions that are being read

    def around(self, index: int) -> Block | None:
        """The innermost SELECT around a token, or the UPDATE, DELETE or MERGE."""
        found = [block for block in self.blocks if block.first <= index < block.after]
        return found[-1] if found else self._writing

    @cached_property
    def _writing(self) -> Block | None:
        """An UPDATE, DELETE or MERGE as a SELECT over its target and what it reads besides."""
        if not self.tokens[0].is_word("update", "delete", "merge"):
            return None
        return Block(0, len(self.tokens), clauses={"list": Span(0, 0)})

    def _sources(self, block: Block) -> list[Source]:
        """What a SELECT reads; of an UPDATE, DELETE or MERGE the target as well."""
        if block is not self._writing:
            return list(read_from(self.tokens, block).sources)
        found: list[Source] = []
        for index, token in enumerate(self.tokens):
            if self._depths[index] or index + 1 == len(self.tokens):
                continue
            following = self.tokens[index + 1]
            first = token.is_word("update") or not following.is_word("into", "from")
            if (index == 0 and first) or token.is_word("into", "using"):
                found.append(read_source(self.tokens, index + 1, len(self.tokens)))
            elif token.is_word("from"):
                after = next(
                    (
                        i
                        for i in range(index + 1, len(self.tokens))
                        if self._depths[i] == 0 and self.tokens[i].is_word("where", "using")
                    ),
                    len(self.tokens),
                )
                clause = Block(0, after, clauses={"from": Span(index, after)})
                found += read_from(self.tokens, clause).sources
        return found

    def type(self, block: Block, column: tuple[Token, ...], before: int) -> NumberType | None:
        """The type of a column in a SELECT, or of the alias of an item before a token."""
        found = self._in_sources(block, [fold(token) for token in column[::2]])
        if not found and len(column) == 1:
            found = self._alias(block, fold(column[0]), before)
        return found[0] if found and all(one == found[0] for one in found) else None

    def reader(self, block: Block, before: int, after: int | None = None) -> Reader:
        """A reader of the expressions in a SELECT."""
        return Reader(self.tokens[:after], lambda column: self.type(block, column, before))

    def _value(self, block: Block, found: Item) -> NumberType | None:
        """The type of an item's value."""
        kind, end = self.reader(block, found.first, found.value_after).sum(found.first)
        return kind if end == found.value_after else None

    def _alias(self, block: Block, name: str, before: int) -> _Types:
        for listed in items(self.tokens, block):
            if listed.after > before:
                break
            if listed.alias == name:
                return [self._value(block, listed)]
        return []

    def _in_sources(self, block: Block, names: list[str]) -> _Types:
        """The types under which the sources of a SELECT have a column."""
        found: _Types = []
        for source in self._sources(block):
            if len(names) == 1 or source.name == names[-2]:
                found += self._in_source(source, names[-1])
        return found

    def _in_source(self, source: Source, name: str) -> _Types:
        if not source.parts:
            return self._in_query(source.first, name)
        if len(source.parts) == 1:
            seen = [
                definition
                for definition in self._definitions.get(source.parts[0], ())
                if definition.first <= source.first < definition.after
            ]
            if seen:
                return [None] if seen[-1].listed else self._in_query(seen[-1].opening, name)
        if self.tokens[source.value_after - 1].is_mark(")"):
            return []  # a call
        need = NeedsColumns("", relation=source.parts)
        answer = self.known.columns.get(need.key)
        if answer is None:
            raise need
        return [
            of_type(kind)
            for column, kind in zip(answer[::2], answer[1::2], strict=True)
            if column == name
        ]

    def _in_query(self, opening: int, name: str) -> _Types:
        """The types under which a query in parentheses has a column."""
        end = closing(self.tokens, opening)
        branches = [
            block
            for block in self.blocks
            if opening < block.first < end
            and self._depths[block.first] == self._depths[opening] + 1
        ]
        if not branches or (opening, name) in self._open:
            return [None]
        self._open.add((opening, name))
        try:
            return self._in_branches(branches, name)
        finally:
            self._open.discard((opening, name))

    def _in_branches(self, branches: list[Block], name: str) -> _Types:
        """A column of a SELECT, or of all branches of a set operation by its place."""
        lists = [items(self.tokens, block) for block in branches]
        stars = [one for one in lists[0] if is_star(self.tokens, one)]
        for place, listed in enumerate(lists[0]):
            if self._name(listed) != name:
                continue
            if len(branches) > 1 and (stars or {len(one) for one in lists} != {len(lists[0])}):
                return [None]
            values = [(block, one[place]) for block, one in zip(branches, lists, strict=True)]
            kinds = [self._value(*value) for value in values if not self._is_null(value[1])]
            return [common(kinds)]
        if len(branches) > 1:
            return [None] if stars else []
        found: _Types = []
        for star in stars:
            named = [fold(token) for token in self.tokens[star.first : star.after - 1 : 2]]
            found += self._in_sources(branches[0], [*named, name])
        return found

    def _is_null(self, listed: Item) -> bool:
        return listed.value_after - listed.first == 1 and self.tokens[listed.first].is_word("null")

    def _name(self, listed: Item) -> str | None:
        """The name of an item's column, where the item shows it."""
        if listed.alias is None and is_column(self.tokens, listed.first, listed.after):
            return fold(self.tokens[listed.after - 1])
        return listed.alias

    @cached_property
    def _depths(self) -> list[int]:
        """How many parentheses are open before each token."""
        depths, depth = [], 0
        for token in self.tokens:
            depth -= token.is_mark(")")
            depths.append(depth)
            depth += token.is_mark("(")
        return depths

    @cached_property
    def _definitions(self) -> dict[str, list[_Definition]]:
        """The common table expressions by name, in the order of the text."""
        found: dict[str, list[_Definition]] = {}
        tokens, recursive = self.tokens, False
        for index in range(2, len(tokens) - 1):
            if not (tokens[index].is_word("as") and tokens[index + 1].is_mark("(")):
                continue
            name_at = index - 1
            listed = tokens[name_at].is_mark(")")
            while listed and name_at > 0 and not tokens[name_at].is_mark("("):
                name_at -= 1
            name_at -= listed
            before = tokens[name_at - 1]
            if not (
                tokens[name_at].is_name
                and (before.is_word("with", "recursive") or before.is_mark(","))
            ):
                continue
            recursive = before.is_word("recursive") or (recursive and before.is_mark(","))
            opening, depth = index + 1, self._depths[index]
            first = opening if recursive else closing(tokens, opening)
            after = next(
                (i for i in range(opening, len(tokens)) if self._depths[i] < depth), len(tokens)
            )
            definition = _Definition(opening, first, after, listed)
            found.setdefault(fold(tokens[name_at]), []).append(definition)
        return found
