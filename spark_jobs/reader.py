"""Raw files to rows of text: a string per column, the record's file and flaw, and where it stands.

Everything is read once for the good rows. A second reading (`again`) gives the rejected records
alone, which only then need their raw text and their place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame, SparkSession

from spark_jobs import sql
from spark_jobs.csv_text import badly_quoted, without_surplus
from spark_jobs.feed import SOURCE_FILE, ExtraColumns, Feed, FileFormat, Format
from spark_jobs.flaws import FIELDS, FLAW, RAW, Flaw
from spark_jobs.headers import Family
from spark_jobs.storage import StoredFile

HASH = "_hash"
ROW = "_row"
BLOCK = "_block"
BUCKETS = 2**16
# A quoted value that is never closed would take the rest of the file. The parser reserves as many
# characters at once.
LONGEST_VALUE = 4 * 2**20
CORRUPT = "_corrupt"
_UNREADABLE = "\ufffd"  # what decoding puts in the place of bytes that it cannot read
_GLOB = re.compile(r"([\[\]{}*?\\])")


@dataclass(frozen=True)
class Again:
    """A second reading: at least the records of these buckets, with raw text and place.

    `_row` counts the lines (or records) of a block from 0, `_block` is where the block begins in
    the file, in bytes. Each task must read one block: see `session.read_in_blocks`.
    """

    buckets: Collection[int]

    @property
    def condition(self) -> str:
        """Return the condition by which other records are left out before they are parsed."""
        return f"{bucket()} in ({', '.join(str(number) for number in self.buckets)})"


def read_files(
    spark: SparkSession, feed: Feed, families: Iterable[Family], again: Again | None = None
) -> DataFrame:
    """Return every record of the files: contract columns as text, file, flaw, fields, hash.

    `_flaw` is NULL for a record that could be split into fields (the header has `_fields`), else a
    `Flaw`. Blank lines and lines equal to the header are not records.
    """
    read = {
        Format.CSV: _read_csv_records if feed.files.multiline else _read_csv_lines,
        Format.JSONL: _read_json,
        Format.PARQUET: _read_parquet,
    }[feed.files.format]
    return reduce(DataFrame.unionByName, [read(spark, feed, f, again) for f in families])


def bucket() -> str:
    """Return the SQL of a record's bucket: a short hash, to find records again."""
    return f"cast(pmod({HASH}, {BUCKETS}) as int)"


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


def _lines(spark: SparkSession, feed: Feed, family: Family, again: Again | None) -> DataFrame:
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
        spark.read.text(paths_of(family.files))
        .selectExpr(
            *(f"{text} as {RAW}", f"{readable} as _readable", f"xxhash64(value) as {HASH}"),
            *(source_file(family.files), *_place(again)),
        )
        .where(f"trim({RAW}) <> ''")
    )
    return lines if again is None else lines.where(again.condition)


def _read_csv_lines(
    spark: SparkSession, feed: Feed, family: Family, again: Again | None
) -> DataFrame:
    files, names = feed.files, len(family.names)
    lines = _lines(spark, feed, family, again)
    if family.header_texts != ("",) and family.header_texts:
        lines = lines.where(f"not {sql.in_list(RAW, family.header_texts)}")
    record = without_surplus(RAW, names, files) if files.trailing_delimiters else RAW
    parsed = f"from_csv({record}, {sql.literal(_schema(family))}, {_options_map(files)})"
    return lines.selectExpr("*", f"{parsed} as _record").selectExpr(
        *_known(again),
        f"case when not _readable then '{Flaw.ENCODING.value}' "
        f"when {badly_quoted(RAW, files)} then '{Flaw.QUOTING.value}' "
        f"when _record.{CORRUPT} is not null then '{Flaw.COUNT.value}' end as {FLAW}",
        f"{names} as {FIELDS}",
        *_columns(feed, family, "_record."),
    )


def _read_csv_records(
    spark: SparkSession, feed: Feed, family: Family, again: Again | None
) -> DataFrame:
    """Read records that may span lines: one task reads a file, and raw text is put together."""
    files = feed.files
    names = ", ".join(f"c{at}" for at in range(len(family.names)))
    rows = (
        spark.read.schema(_schema(family))
        .options(**multiline_options(files), header=files.header, enforceSchema=True)
        .csv(paths_of(family.files))
        .selectExpr(
            *("*", f"xxhash64({names}, {CORRUPT}) as {HASH}"),
            *(source_file(family.files), *_place(again)),
        )
    )
    if again is not None:
        rows = rows.where(again.condition)
    written = f"to_csv(struct({names}), {_options_map(files)})"
    texts = f"concat_ws('', {names}, {CORRUPT})"
    return rows.selectExpr(
        "*", *([f"coalesce({CORRUPT}, {written}) as {RAW}"] if again else [])
    ).selectExpr(
        *_known(again),
        f"case when contains({texts}, {sql.literal(_UNREADABLE)}) then '{Flaw.ENCODING.value}' "
        f"when {CORRUPT} is not null then '{Flaw.COUNT.value}' end as {FLAW}",
        f"{len(family.names)} as {FIELDS}",
        *_columns(feed, family, ""),
    )


def _read_json(spark: SparkSession, feed: Feed, family: Family, again: Again | None) -> DataFrame:
    """Read an object per line; variants keep the digits of numbers, and objects within."""
    lines = _lines(spark, feed, family, again)
    owners = feed.owners()
    schema = ", ".join(f"{sql.name(name)} variant" for name in owners)
    options = f"map('mode', 'PERMISSIVE', 'columnNameOfCorruptRecord', '{CORRUPT}')"
    parsed = f"from_json({RAW}, {sql.literal(f'{schema}, {CORRUPT} string')}, {options})"
    # Spark's parser stops at the end of the first object: what follows it must not be lost.
    several = f"coalesce(json_array_length(concat('[', {RAW}, ']')), 0) <> 1"
    broken = f"_record.{CORRUPT} is not null or {several}"
    known = f"array({', '.join(sql.literal(name) for name in owners)})"
    unclaimed = f"size(array_except(json_object_keys({RAW}), {known})) > 0"
    strict = feed.extra_columns is ExtraColumns.FAIL
    columns = []
    for column in feed.columns:
        mine = [sql.name(name) for name, owner in owners.items() if owner == column.name]
        value = f"coalesce({', '.join(f'cast(_record.{name} as string)' for name in mine)})"
        if column.extra:
            pairs = f"from_json({RAW}, 'map<string, string>')"
            value = _captured(pairs, f"not array_contains({known}, k)")
        columns.append(f"{value} as {sql.name(column.name)}")
    return lines.selectExpr("*", f"{parsed} as _record").selectExpr(
        *_known(again),
        f"case when not _readable then '{Flaw.ENCODING.value}' "
        f"when {broken} then '{Flaw.JSON.value}' "
        f"when {unclaimed if strict else 'false'} then '{Flaw.EXTRA.value}' end as {FLAW}",
        f"{len(owners)} as {FIELDS}",
        *columns,
    )


def _read_parquet(
    spark: SparkSession, feed: Feed, family: Family, again: Again | None
) -> DataFrame:
    """Read typed values as the text that the rules of every other format read."""
    schema = family.header_texts[0]
    rows = spark.read.schema(sql.struct_type(schema)).parquet(*paths_of(family.files))
    fields = {at: (sql.name(name), kind) for at, (name, kind) in enumerate(sql.fields(schema))}
    texts = {at: sql.text_of(*each) for at, each in fields.items()}
    located = (RAW, "to_json(struct(*))"), (ROW, "_metadata.row_index"), (BLOCK, "0L")
    columns = []
    for column in feed.columns:
        if column.extra:
            pairs = ", ".join(f"{sql.literal(n)}, {texts[at]}" for at, n in family.extra.items())
            value = _captured(f"cast(map({pairs}) as map<string, string>)", "v is not null")
        else:
            at = family.positions.get(column.name)
            value = sql.literal(None) if at is None else texts[at]
        columns.append(f"{value} as {sql.name(column.name)}")
    rows = rows.selectExpr(
        f"_metadata.row_index as {HASH}",
        source_file(family.files),
        *(f"{value} as {name}" for name, value in located if again),
        f"cast(null as string) as {FLAW}",
        f"{len(family.names)} as {FIELDS}",
        *columns,
    )
    return rows if again is None else rows.where(again.condition)


def _place(again: Again | None) -> Sequence[str]:
    """Return a record's place: a task that reads one block numbers its rows from 0."""
    if again is None:
        return ()
    # The task's number is in the upper bits (functions.monotonically_increasing_id).
    row = f"monotonically_increasing_id() & {2**33 - 1}L as {ROW}"
    return row, f"_metadata.file_block_start as {BLOCK}"


def _known(again: Again | None) -> Sequence[str]:
    return (HASH, SOURCE_FILE, *(() if again is None else (RAW, ROW, BLOCK)))


def _captured(pairs: str, condition: str) -> str:
    kept = f"map_filter({pairs}, (k, v) -> {condition})"
    return f"if(cardinality({kept}) > 0, {kept}, null)"


def _schema(family: Family) -> str:
    return ", ".join(f"c{at} string" for at in range(len(family.names))) + f", {CORRUPT} string"


def _options_map(files: FileFormat) -> str:
    options = _options(files)
    pairs = (f"{sql.literal(key)}, {sql.literal(value)}" for key, value in options.items())
    return f"map({', '.join(pairs)})"


def _columns(feed: Feed, family: Family, prefix: str) -> Sequence[str]:
    """Return the contract's columns by the fields of a CSV record; NULL where a file lacks one."""
    positions = family.positions
    columns = []
    for column in feed.columns:
        if column.extra:
            names = {f"{name or f'field {at + 1}'}": at for at, name in family.extra.items()}
            pairs = ", ".join(f"{sql.literal(n)}, {prefix}c{at}" for n, at in names.items())
            value = _captured(f"cast(map({pairs}) as map<string, string>)", "v is not null")
        elif column.name in positions:
            value = f"{prefix}c{positions[column.name]}"
        else:
            value = sql.literal(None)
        columns.append(f"{value} as {sql.name(column.name)}")
    return columns
