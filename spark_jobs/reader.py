"""Raw files to rows of text: a string per column, the record's file, place, raw text and flaw.

Every format gives the same columns, so that the contract's rules are written once. What only a
rejected record needs (its raw text, its place) is named here and worked out for such records alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import DataType

from spark_jobs import json_text, sql
from spark_jobs.csv_text import badly_quoted, is_plain, without_surplus
from spark_jobs.feed import SOURCE_FILE, ExtraColumns, Feed, FileFormat, Format
from spark_jobs.flaws import FIELDS, FLAW, NUL, RAW, UNREADABLE, Flaw
from spark_jobs.headers import Family
from spark_jobs.storage import StoredFile
from spark_jobs.typed_values import read_field, takes, text_of

ROW = "_row"
BLOCK = "_block"
# A quoted value that is never closed would take the rest of the file. The parser reserves as many
# characters at once.
LONGEST_VALUE = 4 * 2**20
CORRUPT = "_corrupt"
_PLACE = SOURCE_FILE, ROW, BLOCK
_GLOB = re.compile(r"([\[\]{}*?\\])")


@dataclass(frozen=True)
class Source:
    """The files of one format, the feed as they are read, and their records."""

    feed: Feed
    families: Sequence[Family]
    rows: DataFrame


def read_files(spark: SparkSession, feed: Feed, families: Iterable[Family]) -> DataFrame:
    """Return every record of the files: contract columns, file, place, raw text, flaw.

    Columns are text, but for those of Parquet files whose values need no way through a text.
    `_flaw` is NULL for a record that could be split into fields (the header has `_fields`), else a
    `Flaw`. Blank lines and lines equal to the header are not records. For `_row` and `_block` see
    `scan`.
    """
    read = {
        Format.CSV: _read_csv_records if feed.files.multiline else _read_csv_lines,
        Format.JSONL: _read_json,
        Format.PARQUET: _read_parquet,
    }[feed.files.format]
    return reduce(_append, [read(spark, feed, family) for family in families])


def scan(spark: SparkSession, feed: Feed, family: Family) -> DataFrame:
    """Return the lines of text files (with `multiline` the records), each with its place.

    `_row` numbers what one task reads, in order; `_block` is the byte of the file at which the
    piece begins that the task reads. A second scan of the same files is cut in the same way.
    """
    files, paths = feed.files, paths_of(family.files)
    if files.format is Format.CSV and files.multiline:
        options = {**multiline_options(files), "columnPruning": "false"}
        read = spark.read.schema(_schema(family)).options(**options, enforceSchema=True)
        rows = read.options(header=files.header).csv(paths)
    else:
        rows = spark.read.text(paths)
    # The task's number is in the upper bits (functions.monotonically_increasing_id).
    row = f"monotonically_increasing_id() & {2**33 - 1}L as {ROW}"
    place = source_file(family.files), row, f"_metadata.file_block_start as {BLOCK}"
    return rows.selectExpr("*", *place)


def source_file(files: Iterable[StoredFile]) -> str:
    """Return the file's name as people know it: Spark's column writes blanks and such as %XX."""
    files = tuple(files)
    path = "_metadata.file_path"
    if any(file.url != file.encoded for file in files):
        path = f"url_decode(replace({path}, '+', '%2B'))"
    if any(file.origin for file in files):
        pairs = (f"{sql.literal(f.url)}, {sql.literal(f.name)}" for f in files)
        path = f"element_at(map({', '.join(pairs)}), {path})"
    return f"{path} as {SOURCE_FILE}"


def paths_of(files: Iterable[StoredFile]) -> list[str]:
    """Return the files as patterns that match themselves: Spark takes paths as globs."""
    return [_GLOB.sub(r"\\\1", file.url) for file in files]


def multiline_options(files: FileFormat) -> dict[str, str]:
    """Return Spark's options for CSV files with records that span lines."""
    own = {"multiLine": "true", "maxCharsPerColumn": str(LONGEST_VALUE), "encoding": files.charset}
    return {**_options(files), **own}


def _options(files: FileFormat) -> dict[str, str]:
    return {
        "sep": files.delimiter,
        "quote": files.quote,
        "escape": files.escape,
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": CORRUPT,
    }


def _lines(spark: SparkSession, feed: Feed, family: Family) -> DataFrame:
    """Read a record per line: files are split among tasks, and the exact text is at hand.

    Hadoop's line reader takes \\n, \\r\\n and \\r as line ends, and a byte order mark off.
    """
    lines, text = scan(spark, feed, family), "value"
    if feed.files.charset != "utf-8":
        text = f"decode(cast(value as binary), {sql.literal(feed.files.charset)})"
    return lines.selectExpr(f"{text} as {RAW}", *_PLACE).where(f"trim({RAW}) <> ''")


def _is_readable(files: FileFormat, known: str = "false") -> str:
    """Return the condition that a line is text in the files' encoding, without NUL.

    `known` is a condition under which it is valid UTF-8.
    """
    if files.charset == "utf-8":
        return f"({known} or is_valid_utf8({RAW})) and not {sql.holds(RAW, NUL)}"
    return f"not {_unreadable(RAW)}"


def _read_csv_lines(spark: SparkSession, feed: Feed, family: Family) -> DataFrame:
    files, names = feed.files, len(family.names)
    lines = _lines(spark, feed, family)
    if family.header_texts != ("",) and family.header_texts:
        lines = lines.where(f"not {sql.in_list(RAW, family.header_texts)}")
    record = without_surplus(RAW, names, files) if files.trailing_delimiters else RAW
    parsed = f"from_csv({record}, {sql.literal(_schema(family))}, {_options_map(files)})"
    # A line without quotes is its delimiters: to split there takes a quarter of what a parser does.
    simple = is_plain(RAW, files)
    split = f"split({record}, {sql.literal(re.escape(files.delimiter))}, -1)"
    readable = _is_readable(files, "_fields is not null")
    return lines.selectExpr(
        *("*", f"if({simple}, {split}, null) as _fields"),
        f"if({simple}, null, {parsed}) as _record",
    ).selectExpr(
        *(*_PLACE, RAW),
        f"case when not ({readable}) then '{Flaw.ENCODING.value}' "
        f"when _fields is not null and size(_fields) <> {names} then '{Flaw.COUNT.value}' "
        f"when _record is not null and {badly_quoted(RAW, files)} then '{Flaw.QUOTING.value}' "
        f"when _record.{CORRUPT} is not null then '{Flaw.COUNT.value}' end as {FLAW}",
        f"{names} as {FIELDS}",
        *_columns(feed, family, "if(_record is null, get(_fields, {at}), _record.c{at})"),
    )


def _read_csv_records(spark: SparkSession, feed: Feed, family: Family) -> DataFrame:
    """Read records that may span lines: one task reads a file, and raw text is put together."""
    names = ", ".join(f"c{at}" for at in range(len(family.names)))
    written = f"to_csv(struct({names}), {_options_map(feed.files)})"
    unreadable = _unreadable(f"concat_ws('', {names}, {CORRUPT})")
    return scan(spark, feed, family).selectExpr(
        *(*_PLACE, f"coalesce({CORRUPT}, {written}) as {RAW}"),
        f"case when {unreadable} then '{Flaw.ENCODING.value}' "
        f"when {CORRUPT} is not null then '{Flaw.COUNT.value}' end as {FLAW}",
        f"{len(family.names)} as {FIELDS}",
        *_columns(feed, family, "c{at}"),
    )


def _read_json(spark: SparkSession, feed: Feed, family: Family) -> DataFrame:
    """Read an object per line: plain lines like the first as they are, the others as variants.

    Either way a line is an array: one element of no meaning, the values of the first line's names,
    then those of columns that it has not.
    """
    owners = feed.owners()
    names = plain.names if (plain := json_text.plain(family.header_texts[0], owners)) else ()
    claimed = all(name in owners for name in names)
    known = f"array({', '.join(sql.literal(name) for name in owners)})"
    unclaimed = "false"
    if feed.extra_columns is ExtraColumns.FAIL:
        unclaimed = f"size(array_except(json_object_keys({RAW}), {known})) > 0"
        unclaimed = f"if(_plain, {'false' if claimed else 'true'}, {unclaimed})"
    columns, values = [], [sql.literal(None)] * (1 + len(names))
    for column in feed.columns:
        mine = [name for name, owner in owners.items() if owner == column.name]
        value = f"get(_values, {len(values)})"
        if column.extra:
            pairs = json_text.values_of("_parsed" if claimed else json_text.parse(RAW))
            value = _captured(pairs, f"not array_contains({known}, k)")
        elif found := [1 + names.index(name) for name in mine if name in names]:
            value = f"get(_values, {found[0]})"
            values[found[0]] = json_text.value_of("_parsed", mine)
        else:
            values.append(json_text.value_of("_parsed", mine))
        columns.append(f"{value} as {sql.name(column.name)}")
    taken = json_text.take_plain(RAW, plain) if plain else sql.literal(None)
    is_plain = json_text.is_plain(RAW, plain, "_taken") if plain else "false"
    parsed, broken = json_text.parse(RAW), json_text.is_broken(RAW, "_parsed")
    of_plain = json_text.values_of_plain("_taken")
    split = f"if(_plain, {of_plain}, if({broken}, null, array({', '.join(values)})))"
    # What stands in a selection twice becomes a Java method of its own.
    lines = _lines(spark, feed, family).selectExpr("*", f"{taken} as _taken")
    lines = lines.selectExpr(
        "*", f"{is_plain} as _plain", f"if({is_plain}, null, {parsed}) as _parsed"
    )
    return lines.selectExpr("*", f"{split} as _values", f"{split} is null as _broken").selectExpr(
        *(*_PLACE, RAW),
        f"case when not (_plain or ({_is_readable(feed.files)})) then '{Flaw.ENCODING.value}' "
        f"when _broken then '{Flaw.JSON.value}' "
        f"when {unclaimed} then '{Flaw.EXTRA.value}' end as {FLAW}",
        f"{len(owners)} as {FIELDS}",
        *columns,
    )


def _read_parquet(spark: SparkSession, feed: Feed, family: Family) -> DataFrame:
    schema = sql.struct_type(family.header_texts[0])
    rows = spark.read.schema(schema).parquet(*paths_of(family.files))
    fields = [read_field(field) for field in schema.fields]
    columns = []
    for column in feed.columns:
        at = family.positions.get(column.name)
        if column.extra:
            texts = ((sql.literal(name), text_of(*fields[at])) for at, name in family.extra.items())
            pairs = ", ".join(f"{name}, {text}" for name, text in texts)
            value = _captured(f"cast(map({pairs}) as map<string, string>)", "v is not null")
        elif at is None:
            value = sql.literal(None)
        else:
            name, kind = fields[at]
            value = name if takes(kind, column, feed.files) else text_of(name, kind)
        columns.append(f"{value} as {sql.name(column.name)}")
    return rows.selectExpr(
        *(source_file(family.files), f"_metadata.row_index as {ROW}", f"0L as {BLOCK}"),
        *(f"to_json(struct(*)) as {RAW}", f"cast(null as string) as {FLAW}"),
        f"{len(family.names)} as {FIELDS}",
        *columns,
    )


def _append(some: DataFrame, others: DataFrame) -> DataFrame:
    """Put the records of two families together; where their types differ, both become text."""
    one, two = ({field.name: field.dataType for field in each.schema} for each in (some, others))

    def texts(kinds: dict[str, DataType]) -> list[str]:
        return [
            f"{text_of(sql.name(name), kind)} as {sql.name(name)}"
            if one[name] != two[name]
            else sql.name(name)
            for name, kind in kinds.items()
        ]

    if one != two:
        some, others = some.selectExpr(*texts(one)), others.selectExpr(*texts(two))
    return some.unionByName(others)


def _unreadable(text: str) -> str:
    return f"({sql.holds(text, UNREADABLE)} or {sql.holds(text, NUL)})"


def _captured(pairs: str, condition: str) -> str:
    kept = f"map_filter({pairs}, (k, v) -> {condition})"
    return f"if(cardinality({kept}) > 0, {kept}, null)"


def _schema(family: Family) -> str:
    return ", ".join(f"c{at} string" for at in range(len(family.names))) + f", {CORRUPT} string"


def _options_map(files: FileFormat) -> str:
    options = _options(files)
    pairs = (f"{sql.literal(key)}, {sql.literal(value)}" for key, value in options.items())
    return f"map({', '.join(pairs)})"


def _columns(feed: Feed, family: Family, field: str) -> Sequence[str]:
    """Return the contract's columns by the fields of a CSV record; NULL where a file lacks one.

    `field` is the SQL of the field number `{at}`; one without text is NULL or ''.
    """
    positions = family.positions
    columns = []
    for column in feed.columns:
        if column.extra:
            names = {f"{name or f'field {at + 1}'}": at for at, name in family.extra.items()}
            pairs = ", ".join(
                f"{sql.literal(name)}, nullif({field.format(at=at)}, '')"
                for name, at in names.items()
            )
            value = _captured(f"cast(map({pairs}) as map<string, string>)", "v is not null")
        elif column.name in positions:
            value = field.format(at=positions[column.name])
        else:
            value = sql.literal(None)
        columns.append(f"{value} as {sql.name(column.name)}")
    return columns
