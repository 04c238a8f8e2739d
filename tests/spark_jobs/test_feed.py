from __future__ import annotations

import base64
import json

import pytest

from spark_jobs.errors import BatchError
from spark_jobs.feed import (
    Column,
    ExtraColumns,
    Feed,
    FileFormat,
    Format,
    RejectLimit,
    decode_feed,
    encode_feed,
    parse_feed,
)
from spark_jobs.redshift_types import Kind, RedshiftType

SPEC = {
    "source": "bikeshare",
    "feed": "trips",
    "files": {
        "format": "csv",
        "delimiter": ";",
        "quote": "'",
        "escape": "\\",
        "encoding": "latin-1",
        "header": True,
        "null_values": ["", "NA"],
    },
    "extra_columns": "ignore",
    "reject_limit": 0.02,
    "columns": [
        {
            "name": "trip_id",
            "data_type": "varchar(64)",
            "required": True,
            "optional": False,
            "aliases": ["ride_id", "Fahrt-Nº"],
            "formats": [],
            "thousands": None,
        },
        {"name": "paid", "data_type": "numeric(9,2)", "thousands": "."},
    ],
}


def test_a_specification_survives_the_command_line() -> None:
    assert decode_feed(encode_feed(SPEC)) == Feed(
        source="bikeshare",
        feed="trips",
        files=FileFormat(
            delimiter=";", quote="'", escape="\\", encoding="latin-1", null_values=("", "NA")
        ),
        columns=(
            Column(
                "trip_id",
                RedshiftType(Kind.VARCHAR, length=64),
                required=True,
                aliases=("ride_id", "Fahrt-Nº"),
            ),
            Column("paid", RedshiftType(Kind.NUMERIC, precision=9, scale=2), thousands="."),
        ),
        extra_columns=ExtraColumns.IGNORE,
        reject_limit=RejectLimit(0.02),
    )


def test_padding_that_a_caller_stripped_is_no_matter() -> None:
    assert decode_feed(encode_feed(SPEC).rstrip("=")) == decode_feed(encode_feed(SPEC))


def test_what_is_left_out_has_redshifts_and_rfc_4180s_defaults() -> None:
    spec = {"source": "s", "feed": "f", "columns": [{"name": "a", "data_type": "integer"}]}
    feed = parse_feed(spec)
    csv = FileFormat((Format.CSV,), False, ",", '"', '"', "UTF-8", True, ("",), False)
    assert feed.files == csv
    assert (feed.extra_columns, feed.reject_limit) == (ExtraColumns.FAIL, RejectLimit(0.0))
    assert feed.columns == (Column("a", RedshiftType(Kind.INTEGER)),)


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [("UTF-8", "utf-8"), ("utf-8-sig", "utf-8"), ("latin-1", "iso8859-1"), ("CP1252", "cp1252")],
)
def test_encodings_go_by_names_that_java_knows(encoding: str, charset: str) -> None:
    assert FileFormat(encoding=encoding).charset == charset


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"retries": 3}, "the feed has settings that this job does not know: retries"),
        ({"files": {"colour": "red"}}, "files has settings that this job does not know: colour"),
        ({"files": {"format": "xml"}}, "'xml' is not a valid Format"),
        ({"files": {"delimiter": ""}}, "files.delimiter is empty"),
        ({"files": {"encoding": "klingon"}}, "files.encoding 'klingon' is not known"),
        ({"files": {"encoding": "utf-16"}}, "'utf-16' needs `multiline: true`"),
        ({"extra_columns": "maybe"}, "'maybe' is not a valid ExtraColumns"),
        ({"columns": [{"name": "a"}]}, "the feed specification lacks 'data_type'"),
        ({"columns": [{"name": "a", "data_type": "json"}]}, "data type 'json' is not one"),
        (
            {"columns": [{"name": "a", "data_type": "boolean", "formats": ["yyyy"]}]},
            "column 'a': `formats` is for dates, timestamps and numbers",
        ),
        (
            {"columns": [{"name": "a", "data_type": "date", "thousands": ","}]},
            "column 'a': `thousands` and `decimal` are for number columns",
        ),
        ({"columns": [{"name": "_id", "data_type": "date"}]}, "names that start with _ are the"),
        (
            {
                "columns": [
                    {"name": "a", "data_type": "date", "aliases": ["x"]},
                    {"name": "b", "data_type": "date", "aliases": ["x"]},
                ]
            },
            "columns 'a' and 'b' both claim 'x'",
        ),
        (
            {"columns": [{"name": "a", "data_type": "date"}, {"name": "a", "data_type": "date"}]},
            "two columns have the same name",
        ),
    ],
)
def test_a_wrong_specification_says_what_is_wrong(change: dict[str, object], message: str) -> None:
    with pytest.raises(BatchError) as error:
        parse_feed({**SPEC, **change})
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["not base64!", base64.urlsafe_b64encode(b"{").decode()])
def test_what_is_no_specification_is_refused(text: str) -> None:
    with pytest.raises(BatchError, match="--feed must be base64url"):
        decode_feed(text)


def test_the_argument_has_only_characters_that_need_no_quoting() -> None:
    spec = {**SPEC, "feed": "Zürich ?>~"}
    assert set(encode_feed(spec)) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
    )
    assert json.loads(base64.urlsafe_b64decode(encode_feed(spec)))["feed"] == "Zürich ?>~"
