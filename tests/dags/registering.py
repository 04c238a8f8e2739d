"""A Glue catalogue and a lake's files, for the tests that register the one from the other."""

from __future__ import annotations

import json
from dataclasses import replace

from elt_lib.catalogue import Lake, register
from elt_lib.catalogue_tables import Batch
from elt_lib.contract import Column
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
