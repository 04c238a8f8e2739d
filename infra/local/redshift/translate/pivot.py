"""PIVOT and UNPIVOT in FROM as subqueries.

https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-pivot-unpivot-examples.html: columns
that neither names are grouped by (PIVOT) or kept (UNPIVOT); a PIVOT column is called after the IN
value's alias or the constant, with `_` and the aggregate's alias after it.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError, refused
from infra.local.redshift.translate.blocks import Span, closing, find_blocks, item, split_commas
from infra.local.redshift.translate.columns import Known, columns_of
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Kind, Token, words
from infra.local.redshift.translate.relations import fold, quoted
from infra.local.redshift.translate.sources import Source, read_from

_AGGREGATES = words("count sum min max avg")


def rewrite_pivot(sql: str, tokens: list[Token], known: Known) -> Edits | None:
    """The last PIVOT or UNPIVOT of the statement as a subquery; None without one."""
    for block in reversed(find_blocks(tokens)):
        for source in reversed(read_from(tokens, block).sources):
            at = source.after
            if at < block.after and tokens[at].is_word("pivot", "unpivot"):
                return _Rotation(sql, tokens, source, at).rewrite(known)
    return None


@dataclass
class _Rotation:
    """One PIVOT or UNPIVOT: its source and the index of its keyword."""

    sql: str
    tokens: list[Token]
    source: Source
    at: int

    def rewrite(self, known: Known) -> Edits:
        """The edits that put a subquery in the place of the source and the clause."""
        pivot = self.tokens[self.at].is_word("pivot")
        columns = columns_of(self.sql, self.tokens, self.source, known)
        opening = self.at + 1
        nulls = False
        if not pivot and self._word(opening, "include", "exclude"):
            nulls = self.tokens[opening].text == "include"
            if not self._word(opening + 1, "nulls"):
                raise self._error(opening + 1)
            opening += 2
        if opening >= len(self.tokens) or not self.tokens[opening].is_mark("("):
            raise self._error(opening)
        end = closing(self.tokens, opening)
        body = Span(opening + 1, end)
        text = self._pivot(body, columns) if pivot else self._unpivot(body, columns, nulls)
        edits = Edits(self.sql)
        start = self.tokens[self.source.first].start
        edits.replace(start, self.tokens[end].end, text)
        return edits

    def _word(self, index: int, *wanted: str) -> bool:
        return index < len(self.tokens) and self.tokens[index].is_word(*wanted)

    def _error(self, index: int) -> GatewayError:
        token = self.tokens[min(index, len(self.tokens) - 1)]
        text = self.sql[token.start : token.end]
        return GatewayError(
            SYNTAX_ERROR, f'syntax error at or near "{text}"', position=token.start + 1
        )

    def _text(self, first: int, after: int) -> str:
        return self.sql[self.tokens[first].start : self.tokens[after - 1].end]

    @property
    def _source_text(self) -> str:
        return self._text(self.source.first, self.source.after)

    def _for_in(self, body: Span) -> tuple[int, Span]:
        """The index of FOR, and the parts of IN's list."""
        index = body.first
        while index < body.after and not self._word(index, "for"):
            index = closing(self.tokens, index) if self.tokens[index].is_mark("(") else index
            index += 1
        opening = index + 3
        shaped = (
            index + 4 < body.after
            and self.tokens[index + 1].is_name
            and self._word(index + 2, "in")
            and self.tokens[opening].is_mark("(")
            and closing(self.tokens, opening) == body.after - 1
        )
        if not shaped:
            raise self._error(index)
        return index, Span(opening + 1, body.after - 1)

    def _pivot(self, body: Span, columns: tuple[str, ...]) -> str:
        """`aggregate [AS alias] FOR column IN (value [AS alias], …)`."""
        at, values = self._for_in(body)
        called = item(self.tokens, body.first, at)
        name = self.tokens[called.first]
        if not (
            name.is_word(*_AGGREGATES)
            and self.tokens[called.first + 1].is_mark("(")
            and closing(self.tokens, called.first + 1) == called.value_after - 1
        ):
            raise GatewayError(
                SYNTAX_ERROR,
                "PIVOT takes one call of COUNT, SUM, MIN, MAX or AVG",
                position=name.start + 1,
            )
        column = fold(self.tokens[at + 1])
        used = {fold(t) for t in self.tokens[called.first : called.value_after] if t.is_name}
        grouped = [quoted(c) for c in columns if c not in used and c != column]
        aggregate = self._text(called.first, called.value_after)
        suffix = f"_{called.alias}" if called.alias is not None else ""
        listed = list(grouped)
        for part in split_commas(self.tokens, values):
            value = item(self.tokens, part.first, part.after)
            text = self._text(value.first, value.value_after)
            test = "is null" if text.lower() == "null" else f"= {text}"
            header = quoted(self._header(value.alias, value.first, value.value_after) + suffix)
            listed.append(f"{aggregate} filter (where {quoted(column)} {test}) as {header}")
        groups = f" group by {', '.join(grouped)}" if grouped else ""
        return f"(select {', '.join(listed)} from {self._source_text}{groups})"  # noqa: S608

    def _header(self, alias: str | None, first: int, after: int) -> str:
        """A PIVOT column's name without the aggregate's part."""
        if alias is not None:
            return alias
        token = self.tokens[first]
        if after - first == 1 and token.kind is Kind.STRING:
            return token.value
        if after - first == 1 and (token.kind is Kind.NUMBER or token.is_word("null")):
            return token.text
        raise refused(
            "PIVOT over a value that is no constant and has no alias",
            self.sql,
            position=token.start + 1,
        )

    def _unpivot(self, body: Span, columns: tuple[str, ...], nulls: bool) -> str:
        """`value FOR name IN (column [AS alias], …)`."""
        at, listed = self._for_in(body)
        if at != body.first + 1 or not self.tokens[body.first].is_name:
            raise self._error(body.first)
        value, name = fold(self.tokens[body.first]), fold(self.tokens[at + 1])
        rows: list[str] = []
        rotated: set[str] = set()
        for part in split_commas(self.tokens, listed):
            token, last = self.tokens[part.first], self.tokens[part.after - 1]
            if not token.is_name:
                raise self._error(part.first)
            column = fold(token)
            rotated.add(column)
            label = column
            if part.after - part.first > 1:
                label = last.value if last.kind is Kind.STRING else fold(last)
            escaped = label.replace("'", "''")
            rows.append(f"('{escaped}'::varchar, {quoted(column)})")
        kept = [quoted(c) for c in columns if c not in rotated]
        outer = ", ".join([*kept, f"rs_u.{quoted(name)}", f"rs_u.{quoted(value)}"])
        where = "" if nulls else f" where rs_u.{quoted(value)} is not null"
        return (
            f"(select {outer} from {self._source_text} cross join lateral "  # noqa: S608
            f"(values {', '.join(rows)}) as rs_u({quoted(name)}, {quoted(value)}){where})"
        )
