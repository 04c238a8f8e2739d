"""CREATE PROCEDURE, CALL and DROP PROCEDURE in PL/pgSQL.

https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_PROCEDURE.html: the body is cut into its
statements; SQL among them is translated as a statement of its own, the rest as expressions. An OUT
argument is left out in CALL: it becomes INOUT with a default. Refused: EXECUTE of a computed
text (it would run untranslated), EXCEPTION (Redshift raises the error again after the handler),
NONATOMIC, COPY and UNLOAD inside.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from infra.local.redshift.errors import GatewayError, refused
from infra.local.redshift.translate.calls import SPECIAL
from infra.local.redshift.translate.columns import Known
from infra.local.redshift.translate.constructs import Restructured
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.expressions import Expressions
from infra.local.redshift.translate.lexer import Kind, Token, tokenize, words
from infra.local.redshift.translate.parser import Parser, dollar_quote, literal, quote
from infra.local.redshift.translate.relations import fold
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.routines import TWO_WORD_TYPES, argument_types
from infra.local.redshift.translate.tables import column_type, telling

Translate = Callable[[str, list[Token], Context], Plan]

_SQL = words(
    "select with insert update delete merge create drop alter truncate copy unload grant revoke "
    "analyze vacuum lock set call comment reset"
)
# Control statements and the word that ends their head.
_HEADS = {"if": "then", "elsif": "then", "elseif": "then", "while": "loop", "for": "loop"}
_ALONE = words("begin declare else loop")
_ATTRIBUTES = re.compile(r"\s*/\*redshift:(\{.*\})\*/\s*$")


def create_procedure(parser: Parser, context: Context, translate: Translate) -> Plan:
    """CREATE [OR REPLACE] PROCEDURE name (arguments) AS $$…$$ LANGUAGE plpgsql [SECURITY …]."""
    parser.word("create")
    replacing = "or replace " if parser.try_words("or", "replace") else ""
    parser.word("procedure")
    name = quote(*parser.dotted_name())
    arguments, names, types = _arguments(parser)
    if parser.peek_word("nonatomic"):
        raise parser.refuse("A NONATOMIC procedure")
    parser.word("as")
    at, text = parser.index, parser.string()
    parser.word("language")
    parser.word("plpgsql")
    security = ""
    if parser.try_word("security"):
        security = f" security {parser.word('invoker', 'definer')}"
    if parser.peek_word("set"):
        raise parser.refuse("SET in CREATE PROCEDURE")
    parser.finish()
    try:
        body = _Body(text, context, translate, names).translated()
    except GatewayError as error:
        error.position = parser.tokens[at].start + 1
        raise
    return parser.plan(
        f"create {replacing}procedure {name} ({arguments}) language plpgsql{security} "
        f"as {dollar_quote(body)} "
        f"/*redshift:{telling({'body': text, 'types': types})}*/",
        tag="CREATE PROCEDURE",
    )


def _arguments(parser: Parser) -> tuple[str, set[str], list[str]]:
    """The arguments for PostgreSQL, their names, and their types with their sizes."""
    parser.mark("(")
    arguments: list[str] = []
    types: list[str] = []
    names: set[str] = set()
    optional = False
    while not parser.try_mark(")"):
        mode = parser.try_word("in", "out", "inout")
        name = ""
        if _is_named(parser):
            name = parser.name()
            names.add(name)
        mode = mode or parser.try_word("in", "out", "inout") or "in"
        first = parser.index
        column_type(parser)
        kind = parser.edits.render(parser.tokens[first].start, parser.tokens[parser.index - 1].end)
        types.append(kind)
        if optional and mode != "out":
            raise parser.refuse("An argument after an OUT argument")
        optional = optional or mode == "out"
        default = " default null" if mode == "out" else ""
        shown = "inout" if mode == "out" else mode
        arguments.append(f"{shown} {quote(name) if name else ''} {kind}{default}")
        if not parser.try_mark(","):
            parser.mark(")")
            break
    return ", ".join(arguments), names, types


def _is_named(parser: Parser) -> bool:
    """Whether a name, not a type, stands at the cursor."""
    here = parser.tokens[parser.index : parser.index + 2]
    return (
        len(here) == 2
        and here[1].is_name
        and tuple(token.text for token in here) not in TWO_WORD_TYPES
    )


@dataclass
class _Body:
    """A procedure's body on its way to PostgreSQL."""

    text: str
    context: Context
    translate: Translate
    names: set[str]
    index: int = 0
    declaring: bool = False
    tokens: list[Token] = field(default_factory=list)

    def translated(self) -> str:
        """The body for PostgreSQL."""
        self.tokens = tokenize(self.text)
        self._read_names()
        edits = Edits(self.text)
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
        due = False
        for token in self.tokens:
            if due and token.is_name and not token.is_word("begin"):
                self.names.add(fold(token))
            due = token.is_word("declare", "for") or token.is_mark(";")

    def _statement(self) -> str | None:
        """Move over the statement or head at the cursor; its text for PostgreSQL."""
        token, first = self.tokens[self.index], self.index
        if token.is_word(*_ALONE):
            self.declaring = token.text == "declare"
            self.index += 1
            return None
        if token.is_mark("<"):  # <<label>>
            while self.index < len(self.tokens) and not self.tokens[self.index].is_mark(">"):
                self.index += 1
            self.index += 2
            return None
        if token.is_word("exception"):
            raise self._refused("EXCEPTION in a procedure")
        if not self.declaring and token.is_word("case"):
            raise self._refused("A CASE statement in a procedure")
        if not self.declaring and token.is_word(*_HEADS):
            self._move_to(_HEADS[token.text])
        else:
            self._move_to(";")
        part = self.tokens[first : self.index]
        if self.declaring:
            return self._declaration(first)
        if token.is_word("execute"):
            return self._execute(part)
        if any(each.is_word("execute") for each in part[1:]):
            raise self._refused("EXECUTE of a computed statement in a procedure")
        if token.is_word(*_SQL):
            return self._sql(self._span(first, self.index))
        return self._expressions(self._span(first, self.index))

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

    def _execute(self, part: list[Token]) -> str:
        """EXECUTE of one literal; a computed text would run as PostgreSQL's."""
        if len(part) != 2 or part[1].kind not in (Kind.STRING, Kind.DOLLAR):
            raise self._refused("EXECUTE of a computed statement in a procedure")
        return self._sql(part[1].value.strip().rstrip(";"))

    def _sql(self, text: str) -> str:
        """One SQL statement of the body."""
        tokens = tokenize(text)
        context = replace(self.context, rows=frozenset(self.names))
        plan = self.translate(text, tokens, context)
        if plan.command is not None or plan.alone is not None:
            raise self._refused(f"{tokens[0].text.upper()} in a procedure")
        given = _ATTRIBUTES.search(plan.sql)
        if given is None:
            return "; ".join([plan.sql, *plan.after])
        parser = Parser(text, tokens)  # CREATE TABLE: what is recorded about it
        while not parser.try_word("table"):
            parser.index += 1
        parser.try_words("if", "not", "exists")
        table = literal(quote(*parser.dotted_name()))
        return (
            f"{plan.sql[: given.start()]}; perform pg_internal.set_table_attributes("
            f"{table}::regclass, {literal(given.group(1))}::jsonb)"
        )


def drop_procedure(parser: Parser, _context: Context) -> Plan:
    """DROP PROCEDURE [IF EXISTS] name [(types)]."""
    parser.word("drop")
    parser.word("procedure")
    lenient = parser.try_words("if", "exists")
    path = ", ".join(map(literal, parser.dotted_name()))
    types = argument_types(parser)
    parser.finish()
    body = (
        f"begin perform pg_internal.drop_procedure(array[{path}]::text[], {types}, "
        f"{str(lenient).lower()}); end"
    )
    return parser.plan(f"do {dollar_quote(body)}", tag="DROP PROCEDURE")


def call(parser: Parser, context: Context) -> Plan:
    """CALL name (arguments), without those that are OUT."""
    parser.word("call")
    parser.dotted_name()
    first = parser.index
    parser.skip_parentheses()
    parser.finish()
    parser.expressions(context, first)
    return parser.plan()
