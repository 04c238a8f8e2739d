"""COPY's grammar: which parameters are known, and which go with which format."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from infra.local.redshift.commands.parameters import (
    AUTHORIZATION,
    Compression,
    Parameter,
    Reader,
    Shape,
    check_authorization,
    one_character,
)
from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError, refused
from infra.local.redshift.translate.lexer import Token
from infra.local.redshift.translate.relations import fold, qualified_name


class Format(enum.Enum):
    """Formats of files that are loaded."""

    PARQUET = "parquet"
    CSV = "csv"
    TEXT = "text"  # delimited
    FIXEDWIDTH = "fixedwidth"
    JSON = "json"


# What columnar COPY accepts besides FORMAT and FROM:
# https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
_COLUMNAR = frozenset(
    {
        *("acceptinvchars", "fillrecord", "statupdate", "manifest", "explicit_ids"),
        *("serializetojson", *AUTHORIZATION),
    }
)
# What the formats do not go with:
# https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html
_CONFLICTS = {
    Format.CSV: ("fixedwidth", "removequotes", "escape"),
    Format.FIXEDWIDTH: ("delimiter", "escape", "removequotes"),
    Format.JSON: (
        "delimiter",
        "escape",
        "fillrecord",
        "ignoreblanklines",
        "null",
        "removequotes",
    ),
}
# https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
# https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-load.html
_PARAMETERS = {
    "manifest": Parameter("manifest", Shape.FLAG),
    "explicit_ids": Parameter("explicit_ids", Shape.FLAG),
    "emptyasnull": Parameter("empty_as_null", Shape.FLAG),
    "blanksasnull": Parameter("blanks_as_null", Shape.FLAG),
    "trimblanks": Parameter("trim_blanks", Shape.FLAG),
    "truncatecolumns": Parameter("truncate_columns", Shape.FLAG),
    "fillrecord": Parameter("fill_record", Shape.FLAG),
    "ignoreblanklines": Parameter("ignore_blank_lines", Shape.FLAG),
    "roundec": Parameter("round_decimals", Shape.FLAG),
    "acceptanydate": Parameter("accept_any_date", Shape.FLAG),
    "escape": Parameter("escape", Shape.FLAG),
    "removequotes": Parameter("remove_quotes", Shape.FLAG),
    "noload": Parameter("no_load", Shape.FLAG),
    "serializetojson": Parameter("serialize_to_json", Shape.FLAG),
    "ignoreallerrors": Parameter("ignore_all_errors", Shape.FLAG),
    "delimiter": Parameter("delimiter", Shape.TEXT),
    "quote": Parameter("quote", Shape.TEXT),
    "null": Parameter("null_as", Shape.TEXT),
    "dateformat": Parameter("date_format", Shape.TEXT),
    "timeformat": Parameter("time_format", Shape.TEXT),
    "acceptinvchars": Parameter("replacement", Shape.OPTIONAL_TEXT),
    "ignoreheader": Parameter("ignore_header", Shape.NUMBER),
    "maxerror": Parameter("max_error", Shape.NUMBER),
    "region": Parameter(None, Shape.TEXT),
    "comprows": Parameter(None, Shape.NUMBER),
    "compupdate": Parameter(None, Shape.SWITCH),
    "statupdate": Parameter(None, Shape.SWITCH),
}
_COMPRESSIONS = {item.value: item for item in Compression}
_ENCODINGS = {
    "utf8": "utf-8",
    "utf16": "utf-16",
    "utf16le": "utf-16-le",
    "utf16be": "utf-16-be",
}
# COPY's own limit.
_MAX_ERROR = 100_000


@dataclass(frozen=True)
class CopyStatement:
    """One COPY, checked."""

    table: tuple[str, ...]
    columns: tuple[str, ...]
    url: str
    format: Format
    stored_in: tuple[str, ...] = ()  # the table's name in PostgreSQL
    manifest: bool = False
    role: str | None = None
    credentials: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None
    compression: Compression | None = None
    encoding: str = "utf-8"
    delimiter: str = "|"
    quote: str = '"'
    widths: tuple[int, ...] = ()  # FIXEDWIDTH, characters
    json: str = "auto"  # or 'auto ignorecase', 'noshred', the URL of a JSONPaths file
    ignore_header: int = 0
    ignore_blank_lines: bool = False
    escape: bool = False
    remove_quotes: bool = False
    fill_record: bool = False
    null_as: str = "\\N"
    empty_as_null: bool = False
    blanks_as_null: bool = False
    trim_blanks: bool = False
    truncate_columns: bool = False
    round_decimals: bool = False
    replacement: str | None = None  # ACCEPTINVCHARS
    date_format: str | None = None
    time_format: str | None = None
    accept_any_date: bool = False
    explicit_ids: bool = False
    max_error: int = 0
    ignore_all_errors: bool = False
    no_load: bool = False
    serialize_to_json: bool = False


def parse_copy(sql: str, tokens: list[Token]) -> CopyStatement:
    """Read a COPY; raises GatewayError naming the parameter that is unknown or does not fit."""
    reader = Reader(sql, tokens)
    if reader.token.is_mark("("):
        raise refused("COPY of a query", sql, hint="Redshift has UNLOAD for it, into S3.")
    if not reader.token.is_name:
        raise reader.error()
    table, reader.index = qualified_name(tokens, reader.index)
    columns: list[str] = []
    if reader.try_mark("("):
        while not reader.try_mark(")"):
            if not reader.token.is_name:
                raise reader.error()
            columns.append(fold(reader.take()))
            reader.try_mark(",")
    if reader.token.is_word("to"):
        raise refused("COPY … TO", sql, hint="Redshift has UNLOAD for it, into S3.")
    reader.word("from")
    if reader.token.is_word("stdin"):
        raise refused("COPY FROM STDIN", sql, hint="Redshift loads files, from S3.")
    url = reader.string()
    if not url.startswith("s3://"):
        raise refused(f"COPY from {url.split(':', 1)[0]}", sql, hint="Only s3:// URLs are read.")
    options: dict[str, object] = {}
    formats: list[Format] = []
    while not reader.at_end:
        _parameter(reader, options, formats)
    if len(formats) > 1:
        raise GatewayError(
            SYNTAX_ERROR,
            f"{formats[0].name} and {formats[1].name} cannot be specified at the same time",
        )
    kind = formats[0] if formats else Format.TEXT
    _check(reader, kind, options)
    check_authorization(options, "COPY")
    if kind is Format.CSV:
        options.setdefault("delimiter", ",")
    return CopyStatement(table, tuple(columns), url, kind, **options)  # type: ignore[arg-type]


def _parameter(reader: Reader, options: dict[str, object], formats: list[Format]) -> None:
    """Take one parameter."""
    token = reader.token
    name = token.text
    if not token.is_word(name):
        raise reader.error()
    reader.index += 1
    if name == "with" and not reader.at_end and reader.token.is_word("credentials"):
        return
    if name == "format":
        reader.try_word("as")
        token = reader.token
        name = token.text
        if name not in ("csv", "json", "parquet", "delimiter", "fixedwidth"):
            raise refused(f"COPY FORMAT {name.upper()}", reader.sql, position=token.start + 1)
        reader.index += 1
    reader.once(name, token)
    if name in ("csv", "json", "parquet", "fixedwidth"):
        _format(reader, Format(name), options, formats)
    elif name in AUTHORIZATION:
        reader.authorization(name, options)
    elif name in _COMPRESSIONS:
        reader.once("compression", token)
        options["compression"] = _COMPRESSIONS[name]
    elif name == "encoding":
        reader.try_word("as")
        options["encoding"] = _ENCODINGS[reader.word(*_ENCODINGS)]
    elif name in _PARAMETERS:
        _value(reader, name, options, token.start + 1)
    else:
        raise refused(f"COPY parameter {name.upper()}", reader.sql, position=token.start + 1)


def _value(reader: Reader, name: str, options: dict[str, object], position: int) -> None:
    """Take the argument of a parameter of the table."""
    parameter = _PARAMETERS[name]
    value = reader.argument(parameter.shape)
    if name in ("delimiter", "quote"):
        value = one_character(str(value), name.upper(), position)
    elif name == "acceptinvchars":
        value = one_character(str(value or "?"), name.upper(), position)
    elif name == "maxerror" and isinstance(value, int) and value > _MAX_ERROR:
        raise GatewayError(
            SYNTAX_ERROR, f"MAXERROR value must be between 0 and {_MAX_ERROR}", position=position
        )
    if parameter.field is not None:
        options[parameter.field] = value


def _format(
    reader: Reader, kind: Format, options: dict[str, object], formats: list[Format]
) -> None:
    """Take what follows a format's name."""
    formats.append(kind)
    if kind is Format.FIXEDWIDTH:
        reader.try_word("as")
        options["widths"] = fixed_widths(reader.string())
    elif kind is Format.JSON:
        reader.try_word("as")
        option = reader.string() if not reader.at_end and reader.token.text[:1] == "'" else "auto"
        if option not in ("auto", "auto ignorecase", "noshred") and not option.startswith("s3://"):
            raise GatewayError(
                SYNTAX_ERROR,
                f"Invalid JSON option '{option}'",
                hint="Write 'auto', 'auto ignorecase', 'noshred' or the s3:// URL of a "
                "JSONPaths file.",
            )
        options["json"] = option


def fixed_widths(text: str) -> tuple[int, ...]:
    """The widths of a FIXEDWIDTH specification `label:width, …`; raises GatewayError."""
    widths = []
    for part in text.split(","):
        label, _, width = part.rpartition(":")
        if not label.strip() or not width.strip().isdigit() or int(width) == 0:
            raise GatewayError(
                SYNTAX_ERROR,
                f"Invalid FIXEDWIDTH specification '{part.strip()}'",
                hint="Write 'label:width, label:width, …'.",
            )
        widths.append(int(width))
    return tuple(widths)


def _check(reader: Reader, kind: Format, options: dict[str, object]) -> None:
    """Raise GatewayError for parameters that do not go together."""
    conflicts = _CONFLICTS.get(kind, ())
    for name, token in reader.seen.items():
        columnar = kind is Format.PARQUET and name not in _COLUMNAR and name != "parquet"
        if (columnar and name != "compression") or name in conflicts:
            raise GatewayError(
                "0A000",
                f"{name.upper()} argument is not supported for {kind.name} based COPY",
                position=token.start + 1,
            )
    if "serializetojson" in reader.seen and kind is not Format.PARQUET:
        raise GatewayError(SYNTAX_ERROR, "SERIALIZETOJSON can be used only with PARQUET or ORC")
    if "quote" in reader.seen and kind is not Format.CSV:
        raise GatewayError(SYNTAX_ERROR, "QUOTE can be used only with CSV")
    if kind is Format.FIXEDWIDTH and options.get("encoding", "utf-8") != "utf-8":
        raise GatewayError(SYNTAX_ERROR, "FIXEDWIDTH files must be encoded in UTF-8")
    if "maxerror" in reader.seen and "ignoreallerrors" in reader.seen:
        raise GatewayError(
            SYNTAX_ERROR, "MAXERROR and IGNOREALLERRORS cannot be specified at the same time"
        )
