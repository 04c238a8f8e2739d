from __future__ import annotations

import pytest

from spark_jobs.errors import BatchError
from spark_jobs.feed import Feed, FileFormat, UnreadableFiles, parse_feed
from spark_jobs.headers import Header, group_headers, match_columns, parse_header
from spark_jobs.raw_files import Findings
from spark_jobs.storage import StoredFile

FILE = "s3://lake/raw/orders/a.csv"


def orders(extra_columns: str = "fail") -> Feed:
    return parse_feed(
        {
            "source": "shop",
            "feed": "orders",
            "extra_columns": extra_columns,
            "columns": [
                {"name": "id", "data_type": "integer", "aliases": ["Order ID"]},
                {"name": "note", "data_type": "varchar(9)", "optional": True},
            ],
        }
    )


@pytest.mark.parametrize(
    ("head", "files", "text", "names"),
    [
        (b"id,note\r\n1,a\r\n", FileFormat(), "id,note", ("id", "note")),
        (b"id,note\r1,a\r", FileFormat(), "id,note", ("id", "note")),
        ("\ufeffid, note \n".encode(), FileFormat(), "id, note ", ("id", "note")),
        (
            '\ufeff"id","the ""note"""\n'.encode(),
            FileFormat(),
            '"id","the ""note"""',
            ("id", 'the "note"'),
        ),
        (b"\n  \nid,note\n", FileFormat(), "id,note", ("id", "note")),
        (b"id;'a;b'\n", FileFormat(delimiter=";", quote="'"), "id;'a;b'", ("id", "a;b")),
        (b"id,\n", FileFormat(), "id,", ("id", "")),
        ("größe,n\n".encode("latin-1"), FileFormat(encoding="latin-1"), "größe,n", ("größe", "n")),
        (b'id,"the\nnote"\n1,a\n', FileFormat(multiline=True), 'id,"the', ("id", "the\nnote")),
        (b"id", FileFormat(), "id", ("id",)),
    ],
)
def test_headers_of_all_kinds(
    head: bytes, files: FileFormat, text: str, names: tuple[str, ...]
) -> None:
    assert parse_header(FILE, head, files, whole=True) == (text, names)


@pytest.mark.parametrize(
    ("head", "whole", "message"),
    [
        (b"", True, f"{FILE} is empty"),
        (b" \n\n", True, f"{FILE} is empty"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", True, f"{FILE}: its header is not UTF-8 text"),
        (b"x" * 70_000, False, "no line ends in its first 70000 bytes"),
        (b'id,"note\n1,a\n', True, "its header cannot be read"),
    ],
)
def test_what_is_no_header(head: bytes, whole: bool, message: str) -> None:
    with pytest.raises(BatchError) as error:
        parse_header(FILE, head, FileFormat(), whole=whole)
    assert message in str(error.value)


@pytest.mark.parametrize("tail", ["é".encode()[:1], b"1,\xff\n"])
def test_what_follows_the_header_is_not_looked_at(tail: bytes) -> None:
    head = b"id,note\n" + tail
    assert parse_header(FILE, head, FileFormat(), whole=False) == ("id,note", ("id", "note"))


def test_columns_are_found_by_name_and_alias_wherever_they_stand() -> None:
    assert match_columns(orders(), ("note", "Order ID"), FILE) == {"note": 0, "id": 1}
    assert match_columns(orders(), ("id",), FILE) == {"id": 0}
    assert match_columns(orders("ignore"), ("x", "id", "x", ""), FILE) == {"id": 1}


@pytest.mark.parametrize(
    ("names", "messages"),
    [
        (
            ("order_number", "note"),
            [
                f"{FILE} has no field for column 'id' of shop.orders",
                "header names that no column claims: 'order_number'",
                "add the file's name for it to the column's `aliases`",
                "`optional: true`",
            ],
        ),
        (
            ("id", "colour"),
            [
                f"{FILE} has header names that no column of shop.orders claims: 'colour'",
                "`extra_columns: ignore`",
            ],
        ),
        (
            ("Order ID", "note", "id"),
            [
                f"{FILE}: fields 1 ('Order ID') and 3 ('id') both are column 'id' of shop.orders",
                "remove one of the two names from its aliases",
            ],
        ),
        (("id", "id"), ["fields 1 ('id') and 2 ('id') both are column 'id'"]),
    ],
)
def test_a_header_off_the_contract_says_what_to_write(
    names: tuple[str, ...], messages: list[str]
) -> None:
    with pytest.raises(BatchError) as error:
        match_columns(orders(), names, FILE)
    assert [message for message in messages if message not in str(error.value)] == []


def test_files_with_equal_names_are_one_family() -> None:
    a, b, c = (StoredFile(f"s3://lake/{name}.csv", 9, f"s3://lake/{name}.csv") for name in "abc")
    families = group_headers(
        orders(),
        [
            Header(a, "id,note", ("id", "note")),
            Header(b, "note,id", ("note", "id")),
            Header(c, '"id","note"', ("id", "note")),
        ],
        Findings(UnreadableFiles.FAIL),
    )
    assert [(family.files, family.header_texts) for family in families] == [
        ((a, c), ('"id","note"', "id,note")),
        ((b,), ("note,id",)),
    ]
