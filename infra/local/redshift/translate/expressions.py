"""What is rewritten wherever expressions stand: calls, literals, names, types, keywords."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError, refused
from infra.local.redshift.missing import MISSING, TOLD
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.functions import (
    DATE_PART_ALIASES,
    DATE_PART_FIRST,
    DATE_PARTS,
    KEYWORDS,
    RENAMED,
)
from infra.local.redshift.translate.lexer import Kind, Token, in_lower_case
from infra.local.redshift.translate.types import (
    check_type,
    mixes_units,
    operand,
    rounded,
    type_replacement,
    varchar_size,
)
from infra.local.redshift.translate.windows import FRAMED, check_frame

# Date parts that PostgreSQL knows and Redshift does not.
_ONLY_POSTGRES = ("isodow", "isoyear", "julian")
Special = Callable[["Expressions", int, int, int], None]


@dataclass
class Expressions:
    """One pass over a statement's tokens that records changes in `edits`."""

    sql: str
    tokens: list[Token]
    edits: Edits
    denied: frozenset[str]  # PostgreSQL's own functions that Redshift lacks
    special: Mapping[str, Special]  # calls that are taken apart; see calls.py
    case_sensitive: bool = False
    done_to: int = -1  # tokens up to this index are part of a change made already

    def rewrite(self) -> None:
        """Go through all tokens once; raises GatewayError for what is not supported."""
        stack: list[int] = []
        for index, token in enumerate(self.tokens):
            if index <= self.done_to:
                continue
            if token.kind is Kind.STRING:
                self._string(index)
            elif token.kind is Kind.QUOTED:
                self._quoted(token)
            elif token.kind is Kind.NUMBER:
                self._number(index)
            elif token.kind is Kind.WORD:
                self._word(index)
            elif token.text == "(":
                stack.append(index)
            elif token.text == ")":
                if not stack:
                    raise GatewayError(
                        SYNTAX_ERROR, 'syntax error at or near ")"', position=token.start + 1
                    )
                self._closed(stack.pop(), index)
            elif token.text == "::":
                self.type_at(index + 1)
                self.cut(operand(self.tokens, index), index, index + 1)
            elif token.text == "(+)":
                raise self.refused("The outer join operator (+) outside WHERE", index)
        if stack:
            raise GatewayError(
                SYNTAX_ERROR,
                "syntax error: a parenthesis is not closed",
                position=self.tokens[stack[-1]].start + 1,
            )

    def at(self, index: int) -> Token | None:
        """The token at an index, or None outside."""
        return self.tokens[index] if 0 <= index < len(self.tokens) else None

    def is_mark(self, index: int, text: str) -> bool:
        """Whether the token at an index is this mark."""
        token = self.at(index)
        return token is not None and token.is_mark(text)

    def is_word(self, index: int, *words: str) -> bool:
        """Whether the token at an index is one of these words."""
        token = self.at(index)
        return token is not None and token.is_word(*words)

    def refused(self, what: str, index: int) -> GatewayError:
        """The refusal of what stands at an index."""
        return refused(what, self.sql, position=self.tokens[index].start + 1)

    def _string(self, index: int) -> None:
        """A backslash in a literal escapes, as in Redshift."""
        token = self.tokens[index]
        before = self.at(index - 1)
        prefixed = before is not None and before.end == token.start and before.kind is Kind.WORD
        if "\\" in token.text and not prefixed:
            self.edits.insert(token.start, "E")
        following = self.at(index + 1)
        if (
            following is not None
            and self.is_word(index - 1, "interval")
            and mixes_units(token.value, following.text)
        ):
            raise self.refused("An INTERVAL literal with months and days", index)

    def _number(self, index: int) -> None:
        """A word may follow a number without a blank, as in PostgreSQL 8 (`THEN 4WHEN …`)."""
        token, following = self.tokens[index], self.at(index + 1)
        if following is not None and following.start == token.end and following.is_name:
            self.edits.insert(token.end, " ")

    def _quoted(self, token: Token) -> None:
        """Quoted names fold to lower case."""
        folded = token.text if self.case_sensitive else in_lower_case(token.text)
        if folded != token.text:
            self.edits.replace(token.start, token.end, folded)

    def _word(self, index: int) -> None:
        """Keywords and bare words."""
        token = self.tokens[index]
        text = token.text
        if text[0] == "#":
            self.edits.replace(token.start, token.end, f'"{text}"')
        elif text in KEYWORDS:
            called = self.is_mark(index + 1, "(") and text in RENAMED
            if not (called or self.is_mark(index - 1, ".") or self.is_word(index - 1, "as")):
                self.edits.replace(token.start, token.end, KEYWORDS[text])
        elif text == "approximate" and self.is_word(index + 1, "count", "percentile_disc"):
            self.edits.delete(token.start, token.end)

    def type_at(self, index: int) -> None:
        """A type after `::`, in CAST and in column definitions."""
        token = self.at(index)
        if token is None or not token.is_name or self.is_mark(index + 1, "."):
            return
        check_type(self.sql, self.tokens, index)
        replacement = type_replacement(self.tokens, index)
        if replacement is not None:
            start, end, text = replacement
            self.edits.replace(start, end, text)

    def cut(self, first: int, after: int, type_at: int) -> None:
        """Let the value [first, after) be cut to the bytes of the VARCHAR(n) it is cast to.

        Constants that are cast to numbers are rounded.
        """
        size = varchar_size(self.tokens, type_at)
        if first >= after:
            return
        self.round(first, after, type_at)
        alone = after - first == 1 and self.tokens[first].kind in (Kind.STRING, Kind.PARAMETER)
        if alone and self.is_word(type_at, "varbyte", "varbinary"):  # its characters' bytes
            self.edits.insert(self.tokens[first].end, "::text")
        if self.is_word(type_at, "super"):  # a text is a value, not JSON to be read
            kind = "::text" if self.tokens[first].kind is Kind.STRING else ""
            start, end = self.tokens[first].start, self.tokens[after - 1].end
            text = self.edits.render(start, end)
            self.edits.replace(start, end, f"pg_internal.to_super(({text}){kind})")
        if size is None:
            return
        token = self.tokens[first]
        if after - first == 1 and token.kind is Kind.STRING and len(token.text.encode()) <= size:
            return
        start, end = token.start, self.tokens[after - 1].end
        text = self.edits.render(start, end)
        self.edits.replace(start, end, f"pg_internal.cut(({text})::text, {size})")

    def round(self, first: int, after: int, type_at: int) -> None:
        """Round a constant [first, after) that is cast to a number of fewer digits."""
        token = self.tokens[first]
        if after - first == 1 and token.kind in (Kind.NUMBER, Kind.STRING) and "." in token.text:
            text = rounded(token, self.tokens, type_at)
            if text is not None:
                self.edits.replace(token.start, token.end, text)

    def _closed(self, opening: int, closing: int) -> None:
        """A call has ended: apply its rewrite, inner calls being done."""
        name_at = opening - 1
        name = self.at(name_at)
        if name is None or name.kind is not Kind.WORD:
            return
        if self.is_mark(name_at - 1, ".") and not self.is_word(name_at - 2, "pg_catalog"):
            return
        if self.is_word(name_at - 1, "into", "table", "view", "exists", "join", "update"):
            return
        text = name.text
        if text in FRAMED:
            check_frame(self, name_at, closing)
        special = self.special.get(text)
        if special is not None:
            special(self, name_at, opening, closing)
            return
        if text in DATE_PART_FIRST:
            self._date_part(name_at, opening)
        elif text in RENAMED:  # pg_catalog.version() as well
            first = self.tokens[name_at - 2] if self.is_mark(name_at - 1, ".") else name
            self.edits.replace(first.start, name.end, RENAMED[text])
        elif text in self.denied:
            raise GatewayError(
                "42883",
                f"function {text}() does not exist",
                detail=TOLD
                if text in MISSING
                else "PostgreSQL behind the local gateway has it, Redshift does not.",
                position=name.start + 1,
            )

    def _date_part(self, name_at: int, opening: int) -> None:
        """The first argument of a date function as PostgreSQL's name in a literal."""
        name, part = self.tokens[name_at], self.at(opening + 1)
        if name.text in DATE_PART_ALIASES:
            self.edits.replace(name.start, name.end, DATE_PART_ALIASES[name.text])
        if part is None or not self.is_mark(opening + 2, ","):
            return
        word = part.value.lower() if part.kind is Kind.STRING else part.name.lower()
        if part.kind is Kind.STRING and word not in DATE_PARTS and word not in _ONLY_POSTGRES:
            return  # PostgreSQL names the unknown part
        if part.is_name or part.kind is Kind.STRING:
            if word not in DATE_PARTS:
                raise GatewayError("22023", f'"{word}" is not a date part', position=part.start + 1)
            if name.text in ("date_part", "pgdate_part") and DATE_PARTS[word] == "decade":
                raise self.refused("DATE_PART of a decade: use EXTRACT; it", name_at)
            self.edits.replace(part.start, part.end, f"'{DATE_PARTS[word]}'")

    def arguments(self, opening: int, closing: int) -> list[tuple[int, int]]:
        """Token ranges [first, after) of a call's arguments."""
        ranges: list[tuple[int, int]] = []
        depth, start = 0, opening + 1
        for index in range(opening + 1, closing):
            text = self.tokens[index].text
            if text in ("(", "["):
                depth += 1
            elif text in (")", "]"):
                depth -= 1
            elif text == "," and depth == 0 and self.tokens[index].kind is Kind.PUNCTUATION:
                ranges.append((start, index))
                start = index + 1
        if start < closing:
            ranges.append((start, closing))
        return ranges

    def text_of(self, span: tuple[int, int]) -> str:
        """The text of a token range with the changes made so far."""
        return self.edits.render(self.tokens[span[0]].start, self.tokens[span[1] - 1].end)

    def rewritten(self, first: int, after: int) -> str:
        """The text of tokens that the pass has not come to yet, rewritten by a pass of its own."""
        edits = Edits(self.sql)
        part = replace(self, tokens=self.tokens[first:after], edits=edits, done_to=-1)
        part.rewrite()
        return edits.render(self.tokens[first].start, self.tokens[after - 1].end)

    def end_of_parentheses(self, opening: int) -> int:
        """The index of the parenthesis that closes the one at an index."""
        depth = 0
        for index in range(opening, len(self.tokens)):
            depth += self.tokens[index].is_mark("(") - self.tokens[index].is_mark(")")
            if depth == 0:
                return index
        raise GatewayError(
            SYNTAX_ERROR,
            "syntax error: a parenthesis is not closed",
            position=self.tokens[opening].start + 1,
        )

    def replace_call(self, name_at: int, closing: int, text: str) -> None:
        """Put a text in the place of a whole call."""
        self.edits.replace(self.tokens[name_at].start, self.tokens[closing].end, text)

    def wrong_arguments(self, name_at: int) -> GatewayError:
        """The error for a call with a number of arguments that it does not take."""
        name = self.tokens[name_at]
        return GatewayError(
            "42883",
            f"function {name.text}() does not take these arguments",
            position=name.start + 1,
        )
