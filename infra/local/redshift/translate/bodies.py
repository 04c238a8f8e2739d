"""The bodies of procedures: PL/pgSQL, cut into its statements.

SQL among them is translated as a statement of its own, the rest as expressions. The text of an
EXECUTE is translated when it runs (session/questions.py), and so is a query that reads late-binding
views or uses an alias again (deferred.py). COPY and UNLOAD run when the gateway is asked for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError, refused
from infra.local.redshift.translate.calls import SPECIAL
from infra.local.redshift.translate.columns import Known
from infra.local.redshift.translate.constructs import Restructured
from infra.local.redshift.translate.databases import other_databases
from infra.local.redshift.translate.deferred import deferred, is_deferred, refuse_found
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.expressions import Expressions
from infra.local.redshift.translate.handlers import Handlers
from infra.local.redshift.translate.lexer import Token, tokenize, words
from infra.local.redshift.translate.parser import Parser, literal, quote
from infra.local.redshift.translate.relations import fold, names_as_written
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.tables import column_type

Translate = Callable[[str, list[Token], Context], Plan]

_SQL = words(
    "select with insert update delete merge create drop alter truncate copy unload grant revoke "
    "analyze vacuum lock set call comment reset"
)
# Control statements and the word that ends their head.
_HEADS = {
    **dict.fromkeys(("if", "elsif", "elseif", "case", "when"), "then"),
    **dict.fromkeys(("while", "for"), "loop"),
}
_ALONE = words("begin declare else loop then")
_ATTRIBUTES = re.compile(r"\s*/\*redshift:(\{.*\})\*/\s*$")


@dataclass
class Body:
    """A procedure's body on its way to PostgreSQL."""

    text: str
    context: Context
    translate: Translate
    names: set[str]
    edits: Edits = field(default_factory=lambda: Edits(""))
    index: int = 0
    declaring: bool = False
    tokens: list[Token] = field(default_factory=list)
    handlers: Handlers = field(default_factory=lambda: Handlers(""))

    def translated(self) -> str:
        """The body for PostgreSQL."""
        self.tokens = tokenize(self.text)
        self.handlers = Handlers(self.text)
        self._read_names()
        self.edits = edits = Edits(self.text)
        while self.index < len(self.tokens):
            first = self.index
            changed = self._statement()
            if changed is not None and self.index > first:
                start, end = self.tokens[first].start, self.tokens[self.index - 1].end
                if changed != self.text[start:end]:
                    edits.replace(start, end, changed)
            if self.index < len(self.tokens) and self.tokens[self.index].is_mark(";"):
                self.index += 1
        return edits.render()

    def _read_names(self) -> None:
        """The declared variables, which rows and columns are not."""
        declaring = False
        for before, token, after in zip(
            self.tokens, self.tokens[1:], self.tokens[2:], strict=False
        ):
            declaring = before.is_word("declare") or (declaring and not before.is_word("begin"))
            due = declaring and (before.is_word("declare") or before.is_mark(";"))
            if (due and token.is_name and not token.is_word("begin")) or (
                before.is_word("for") and after.is_word("in")
            ):
                self.names.add(fold(token))

    def _statement(self) -> str | None:  # noqa: PLR0911 one per kind of statement
        """Move over the statement or head at the cursor; its text for PostgreSQL."""
        token, first = self.tokens[self.index], self.index
        if token.is_word(*_ALONE):
            self.declaring = token.text == "declare"
            self.index += 1
            if token.is_word("begin"):
                self.handlers.open()
            return None
        if token.is_mark("<"):  # <<label>>
            while self.index < len(self.tokens) and not self.tokens[self.index].is_mark(">"):
                self.index += 1
            self.index += 2
            return None
        if token.is_word("exception"):
            self.index = self.handlers.begin(self.tokens, self.index)
            return None
        if not self.declaring and token.is_word(*_HEADS):
            self.index += 1  # CASE itself opens none of the CASE … END within the head
            self._move_to(_HEADS[token.text])
        else:
            self._move_to(";")
        part = self.tokens[first : self.index]
        if self.declaring:
            return self._declaration(first)
        if token.is_word("end") and not (len(part) > 1 and part[1].is_word("if", "loop", "case")):
            return self.handlers.end(self._span(first, self.index), self.edits)
        self.handlers.note(part, runs=part[0].is_word(*_SQL))
        execute = next(
            (n for n, each in enumerate(part) if each.is_word("execute") and _runs(part, n)), None
        )
        if execute is not None:
            return self._execute(first, first + execute)
        if token.is_word(*_SQL):
            return self._sql(self._span(first, self.index))
        return self._loop(first)

    def _refused(self, what: str) -> GatewayError:
        return refused(what, self.text)

    def _span(self, first: int, after: int) -> str:
        return self.text[self.tokens[first].start : self.tokens[after - 1].end]

    def _move_to(self, stop: str) -> None:
        """Move to a word or mark outside parentheses and CASE."""
        depth = 0
        while self.index < len(self.tokens):
            token = self.tokens[self.index]
            if depth == 0 and token.text == stop:
                return
            depth += token.is_mark("(") - token.is_mark(")")
            if stop != ";":
                depth += token.is_word("case") - token.is_word("end")
            self.index += 1

    def _expressions(self, text: str) -> str:
        """Text with its expressions, and the queries in it, for PostgreSQL."""
        context = self.context
        moved = other_databases(tokenize(text), text, context)
        text = text if moved is None else moved.render()
        known = Known(dict(context.columns), context.case_sensitive, frozenset(self.names))
        shaped = Restructured(text, tokenize(text), known)
        edits = Edits(shaped.sql)
        Expressions(
            shaped.sql, shaped.tokens, edits, context.denied, SPECIAL, context.case_sensitive
        ).rewrite()
        return edits.render()

    def _declaration(self, first: int) -> str:
        """`name [CONSTANT] type [:= value]`, with Redshift's types."""
        text = self._span(first, self.index)
        parser = Parser(text, tokenize(text))
        parser.name()
        parser.try_word("constant")
        token = parser.token
        if token is None:
            raise parser.error()
        following = parser.tokens[parser.index + 1 : parser.index + 2]
        free = token.is_word("record", "refcursor", "cursor", "alias") or (
            following and (following[0].is_mark("%") or following[0].is_mark("."))
        )
        if not free:
            column_type(parser)
        return self._expressions(parser.edits.render())

    def _execute(self, first: int, execute: int) -> str:
        """`EXECUTE text [INTO target]`, FOR … IN EXECUTE text, OPEN … FOR EXECUTE text.

        https://docs.aws.amazon.com/redshift/latest/dg/c_PLpgSQL-statements.html. The text is
        translated when it runs; TRUNCATE commits there as well.
        """
        end = self.index
        for index in range(execute + 1, self.index):
            if self.tokens[index].is_word("using") and self._depth(execute, index) == 0:
                raise GatewayError(SYNTAX_ERROR, 'syntax error at or near "using"')
            if self.tokens[index].is_word("into") and self._depth(execute, index) == 0:
                end = index
        if end == execute + 1:
            raise GatewayError(SYNTAX_ERROR, 'syntax error at or near "execute"')
        before = self._span(first, execute + 1)
        text = self._expressions(self._span(execute + 1, end))
        into = f" {self._span(end, self.index)}" if end < self.index else ""
        ran = f"{before} pg_internal.translated(({text})::text){into}"
        if first < execute:  # a loop or a cursor
            return f"{ran} "
        return f"{ran}; if pg_internal.commit_due() then commit; end if"

    def _depth(self, first: int, index: int) -> int:
        """How many parentheses are open at an index."""
        part = self.tokens[first:index]
        return sum(each.is_mark("(") - each.is_mark(")") for each in part)

    def _sql(self, text: str) -> str:
        """One SQL statement of the body."""
        tokens = tokenize(text)
        context = replace(self.context, rows=frozenset(self.names))
        plan = self.translate(text, tokens, context)
        if plan.command is not None:
            return f"execute pg_internal.translated({literal(text)})"
        if is_deferred(plan, context):
            return self._deferred(text, tokens)
        sql, *calls = statements_of(plan, text, tokens)
        performed = [f"perform{call.removeprefix('select')}" for call in calls]
        return "; ".join([sql, *performed, *plan.after])

    def _deferred(self, text: str, tokens: list[Token], *, loop: bool = False) -> str:
        """A query that is translated when it runs."""
        refusal = refuse_found(self.tokens, self.text)
        if refusal is not None:
            raise refusal
        return deferred(text, tokens, self.names, loop=loop)

    def _loop(self, first: int) -> str:
        """FOR target IN query, or any other control statement's head."""
        part = self.tokens[first : self.index]
        query = next(
            (
                n + 1
                for n, token in enumerate(part[:-1])
                if part[0].is_word("for")
                and token.is_word("in")
                and part[n + 1].is_word("select", "with")
            ),
            None,
        )
        if query is not None:
            text = self._span(first + query, self.index)
            tokens = tokenize(text)
            context = replace(self.context, rows=frozenset(self.names))
            if is_deferred(self.translate(text, tokens, context), context):
                head = self._span(first, first + query)
                return f"{head} {self._deferred(text, tokens, loop=True)}"
        return self._expressions(self._span(first, self.index))


def _runs(part: list[Token], index: int) -> bool:
    """Whether an EXECUTE within a statement of PL/pgSQL is one, not a name."""
    return index == 0 or part[index - 1].is_word("in", "for")


def statements_of(plan: Plan, text: str, tokens: list[Token]) -> list[str]:
    """PostgreSQL's statements for one that runs in a procedure, without the commit after it.

    What is recorded about a table of CREATE TABLE travels in a call; see tables.py.
    """
    if plan.command is not None or plan.alone is not None:
        raise refused(f"{tokens[0].text.upper()} in a procedure", text)
    given = _ATTRIBUTES.search(plan.sql)
    if given is None:
        return [plan.sql]
    with names_as_written():
        parser = Parser(plan.sql, tokenize(plan.sql))
        while not parser.try_word("table"):
            parser.index += 1
        parser.try_words("if", "not", "exists")
        table = literal(quote(*parser.dotted_name()))
    return [
        plan.sql[: given.start()],
        f"select pg_internal.set_table_attributes({table}::regclass, "
        f"{literal(given.group(1))}::jsonb)",
    ]
