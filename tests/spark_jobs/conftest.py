"""A Spark session for all tests of this process, and batches that run in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from infra.local.java import find_java_home
from infra.local.livy.submit import JAVA_OPTIONS, s3_mounts
from spark_jobs import preprocess
from spark_jobs.feed import encode_feed

BUCKET = "lake"


@pytest.fixture(scope="session")
def spark_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spark")


@pytest.fixture(scope="session")
def spark(spark_folder: Path) -> Iterator[SparkSession]:
    (spark_folder / "s3" / BUCKET).mkdir(parents=True)
    builder = SparkSession.builder.master("local[2]")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "2g",  # one Java for the tests of many batches
        "spark.local.dir": str(spark_folder / "local"),
        "spark.sql.warehouse.dir": str(spark_folder / "warehouse"),
        "spark.driver.extraJavaOptions": JAVA_OPTIONS,
        **s3_mounts(spark_folder / "s3"),
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(find_java_home()))
        patch.delenv("SPARK_HOME", raising=False)
        session = builder.getOrCreate()
    yield session
    session.stop()


@dataclass(frozen=True)
class Outcome:
    """What a batch left behind."""

    code: int
    printed: str
    error: str
    report: dict[str, Any] | None
    rows: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    stored: list[str]


@dataclass
class Batches:
    """Runs batches of one test below a folder of its own in the bucket."""

    folder: Path
    url: str
    capture: pytest.CaptureFixture[str]
    runs: int = field(default=0)

    def put(self, name: str, content: bytes) -> str:
        """Store a raw file and return its URL."""
        path = self.folder / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return f"{self.url}raw/{name}"

    def run(self, spec: Mapping[str, Any], pattern: str = "*.csv", slices: int = 1) -> Outcome:
        """Run preprocess over the raw files that are there now."""
        self.runs += 1
        output, rejected = f"staged/run{self.runs}", f"rejected/run{self.runs}"
        self.capture.readouterr()
        code = preprocess.main(
            [
                *("--feed", encode_feed(spec), "--batch-id", "20191001T000000"),
                *("--input", f"{self.url}raw/{pattern}"),
                *("--output", f"{self.url}{output}/", "--rejected", f"{self.url}{rejected}/"),
                *("--slices", str(slices)),
            ]
        )
        captured = self.capture.readouterr()
        report = self.folder / output / "report.json"
        return Outcome(
            code=code,
            printed=captured.out,
            error=captured.err,
            report=json.loads(report.read_text()) if report.exists() else None,
            rows=_read(self.folder / output),
            rejects=_read(self.folder / rejected),
            stored=sorted(
                str(path.relative_to(self.folder))
                for path in self.folder.rglob("*")
                if path.is_file() and "raw" not in path.parts
            ),
        )


@pytest.fixture
def batches(
    spark: SparkSession,
    spark_folder: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> Batches:
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    folder = spark_folder / "s3" / BUCKET / f"{name}-{os.urandom(4).hex()}"
    folder.mkdir()
    return Batches(folder, f"s3://{BUCKET}/{folder.name}/", capsys)


def _read(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("attempt-*/**/*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
