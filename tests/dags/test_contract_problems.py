"""What is broken in a contract is said with its place and its remedy."""

import copy

import pytest

from elt_lib.contract_check import ContractError
from elt_lib.contract_yaml import sources_of
from tests.dags.contract_node import node, read

WHERE = "models/staging/shop/_shop__sources.yml: shop.orders"


def problems(table):
    with pytest.raises(ContractError) as caught:
        read(table)
    return caught.value.problems


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"identifier": "orders"}, "identifier is 'orders': write `identifier: shop__orders`"),
        ({"columns": {}}, "has no columns: list each with name, data_type and description"),
    ],
)
def test_a_broken_table_is_named(change, message):
    table = node(table={})
    table.update(change)
    assert problems(table) == (f"{WHERE}: {message}",)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        (
            {"reject_limit": 2},
            'reject_limit: is 2: write a share from 0 to 1, e.g. 0.02, or e.g. "100 rows"',
        ),
        ({"reject_limit": True}, "reject_limit: is True: write a share from 0 to 1, e.g. 0.02"),
        ({"reject_limit": "some"}, "reject_limit: is 'some': write a share"),
        ({"extra_columns": "drop"}, "extra_columns: is 'drop': write fail or ignore or capture"),
        ({"extra_columns": "capture"}, "extra_columns: is capture: give one column of type super"),
        ({"unreadable_files": "skip"}, "unreadable_files: is 'skip': write fail or reject"),
        (
            {"files": {"pattern": "*", "encoding": "klingon"}},
            "files.encoding: is 'klingon': write such as UTF-8",
        ),
        (
            {"files": {"pattern": "*", "encoding": "utf-16"}},
            "files.encoding: utf-16 files are read with `multiline: true` only",
        ),
        (
            {"files": {"pattern": "*", "format": "parquet", "delimiter": ";"}},
            "files.delimiter: means nothing in parquet files: remove it",
        ),
        (
            {"files": {"pattern": "*", "format": "jsonl", "header": True}},
            "files.header: means nothing in jsonl files: remove it",
        ),
        ({"files": {"pattern": "*", "delimiter": ""}}, "files.delimiter: is '': write a text"),
        ({"files": {"pattern": "*", "quote": "''"}}, "files.quote: is \"''\": write one character"),
        (
            {"arrival": {"wait": "soon"}},
            'arrival.wait: is \'soon\': write e.g. "30 minutes", "6 hours" or "15 days"',
        ),
        (
            {"files": {"pattern": "{year}/*.csv"}},
            "files: pattern '{year}/*.csv' may use only {yyyy} {MM} {dd} {HH}",
        ),
        ({"files": {"delimiter": ";"}}, "files.pattern: is None: write a text, e.g."),
        (
            {"files": {"pattern": "*", "format": "xls"}},
            "files.format: is 'xls': write csv or",
        ),
        (
            {"files": {"pattern": "*", "format": ["csv", "csv"]}},
            "files.format: is ['csv', 'csv']: write each word once",
        ),
        (
            {"files": {"pattern": "*", "format": ["parquet", "jsonl"], "quote": "'"}},
            "files.quote: means nothing in parquet or jsonl files: remove it",
        ),
        (
            {"files": {"pattern": "*", "one_format": True}},
            "files.one_format: means nothing where `format` is one format: remove it",
        ),
        ({"files": {"pattern": "*", "sep": ";"}}, "files.sep: unknown key; known here: delimiter,"),
        ({"table": {"sort": ["day"]}}, "table: names column 'day', which the feed doesn't have"),
        ({"table": {"dist": "random"}}, "table: dist is 'random': write auto, even, all or"),
        ({"batches": "upsert"}, "batches: is 'upsert': write append or replace"),
        (
            {"batches": "replace", "keep_batches": 0},
            "keep_batches: is 0: write a whole number from 1",
        ),
        (
            {"batches": "replace", "keep_batches": True},
            "keep_batches: is True: write a whole number from 1",
        ),
        (
            {"keep_batches": 3},
            "keep_batches: means nothing without `batches: replace`: remove it",
        ),
        ({"arrivals": {}}, "arrivals: unknown key; known here: arrival,"),
    ],
)
def test_a_broken_setting_is_named_with_its_place_and_remedy(meta, message):
    (problem,) = problems(node(**meta))
    assert problem.startswith(f"{WHERE}: {message}")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"data_type": "text"}, "data_type is 'text': write one of smallint,"),
        ({"data_type": "varchar"}, "data_type is 'varchar': write one of"),
        ({"data_type": "varchar(70000)"}, "data_type is 'varchar(70000)': write one of"),
        ({"data_type": "timestamp"}, "is a timestamp without formats: write e.g."),
        ({"description": " "}, "has no description: say what the column means"),
        ({"config": {"meta": {"required": True, "optional": True}}}, "is both required and"),
        (
            {"data_type": "boolean", "config": {"meta": {"formats": ["d"]}}},
            "has formats, but boolean takes none",
        ),
        ({"config": {"meta": {"formats": ["1,000"]}}}, "formats: '1,000' is no number format"),
        ({"config": {"meta": {"formats": ["#.##0.#"]}}}, "formats: '#.##0.#' is no number format"),
        (
            {"config": {"meta": {"formats": ["0.#"], "decimal": ","}}},
            "has formats as well as thousands or decimal",
        ),
        (
            {"config": {"meta": {"thousands": ",", "decimal": ","}}},
            "thousands: is the decimal mark too",
        ),
        (
            {"data_type": "date", "config": {"meta": {"formats": ["JJJJ-MM"]}}},
            "formats: 'JJJJ-MM' is no datetime pattern of Spark",
        ),
        ({"config": {"meta": {"min": "low"}}}, "min: is 'low': write a integer"),
        (
            {"data_type": "date", "config": {"meta": {"formats": ["excel"], "max": "2020-13-01"}}},
            "max: is '2020-13-01': write a date",
        ),
        (
            {"data_type": "boolean", "config": {"meta": {"min": 1}}},
            "min: boolean has no range: remove it",
        ),
        (
            {"data_type": "varchar(9)", "config": {"meta": {"decimal": ","}}},
            "has decimal, but varchar is no number: remove it",
        ),
        (
            {
                "data_type": "date",
                "config": {"meta": {"formats": ["yyyy"], "accepted_values": ["2020"]}},
            },
            "accepted_values: a date takes min and max instead",
        ),
        ({"config": {"meta": {"extra": True}}}, "extra: is integer: the column for extra columns"),
        ({"config": {"meta": {"sensitive": "yes"}}}, "sensitive: is 'yes': write true or false"),
        ({"config": {"meta": {"thousands": ",,"}}}, "thousands: is ',,': write one character"),
        ({"config": {"meta": {"alias": "x"}}}, "alias: unknown key; known here: accepted_values,"),
    ],
)
def test_a_broken_column_is_named(column, message):
    table = node()
    table["columns"]["amount"] = {
        "name": "amount",
        "data_type": "integer",
        "description": "Cents.",
        **column,
    }
    keys = {
        *("accepted_values", "alias", "extra", "formats", "max", "min", "sensitive"),
        "thousands",
    }
    separator = "." if message.split(":")[0] in keys else ": "
    assert problems(table)[0].startswith(f"{WHERE}: column amount{separator}{message}")


def test_two_columns_may_not_claim_one_header():
    table = node()
    table["columns"]["ordered_on"]["config"]["meta"]["aliases"] = ["Order ID"]
    assert problems(table) == (
        f"{WHERE}: columns 'order_id' and 'ordered_on' both claim header 'Order ID'",
    )


def test_every_problem_is_reported_at_once():
    table = node(reject_limit=-1, extra_columns="?")
    other = copy.deepcopy(table) | {"name": "items", "identifier": "shop__items"}
    with pytest.raises(ContractError) as caught:
        sources_of({"sources": {"a": table, "b": other}})
    assert len(caught.value.problems) == 4
    assert "shop.items: reject_limit" in str(caught.value)


def test_loose_headers_make_more_names_equal():
    table = node(files={"pattern": "*", "loose_headers": True})
    table["columns"]["ordered_on"]["config"]["meta"]["aliases"] = ["ORDER id"]
    assert problems(table) == (
        f"{WHERE}: columns 'order_id' and 'ordered_on' both claim header 'ORDER id'",
    )
