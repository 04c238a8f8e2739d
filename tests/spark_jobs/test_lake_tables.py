"""What the Glue catalogue says of preprocessed batches, read by a real engine from where it says.

Athena itself does not run here: Spark reads each partition's folder with the catalogue's columns,
and runs the SQL that the DAG sends to Athena.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  (its customary name)

from elt_lib.catalogue import Lake, register
from elt_lib.catalogue_tables import REJECTED_TABLE, Batch
from elt_lib.contract import Column, Empty, ExtraColumns, Feed, Files, TableLayout
from elt_lib.contract_yaml import load_sources
from infra.local.samples import movies
from spark_jobs import preprocess
from tests.spark_jobs.conftest import BUCKET

pytestmark = pytest.mark.slow

DATABASE = "starlift_test"
QUERY = Path(__file__).parents[2] / "dags" / "queries" / "best_movies.sql"
REAL = Path(__file__).parents[3] / "shared" / "data" / "movielens"


class Staged:
    """A bucket on disk, the ledger of what was preprocessed into it, and the catalogue of both."""

    def __init__(self, spark: SparkSession, root: Path, glue: Any) -> None:
        self.spark, self.root, self.glue = spark, root / BUCKET, glue
        self.ledger: dict[tuple[str, str], Batch] = {}

    def put(self, key: str, path: Path) -> None:
        """Store a raw file."""
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())

    def load(self, feed: Feed, batch_id: str, pattern: str, run: str = "run") -> None:
        """Preprocess a batch, as the DAG does, and note it as its load would."""
        place = f"{feed.source}/{feed.name}/{batch_id}/{run}/"
        code = preprocess.main(
            [
                *("--feed", feed.spec(), "--batch-id", batch_id),
                *("--input", f"s3://{BUCKET}/{pattern}"),
                *("--output", f"s3://{BUCKET}/staged/{place}"),
                *("--rejected", f"s3://{BUCKET}/rejected/{place}"),
            ]
        )
        assert code == 0
        report = json.loads((self.root / "staged" / place / "report.json").read_text())
        self.ledger[feed.name, batch_id] = Batch(
            feed.name,
            batch_id,
            report["manifest"]["url"],
            report["manifest"]["sha256"],
            report["written_rows"],
            report["rejected_rows"],
        )

    def register(self, feeds: Iterable[Feed]) -> int:
        """Tell the catalogue."""

        def read(url: str) -> bytes | None:
            path = self._path(url)
            return path.read_bytes() if path.exists() else None

        def folders(prefix: str) -> list[str]:
            return [f"{prefix}{each.name}/" for each in (self.root / prefix).glob("*")]

        lake = Lake(BUCKET, read, folders)
        return register(self.glue, DATABASE, list(feeds), self.ledger.values, lake)

    def table(self, name: str) -> DataFrame:
        """A table as an engine sees it that knows nothing but the catalogue."""
        table = self.glue.get_table(DatabaseName=DATABASE, Name=name)["Table"]
        keys = [key["Name"] for key in table["PartitionKeys"]]
        columns = table["StorageDescriptor"]["Columns"]
        schema = ", ".join(f"`{each['Name']}` {each['Type']}" for each in columns)
        frames = []
        pages = self.glue.get_paginator("get_partitions")
        for page in pages.paginate(DatabaseName=DATABASE, TableName=name):
            for each in page["Partitions"]:
                folder = each["StorageDescriptor"]["Location"]
                stored = self.spark.read.schema(schema).parquet(folder)
                for key, value in zip(keys, each["Values"], strict=True):
                    stored = stored.withColumn(key, F.lit(value))
                frames.append(stored)
        found = frames[0]
        for frame in frames[1:]:
            found = found.unionByName(frame)
        return found

    def stored_types(self, name: str) -> dict[str, str]:
        """Types of the files themselves, of the table's first partition."""
        pages = self.glue.get_partitions(DatabaseName=DATABASE, TableName=name)["Partitions"]
        stored = self.spark.read.parquet(pages[0]["StorageDescriptor"]["Location"])
        return {field.name: field.dataType.simpleString() for field in stored.schema}

    def ask(self, sql: str, *tables: str) -> list[dict[str, Any]]:
        """Answer of a query over tables of the catalogue."""
        for name in tables:
            self.table(name).createOrReplaceTempView(name)
        return [row.asDict() for row in self.spark.sql(sql).collect()]

    def _path(self, url: str) -> Path:
        return self.root / url.removeprefix(f"s3://{BUCKET}/")


@pytest.fixture
def staged(spark: SparkSession, spark_folder: Path, tmp_path: Path) -> Iterator[Staged]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCESS_KEY_ID", "x")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        glue = boto3.client("glue", region_name="us-east-1")
        glue.create_database(DatabaseInput={"Name": DATABASE})
        made = Staged(spark, spark_folder / "s3", glue)
        for area in ("raw", "staged", "rejected"):  # another test's, in the bucket of the session
            shutil.rmtree(made.root / area, ignore_errors=True)
        yield made


EVERY_TYPE = (
    "smallint", "integer", "bigint", "numeric(9,2)", "real", "double precision", "boolean",
    "char(1)", "varchar(9)",
)  # fmt: skip


def test_files_have_the_types_that_the_catalogue_says(staged: Staged, tmp_path: Path) -> None:
    columns = [Column(f"c{at}", kind) for at, kind in enumerate(EVERY_TYPE)]
    columns.append(Column("day", "date", formats=("yyyy-MM-dd",)))
    columns.append(Column("moment", "timestamp", formats=("yyyy-MM-dd HH:mm:ss",)))
    feed = Feed(
        source="typed",
        name="values",
        description="Every type.",
        files=Files("*.csv"),
        columns=tuple(columns),
        layout=TableLayout(),
        wait=timedelta(0),
        empty=Empty.FAIL,
        extra_columns=ExtraColumns.FAIL,
        reject_limit=0.5,
        declared_in="x.yml",
    )
    raw = tmp_path / "a.csv"
    names = ",".join(column.name for column in columns)
    good = "1,2,3,4.25,5.5,6.5,true,x,text,2020-02-29,2020-02-29 23:59:59"
    raw.write_text(f"{names}\n{good}\n{good.replace('4.25', 'four')}\n")
    staged.put("raw/typed/a.csv", raw)
    staged.load(feed, "20200201T000000", "raw/typed/*.csv")
    assert staged.register([feed]) == 2
    table = staged.glue.get_table(DatabaseName=DATABASE, Name="typed__values")["Table"]
    said = {each["Name"]: each["Type"] for each in table["StorageDescriptor"]["Columns"]}
    assert said == staged.stored_types("typed__values")
    (row,) = staged.table("typed__values").collect()
    assert (row["c3"], row["c8"], str(row["day"])) == (4.25, "text", "2020-02-29")
    assert row["batch_id"] == row["_batch_id"] == "20200201T000000"

    table = staged.glue.get_table(DatabaseName=DATABASE, Name=REJECTED_TABLE)["Table"]
    said = {each["Name"]: each["Type"] for each in table["StorageDescriptor"]["Columns"]}
    assert said == staged.stored_types(REJECTED_TABLE)
    (reject,) = staged.table(REJECTED_TABLE).collect()
    assert (reject["rule"], reject["column"], reject["value"]) == ("type", "c3", "four")
    assert (reject["source"], reject["feed"]) == ("typed", "values")


@pytest.fixture
def feeds(manifest: Path) -> Mapping[str, Feed]:
    return {feed.name: feed for feed in load_sources(manifest)["movies"].feeds}


def test_athenas_query_finds_what_the_sample_knows(
    staged: Staged, feeds: Mapping[str, Feed], tmp_path: Path
) -> None:
    """Over two releases, of which the query must read the later; the first was loaded twice."""
    sample = movies.generate(tmp_path)
    wanted = [batch for batch in sample.batches if batch.feed in {"movies", "ratings"}]
    for batch in wanted:
        for file in batch.files:
            staged.put(file.key, file.path)
        feed = feeds[batch.feed]
        folder = "/".join(batch.files[0].key.split("/")[:-1])
        staged.load(feed, batch.batch_id, f"{folder}/*")
    again = next(batch for batch in wanted if batch.feed == "ratings")
    folder = "/".join(again.files[0].key.split("/")[:-1])
    staged.load(feeds["ratings"], again.batch_id, f"{folder}/*", run="again")
    assert staged.register([feeds["movies"], feeds["ratings"]]) == 8

    sql = QUERY.read_text("utf-8")
    for batch in wanted:
        rows = staged.table(f"movies__{batch.feed}").where(F.col("batch_id") == batch.batch_id)
        assert rows.count() == batch.loaded_rows
    answer = staged.ask(sql, "movies__movies", "movies__ratings")
    known = sample.answers
    assert known.favourites - known.unlisted
    assert {row["movie_id"] for row in answer} == known.favourites - known.unlisted
    for row in answer:
        count, total = known.ratings[row["movie_id"]]
        assert (row["rating_count"], row["mean_rating"]) == (count, pytest.approx(total / count))
    means = [row["mean_rating"] for row in answer]
    assert means == sorted(means, reverse=True)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real files are not at {REAL}")
def test_athenas_query_of_the_published_release(staged: Staged, feeds: Mapping[str, Feed]) -> None:
    for name in ("movies", "ratings"):
        staged.put(f"raw/movies/{name}/2018/09/{name}.csv", REAL / f"{name}.csv")
        staged.load(feeds[name], "20180901T000000", f"raw/movies/{name}/2018/09/*")
    staged.register([feeds["movies"], feeds["ratings"]])
    found = staged.ask(QUERY.read_text("utf-8"), "movies__movies", "movies__ratings")

    stars: dict[str, dict[str, tuple[int, float]]] = defaultdict(dict)
    with (REAL / "ratings.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            vote = int(row["timestamp"]), float(row["rating"])
            before = stars[row["movieId"]].get(row["userId"], vote)
            stars[row["movieId"]][row["userId"]] = max(vote, before)
    with (REAL / "movies.csv").open(newline="", encoding="utf-8") as file:
        titles = {row["movieId"]: row["title"] for row in csv.DictReader(file)}
    expected = {
        int(movie): (titles[movie].strip(), len(votes))
        for movie, votes in stars.items()
        if len(votes) >= 20 and sum(v for _, v in votes.values()) > 4 * len(votes)
    }
    assert len(expected) > 50
    assert {row["movie_id"]: (row["title"], row["rating_count"]) for row in found} == expected
