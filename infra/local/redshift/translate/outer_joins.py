"""The outer join operator `(+)` as LEFT JOIN.

Conditions in WHERE whose columns of one table carry `(+)` are that table's join conditions
(https://docs.aws.amazon.com/redshift/latest/dg/r_WHERE_oracle_outer.html). Redshift ignores the
operator in some places without a word; what is not certain is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.local.redshift.errors import GatewayError, refused
from infra.local.redshift.translate.blocks import (
    Block,
    Span,
    find_blocks,
    is_star,
    items,
    split_words,
)
from infra.local.redshift.translate.columns import Known
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Token, words
from infra.local.redshift.translate.relations import fold, quoted
from infra.local.redshift.translate.sources import From, Source, read_from

_OPERATOR = "(+)"
# Words in a condition that are no columns.
_NO_COLUMNS = words(
    "and not is null like ilike between case when then else end true false date timestamp interval "
    "similar to escape distinct from cast as sysdate"
)


@dataclass(frozen=True)
class _Condition:
    """A condition of WHERE that carries the operator."""

    span: Span
    inner: str  # the table whose columns carry it
    outer: str | None  # the table that it is compared with


@dataclass
class _Tables:
    """Which tables a condition's columns belong to."""

    marked: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    nameless: bool = False  # a column without the operator that names no table
    nameless_marked: bool = False


def rewrite_outer_joins(sql: str, tokens: list[Token], _known: Known) -> Edits | None:
    """The last block whose WHERE has `(+)` with JOIN in its place; None without one."""
    for block in reversed(find_blocks(tokens)):
        where = block.clause("where")
        if where is not None and any(
            tokens[index].text == _OPERATOR for index in range(where.first, where.after)
        ):
            return _OuterJoins(sql, tokens, block, where).rewrite()
    return None


class _OuterJoins:
    """The rewrite of one block."""

    def __init__(self, sql: str, tokens: list[Token], block: Block, where: Span) -> None:
        self._sql = sql
        self._tokens = tokens
        self._block = block
        self._where = where
        self._from: From = read_from(tokens, block)
        self._names = [source.name for source in self._from.sources]

    def rewrite(self) -> Edits:
        """The edits for FROM, WHERE and a star whose order would change."""
        tokens = self._tokens
        operator = next(
            tokens[index]
            for index in range(self._where.first, self._where.after)
            if tokens[index].text == _OPERATOR
        )
        if self._from.joins:
            raise GatewayError(
                "42601",
                'Old style outer join operator "(+)" cannot be specified in a query block that '
                "also contains FROM clause join syntax",
                position=operator.start + 1,
            )
        parts = list(split_words(tokens, Span(self._where.first + 1, self._where.after), "and"))
        marked = [part for part in parts if self._has_operator(part)]
        conditions = [self._read(part) for part in self._with_one_table(marked, operator)]
        joined: dict[str, str] = {}
        for condition in conditions:
            if condition.outer is None:
                continue
            if joined.setdefault(condition.inner, condition.outer) != condition.outer:
                raise GatewayError(
                    "42601",
                    "A table may be outer joined to at most one other table",
                    position=tokens[condition.span.first].start + 1,
                )
        for condition in conditions:
            if condition.inner not in joined:
                raise self._refused("(+) without a join condition", condition.span)
        edits = Edits(self._sql)
        self._put_joins(edits, conditions, joined, operator)
        self._take_conditions(edits, parts, marked)
        return edits

    def _refused(self, what: str, span: Span) -> GatewayError:
        return refused(what, self._sql, position=self._tokens[span.first].start + 1)

    def _has_operator(self, span: Span) -> bool:
        return any(self._tokens[i].text == _OPERATOR for i in range(span.first, span.after))

    def _with_one_table(self, marked: list[Span], operator: Token) -> list[Span]:
        """The marked conditions, after checks that hold for each of them."""
        if None in self._names or len(set(self._names)) != len(self._names):
            raise refused(
                "(+) with a subquery or table without a name of its own",
                self._sql,
                position=operator.start + 1,
            )
        for span in marked:
            part = self._tokens[span.first : span.after]
            if any(token.is_word("or", "in") for token in part):
                raise GatewayError(
                    "42601",
                    "Outer join operator (+) not allowed in operand of OR or IN.",
                    position=part[0].start + 1,
                )
            if any(token.is_word("select") for token in part):
                raise self._refused("(+) together with a subquery", span)
        return marked

    def _tables(self, span: Span) -> _Tables:
        """The tables of a condition's columns."""
        tokens, found = self._tokens, _Tables()
        for index in range(span.first, span.after):
            token = tokens[index]
            if not token.is_name or tokens[index - 1].is_mark(".") or token.is_word(*_NO_COLUMNS):
                continue
            end = index
            while end + 2 < span.after and tokens[end + 1].is_mark(".") and tokens[end + 2].is_name:
                end += 2
            following = tokens[end + 1] if end + 1 < span.after else None
            if following is not None and following.is_mark("("):
                continue
            if tokens[index - 1].is_mark("::"):
                continue
            operator = following is not None and following.text == _OPERATOR
            if end == index:
                found.nameless_marked |= operator
                found.nameless |= not operator
                continue
            table = fold(tokens[end - 2])
            if table not in self._names:
                raise self._refused("(+) with a table of an outer query", span)
            (found.marked if operator else found.others).add(table)
        return found

    def _read(self, span: Span) -> _Condition:
        """Which tables a marked condition joins."""
        found = self._tables(span)
        inner = found.marked
        if found.nameless_marked and not inner:
            inner = self._only_marked_table()
        if len(inner) != 1:
            raise self._refused("(+) on columns of more than one table in a condition", span)
        (table,) = inner
        if table in found.others or (
            (found.nameless or found.nameless_marked) and len(self._names) > 2
        ):
            raise self._refused("(+) in a condition whose tables are not certain", span)
        others = found.others
        if found.nameless:
            others = {str(name) for name in self._names if name != table}
        if len(others) > 1:
            raise self._refused("(+) in a condition over three tables", span)
        return _Condition(span, table, next(iter(others), None))

    def _only_marked_table(self) -> set[str]:
        """The table that the operator stands on elsewhere in this WHERE."""
        return self._tables(Span(self._where.first + 1, self._where.after)).marked

    def _text(self, span: Span) -> str:
        """A condition's text without the operator."""
        edits = Edits(self._sql)
        for token in self._tokens[span.first : span.after]:
            if token.text == _OPERATOR:
                edits.delete(token.start, token.end)
        first, last = self._tokens[span.first], self._tokens[span.after - 1]
        return edits.render(first.start, last.end)

    def _put_joins(
        self, edits: Edits, conditions: list[_Condition], joined: dict[str, str], operator: Token
    ) -> None:
        """FROM: every table with those that are outer joined to it, directly or further on."""
        written: list[str] = []

        def tree(source: Source) -> str:
            name = str(source.name)
            written.append(name)
            first, last = self._tokens[source.first], self._tokens[source.after - 1]
            text = self._sql[first.start : last.end]
            for other in self._from.sources:
                if joined.get(str(other.name)) == name:
                    on = " and ".join(
                        f"({self._text(c.span)})" for c in conditions if c.inner == other.name
                    )
                    inner = tree(other)
                    inner = f"({inner})" if " left join " in inner else inner
                    text += f" left join {inner} on {on}"
            return text

        roots = [source for source in self._from.sources if source.name not in joined]
        trees = ", ".join([tree(source) for source in roots])
        if len(written) != len(self._names):
            raise refused("(+) in a circle", self._sql, position=operator.start + 1)
        sources = self._from.sources
        first, last = self._tokens[sources[0].first], self._tokens[sources[-1].after - 1]
        edits.replace(first.start, last.end, trees)
        if written != self._names:
            stars = ", ".join(f"{quoted(str(name))}.*" for name in self._names)
            for item in items(self._tokens, self._block):
                if is_star(self._tokens, item) and item.after - item.first == 1:
                    star = self._tokens[item.first]
                    edits.replace(star.start, star.end, stars)

    def _take_conditions(self, edits: Edits, parts: list[Span], marked: list[Span]) -> None:
        """WHERE keeps what carries no operator."""
        tokens = self._tokens
        rest = [part for part in parts if part not in marked]
        start, end = tokens[self._where.first].start, tokens[self._where.after - 1].end
        if not rest:
            edits.delete(start, end)
            return
        text = " and ".join(
            self._sql[tokens[part.first].start : tokens[part.after - 1].end] for part in rest
        )
        edits.replace(start, end, f"where {text}")
