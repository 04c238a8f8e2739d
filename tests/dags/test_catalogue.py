"""The Glue catalogue follows the ledger: whatever is loaded again, withdrawn or told at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elt_lib.catalogue_tables import feed_table, hive_type
from elt_lib.contract import Column
from elt_lib.redshift_types import RedshiftType
from tests.dags.registering import BUCKET, DATABASE, ORDERS, Files, partitions, tell, winner


def test_a_table_has_the_contracts_columns_in_its_order_then_the_loaders(glue, files):
    tell(glue, files)
    table = glue.get_table(DatabaseName=DATABASE, Name="shop__orders")["Table"]
    columns = table["StorageDescriptor"]["Columns"]
    assert [(each["Name"], each["Type"]) for each in columns] == [
        ("order_id", "bigint"),
        ("price", "decimal(9,2)"),
        ("note", "string"),
        ("_batch_id", "string"),
        ("_source_file", "string"),
        ("_loaded_at", "timestamp"),
    ]
    assert columns[1]["Comment"] == "In euros."
    assert [each["Name"] for each in columns if each.get("Parameters")] == ["note"]
    assert [(key["Name"], key["Type"]) for key in table["PartitionKeys"]] == [
        ("batch_id", "string")
    ]
    assert table["Description"] == "Orders of the shop."
    assert table["StorageDescriptor"]["Location"] == "s3://lake/staged/shop/orders/"
    assert table["Parameters"]["classification"] == "parquet"


@pytest.mark.parametrize(
    ("declared", "named"),
    [
        ("smallint", "smallint"),
        ("int4", "int"),
        ("bigint", "bigint"),
        ("decimal(38,6)", "decimal(38,6)"),
        ("real", "float"),
        ("float", "double"),
        ("bool", "boolean"),
        ("date", "date"),
        ("timestamp", "timestamp"),
        ("char(3)", "string"),
        ("varchar(99)", "string"),
        ("super", "string"),
    ],
)
def test_every_type_of_a_contract_has_a_name_in_the_catalogue(declared, named):
    assert hive_type(RedshiftType.parse(declared)) == named


def test_a_loaded_batch_has_a_partition_where_the_winner_wrote(glue, files):
    files.attempt("b1", "loser")
    files.load("b1", "winner")
    files.attempt("b1", "late")
    assert tell(glue, files) == 2
    assert partitions(glue) == {"b1": winner("b1", "winner")}
    assert partitions(glue, "rejected_rows") == {
        "shop/orders/b1": "rejected/shop/orders/b1/run/attempt-winner/"
    }
    (found,) = glue.get_partitions(DatabaseName=DATABASE, TableName="shop__orders")["Partitions"]
    assert found["Parameters"]["recordCount"] == "2"
    assert found["StorageDescriptor"]["Columns"][0]["Name"] == "order_id"


def test_telling_again_changes_nothing_and_reads_no_manifest(glue, files):
    files.load("b1", "a")
    tell(glue, files)
    files.objects = dict.fromkeys(files.objects)
    assert tell(glue, files) == 0
    assert partitions(glue) == {"b1": winner("b1", "a")}


def test_a_batch_loaded_again_moves_its_partition(glue, files):
    files.load("b1", "a")
    files.load("b2", "b")
    tell(glue, files)
    files.load("b1", "c", rows=5)
    assert tell(glue, files) == 2
    assert partitions(glue) == {"b1": winner("b1", "c"), "b2": winner("b2", "b")}


def test_a_retired_batch_loses_its_partitions(glue, files):
    files.load("b1", "a")
    files.load("b2", "b")
    tell(glue, files)
    del files.ledger["b1"]
    assert tell(glue, files) == 2
    assert list(partitions(glue)) == ["b2"]
    assert list(partitions(glue, "rejected_rows")) == ["shop/orders/b2"]


def test_a_batch_without_good_rows_has_only_rejected_ones(glue, files):
    files.load("b1", "a", rows=0, rejected=3)
    files.load("b2", "b", rows=3, rejected=0)
    tell(glue, files)
    assert list(partitions(glue)) == ["b2"]
    assert list(partitions(glue, "rejected_rows")) == ["shop/orders/b1"]


def test_a_batch_whose_files_have_expired_has_no_partition(glue, files):
    files.load("b1", "a")
    files.load("b2", "b")
    tell(glue, files)
    for url in [url for url in files.objects if "/staged/" in url and "/b1/" in url]:
        del files.objects[url]
    tell(glue, files)
    assert list(partitions(glue)) == ["b2"]
    assert len(partitions(glue, "rejected_rows")) == 2


def test_a_winner_that_expired_before_a_loser_has_no_partition(glue, files):
    files.load("b1", "a")
    files.attempt("b1", "loser")
    del files.objects[files.ledger["b1"].manifest_url]
    tell(glue, files)
    assert partitions(glue) == {}


def test_what_was_lost_comes_back(glue, files):
    """moto forgets when it stops; somebody may delete a table."""
    files.load("b1", "a")
    files.load("b2", "b")
    tell(glue, files)
    glue.delete_table(DatabaseName=DATABASE, Name="shop__orders")
    assert tell(glue, files) == 2
    assert list(partitions(glue)) == ["b1", "b2"]


def test_other_feeds_partitions_of_the_shared_table_are_left_alone(glue, files):
    files.load("b1", "a")
    tell(glue, files)
    other = replace(ORDERS, name="returns")
    returns = Files(other)
    returns.load("b1", "r")
    assert tell(glue, returns, other) == 2
    assert list(partitions(glue, "rejected_rows")) == ["shop/orders/b1", "shop/returns/b1"]


def test_a_column_that_the_contract_gained_is_in_table_and_partitions(glue, files):
    files.load("b1", "a")
    tell(glue, files)
    gained = Column("colour", "varchar(9)", optional=True, description="Of the goods.")
    wider = replace(ORDERS, columns=(*ORDERS.columns[:2], gained, ORDERS.columns[2]))
    assert tell(glue, files, wider) == 1
    names = ["order_id", "price", "colour", "note", "_batch_id", "_source_file", "_loaded_at"]
    table = glue.get_table(DatabaseName=DATABASE, Name="shop__orders")["Table"]
    (found,) = glue.get_partitions(DatabaseName=DATABASE, TableName="shop__orders")["Partitions"]
    for thing in (table, found):
        assert [each["Name"] for each in thing["StorageDescriptor"]["Columns"]] == names
    versions = glue.get_table_versions(DatabaseName=DATABASE, TableName="shop__orders")
    assert len(versions["TableVersions"]) == 2
    assert tell(glue, files, wider) == 0


def test_a_comment_is_cut_to_what_the_service_takes():
    feed = replace(ORDERS, columns=(Column("a", "date", description="word " * 99),))
    column = feed_table(feed, BUCKET).definition["StorageDescriptor"]["Columns"][0]
    assert len(column["Comment"]) == 255
    assert column["Comment"].endswith("…")
