"""The real Spark job through the real Livy server, for one feed, and its end by SIGKILL."""

from __future__ import annotations

import json
import urllib.request
import uuid

import psutil

from elt_lib.load import Report
from tests.dags.killing import eventually

ENDS = {"success", "dead", "killed", "error"}


class Spark:
    """One batch of a feed: its raw files, its output and the attempts to make it."""

    def __init__(self, config, lake, batch, run="run"):
        self.config = config
        self.lake = lake
        self.batch = batch
        self.path = f"{lake.feed.table}/{batch}/{run}"
        self.output = config.s3 / lake.bucket / "staged" / self.path

    def put(self, raw):
        """Make this the batch's only raw file."""
        self.lake.put(f"raw/{self.path}/a.csv", raw)

    def submit(self):
        """Start the job for the batch, as the operator does; returns Livy's number."""
        jobs = f"s3://{self.config.artifacts_bucket}/spark_jobs"
        root = f"s3://{self.lake.bucket}"
        args = {
            "--feed": self.lake.feed.spec(),
            "--batch-id": self.batch,
            "--input": f"{root}/raw/{self.path}/*.csv",
            "--output": f"{root}/staged/{self.path}/",
            "--rejected": f"{root}/rejected/{self.path}/",
        }
        request = {
            "file": f"{jobs}/preprocess.py",
            "pyFiles": [f"{jobs}/spark_jobs.zip"],
            "name": f"{self.path} {uuid.uuid4()}",  # Livy takes a name once
            "args": [each for pair in args.items() for each in pair],
        }
        return self.livy("/batches", json.dumps(request).encode())["id"]

    def livy(self, path, body=None):
        url = f"http://127.0.0.1:{self.config.ports.livy}{path}"
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            return json.load(answer)

    def state(self, number):
        """Livy's word for how a batch is."""
        return self.livy(f"/batches/{number}/state")["state"]

    def end(self, number):
        """The state in which a batch ends."""
        return eventually(lambda: (state := self.state(number)) in ENDS and state, "the batch ends")

    def kill(self):
        """SIGKILL the JVMs of the batch; tells whether there was one."""
        found = False
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or [])
            if "org.apache.spark.deploy.SparkSubmit" in line and self.path in line:
                process.kill()
                found = True
        return found

    def report(self):
        """What the attempt that finished last says; None while there is no whole report."""
        try:
            return Report.parse((self.output / "report.json").read_bytes())
        except (FileNotFoundError, json.JSONDecodeError):  # a local file grows, an object doesn't
            return None

    def attempts(self):
        """The folders of the attempts so far."""
        return sorted(self.output.glob("attempt-*"))

    def is_writing(self):
        """Whether an attempt has begun to write, and is not done."""
        return any((folder / "_temporary").exists() for folder in self.attempts())

    def has_parquet_and_no_manifest(self):
        """Whether an attempt has its Parquet files, but no manifest yet."""
        return any(
            any(folder.glob("rejected=false/*.parquet")) and not (folder / "manifest.json").exists()
            for folder in self.attempts()
            if not (folder / "_temporary").exists()
        )
