from __future__ import annotations

from typing import Any

import pytest

from infra.local.redshift.commands.copy_statement import parse_copy
from infra.local.redshift.commands.json_records import json_records, row_reader
from infra.local.redshift.commands.records import records
from infra.local.redshift.commands.target import Column
from infra.local.redshift.translate.lexer import tokenize


def read(text: str, options: str = "") -> list[Any]:
    """The rows of a text: fields, or (line, number, reason)."""
    sql = f"copy t from 's3://b/k' iam_role default {options}"
    lines = iter(list(enumerate(text.split("\n"), 1)))
    return [
        (row.line, int(row.fault.code), row.fault.reason) if row.fault else row.fields
        for row in records(lines, parse_copy(sql, tokenize(sql)))
    ]


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("a|b|", "", [["a", "b", ""]]),
        ("a\tb", "delimiter '\\t'", [["a", "b"]]),
        ("a\x01b", "delimiter as '\\001'", [["a", "b"]]),
        ("a|b\n\nc|d", "ignoreblanklines", [["a", "b"], ["c", "d"]]),
        ("a|b\0c|d", "", [["a", "b"]]),
        (
            "a\rb",
            "",
            [(1, 1216, "Missing newline: Unexpected character 0x62 found at location 2")],
        ),
        ("1|fox\\\njumped", "escape", [["1", "fox\njumped"]]),
        ("2| A\\\\B\\\\C", "escape", [["2", " A\\B\\C"]]),
        ("3| A \\| B", "escape", [["3", " A | B"]]),
        ("\\N|\\\\N|x", "escape", [["\\N", "\\N", "x"]]),
        ("a\\", "escape", [(1, 1216, "The file ends within an escaped line end")]),
        ("4|'Night\\'s'", "escape removequotes", [["4", "Night's"]]),
        ("'a|b'|\"c\"", "removequotes", [["a|b", "c"]]),
        ("don't|'it''s'", "removequotes", [["don't", "it''s"]]),
        ("'a|b", "removequotes", [(1, 1214, "Delimited value missing end quote")]),
        ("12abcé", "fixedwidth 'a:2,b:4'", [["12", "abcé"]]),
        ("12abcdX", "fixedwidth 'a:2,b:4'", [(1, 1202, "Extra column(s) found")]),
        ('a,"b, ""c"""', "csv", [["a", 'b, "c"']]),
        ('a, "b" ,c', "csv", [["a", "b", "c"]]),
        ('1,"x\ny",2\n3,,4', "csv", [["1", "x\ny", "2"], ["3", "", "4"]]),
        ('1,"x', "csv", [(1, 1214, "Delimited value missing end quote")]),
        ('1,x"y\n2,z', "csv", [(1, 1214, "Invalid quote formatting for CSV"), ["2", "z"]]),
        ('1,"x"y\n2,z', "csv", [(1, 1214, "Invalid quote formatting for CSV"), ["2", "z"]]),
        ("%a,b%,c", "csv quote '%'", [["a,b", "c"]]),
        ('a "b"|c', "csv delimiter '|'", [(1, 1214, "Invalid quote formatting for CSV")]),
    ],
)
def test_lines_become_fields(text: str, options: str, expected: list[Any]) -> None:
    assert read(text, options) == expected


COLUMNS = (Column("id", "int4"), Column("name", "varchar", length=99))


def json_read(pieces: list[str], option: str = "auto", paths: Any = None, skip: int = 0) -> Any:
    sql = f"copy t from 's3://b/k' iam_role default json '{option}'"
    reader = row_reader(parse_copy(sql, tokenize(sql)), COLUMNS, paths)
    return [
        (row.line, row.fault.reason) if row.fault else row.fields
        for row in json_records(iter(pieces), skip, reader)
    ]


def test_json_objects_are_matched_by_name() -> None:
    text = '{"name": "a\\n\\u00e9", "id": 1.50, "x": 2}\n\n{"id": true}{"ID":\n3, "name": null}'
    assert json_read([text]) == [["1.50", "a\né"], ["true", None], [None, None]]
    assert json_read([text], "auto ignorecase")[2] == ["3", None]
    assert json_read([text[:9], text[9:30], text[30:]]) == json_read([text])
    nested = '{"id": {"a": [1, 2.10, "é"],\n "b": null}}'
    assert json_read([nested]) == [['{"a": [1,2.10,"é"],"b": null}', None]]
    assert json_read([nested], "noshred") == [['{"id": {"a": [1,2.10,"é"],"b": null}}']]


def test_json_values_stay_json_in_super_columns() -> None:
    sql = "copy t from 's3://b/k' iam_role default json 'auto'"
    reader = row_reader(parse_copy(sql, tokenize(sql)), (Column("id", "super"),), None)
    text = '{"id": "x\\ty"} {"id": 1.50} {"id": [true]} {"id": null}'
    found = [row.fields for row in json_records(iter([text]), 0, reader)]
    assert found == [['"x\\ty"'], ["1.50"], ["[true]"], [None]]


def test_json_paths_reach_into_arrays() -> None:
    paths = [("a", 1), ("b", "c")]
    text = '{"a": [1, 2], "b": {"c": "x"}} {"a": [1], "b": 1} {"a": [1, 2]}'
    assert json_read([text], "s3://b/paths", paths) == [
        ["2", "x"],
        (1, "Invalid JSONPath format: Not an array or index out of range."),
        ["2", None],
    ]


def test_broken_json_is_one_fault_and_the_next_object_loads() -> None:
    text = 'header\n{"id": 1}\n{"id": 2,\n"name": }\n{"id": 3}\nxyz\n[4]\n{"id": 5'
    found = json_read([text], skip=1)
    assert [row if isinstance(row, list) else row[0] for row in found] == [
        ["1", None], 4, ["3", None], 6, 7, 8,
    ]  # fmt: skip
    assert found[4][1].startswith("Invalid JSON: 'auto' loads objects")
