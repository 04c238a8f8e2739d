"""Reading the parameters of COPY and UNLOAD: a cursor over tokens and the shapes of parameters."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError
from infra.local.redshift.translate.lexer import Kind, Token


class Shape(enum.Enum):
    """What follows a parameter's name; AS may stand between."""

    FLAG = "nothing"
    TEXT = "a string"
    OPTIONAL_TEXT = "a string or nothing"
    NUMBER = "a whole number"
    SWITCH = "ON, OFF or nothing"
    SIZE = "a number with MB or GB"


@dataclass(frozen=True)
class Parameter:
    """One parameter: the statement's field that it sets (None: read and without effect)."""

    field: str | None
    shape: Shape


class Compression(enum.Enum):
    """How files are compressed."""

    GZIP = "gzip"
    BZIP2 = "bzip2"
    ZSTD = "zstd"


# https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-authorization.html
AUTHORIZATION = {
    "iam_role": "role",
    "credentials": "credentials",
    "access_key_id": "access_key_id",
    "secret_access_key": "secret_access_key",
    "session_token": "session_token",
}
_SWITCH = ("on", "off", "true", "false", "preset")
_ESCAPE = re.compile(r"\\([0-7]{1,3}|[tnrbf\\])")
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "\\": "\\"}


class Reader:
    """A cursor over a statement's tokens."""

    def __init__(self, sql: str, tokens: list[Token]) -> None:
        self.sql, self.tokens, self.index = sql, tokens, 1
        self.seen: dict[str, Token] = {}

    @property
    def at_end(self) -> bool:
        """Whether everything is read."""
        return self.index >= len(self.tokens)

    @property
    def token(self) -> Token:
        """The token under the cursor; raises a syntax error at the end."""
        if self.at_end:
            raise GatewayError(
                SYNTAX_ERROR, "syntax error at end of input", position=len(self.sql) + 1
            )
        return self.tokens[self.index]

    def error(self) -> GatewayError:
        """A syntax error at the cursor."""
        text = self.sql[self.token.start : self.token.end]
        return GatewayError(
            SYNTAX_ERROR, f'syntax error at or near "{text}"', position=self.token.start + 1
        )

    def take(self) -> Token:
        """The token under the cursor, which moves on."""
        token = self.token
        self.index += 1
        return token

    def word(self, *words: str) -> str:
        """Take one of these words."""
        if not self.token.is_word(*words):
            raise self.error()
        return self.take().text

    def try_word(self, *words: str) -> str | None:
        """Take one of these words when it is next."""
        if not self.at_end and self.token.is_word(*words):
            return self.take().text
        return None

    def mark(self, text: str) -> None:
        """Take this mark."""
        if not self.token.is_mark(text):
            raise self.error()
        self.index += 1

    def try_mark(self, text: str) -> bool:
        """Take this mark when it is next."""
        if not self.at_end and self.token.is_mark(text):
            self.index += 1
            return True
        return False

    def string(self) -> str:
        """Take a string literal's value."""
        if self.token.kind not in (Kind.STRING, Kind.DOLLAR):
            raise self.error()
        return self.take().value

    def parameter_text(self) -> str:
        r"""Take a string in which a backslash is literal unless it begins `\t`, `\\` or `\001`.

        So that `'\N'` and `'\\N'` are the same, as COPY's documentation writes both.
        """
        if self.token.kind is not Kind.STRING:
            raise self.error()
        raw = self.take().text[1:-1].replace("''", "'")

        def one(match: re.Match[str]) -> str:
            code = match.group(1)
            return _ESCAPES.get(code) or chr(int(code, 8))

        return _ESCAPE.sub(one, raw)

    def number(self) -> int:
        """Take a whole number."""
        if self.token.kind is not Kind.NUMBER or not self.token.text.isdigit():
            raise self.error()
        return int(self.take().text)

    def size(self) -> float:
        """Take a number with an optional unit; returns bytes."""
        if self.token.kind is not Kind.NUMBER:
            raise self.error()
        number = float(self.take().text)
        unit = self.try_word("mb", "gb")
        return number * (1024**3 if unit == "gb" else 1024**2)

    def once(self, name: str, token: Token) -> None:
        """Note that a parameter was given; raises GatewayError the second time."""
        if name in self.seen:
            raise GatewayError(
                SYNTAX_ERROR, f"conflicting or redundant options: {name}", position=token.start + 1
            )
        self.seen[name] = token

    def argument(self, shape: Shape) -> object:
        """What follows a parameter's name."""
        if shape is Shape.FLAG:
            return True
        if shape is Shape.SWITCH:
            return self.try_word(*_SWITCH) not in ("off", "false")
        self.try_word("as")
        if shape is Shape.NUMBER:
            return self.number()
        if shape is Shape.SIZE:
            return self.size()
        if shape is Shape.OPTIONAL_TEXT and (self.at_end or self.token.kind is not Kind.STRING):
            return None
        return self.parameter_text()

    def authorization(self, name: str, options: dict[str, object]) -> None:
        """Take the value of one of the AUTHORIZATION parameters."""
        self.try_word("as")
        if name == "iam_role" and self.try_word("default"):
            options["role"] = "default"
        else:
            options[AUTHORIZATION[name]] = self.string()


def check_authorization(options: dict[str, object], command: str) -> None:
    """Raise GatewayError unless exactly one way of authorization was given."""
    ways = [
        name
        for name, fields in (
            ("IAM_ROLE", ("role",)),
            ("CREDENTIALS", ("credentials",)),
            ("ACCESS_KEY_ID", ("access_key_id", "secret_access_key", "session_token")),
        )
        if any(field in options for field in fields)
    ]
    if not ways:
        raise GatewayError(
            "0A000",
            f"{command} needs an IAM_ROLE or CREDENTIALS parameter",
            hint="For example: iam_role 'arn:aws:iam::123456789012:role/name'.",
        )
    if len(ways) > 1:
        raise GatewayError(
            SYNTAX_ERROR, f"{ways[0]} and {ways[1]} cannot be specified at the same time"
        )
    if ways == ["ACCESS_KEY_ID"] and not {"access_key_id", "secret_access_key"} <= set(options):
        raise GatewayError(
            SYNTAX_ERROR, "ACCESS_KEY_ID and SECRET_ACCESS_KEY must be used together"
        )


def one_character(text: str, name: str, position: int) -> str:
    """The text when it is one ASCII character; raises GatewayError naming the parameter."""
    if len(text) != 1 or not text.isascii():
        raise GatewayError(
            SYNTAX_ERROR, f"{name} must be a single ASCII character", position=position
        )
    return text
