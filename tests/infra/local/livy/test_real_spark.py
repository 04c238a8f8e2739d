"""The whole way of a batch with real Spark: s3:// on a folder, the job, its end, its death."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.infra.local.livy.conftest import PROJECT, Server, StartServer, wait_until

pytestmark = pytest.mark.slow

FEED = {
    "source": "shop",
    "feed": "orders",
    "reject_limit": 0.5,
    "columns": [
        {"name": "id", "data_type": "integer", "required": True},
        {"name": "customer", "data_type": "varchar(20)"},
    ],
}
NEVER_ENDS = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("session is up", flush=True)
spark.range(1).rdd.map(lambda _: __import__("time").sleep(1000)).count()
"""


def publish(server: Server) -> dict[str, Any]:
    """Put the job where it is on AWS; return the request's fields for it."""
    folder = server.s3_root / "artifacts" / "spark_jobs"
    folder.mkdir(parents=True)
    package = PROJECT / "spark_jobs"
    (folder / "preprocess.py").write_bytes((package / "preprocess.py").read_bytes())
    with zipfile.ZipFile(folder / "spark_jobs.zip", "w") as archive:
        for path in package.glob("*.py"):
            archive.write(path, f"spark_jobs/{path.name}")
    url = "s3://artifacts/spark_jobs"
    return {"file": f"{url}/preprocess.py", "pyFiles": [f"{url}/spark_jobs.zip"]}


def arguments(bucket: str) -> list[str]:
    feed = base64.urlsafe_b64encode(json.dumps(FEED).encode()).decode()
    return [
        *("--feed", feed, "--batch-id", "20191001T000000"),
        *("--input", f"s3://{bucket}/raw/*.csv"),
        *("--output", f"s3://{bucket}/staged/run/", "--rejected", f"s3://{bucket}/rejected/run/"),
    ]


def files_below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_batch_of_a_bucket_made_after_the_server_started(start_server: StartServer) -> None:
    server = start_server(real=True)
    lake = server.s3_root / "new.lake-1"
    (lake / "raw").mkdir(parents=True)
    (lake / "raw" / "a.csv").write_bytes("id,customer\n1,Ann\n2,Zoë\nx,Bob\n".encode())
    body = {**publish(server), "args": arguments(lake.name), "name": "orders"}
    batch = server.client.post("/batches", json=body).json()["id"]
    assert server.wait_for(batch, "success", "dead") == "success", server.log_of(batch)
    report = json.loads((lake / "staged" / "run" / "report.json").read_text())
    attempt = f"attempt-{report['attempt']}"
    counts = [report[key] for key in ("raw_rows", "written_rows", "rejected_rows")]
    assert counts == [3, 2, 1]
    names = files_below(lake)
    parts = [name for name in names if name.endswith(".parquet")]
    assert len(parts) == 2
    assert sorted(set(names) - set(parts)) == [
        "raw/a.csv",
        f"staged/run/{attempt}/manifest.json",
        "staged/run/report.json",
    ]
    folder = f"staged/run/{attempt}/rejected=false/"
    (good,) = (name for name in parts if name.startswith(folder))
    rows = pq.ParquetFile(lake / good).read().to_pylist()
    assert [(row["id"], row["customer"]) for row in rows] == [(1, "Ann"), (2, "Zoë")]
    log = "\n".join(server.log_of(batch))
    assert "type  id      1     'x'" in log
    assert not (server.folder(batch) / "tmp").exists()
    assert server.processes(batch) == []


def test_a_batch_that_cannot_be_loaded_is_dead_and_says_why(start_server: StartServer) -> None:
    server = start_server(real=True)
    body = {**publish(server), "args": arguments("lake")}
    batch = server.client.post("/batches", json=body).json()["id"]
    server.wait_for(batch, "dead")
    log = "\n".join(server.log_of(batch))
    assert "preprocess failed: no file matches s3://lake/raw/*.csv" in log


@pytest.mark.parametrize("how", ["killed", "deleted"])
def test_spark_that_ends_midway_leaves_no_process(start_server: StartServer, how: str) -> None:
    server = start_server(real=True)
    (server.s3_root / "lake" / "job.py").write_text(NEVER_ENDS)
    batch = server.client.post("/batches", json={"file": "s3://lake/job.py"}).json()["id"]
    wait_until(lambda: "session is up" in server.log_of(batch))
    # The JVM, the driver's Python, and the Python that Spark starts for the function.
    wait_until(lambda: sum("daemon" in " ".join(p.cmdline()) for p in server.processes(batch)))
    if how == "killed":
        java = [p for p in server.processes(batch) if p.name() == "java"]
        assert len(java) == 1
        java[0].kill()
        server.wait_for(batch, "dead")
    else:
        assert server.client.delete(f"/batches/{batch}").status_code == 200
    assert server.processes(batch) == []
