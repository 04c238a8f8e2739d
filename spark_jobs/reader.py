"""Raw files to rows of text: a string per column, the raw record, its file and its flaw."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from enum import Enum
from functools import reduce

from pyspark.sql import DataFrame, SparkSession

from spark_jobs import sql
from spark_jobs.feed import SOURCE_FILE, Feed, FileFormat
from spark_jobs.headers import Family

RAW = "_raw"
FLAW = "_flaw"
FIELDS = "_fields"
BUCKETS = 2**16
_CORRUPT = "_corrupt"
_UNREADABLE = "\ufffd"  # what decoding puts in the place of bytes that it cannot read
_GLOB = re.compile(r"([\[\]{}*?\\])")


class Flaw(Enum):
    """Why a record could not be split into the header's fields."""

    ENCODING = "encoding"
    QUOTING = "quoting"
    COUNT = "count"


def read_files(
    spark: SparkSession,
    feed: Feed,
    families: Iterable[Family],
    only: Collection[int] | None = None,
) -> DataFrame:
    """Return every record of the files: contract columns as text, raw text, file, flaw, fields.

    `_flaw` is NULL for a record that could be split into the header's fields (their number is
    `_fields`), else a `Flaw`. Blank lines and lines equal to the header are not records.

    With `only`, at least the records in these buckets (see `bucket`) come back, and as few others
    as can be told without parsing.
    """
    if feed.files.multiline:
        frames = [_read_records(spark, feed, family) for family in families]
    else:
        frames = [_read_lines(spark, feed, family, only) for family in families]
    return reduce(DataFrame.unionByName, frames)


def bucket(raw: str) -> str:
    """Return the SQL of a record's bucket: a short hash of its text, to find records again."""
    return f"cast(pmod(xxhash64(make_valid_utf8({raw})), {BUCKETS}) as int)"


def _read_lines(
    spark: SparkSession, feed: Feed, family: Family, only: Collection[int] | None
) -> DataFrame:
    """Read a record per line: files are split among tasks, and the exact text is at hand.

    Hadoop's line reader takes \\n, \\r\\n and \\r as line ends, and a byte order mark off.
    """
    files = feed.files
    if files.charset == "utf-8":
        text, readable = "value", "is_valid_utf8(value)"
    else:
        text = f"decode(cast(value as binary), {sql.literal(files.charset)})"
        readable = f"not contains({text}, {sql.literal(_UNREADABLE)})"
    lines = (
        spark.read.text(_paths(family))
        .selectExpr(f"{text} as {RAW}", f"{readable} as _readable", _source_file(family))
        .where(f"trim({RAW}) <> ''")
    )
    if family.header_texts:
        lines = lines.where(f"not {sql.in_list(RAW, family.header_texts)}")
    if only is not None:
        lines = lines.where(f"{bucket(RAW)} in ({', '.join(str(number) for number in only)})")
    record = f"from_csv({RAW}, {sql.literal(_schema(family))}, {_options_map(files)})"
    return lines.selectExpr("*", f"{record} as _record").selectExpr(
        RAW,
        SOURCE_FILE,
        f"case when not _readable then '{Flaw.ENCODING.value}' "
        f"when {_badly_quoted(files)} then '{Flaw.QUOTING.value}' "
        f"when _record.{_CORRUPT} is not null then '{Flaw.COUNT.value}' end as {FLAW}",
        f"{len(family.names)} as {FIELDS}",
        *_columns(feed, family, "_record."),
    )


def _read_records(spark: SparkSession, feed: Feed, family: Family) -> DataFrame:
    """Read records that may span lines: one task reads a file, and raw text is put together."""
    files = feed.files
    rows = (
        spark.read.schema(_schema(family))
        .options(**_options(files))
        .options(multiLine=True, header=files.header, enforceSchema=True, encoding=files.charset)
        .csv(_paths(family))
    )
    names = ", ".join(f"c{at}" for at in range(len(family.names)))
    written = f"to_csv(struct({names}), {_options_map(files)})"
    unreadable = f"contains({RAW}, {sql.literal(_UNREADABLE)})"
    return rows.selectExpr(
        "*", f"coalesce({_CORRUPT}, {written}) as {RAW}", _source_file(family)
    ).selectExpr(
        RAW,
        SOURCE_FILE,
        f"case when {unreadable} then '{Flaw.ENCODING.value}' "
        f"when {_CORRUPT} is not null then '{Flaw.COUNT.value}' end as {FLAW}",
        f"{len(family.names)} as {FIELDS}",
        *_columns(feed, family, ""),
    )


def flaw_rule() -> str:
    """Return the SQL of the rule that a flawed record breaks."""
    return f"if({FLAW} = '{Flaw.ENCODING.value}', 'encoding', 'malformed')"


def flaw_reason(files: FileFormat) -> str:
    """Return the SQL of the sentence that says what is wrong with a flawed record."""
    encoding = sql.literal(f"the record is not {files.encoding} text")
    quoting = sql.literal(
        f"a value opened with {files.quote} is not closed before the next delimiter or the end of "
        "the line; if values hold line ends, write `multiline: true` in the contract"
    )
    count = sql.concat(
        "'the record has '", _count(files), "' fields, the header '", FIELDS, "' names'"
    )
    return (
        f"case {FLAW} when '{Flaw.ENCODING.value}' then {encoding} "
        f"when '{Flaw.QUOTING.value}' then {quoting} else {count} end"
    )


def _paths(family: Family) -> list[str]:
    """Return the files as patterns that match themselves: Spark takes paths as globs."""
    return [_GLOB.sub(r"\\\1", file.url) for file in family.files]


def _source_file(family: Family) -> str:
    """Return the file's URL as S3 knows it: Spark's column writes blanks and such as %XX."""
    path = "_metadata.file_path"
    if any(file.url != file.encoded for file in family.files):
        path = f"url_decode(replace({path}, '+', '%2B'))"
    return f"{path} as {SOURCE_FILE}"


def _schema(family: Family) -> str:
    return ", ".join(f"c{at} string" for at in range(len(family.names))) + f", {_CORRUPT} string"


def _options(files: FileFormat) -> dict[str, str]:
    return {
        "sep": files.delimiter,
        "quote": files.quote,
        "escape": files.escape,
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": _CORRUPT,
    }


def _options_map(files: FileFormat) -> str:
    pairs = (f"{sql.literal(key)}, {sql.literal(value)}" for key, value in _options(files).items())
    return f"map({', '.join(pairs)})"


def _columns(feed: Feed, family: Family, prefix: str) -> Sequence[str]:
    positions = family.positions
    return [
        f"{f'{prefix}c{positions[c.name]}' if c.name in positions else sql.literal(None)} "
        f"as {sql.name(c.name)}"
        for c in feed.columns
    ]


def _badly_quoted(files: FileFormat) -> str:
    """Return the condition that a quote is left open, or that text follows one that closes.

    Spark's CSV parser takes both as content. The pattern is possessive throughout, so that it
    neither backtracks nor recurses; only lines that hold a quote are matched at all.
    """
    if not files.quote:
        return "false"
    quote, comma = re.escape(files.quote), re.escape(files.delimiter)
    field = f"(?:{_quoted(files)}|[^{quote}{comma}][^{comma}]*+|)"
    pattern = sql.literal(f"^{field}(?:{comma}{field})*+$")
    return f"contains({RAW}, {sql.literal(files.quote)}) and not rlike({RAW}, {pattern})"


def _quoted(files: FileFormat) -> str:
    """Return the regular expression of a quoted value."""
    quote, escape = re.escape(files.quote), re.escape(files.escape)
    if files.escape in ("", files.quote):
        return f"{quote}[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+{quote}"
    return f"{quote}[^{quote}{escape}]*+(?:{escape}.[^{quote}{escape}]*+)*+{quote}"


def _count(files: FileFormat) -> str:
    """Return the SQL that counts the fields of a record whose quotes are in order."""
    bare = RAW
    if files.quote:
        bare = f"regexp_replace({bare}, {sql.literal(_quoted(files))}, '')"
    others = sql.literal(f"[^{re.escape(files.delimiter)}]")
    return f"(length(regexp_replace({bare}, {others}, '')) + 1)"
