"""A cursor over a statement's tokens, for the grammars that are written out here (DDL, SET …)."""

from __future__ import annotations

from infra.local.redshift.commands.statements import Command
from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError, refused
from infra.local.redshift.translate.calls import SPECIAL
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.expressions import Expressions
from infra.local.redshift.translate.lexer import Kind, Token
from infra.local.redshift.translate.literals import type_literals
from infra.local.redshift.translate.relations import fold, qualified_name
from infra.local.redshift.translate.result import Context, Plan, TransactionVerb


class Parser:
    """Reads one statement from left to right and collects changes to its text."""

    def __init__(self, sql: str, tokens: list[Token], original: str | None = None) -> None:
        self.sql = sql
        self.original = sql if original is None else original  # as the client wrote it
        self.tokens = tokens
        self.edits = Edits(sql)
        self.index = 0

    @property
    def token(self) -> Token | None:
        """The token under the cursor, None at the end."""
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    @property
    def at_end(self) -> bool:
        """Whether everything is read."""
        return self.index >= len(self.tokens)

    def error(self) -> GatewayError:
        """A syntax error at the cursor."""
        token = self.token
        if token is None:
            return GatewayError(
                SYNTAX_ERROR, "syntax error at end of input", position=len(self.sql) + 1
            )
        text = self.sql[token.start : token.end]
        return GatewayError(
            SYNTAX_ERROR, f'syntax error at or near "{text}"', position=token.start + 1
        )

    def refuse(self, what: str, hint: str | None = None) -> GatewayError:
        """The refusal of what stands at the cursor."""
        token = self.token
        return refused(
            what, self.sql, hint=hint, position=token.start + 1 if token is not None else None
        )

    def peek_word(self, *words: str) -> bool:
        """Whether one of these words stands at the cursor."""
        return self.token is not None and self.token.is_word(*words)

    def peek_mark(self, text: str) -> bool:
        """Whether this mark stands at the cursor."""
        return self.token is not None and self.token.is_mark(text)

    def peek_words(self, *words: str) -> bool:
        """Whether these words stand at the cursor, in this order."""
        here = self.tokens[self.index : self.index + len(words)]
        return len(here) == len(words) and all(
            token.is_word(word) for token, word in zip(here, words, strict=True)
        )

    def try_word(self, *words: str) -> str | None:
        """Take one of these words when it stands at the cursor."""
        if self.token is not None and self.token.is_word(*words):
            self.index += 1
            return self.tokens[self.index - 1].text
        return None

    def try_words(self, *words: str) -> bool:
        """Take this run of words when it stands at the cursor."""
        if self.peek_words(*words):
            self.index += len(words)
            return True
        return False

    def try_mark(self, text: str) -> bool:
        """Take a mark when it stands at the cursor."""
        if self.peek_mark(text):
            self.index += 1
            return True
        return False

    def word(self, *words: str) -> str:
        """Take one of these words or raise a syntax error."""
        found = self.try_word(*words)
        if found is None:
            raise self.error()
        return found

    def mark(self, text: str) -> None:
        """Take this mark or raise a syntax error."""
        if not self.try_mark(text):
            raise self.error()

    def name(self) -> str:
        """Take one identifier, folded."""
        token = self.token
        if token is None or not token.is_name:
            raise self.error()
        self.index += 1
        return fold(token)

    def dotted_name(self) -> tuple[str, ...]:
        """Take a name with optional qualifiers."""
        token = self.token
        if token is None or not token.is_name:
            raise self.error()
        parts, self.index = qualified_name(self.tokens, self.index)
        return parts

    def string(self) -> str:
        """Take a string literal's value."""
        token = self.token
        if token is None or token.kind not in (Kind.STRING, Kind.DOLLAR):
            raise self.error()
        self.index += 1
        return token.value

    def number(self) -> int:
        """Take a whole number."""
        negative = self.try_mark("-")
        token = self.token
        if token is None or token.kind is not Kind.NUMBER or not token.text.isdigit():
            raise self.error()
        self.index += 1
        return -int(token.text) if negative else int(token.text)

    def names_in_parentheses(self) -> list[str]:
        """Take `(a, b, …)`."""
        self.mark("(")
        names = [self.name()]
        while self.try_mark(","):
            names.append(self.name())
        self.mark(")")
        return names

    def skip_parentheses(self) -> None:
        """Move from an opening parenthesis to after its closing one."""
        self.mark("(")
        depth = 1
        while depth:
            if self.token is None:
                raise self.error()
            depth += self.token.is_mark("(") - self.token.is_mark(")")
            self.index += 1

    def finish(self) -> None:
        """Raise a syntax error unless everything is read."""
        if not self.at_end:
            raise self.error()

    def delete(self, first: int, after: int) -> None:
        """Remove the tokens [first, after)."""
        if after > first:
            self.edits.delete(self.tokens[first].start, self.tokens[after - 1].end)

    def expressions(self, context: Context, first: int = 0, after: int | None = None) -> None:
        """Rewrite calls, literals and names in a range of tokens."""
        part = self.tokens[first:after]
        Expressions(
            self.sql, part, self.edits, context.denied, SPECIAL, context.case_sensitive
        ).rewrite()

    def query(self, context: Context, first: int, after: int | None = None) -> None:
        """Rewrite the query that a view or table is made of: its literals get their types."""
        self.expressions(context, first, after)
        type_literals(self.tokens[first:after], self.edits)

    def plan(
        self,
        sql: str | None = None,
        *,
        tag: str | None = None,
        after: tuple[str, ...] = (),
        verb: TransactionVerb | None = None,
        command: Command | None = None,
        looks_up: bool = False,
    ) -> Plan:
        """The result: the edited text, or other SQL in its place."""
        return Plan(
            sql if sql is not None else self.edits.render(),
            self.original,
            tag=tag,
            after=after,
            verb=verb,
            command=command,
            looks_up=looks_up,
            to_original=self.edits.original_position if sql is None else None,
        )


def quote(*parts: str) -> str:
    """A dotted name with every part quoted."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """A string literal that PostgreSQL reads as exactly this text."""
    doubled = text.replace("'", "''")
    if "\\" in doubled:
        return "E'" + doubled.replace("\\", "\\\\") + "'"
    return "'" + doubled + "'"


def dollar_quote(text: str) -> str:
    """A dollar-quoted literal whose tag does not occur in the text."""
    tag, number = "$rs$", 0
    while tag in text:
        number += 1
        tag = f"$rs{number}$"
    return f"{tag}{text}{tag}"
