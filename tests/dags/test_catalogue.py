"""The Glue catalogue follows the ledger: whatever is loaded again, withdrawn or told at once."""

from __future__ import annotations

import json
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from elt_lib import catalogue
from elt_lib.catalogue import CatalogueError, Lake, register
from elt_lib.catalogue_tables import Batch, feed_table, hive_type
from elt_lib.contract import Column
from elt_lib.redshift_types import RedshiftType
from tests.dags.lake import FEED

REGION, DATABASE, BUCKET = "us-east-1", "starlift_test", "lake"
ORDERS = replace(
    FEED,
    description="Orders\n of the shop.",
    columns=(
        Column("order_id", "bigint", required=True, description="Number of the order."),
        Column("price", "numeric(9,2)", description="In euros."),
        Column("note", "varchar(5)", sensitive=True, description="What the customer said."),
    ),
)


@pytest.fixture
def glue(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("glue", region_name=REGION)
        client.create_database(DatabaseInput={"Name": DATABASE})
        yield client


class Files:
    """Attempts of batches as preprocessing leaves them, and the ledger that names the winners."""

    def __init__(self, feed=ORDERS):
        self.feed = feed
        self.objects = {}
        self.ledger = {}
        self.meanwhile = []
        """What happens between the reading of partitions and that of the ledger, in turn."""

    def attempt(self, batch, name, rows=2, rejected=1):
        """Write an attempt; only `commit` makes it the batch."""
        folder = f"{self.feed.source}/{self.feed.name}/{batch}/run/attempt-{name}/"
        url = f"s3://{BUCKET}/staged/{folder}"
        part = f"{url}rejected=false/part-0.parquet"
        entries = [{"url": part}] if rows else []
        self.objects[f"{url}manifest.json"] = json.dumps({"entries": entries}).encode()
        if rejected:
            self.objects[f"s3://{BUCKET}/rejected/{folder}part-0.parquet"] = b""
        return Batch(self.feed.name, batch, f"{url}manifest.json", f"sha-{name}", rows, rejected)

    def commit(self, batch):
        self.ledger[batch.batch_id] = batch

    def load(self, *args, **kwargs):
        self.commit(self.attempt(*args, **kwargs))

    def loaded(self):
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return list(self.ledger.values())

    @property
    def lake(self):
        def folders(prefix):
            start = f"s3://{BUCKET}/{prefix}"
            below = [url.removeprefix(start) for url in self.objects if url.startswith(start)]
            return sorted({f"{prefix}{path.split('/')[0]}/" for path in below})

        return Lake(BUCKET, self.objects.get, folders)


@pytest.fixture
def files():
    return Files()


def tell(glue, files, feed=ORDERS):
    return register(glue, DATABASE, [feed], files.loaded, files.lake)


def partitions(glue, table="shop__orders"):
    """Folder of each partition, below the bucket, by its values."""
    found = glue.get_partitions(DatabaseName=DATABASE, TableName=table)["Partitions"]
    start = f"s3://{BUCKET}/"
    return {
        "/".join(each["Values"]): each["StorageDescriptor"]["Location"].removeprefix(start)
        for each in found
    }


def winner(batch, name):
    return f"staged/shop/orders/{batch}/run/attempt-{name}/rejected=false/"


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


def test_a_load_that_commits_meanwhile_wins(glue, files):
    """An older view of the ledger, written late, is put right by the one who wrote it."""
    files.load("b1", "a")
    tell(glue, files)
    files.load("b1", "b")

    def another_run():
        files.load("b1", "c")
        files.meanwhile.clear()
        tell(glue, files)

    # The ledger was read as b; while it is written, c is loaded and registered by its own run.
    original = files.lake.read

    def read(url):
        if "attempt-b" in url and "c" not in str(files.ledger["b1"].manifest_sha256)[-1:]:
            another_run()
        return original(url)

    register(glue, DATABASE, [ORDERS], files.loaded, replace(files.lake, read=read))
    assert partitions(glue) == {"b1": winner("b1", "c")}


def test_a_batch_that_another_run_registers_meanwhile_is_not_taken_for_withdrawn(glue, files):
    files.load("b1", "a")

    def another_run():
        files.load("b2", "b")
        tell(glue, files)

    files.meanwhile = [another_run]
    tell(glue, files)
    assert sorted(partitions(glue)) == ["b1", "b2"]


def test_no_partition_of_another_run_vanishes_even_for_a_moment(glue, files):
    """The ledger is read last: what another run registers after that is not yet in our partitions.

    The other way round its partition would be deleted and made again by the next round.
    """
    files.load("b1", "a")
    others = [lambda: files.load("b2", "b")]

    def loaded():
        seen = list(files.ledger.values())
        if others:
            others.pop()()
            tell(glue, files)
        return seen

    class Watched:
        def __getattr__(self, name):
            assert name != "batch_delete_partition"
            return getattr(glue, name)

    register(Watched(), DATABASE, [ORDERS], loaded, files.lake)
    assert sorted(partitions(glue)) == ["b1", "b2"]


def test_partitions_are_told_in_as_many_requests_as_the_service_wants(glue, files, monkeypatch):
    monkeypatch.setattr(catalogue, "MOST_CREATED", 2)
    monkeypatch.setattr(catalogue, "MOST_UPDATED", 2)
    monkeypatch.setattr(catalogue, "MOST_DELETED", 2)
    for number in range(5):
        files.load(f"b{number}", "a", rejected=0)
    assert tell(glue, files) == 5
    for number in range(5):
        files.load(f"b{number}", "c", rejected=0)
    assert tell(glue, files) == 5
    assert set(partitions(glue).values()) == {winner(f"b{number}", "c") for number in range(5)}
    files.ledger.clear()
    assert tell(glue, files) == 5
    assert partitions(glue) == {}


def test_a_ledger_that_does_not_hold_still_is_given_up(glue, files):
    names = iter(range(1000))
    files.load("b1", "a")
    files.meanwhile = [lambda: files.load("b1", f"n{next(names)}")] * 99
    with pytest.raises(CatalogueError, match="after 10 rounds"):
        tell(glue, files)


def test_a_partition_that_the_service_refuses_is_an_error(glue, files):
    """A batch request succeeds as a whole and names in its answer what it refused."""
    files.load("b1", "a")

    class Refusing:
        def __getattr__(self, name):
            return getattr(glue, name)

        def batch_create_partition(self, **_):
            detail = {"ErrorCode": "ResourceNumberLimitExceededException", "ErrorMessage": "full"}
            return {"Errors": [{"PartitionValues": ["b1"], "ErrorDetail": detail}]}

    with pytest.raises(CatalogueError, match=r"shop__orders.*b1.*full"):
        tell(Refusing(), files)


def test_a_catalogue_without_the_database_says_who_makes_it(glue, files):
    glue.delete_database(Name=DATABASE)
    with pytest.raises(CatalogueError, match=f"no database {DATABASE}.*the stack `catalog`"):
        tell(glue, files)


def test_files_of_two_folders_are_refused(glue, files):
    files.load("b1", "a")
    url = files.ledger["b1"].manifest_url
    entries = [{"url": "s3://lake/x/1.parquet"}, {"url": "s3://lake/y/2.parquet"}]
    files.objects[url] = json.dumps({"entries": entries}).encode()
    with pytest.raises(CatalogueError, match="files of 2 folders"):
        tell(glue, files)


def test_a_comment_is_cut_to_what_the_service_takes():
    feed = replace(ORDERS, columns=(Column("a", "date", description="word " * 99),))
    column = feed_table(feed, BUCKET).definition["StorageDescriptor"]["Columns"][0]
    assert len(column["Comment"]) == 255
    assert column["Comment"].endswith("…")
