"""Redshift SQL as tokens with exact positions.

One regular expression, so that a statement of any size costs microseconds per token and every
rewrite can leave the rest of the text byte for byte as it was.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError


class Kind(enum.Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted"  # "identifier"
    STRING = "string"  # 'literal'
    DOLLAR = "dollar"  # $tag$literal$tag$
    NUMBER = "number"
    PARAMETER = "parameter"  # $1
    OPERATOR = "operator"  # one or more operator characters, or :: := ->
    PUNCTUATION = "punctuation"  # ( ) [ ] , ; .
    ROWS = "rows"  # rows of VALUES that hold constants only, to the comma after the last


def in_lower_case(text: str) -> str:
    """A name's ASCII letters in lower case; Redshift leaves others as they are."""
    if text.isascii():
        return text.lower()
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` is lower case for words, as written otherwise."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """The identifier that a word or a quoted identifier names."""
        if self.kind is Kind.QUOTED:
            return self.text[1:-1].replace('""', '"')
        return self.text

    @property
    def is_name(self) -> bool:
        """Whether the token can be an identifier."""
        return self.kind is Kind.WORD or self.kind is Kind.QUOTED

    @property
    def value(self) -> str:
        """The text that a string literal stands for."""
        if self.kind is Kind.DOLLAR:
            tag = self.text.index("$", 1) + 1
            return self.text[tag:-tag]
        return _unescape(self.text[1:-1].replace("''", "'"))

    def is_word(self, *words: str) -> bool:
        """Whether the token is one of these unquoted words (lower case)."""
        return self.kind is Kind.WORD and self.text in words

    def is_mark(self, text: str) -> bool:
        """Whether the token is this punctuation or operator."""
        return self.text == text and self.kind in (Kind.PUNCTUATION, Kind.OPERATOR)


_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<string>'[^'\\]*(?:(?:''|\\.)[^'\\]*)*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<parameter>\$\d+)
    | (?P<dollar>\$(?P<tag>[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$
                 (?:(?!\$(?P=tag)\$).)*\$(?P=tag)\$)
    | (?P<dollar2>\$\$.*?\$\$)
    | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>(?:[A-Za-z_\x80-\U0010ffff]|\#(?=[A-Za-z_\x80-\U0010ffff]))[\w$\x80-\U0010ffff]*)
    | (?P<operator>::|:=|\(\+\)|[<>]=|<>|!=|\|\||[-+*/<>=~!@%^&|`?:\#])
    | (?P<punctuation>[(),;.\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
# Rows of plain constants, which no rewrite touches: one token, however many they are. A literal
# with a backslash is none of them.
_CONSTANT = r"""(?:'[^'\\]*+(?:''[^'\\]*+)*+'
    | [-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)? | null | true | false | default)"""
_ROWS = re.compile(
    rf"\s*+(?:\(\s*+ {_CONSTANT} \s*+ (?:,\s*+ {_CONSTANT} \s*+)*+ \)\s*+,\s*+)++",
    re.VERBOSE | re.IGNORECASE,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _unescape(text: str) -> str:
    """Backslash escapes as Redshift reads them in a literal."""
    if "\\" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] == "x" and len(code) > 1:
            return chr(int(code[1:], 16))
        if code[0] in "01234567":
            return chr(int(code, 8))
        return _ESCAPES.get(code, code)

    return _ESCAPE.sub(one, text)


_KINDS = {
    "string": Kind.STRING,
    "quoted": Kind.QUOTED,
    "parameter": Kind.PARAMETER,
    "dollar": Kind.DOLLAR,
    "dollar2": Kind.DOLLAR,
    "number": Kind.NUMBER,
    "word": Kind.WORD,
    "operator": Kind.OPERATOR,
    "punctuation": Kind.PUNCTUATION,
}


def words(text: str) -> frozenset[str]:
    """A set of words, written as one text."""
    return frozenset(text.split())


def tokenize(sql: str) -> list[Token]:
    """All tokens of a text without comments and space; raises GatewayError where it ends early."""
    tokens: list[Token] = []
    position, size = 0, len(sql)
    depth, values = 0, -1  # parentheses that are open; how many were where VALUES stands
    match_at = _TOKEN.match
    while position < size:
        match = match_at(sql, position)
        if match is None:
            raise _unreadable(sql, position)
        group = match.lastgroup or ""
        if group == "tag":
            group = "dollar"
        end = match.end()
        if group == "comment":
            end = _end_of_comment(sql, position)
        elif group != "space":
            text = match.group()
            kind = _KINDS[group]
            if kind is Kind.WORD:
                text = in_lower_case(text)
                if depth == values:
                    values = -1
            elif text == "(":
                if tokens and tokens[-1].is_word("values"):
                    values = depth
                depth += 1
            elif text == ")":
                depth -= 1
            tokens.append(Token(kind, text, position, end))
            if text == "," and depth == values:
                rows = _ROWS.match(sql, end)
                if rows is not None:
                    position, end = end, rows.end()
                    tokens.append(Token(Kind.ROWS, rows.group(), position, end))
        position = end
    return tokens


def _end_of_comment(sql: str, start: int) -> int:
    """Position after a block comment; they nest, as in PostgreSQL."""
    depth = 0
    for edge in _BLOCK_EDGE.finditer(sql, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    raise GatewayError(SYNTAX_ERROR, "unterminated /* comment", position=start + 1)


def _unreadable(sql: str, position: int) -> GatewayError:
    """The error for a character at which no token starts."""
    what = {"'": "unterminated quoted string", '"': "unterminated quoted identifier"}.get(
        sql[position], f'syntax error at or near "{sql[position]}"'
    )
    return GatewayError(SYNTAX_ERROR, what, position=position + 1)


def split_statements(tokens: list[Token]) -> list[list[Token]]:
    """The statements of a text: runs of tokens between semicolons outside parentheses."""
    statements: list[list[Token]] = []
    current: list[Token] = []
    for token in tokens:
        if token.is_mark(";"):
            if current:
                statements.append(current)
            current = []
        else:
            current.append(token)
    if current:
        statements.append(current)
    return statements
