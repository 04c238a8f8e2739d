"""SIGKILL of Spark at named points, and the retry: what is loaded is one whole attempt."""

import json
import urllib.request
import uuid

import psutil
import pytest

from elt_lib.load import Report
from tests.dags.killing import eventually

pytestmark = pytest.mark.slow

BATCH = "20240101T000000"
RAW = "order_id,note\n1,a\n2,b\nx,c\n3,\n"


class Spark:
    """The real job through the real Livy server, for one feed."""

    def __init__(self, config, lake):
        self.config = config
        self.lake = lake
        self.output = config.s3 / lake.bucket / "staged" / lake.feed.table

    def submit(self):
        """Start the job for the batch, as the operator does; returns Livy's number."""
        jobs = f"s3://{self.config.artifacts_bucket}/spark_jobs"
        root = f"s3://{self.lake.bucket}"
        args = {
            "--feed": self.lake.feed.spec(),
            "--batch-id": BATCH,
            "--input": f"{root}/raw/{self.lake.feed.table}/*.csv",
            "--output": f"{root}/staged/{self.lake.feed.table}/",
            "--rejected": f"{root}/rejected/{self.lake.feed.table}/",
        }
        request = {
            "file": f"{jobs}/preprocess.py",
            "pyFiles": [f"{jobs}/spark_jobs.zip"],
            "name": f"{self.lake.feed.table} {uuid.uuid4()}",  # Livy takes a name once
            "args": [each for pair in args.items() for each in pair],
        }
        return self.livy("/batches", json.dumps(request).encode())["id"]

    def livy(self, path, body=None):
        url = f"http://127.0.0.1:{self.config.ports.livy}{path}"
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            return json.load(answer)

    def end(self, batch):
        """The state in which a batch ends."""
        path = f"/batches/{batch}/state"
        ends = {"success", "dead", "killed", "error"}
        return eventually(
            lambda: (state := self.livy(path)["state"]) in ends and state, "the batch ends"
        )

    def kill(self):
        """SIGKILL the JVM of the feed's batch."""
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or [])
            if "org.apache.spark.deploy.SparkSubmit" in line and self.lake.feed.table in line:
                process.kill()
                return
        raise AssertionError("no JVM runs the batch")

    def is_writing(self):
        """Whether an attempt has begun to write, and is not done."""
        return any(self.output.glob("attempt-*/_temporary"))

    def has_parquet_and_no_manifest(self):
        """Whether an attempt has its Parquet files, but no manifest yet."""
        return any(
            any(folder.glob("rejected=false/*.parquet")) and not (folder / "manifest.json").exists()
            for folder in self.output.glob("attempt-*")
            if not (folder / "_temporary").exists()
        )


def test_a_killed_attempt_counts_for_nothing_and_the_next_is_loaded_whole(stack, lake):
    spark = Spark(stack.config, lake)
    lake.put(f"raw/{lake.feed.table}/a.csv", RAW)
    lake.load(BATCH, lake.write(BATCH, [(9, "old")]))
    for point in (spark.is_writing, spark.has_parquet_and_no_manifest):
        batch = spark.submit()
        eventually(point, point.__doc__)
        spark.kill()
        assert spark.end(batch) == "dead"
        assert not (spark.output / "report.json").exists()
        assert lake.rows() == [(BATCH, 9, "old")]
        for attempt in spark.output.glob("attempt-*"):
            attempt.rename(spark.output / f"killed-{attempt.name}")
    assert spark.end(spark.submit()) == "success"
    report = Report.parse((spark.output / "report.json").read_bytes())
    assert lake.load(BATCH, report) == 3
    assert lake.rows() == [(BATCH, 1, "a"), (BATCH, 2, "b"), (BATCH, 3, None)]
    assert lake.ledger() == [(BATCH, "loaded", 4, 1, 3)]
    assert lake.query(
        f"select rule, column_name, rejected_rows from ops.load_rejects "
        f"where feed = '{lake.feed.name}'"
    ) == [("type", "order_id", 1)]
