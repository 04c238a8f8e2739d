"""PartiQL on SUPER: `a.b[0].c`, and unnesting in FROM.

https://docs.aws.amazon.com/redshift/latest/dg/query-super.html. Which part of a dotted name is the
column follows from the sources in FROM: `alias.column.attribute`, `schema.table.column.attribute`,
or `column.attribute` when no source has the first part's name. Steps become calls
(catalog/26_super.sql); a source that begins with another source's name is unnested.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.local.redshift.translate.blocks import Block, closing, find_blocks, items
from infra.local.redshift.translate.columns import Known
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Kind, Token, words
from infra.local.redshift.translate.relations import fold, qualified_name, quoted
from infra.local.redshift.translate.sources import read_from, unpivots
from infra.local.redshift.translate.types import operand

# First parts of names that are schemas, or rows that no FROM names.
_SCHEMAS = words("pg_catalog pg_internal information_schema pg_temp public excluded")
_AFTER_TARGET = words("as set using where select values from with default")
_COMPARISONS = frozenset({"=", "<>", "!=", "<", "<=", ">", ">="})


def rewrite_navigation(sql: str, tokens: list[Token], known: Known) -> Edits | None:
    """Every navigation and unnesting of a statement as calls; None without one."""
    if not any(token.text in (".", "[") for token in tokens):
        return None
    blocks = find_blocks(tokens)
    if not blocks:
        return None
    found = _Navigation(sql, tokens, known)
    found.read_sources(blocks)
    found.rewrite(blocks)
    return found.edits if found.changed else None


@dataclass
class _Navigation:
    """What is known about a statement's names, and the edits."""

    sql: str
    tokens: list[Token]
    known: Known
    names: set[str] = field(default_factory=set)  # by which columns refer to sources
    tables: set[tuple[str, ...]] = field(default_factory=set)  # schema and name
    values: set[str] = field(default_factory=set)  # sources that are unnested
    unnested: dict[int, int] = field(default_factory=dict)  # first token: index after, of sources
    skipped: set[int] = field(default_factory=set)  # tokens of names of relations
    changed: bool = False

    def __post_init__(self) -> None:
        self.edits = Edits(self.sql)
        self.names |= self.known.rows

    def read_sources(self, blocks: list[Block]) -> None:
        """Collect the sources of all blocks, outer ones first, and those that are unnested."""
        for index, token in enumerate(self.tokens):  # targets of UPDATE, DELETE, MERGE
            if token.is_word("update", "into") or (
                token.is_word("from") and index and self.tokens[index - 1].is_word("delete")
            ):
                self._read_target(index + 1)
        for block in blocks:
            for source in read_from(self.tokens, block).sources:
                before = source.parts[:1]
                if before and (
                    before[0] in self.values or (before[0] in self.names and len(source.parts) > 1)
                ):
                    self.unnested[source.first] = source.after
                    if source.alias is not None:
                        self.values.add(source.alias)
                elif source.parts:
                    self.tables.add(source.parts[-2:])
                    self.skipped.update(range(source.first, source.value_after))
                if source.name is not None:
                    self.names.add(source.name)

    def _read_target(self, index: int) -> None:
        """The table that is written to, by its own name and its alias."""
        if index < len(self.tokens) and self.tokens[index].is_name:
            parts, after = qualified_name(self.tokens, index)
            self.names.add(parts[-1])
            alias = self.tokens[after] if after < len(self.tokens) else None
            if alias is not None and alias.is_name and not alias.is_word(*_AFTER_TARGET):
                self.names.add(fold(alias))

    def rewrite(self, blocks: list[Block]) -> None:
        """Go through the tokens once."""
        index = after = 0
        starts = {block.first: block.after for block in blocks}
        while index < len(self.tokens):
            after = max(after, starts.get(index, 0))
            if index >= after:
                index += 1
                continue
            if index in self.unnested:
                index = self._unnest(index)
                continue
            token = self.tokens[index]
            if index in self.skipped or self._is_array(index):
                index += 1
                continue
            if not (token.is_name or token.is_mark(")")):
                index += 1
                continue
            index = self._chain(index, blocks)

    def _is_array(self, index: int) -> bool:
        """Whether `array[…]` of PostgreSQL stands here, as it may over catalogs."""
        tokens = self.tokens
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        return tokens[index].is_word("array") and following is not None and following.is_mark("[")

    def _chain(self, index: int, blocks: list[Block]) -> int:
        """Rewrite the navigation that begins here, if one does; the index to go on at."""
        tokens = self.tokens
        token, before = tokens[index], tokens[index - 1] if index else None
        if token.is_name:
            if before is not None and (before.is_mark("::") or before.is_word("as")):
                return index + 1
            end = index
            while (
                end + 2 < len(tokens) and tokens[end + 1].is_mark(".") and tokens[end + 2].is_name
            ):
                end += 2
            if end + 1 < len(tokens) and tokens[end + 1].is_mark("("):
                return end + 1
            if end + 2 < len(tokens) and tokens[end + 1].is_mark("."):  # t.*
                return end + 3
            first, column = index, self._column(index, end)
        else:
            end = first = column = index
        if column + 1 == len(tokens) or tokens[column + 1].text not in (".", "["):
            return end + 1
        if not token.is_name:
            first = operand(tokens, index + 1)
        stop, text = self._steps(first, column)
        if stop == column + 1 or (stop < len(tokens) and tokens[stop].text == "(+)"):
            return end + 1
        self.changed = True
        start, finish = tokens[first].start, tokens[stop - 1].end
        name = self._name(first, stop, blocks)
        self.edits.replace(start, finish, text)
        if name is not None:
            self.edits.insert(name[0], f" as {quoted(name[1])}")
        self._literals(first, stop)
        return stop

    def _column(self, first: int, last: int) -> int:
        """The index of the last token of the column's own name."""
        parts = [fold(self.tokens[index]) for index in range(first, last + 1, 2)]
        if len(parts) == 1 or parts[0] in self.values:
            return first
        if len(parts) > 2 and tuple(parts[:2]) in self.tables:
            return first + 4 if parts[0] not in self.names or len(parts) > 3 else first + 2
        if parts[0] in self.names:
            return first + 2
        if parts[0] in _SCHEMAS or not self.names or len(parts) > 3:
            return last
        return first

    def _steps(self, first: int, column: int) -> tuple[int, str]:
        """The index after the steps that follow a value, and the calls for them."""
        tokens = self.tokens
        text = self.edits.render(tokens[first].start, tokens[column].end)
        if tokens[first].is_name and first == column and fold(tokens[first]) in self.values:
            text = f"{quoted(fold(tokens[first]))}.{quoted(fold(tokens[first]))}"
        index = column + 1
        while index + 1 < len(tokens):
            if tokens[index].is_mark("[") and not tokens[index + 1].is_mark("]"):
                end = closing(tokens, index)
                inner = self.sql[tokens[index + 1].start : tokens[end - 1].end]
                text = f"pg_internal.super_at({text}, {inner})"
                index = end + 1
            elif tokens[index].is_mark(".") and tokens[index + 1].is_name:
                attribute = self._attribute(tokens[index + 1]).replace("'", "''")
                text = f"pg_internal.super_get({text}, '{attribute}')"
                index += 2
            else:
                break
        return index, text

    def _attribute(self, token: Token) -> str:
        """An attribute's name: lower case, unless names are case sensitive and it is quoted."""
        if token.kind is Kind.QUOTED and self.known.case_sensitive:
            return token.name
        return fold(token)

    def _name(self, first: int, stop: int, blocks: list[Block]) -> tuple[int, str] | None:
        """Where an alias belongs and which, when the navigation is a select item without one."""
        tokens = self.tokens
        last = tokens[stop - 1]
        if not last.is_name:
            opening = stop - 1
            while opening > first and not tokens[opening].is_name:
                opening -= 1
            last = tokens[opening]
        for block in blocks:
            span = block.clauses["list"]
            if not span.first <= first < span.after:
                continue
            for found in items(tokens, block):
                if found.first != first or found.alias is not None:
                    continue
                if found.after == stop or tokens[stop].is_mark("::"):
                    return tokens[found.after - 1].end, fold(last)
        return None

    def _literals(self, first: int, stop: int) -> None:
        """Texts that a navigation is compared with are texts, not JSON."""
        tokens = self.tokens
        after = stop
        if first > 1 and tokens[first - 1].text in _COMPARISONS:
            self._text_literal(first - 2)
        if after + 1 < len(tokens) and tokens[after].text in _COMPARISONS:
            self._text_literal(after + 1)
        if after < len(tokens) and tokens[after].is_word("not"):
            after += 1
        if after + 1 < len(tokens) and tokens[after].is_word("in"):
            for index in range(after + 2, closing(tokens, after + 1)):
                self._text_literal(index)
        elif after + 3 < len(tokens) and tokens[after].is_word("between"):
            self._text_literal(after + 1)
            self._text_literal(after + 3)

    def _text_literal(self, index: int) -> None:
        token = self.tokens[index]
        following = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
        if token.kind is Kind.STRING and not (following is not None and following.is_mark("::")):
            self.edits.insert(token.end, "::text")

    def _unnest(self, index: int) -> int:
        """`t.items AS i [AT n]` as a call; the index after it."""
        tokens, after = self.tokens, self.unnested[index]
        end = index
        while end + 2 < after and tokens[end + 1].is_mark(".") and tokens[end + 2].is_name:
            end += 2
        stop, text = self._steps(index, self._column(index, end))
        if stop == index + 1:
            name = quoted(fold(tokens[index]))
            text = f"{name}.{name}"
        place = fold(tokens[after - 1]) if tokens[after - 2].is_word("at") else None
        alias_at = stop + tokens[stop].is_word("as") if stop < after else stop
        alias = fold(tokens[alias_at]) if alias_at < after else fold(tokens[stop - 1])
        function = "super_elements" if place is None else "super_elements_at"
        start = tokens[index].start
        if index and unpivots(tokens, index - 1):  # "Object unpivoting" of the guide
            function = "super_values" if place is None else "super_pairs"
            start = tokens[index - 1].start
        columns = quoted(alias) + ("" if place is None else f", {quoted(place)}")
        self.edits.replace(
            start,
            tokens[after - 1].end,
            f"lateral pg_internal.{function}({text}) as {quoted(alias)}({columns})",
        )
        self.changed = True
        return after
