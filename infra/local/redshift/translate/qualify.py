"""QUALIFY and SELECT TOP as PostgreSQL queries.

QUALIFY filters by window functions, after HAVING and before DISTINCT and ORDER BY
(https://docs.aws.amazon.com/redshift/latest/dg/r_QUALIFY_clause.html): the block becomes a
subquery with the condition as one more column, and the filter stands around it. Aliases in the
condition are lateral aliases of the subquery's list.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError, refused
from infra.local.redshift.translate.blocks import (
    Block,
    Item,
    Span,
    find_blocks,
    is_star,
    items,
    split_commas,
)
from infra.local.redshift.translate.columns import Known, columns_of_from
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Kind, Token
from infra.local.redshift.translate.names import column_name, is_column
from infra.local.redshift.translate.relations import fold, quoted
from infra.local.redshift.translate.sources import From, read_from


def rewrite_top(sql: str, tokens: list[Token], _known: Known) -> Edits | None:
    """The last `SELECT TOP n` as LIMIT n; None without one."""
    for block in reversed(find_blocks(tokens)):
        at = block.clauses["list"].first
        if not _is_top(tokens, at):
            continue
        if "limit" in block.clauses or "fetch" in block.clauses:
            raise GatewayError(
                SYNTAX_ERROR, "TOP and LIMIT cannot stand together", position=tokens[at].start + 1
            )
        edits = Edits(sql)
        edits.delete(tokens[at].start, tokens[at + 2].start)
        end = tokens[block.after - 1].end
        before = block.clause("offset")
        limit = f" limit {tokens[at + 1].text}"
        if block.in_set:
            edits.insert(tokens[block.first].start, "(")
            limit += ")"
        edits.insert(tokens[before.first - 1].end if before else end, limit)
        return edits
    return None


def _is_top(tokens: list[Token], index: int) -> bool:
    """Whether TOP and a number stand here, with something after them."""
    return (
        index + 2 < len(tokens)
        and tokens[index].is_word("top")
        and tokens[index + 1].kind is Kind.NUMBER
        and not tokens[index + 2].is_mark(",")
    )


def rewrite_qualify(sql: str, tokens: list[Token], known: Known) -> Edits | None:
    """The last block with QUALIFY as a filtered subquery; None without one."""
    for block in reversed(find_blocks(tokens)):
        if "qualify" in block.clauses:
            return _Qualify(sql, tokens, block, known).rewrite()
    return None


@dataclass
class _Qualify:
    """The rewrite of one block."""

    sql: str
    tokens: list[Token]
    block: Block
    known: Known
    outer: list[str] = field(default_factory=list)  # the outer select list
    names: set[str] = field(default_factory=set)  # of the inner columns
    inner: list[tuple[int, int, str]] = field(default_factory=list)  # edits of the list
    stars: list[str] = field(default_factory=list)  # lateral subqueries, one per star

    def __post_init__(self) -> None:
        self.edits = Edits(self.sql)

    def rewrite(self) -> Edits:
        """The edits that turn the block into a filtered subquery."""
        tokens, block, edits = self.tokens, self.block, self.edits
        source = read_from(tokens, block)
        self._needs_alias(source)
        listed = items(tokens, block)
        aliases = {found.alias for found in listed if found.alias is not None}
        for number, found in enumerate(listed, 1):
            self._item(number, found, source)
        condition = block.clauses["qualify"]
        if condition.after == condition.first + 1:
            raise GatewayError(
                SYNTAX_ERROR,
                "syntax error: QUALIFY without a condition",
                position=tokens[condition.first].start + 1,
            )
        helpers = f", ({self._text(condition.first + 1, condition.after)}) as rs_keep"
        helpers += self._order(aliases)
        opening = f" {', '.join(self.outer)} from (select "
        list_at = tokens[block.clauses["list"].first - 1].end
        if self.inner and self.inner[0][0] == list_at:  # `select*`: a replacement starts there
            start, end, text = self.inner[0]
            self.inner[0] = start, end, opening + text
        else:
            edits.insert(list_at, opening)
        for start, end, text in self.inner:
            edits.replace(start, end, text)
        edits.insert(tokens[block.clauses["list"].after - 1].end, helpers)
        if self.stars:
            edits.insert(tokens[block.clauses["from"].after - 1].end, "".join(self.stars))
        edits.replace(
            tokens[condition.first].start,
            tokens[condition.after - 1].end,
            ") as rs_q where rs_q.rs_keep",
        )
        return edits

    def _needs_alias(self, source: From) -> None:
        """A relation directly before QUALIFY needs an alias, in Redshift too."""
        qualify = self.block.clauses["qualify"].first
        last = source.sources[-1] if source.sources else None
        if last is not None and last.after == qualify and last.alias is None and last.parts:
            raise GatewayError(
                SYNTAX_ERROR,
                'syntax error at or near "qualify"',
                hint="Redshift wants an alias for a relation that stands directly before QUALIFY.",
                position=self.tokens[qualify].start + 1,
            )

    def _text(self, first: int, after: int) -> str:
        return self.sql[self.tokens[first].start : self.tokens[after - 1].end]

    def _item(self, number: int, found: Item, source: From) -> None:
        """One select item: its inner column, and the outer reference to it."""
        tokens = self.tokens
        if is_star(tokens, found):
            self._star(number, found, source)
            return
        name = (
            found.alias
            if found.alias is not None
            else column_name(tokens, found.first, found.value_after)
        )
        inner = name
        if name in self.names or (
            found.alias is None and not is_column(tokens, found.first, found.value_after)
        ):
            inner = f"rs_{number}"
            start, end = tokens[found.value_after - 1].end, tokens[found.after - 1].end
            self.inner.append((start, end, f" as {inner}"))
        self.names.add(inner)
        renamed = "" if inner == name else f" as {quoted(name)}"
        self.outer.append(f"rs_q.{quoted(inner)}{renamed}")

    def _star(self, number: int, found: Item, source: From) -> None:
        """A star travels as one row value, so that the helper columns do not mix with it."""
        tokens = self.tokens
        if found.after - found.first > 1:
            stars = self._text(found.first, found.after)
        else:
            if source.merged:
                self._merged(found)
                return
            named = [each.name for each in source.sources]
            if None in named or not named:
                raise refused(
                    "QUALIFY with SELECT * over a subquery without alias",
                    self.sql,
                    position=tokens[found.first].start + 1,
                )
            stars = ", ".join(f"{quoted(str(name))}.*" for name in named)
        row = f"rs_star_{number}"
        value = f"select rs_r as {row} from (select {stars}) as rs_r"  # noqa: S608
        self.stars.append(f", lateral ({value}) as {row}_of")
        self.inner.append((tokens[found.first].start, tokens[found.after - 1].end, row))
        self.outer.append(f"(rs_q.{row}).*")

    def _merged(self, found: Item) -> None:
        """`*` over NATURAL JOIN or JOIN USING: its columns one by one."""
        columns = columns_of_from(self.sql, self.tokens, self.block, self.known)
        if len(set(columns)) < len(columns) or self.names.intersection(columns):
            raise refused(
                "QUALIFY with SELECT * over joined tables that share column names",
                self.sql,
                hint="Name the columns.",
                position=self.tokens[found.first].start + 1,
            )
        self.names.update(columns)
        self.outer += [f"rs_q.{quoted(column)}" for column in columns]

    def _order(self, aliases: set[str]) -> str:
        """ORDER BY stays outside; what is no output column travels as a helper column."""
        span = self.block.clause("order")
        if span is None or self.tokens[self.block.first + 1].is_word("distinct"):
            return ""
        tokens, helpers = self.tokens, ""
        for number, part in enumerate(split_commas(tokens, Span(span.first + 2, span.after)), 1):
            after = part.after
            if tokens[after - 1].is_word("first", "last") and tokens[after - 2].is_word("nulls"):
                after -= 2
            if tokens[after - 1].is_word("asc", "desc"):
                after -= 1
            first = tokens[part.first]
            alone = after - part.first == 1
            if alone and (first.kind is Kind.NUMBER or (first.is_name and fold(first) in aliases)):
                continue
            helpers += f", ({self._text(part.first, after)}) as rs_order_{number}"
            self.edits.replace(first.start, tokens[after - 1].end, f"rs_q.rs_order_{number}")
        return helpers
