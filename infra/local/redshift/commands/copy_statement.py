"""COPY's grammar: which parameters are known, and which go with which format."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError, refused
from infra.local.redshift.translate.lexer import Kind, Token
from infra.local.redshift.translate.relations import fold, qualified_name


class Format(enum.Enum):
    """Formats of files that are loaded."""

    PARQUET = "parquet"
    CSV = "csv"


# What columnar COPY accepts besides FORMAT and FROM:
# https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
_COLUMNAR = frozenset(
    {
        "acceptinvchars",
        "fillrecord",
        "iam_role",
        "credentials",
        "statupdate",
        "manifest",
        "explicit_ids",
    }
)


@dataclass(frozen=True)
class CopyStatement:
    """One COPY, checked."""

    table: tuple[str, ...]
    columns: tuple[str, ...]
    url: str
    format: Format
    manifest: bool = False
    role: str | None = None
    credentials: str | None = None
    delimiter: str = ","
    quote: str = '"'
    ignore_header: int = 0
    explicit_ids: bool = False
    empty_as_null: bool = False
    gzip: bool = False


class _Reader:
    """A cursor over COPY's tokens."""

    def __init__(self, sql: str, tokens: list[Token]) -> None:
        self.sql, self.tokens, self.index = sql, tokens, 1
        self.seen: dict[str, Token] = {}

    @property
    def token(self) -> Token:
        if self.index >= len(self.tokens):
            raise GatewayError(
                SYNTAX_ERROR, "syntax error at end of input", position=len(self.sql) + 1
            )
        return self.tokens[self.index]

    def error(self) -> GatewayError:
        text = self.sql[self.token.start : self.token.end]
        return GatewayError(
            SYNTAX_ERROR, f'syntax error at or near "{text}"', position=self.token.start + 1
        )

    def word(self, *words: str) -> str:
        if not self.token.is_word(*words):
            raise self.error()
        self.index += 1
        return self.tokens[self.index - 1].text

    def try_word(self, *words: str) -> bool:
        if self.index < len(self.tokens) and self.token.is_word(*words):
            self.index += 1
            return True
        return False

    def string(self) -> str:
        if self.token.kind is not Kind.STRING:
            raise self.error()
        self.index += 1
        return self.tokens[self.index - 1].value

    def number(self) -> int:
        if self.token.kind is not Kind.NUMBER or not self.token.text.isdigit():
            raise self.error()
        self.index += 1
        return int(self.tokens[self.index - 1].text)


def parse_copy(sql: str, tokens: list[Token]) -> CopyStatement:
    """Read a COPY; raises GatewayError naming the parameter that is unknown or does not fit."""
    reader = _Reader(sql, tokens)
    if not reader.token.is_name:
        raise reader.error()
    table, reader.index = qualified_name(tokens, reader.index)
    columns: list[str] = []
    if reader.token.is_mark("("):
        reader.index += 1
        while not reader.token.is_mark(")"):
            if not reader.token.is_name:
                raise reader.error()
            columns.append(fold(reader.token))
            reader.index += 1
            if reader.token.is_mark(","):
                reader.index += 1
        reader.index += 1
    reader.word("from")
    url = reader.string()
    if not url.startswith("s3://"):
        raise refused(f"COPY from {url.split(':', 1)[0]}", sql, hint="Only s3:// URLs are read.")
    options: dict[str, object] = {}
    kind: Format | None = None
    while reader.index < len(tokens):
        kind = _parameter(reader, options) or kind
    if kind is None:
        raise refused("COPY of delimited text", sql, hint="Say FORMAT AS PARQUET or CSV.")
    if kind is Format.PARQUET:
        for name, token in reader.seen.items():
            if name not in _COLUMNAR:
                raise GatewayError(
                    "0A000",
                    f"{name.upper()} argument is not supported for PARQUET based COPY",
                    position=token.start + 1,
                )
    if "role" not in options and "credentials" not in options:
        raise GatewayError(
            "0A000",
            "COPY needs an IAM_ROLE or CREDENTIALS parameter",
            hint="For example: iam_role 'arn:aws:iam::123456789012:role/name'.",
        )
    return CopyStatement(table, tuple(columns), url, kind, **options)  # type: ignore[arg-type]


# Parameters without a value, with a text value, and those that change nothing here.
_FLAGS = {
    "manifest": "manifest",
    "explicit_ids": "explicit_ids",
    "emptyasnull": "empty_as_null",
    "gzip": "gzip",
}
_TEXTS = {"delimiter": "delimiter", "quote": "quote", "credentials": "credentials"}
_NO_EFFECT = {
    "statupdate": ("on", "off", "true", "false"),
    "compupdate": ("on", "off", "true", "false", "preset"),
}


def _parameter(reader: _Reader, options: dict[str, object]) -> Format | None:
    """Take one parameter; returns the format when it names one."""
    token = reader.token
    if token.kind is not Kind.WORD:
        raise reader.error()
    reader.index += 1
    name = token.text
    if name in ("format", "csv", "parquet"):
        return _format(reader, name, options)
    if name in reader.seen:
        raise GatewayError(
            SYNTAX_ERROR, f"conflicting or redundant options: {name}", position=token.start + 1
        )
    reader.seen[name] = token
    if name in _FLAGS:
        options[_FLAGS[name]] = True
    elif name in _TEXTS:
        reader.try_word("as")
        options[_TEXTS[name]] = reader.string()
    elif name in _NO_EFFECT:
        reader.try_word(*_NO_EFFECT[name])
    elif name == "iam_role":
        options["role"] = "default" if reader.try_word("default") else reader.string()
    elif name == "ignoreheader":
        reader.try_word("as")
        options["ignore_header"] = reader.number()
    elif name == "region":
        reader.try_word("as")
        reader.string()
    else:
        raise refused(f"COPY parameter {name.upper()}", reader.sql, position=token.start + 1)
    return None


def _format(reader: _Reader, name: str, options: dict[str, object]) -> Format:
    if name == "format":
        reader.try_word("as")
        token = reader.token
        name = reader.word("parquet", "csv", "orc", "avro", "json", "delimited", "shapefile")
        if name not in ("parquet", "csv"):
            raise refused(f"COPY FORMAT {name.upper()}", reader.sql, position=token.start + 1)
    if name == "csv" and reader.index < len(reader.tokens) and reader.token.is_word("quote"):
        reader.index += 1
        reader.try_word("as")
        options["quote"] = reader.string()
    return Format(name)
