"""UNLOAD's grammar: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from infra.local.redshift.commands.copy_statement import fixed_widths
from infra.local.redshift.commands.parameters import (
    AUTHORIZATION,
    Compression,
    Parameter,
    Reader,
    Shape,
    check_authorization,
    one_character,
)
from infra.local.redshift.errors import NOT_SUPPORTED, SYNTAX_ERROR, GatewayError, refused
from infra.local.redshift.translate.lexer import Token, tokenize
from infra.local.redshift.translate.relations import fold

_MB = 1024**2
# The largest file, in bytes: 6.2 GB.
MAX_FILE = int(6.2 * 1024 * _MB)


class UnloadFormat(enum.Enum):
    """Formats of files that are written."""

    TEXT = "text"  # delimited
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    FIXEDWIDTH = "fixedwidth"


_TEXT_ONLY = ("delimiter", "fixedwidth", "addquotes", "escape", "null", "header")
_CONFLICTS = {
    UnloadFormat.PARQUET: (*_TEXT_ONLY, *(item.value for item in Compression)),
    UnloadFormat.JSON: _TEXT_ONLY,
    UnloadFormat.CSV: ("fixedwidth", "addquotes", "escape"),
    UnloadFormat.FIXEDWIDTH: ("delimiter", "header", "addquotes", "escape"),
}
_PARAMETERS = {
    "header": Parameter("header", Shape.FLAG),
    "addquotes": Parameter("add_quotes", Shape.FLAG),
    "escape": Parameter("escape", Shape.FLAG),
    "allowoverwrite": Parameter("allow_overwrite", Shape.FLAG),
    "cleanpath": Parameter("clean_path", Shape.FLAG),
    "parallel": Parameter("parallel", Shape.SWITCH),
    "delimiter": Parameter("delimiter", Shape.TEXT),
    "null": Parameter("null_as", Shape.TEXT),
    "extension": Parameter("extension", Shape.TEXT),
    "region": Parameter(None, Shape.TEXT),
    # Encryption is S3's own (SSE-S3, SSE-KMS): whoever reads the files sees nothing of it.
    # https://docs.aws.amazon.com/redshift/latest/dg/t_unloading_encrypted_files.html
    "encrypted": Parameter(None, Shape.FLAG),
    "kms_key_id": Parameter(None, Shape.TEXT),
    "maxfilesize": Parameter("max_file_size", Shape.SIZE),
    "rowgroupsize": Parameter("row_group_size", Shape.SIZE),
}
_COMPRESSIONS = {item.value: item for item in Compression}
_QUERIES = ("select", "with", "values")


@dataclass(frozen=True)
class UnloadStatement:
    """One UNLOAD, checked; sizes in bytes."""

    query: str
    url: str
    format: UnloadFormat = UnloadFormat.TEXT
    partition_by: tuple[str, ...] = ()
    include: bool = False  # partition columns stay in the files
    manifest: bool = False
    verbose: bool = False
    header: bool = False
    delimiter: str = "|"
    widths: tuple[int, ...] = ()
    add_quotes: bool = False
    escape: bool = False
    null_as: str | None = None
    compression: Compression | None = None
    allow_overwrite: bool = False
    clean_path: bool = False
    parallel: bool = True
    max_file_size: float = MAX_FILE
    row_group_size: float = 32 * _MB
    extension: str | None = None
    role: str | None = None
    credentials: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None


def parse_unload(sql: str, tokens: list[Token]) -> UnloadStatement:
    """Read an UNLOAD; raises GatewayError naming the parameter that is unknown or does not fit."""
    reader = Reader(sql, tokens)
    reader.mark("(")
    query = reader.string()
    reader.mark(")")
    reader.word("to")
    url = reader.string()
    if not url.startswith("s3://"):
        raise refused(f"UNLOAD to {url.split(':', 1)[0]}", sql, hint="Only s3:// URLs are written.")
    _check_query(query, sql)
    options: dict[str, object] = {}
    formats: list[UnloadFormat] = []
    while not reader.at_end:
        _parameter(reader, options, formats)
    kind = formats[0] if formats else UnloadFormat.TEXT
    if len(formats) > 1:
        raise _together(formats[0].name, formats[1].name)
    _check(reader, kind, options)
    check_authorization(options, "UNLOAD")
    if kind is UnloadFormat.CSV:
        options.setdefault("delimiter", ",")
    return UnloadStatement(query, url, kind, **options)  # type: ignore[arg-type]


def _check_query(query: str, sql: str) -> None:
    """Raise GatewayError unless the query is a SELECT without LIMIT at its outermost level."""
    tokens = tokenize(query)
    if not tokens or not (tokens[0].is_word(*_QUERIES) or tokens[0].is_mark("(")):
        raise refused("UNLOAD of anything but a SELECT", sql)
    depth = 0
    for token in tokens:
        depth += token.is_mark("(") - token.is_mark(")")
        if depth == 0 and token.is_word("limit"):
            raise GatewayError(
                NOT_SUPPORTED,
                "Limit clause is not supported",
                hint="Put the LIMIT into a subquery: select * from (select … limit 10).",
            )


def _parameter(reader: Reader, options: dict[str, object], formats: list[UnloadFormat]) -> None:
    """Take one parameter."""
    token = reader.token
    if not token.is_word(token.text):
        raise reader.error()
    reader.index += 1
    name = token.text
    if name == "with":
        reader.word("credentials")
        reader.index -= 1
        return
    if name == "format":
        reader.try_word("as")
        token, name = reader.token, reader.token.text
        if name not in ("csv", "json", "parquet"):
            raise refused(f"UNLOAD FORMAT {name.upper()}", reader.sql, position=token.start + 1)
        reader.index += 1
    reader.once(name, token)
    if name in ("csv", "json", "parquet"):
        formats.append(UnloadFormat(name))
    elif name == "fixedwidth":
        formats.append(UnloadFormat.FIXEDWIDTH)
        reader.try_word("as")
        options["widths"] = fixed_widths(reader.string())
    elif name == "partition":
        _partition(reader, options)
    elif name == "manifest":
        options["manifest"] = True
        options["verbose"] = reader.try_word("verbose") is not None
    elif name in AUTHORIZATION:
        reader.authorization(name, options)
    elif name in _COMPRESSIONS:
        reader.once("compression", token)
        options["compression"] = _COMPRESSIONS[name]
    elif name in _PARAMETERS:
        _value(reader, name, options, token.start + 1)
    else:
        raise refused(f"UNLOAD parameter {name.upper()}", reader.sql, position=token.start + 1)


def _value(reader: Reader, name: str, options: dict[str, object], position: int) -> None:
    """Take the argument of a parameter of the table."""
    value = reader.argument(_PARAMETERS[name].shape)
    if name == "encrypted":
        reader.try_word("auto")
    if name == "delimiter":
        value = one_character(str(value), "DELIMITER", position)
    field = _PARAMETERS[name].field
    if field is not None:
        options[field] = value


def _partition(reader: Reader, options: dict[str, object]) -> None:
    """Take `BY (column, …) [INCLUDE]`."""
    reader.word("by")
    reader.mark("(")
    names: list[str] = []
    while not names or reader.try_mark(","):
        if not reader.token.is_name:
            raise reader.error()
        names.append(fold(reader.take()))
    reader.mark(")")
    options["partition_by"] = tuple(names)
    options["include"] = reader.try_word("include") is not None


def _check(reader: Reader, kind: UnloadFormat, options: dict[str, object]) -> None:
    """Raise GatewayError for parameters that do not go together or are out of range."""
    for name, token in reader.seen.items():
        if name in _CONFLICTS.get(kind, ()):
            raise GatewayError(
                NOT_SUPPORTED,
                f"{name.upper()} argument is not supported for {kind.name} based UNLOAD",
                position=token.start + 1,
            )
    if "allowoverwrite" in reader.seen and "cleanpath" in reader.seen:
        raise _together("CLEANPATH", "ALLOWOVERWRITE")
    if "kms_key_id" in reader.seen and "encrypted" not in reader.seen:
        raise GatewayError(SYNTAX_ERROR, "KMS_KEY_ID can be used only with ENCRYPTED")
    if "rowgroupsize" in reader.seen and kind is not UnloadFormat.PARQUET:
        raise GatewayError(SYNTAX_ERROR, "ROWGROUPSIZE can be used only with PARQUET")
    for name, low, high, shown in (
        ("max_file_size", 5 * _MB, MAX_FILE, "MAXFILESIZE must be between 5 MB and 6.2 GB"),
        ("row_group_size", 32 * _MB, 128 * _MB, "ROWGROUPSIZE must be between 32 MB and 128 MB"),
    ):
        value = options.get(name)
        if isinstance(value, float) and not low <= value <= high:
            raise GatewayError(SYNTAX_ERROR, shown)


def _together(one: str, other: str) -> GatewayError:
    return GatewayError(SYNTAX_ERROR, f"{one} and {other} cannot be specified at the same time")
