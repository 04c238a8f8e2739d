"""The contract is read from the manifest."""

import base64
import json
from datetime import UTC, datetime, timedelta

from elt_lib.contract import Batches, Column, Empty, Feed, TableLayout
from elt_lib.contract_yaml import sources_of
from spark_jobs.feed import decode_feed
from tests.dags.contract_node import node, read


def test_a_feed_is_read_with_its_defaults():
    source = read(node())["shop"]
    assert (source.schedule, source.start_date.isoformat()) == ("@daily", "2020-02-01")
    (feed,) = source.feeds
    assert (feed.id, feed.table) == ("shop.orders", "shop__orders")
    assert (feed.wait, feed.empty, feed.reject_limit) == (timedelta(hours=6), Empty.ALLOW, 0.1)
    assert (feed.files.delimiter, feed.files.quote, feed.files.header) == (";", '"', True)
    assert feed.layout == TableLayout(("order_id",), "order_id", ("ordered_on",))
    assert feed.columns[0] == Column(
        "order_id", "bigint", required=True, aliases=("Order ID",), description="Key."
    )
    assert [c.name for c in feed.table_columns][2:] == ["_batch_id", "_source_file", "_loaded_at"]


def test_a_batch_adds_to_the_feed_unless_the_contract_says_that_it_is_the_whole():
    (feed,) = read(node())["shop"].feeds
    assert feed.batches is Batches.APPEND
    (feed,) = read(node(batches="replace"))["shop"].feeds
    assert (feed.batches, feed.keep_batches) == (Batches.REPLACE, 2)
    (feed,) = read(node(batches="replace", keep_batches=5))["shop"].feeds
    assert feed.keep_batches == 5


def test_the_key_pattern_is_expanded_from_the_interval():
    feed = read(node())["shop"].feeds[0]
    assert feed.raw_key(datetime(2021, 9, 3, tzinfo=UTC)) == "raw/shop/orders/2021/09/03/*.csv"


def test_the_spec_for_spark_is_json_without_characters_that_yarn_expands():
    feed = read(node())["shop"].feeds[0]
    spec = feed.spec()
    assert not set(spec) & set("{}$ \"'")
    decoded = json.loads(base64.urlsafe_b64decode(spec))
    assert decoded["files"] == {
        "format": ["csv"],
        "one_format": False,
        "delimiter": ";",
        "quote": '"',
        "escape": '"',
        "encoding": "UTF-8",
        "header": True,
        "multiline": False,
        "null_values": [""],
        "loose_headers": False,
        "trailing_delimiters": False,
        "entries": "*",
    }
    assert decoded["columns"][0]["aliases"] == ["Order ID"]
    assert (decoded["source"], decoded["feed"], decoded["reject_limit"]) == ("shop", "orders", 0.1)


def test_seeds_belong_to_the_source_whose_folder_they_are_in():
    def seed(path):
        return {"resource_type": "seed", "name": path[-5], "original_file_path": path}

    paths = ("seeds/shop/b.csv", "seeds/shop/a.csv", "seeds/other/c.csv", "seeds/d.csv")
    manifest = {"sources": {"one": node()}, "nodes": {path: seed(path) for path in paths}}
    assert sources_of(manifest)["shop"].seeds == ("a", "b")


def test_a_feed_is_a_value():
    assert isinstance(read(node())["shop"].feeds[0], Feed)
    assert read(node()) == read(node())


def test_everything_that_a_contract_can_say_reaches_the_spark_job():
    table = node(
        extra_columns="capture",
        unreadable_files="reject",
        reject_limit="100 rows",
        files={"pattern": "*.zip", "delimiter": "||", "quote": "", "entries": "*.csv"},
    )
    said = {
        "formats": ["#.##0,#", "0.#"],
        "null_values": ["-", 0],
        "min": 0,
        "max": 99.5,
        "accepted_values": [1, 2],
        "sensitive": True,
    }
    table["columns"]["amount"] = {
        "name": "amount",
        "data_type": "numeric(9,2)",
        "description": "Euros.",
        "config": {"meta": said},
    }
    table["columns"]["rest"] = {
        "name": "rest",
        "data_type": "super",
        "description": "What else there is.",
        "config": {"meta": {"extra": True}},
    }
    job = decode_feed(read(table)["shop"].feeds[0].spec())
    assert (job.files.delimiter, job.files.quote, job.files.entries) == ("||", "", "*.csv")
    assert (str(job.reject_limit), job.unreadable_files.value) == ("100 rows", "reject")
    amount, rest = job.columns[-2:]
    assert amount.formats == ("#.##0,#", "0.#")
    assert (amount.null_values, amount.accepted_values) == (("-", "0"), ("1", "2"))
    assert (amount.min, amount.max, amount.sensitive) == ("0", "99.5", True)
    assert (rest.name, rest.extra, rest.type.kind.value) == ("rest", True, "super")


def test_no_null_markers_is_not_the_feeds_null_markers():
    table = node()
    table["columns"]["order_id"]["config"]["meta"]["null_values"] = []
    job = decode_feed(read(table)["shop"].feeds[0].spec())
    assert (job.columns[0].null_values, job.columns[1].null_values) == ((), None)
