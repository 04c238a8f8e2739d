"""COPY of a Parquet file from S3 against the fastest ways of getting its rows into PostgreSQL.

The ceiling is PostgreSQL reading a binary file from its own disk: nothing is fetched, decoded,
encoded or sent. The direct load does what the gateway does, in one process and one thread: it
decodes the file from the disk and sends what pgpq makes of it.
"""

from __future__ import annotations

import contextlib
import datetime
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from pgpq import ArrowToPostgresBinaryEncoder

from benchmarks.pair import Measurement, Side
from benchmarks.servers import Growth, servers
from infra.local.ports import free_ports
from infra.local.postgres import HOST

ROWS, GROUP = 5_000_000, 250_000
ROUNDS = 3
TARGET = 0.8  # of the ceiling's rows per second
MEMORY_LIMIT = 200.0  # MB more than before
BATCH = 32_768
KEY, SECRET, BUCKET = "bench", "bench-secret", "bench"
COLUMNS = (
    "ride_id varchar(16), bike_type varchar(20), started_at timestamp, ended_at timestamp, "
    "start_station varchar(60), start_id integer, end_id integer, trip bigint, "
    "lat double precision, lng double precision, fare numeric(9, 2), day date"
)


def rows(count: int) -> pa.Table:
    """Made-up trips: 12 columns of the types that facts have."""
    chance = random.Random(1)  # noqa: S311 the same rows on every run
    base = datetime.datetime(2020, 1, 1)
    starts = [base + datetime.timedelta(seconds=7 * n) for n in range(count)]
    types = ("classic_bike", "electric_bike", "docked_bike")
    return pa.table(
        {
            "ride_id": [f"{chance.getrandbits(64):016X}" for _ in range(count)],
            "bike_type": [types[n % 3] for n in range(count)],
            "started_at": pa.array(starts, pa.timestamp("us")),
            "ended_at": pa.array(
                [start + datetime.timedelta(minutes=10) for start in starts], pa.timestamp("us")
            ),
            "start_station": [f"Station {chance.randrange(900)} & Avenue" for _ in range(count)],
            "start_id": pa.array([chance.randrange(900) for _ in range(count)], pa.int32()),
            "end_id": pa.array([n % 900 if n % 10 else None for n in range(count)], pa.int32()),
            "trip": pa.array(range(count), pa.int64()),
            "lat": [41 + chance.random() for _ in range(count)],
            "lng": [-87 - chance.random() for _ in range(count)],
            "fare": pa.array(
                [Decimal(chance.randrange(10_000)).scaleb(-2) for _ in range(count)],
                pa.decimal128(9, 2),
            ),
            "day": pa.array([start.date() for start in starts], pa.date32()),
        }
    )


@dataclass(frozen=True)
class Rates:
    """Rows per second of several ways, in turns; the first is the ceiling, the last is ours."""

    name: str
    sides: list[Side]

    def lines(self) -> list[str]:
        """Run all in turns and compare the medians."""
        times: list[list[float]] = [[] for _ in self.sides]
        for number in range(ROUNDS):
            order = range(len(self.sides)) if number % 2 == 0 else reversed(range(len(self.sides)))
            for which in order:
                times[which].append(self.sides[which].seconds())
        rates = [ROWS / statistics.median(found) / 1000 for found in times]
        share = rates[-1] / rates[0]
        verdict = "ok" if share >= TARGET else "below"
        return [
            self.name,
            *(
                f"  {side.name:<36} {rate:7.0f} krow/s   rounds "
                + " ".join(f"{ROWS / seconds / 1000:.0f}" for seconds in found)
                for side, rate, found in zip(self.sides, rates, times, strict=True)
            ),
            f"  ratio {share:.2f} of the ceiling; target {TARGET:.2f}: {verdict}",
        ]


@contextlib.contextmanager
def pairs() -> Iterator[list[Measurement]]:
    """The rates, then the memory."""
    with contextlib.ExitStack() as stack:
        root, s3_port = stack.enter_context(_s3())
        running = stack.enter_context(
            servers(
                AWS_ENDPOINT_URL_S3=f"http://{HOST}:{s3_port}",
                AWS_ACCESS_KEY_ID=KEY,
                AWS_SECRET_ACCESS_KEY=SECRET,
                AWS_DEFAULT_REGION="us-east-1",
            )
        )
        parquet, binary = root / BUCKET / "rides.parquet", running.folder / "rides.binary"
        _write(parquet, binary)
        direct = stack.enter_context(running.connect(running.postgres_port))
        ours = stack.enter_context(running.connect(running.port))
        ours.execute(f"create table rides ({COLUMNS})")

        def empty() -> None:
            direct.execute("truncate rides")
            direct.execute("checkpoint")

        copy = (
            f"copy rides from 's3://{BUCKET}/rides.parquet' "
            "iam_role 'arn:aws:iam::123456789012:role/copy' format as parquet"
        )

        def load() -> None:
            loaded = ours.execute(copy).rowcount
            if loaded != ROWS:
                raise RuntimeError(f"{loaded} rows instead of {ROWS}")

        gateway = Side("gateway, Parquet from S3", load, empty)
        yield [
            Rates(
                f"COPY of {ROWS:,} rows of 12 columns",
                [
                    Side(
                        "PostgreSQL, binary file (ceiling)",
                        lambda: direct.execute(f"copy rides from '{binary}' (format binary)"),
                        empty,
                    ),
                    Side("pgpq, Parquet from disk", lambda: _direct(direct, parquet), empty),
                    gateway,
                ],
            ),
            Growth("the gateway's memory during COPY", running, gateway.seconds, MEMORY_LIMIT),
        ]


def _write(parquet: Path, binary: Path) -> None:
    """The same rows as Parquet and as PostgreSQL's binary file."""
    group = rows(GROUP)
    encoder = ArrowToPostgresBinaryEncoder(group.schema)
    with pq.ParquetWriter(parquet, group.schema) as writer, binary.open("wb") as out:
        out.write(encoder.write_header())
        for _ in range(ROWS // GROUP):
            writer.write_table(group)
            for batch in group.to_batches(max_chunksize=BATCH):
                out.write(encoder.write_batch(batch))
        out.write(encoder.finish())


def _direct(connection: psycopg.Connection[object], parquet: Path) -> None:
    """Decode, encode and send, one after the other."""
    file = pq.ParquetFile(parquet)
    encoder = ArrowToPostgresBinaryEncoder(file.schema_arrow)
    with connection.cursor().copy("copy rides from stdin (format binary)") as copy:
        copy.write(encoder.write_header())
        for batch in file.iter_batches(batch_size=BATCH):
            copy.write(encoder.write_batch(batch))
        copy.write(encoder.finish())


@contextlib.contextmanager
def _s3() -> Iterator[tuple[Path, int]]:
    """The laptop's S3 server over a temporary folder; the folder and the port."""
    with tempfile.TemporaryDirectory(prefix="starlift-bench-s3-") as folder:
        root = Path(folder)
        (root / BUCKET).mkdir()
        (port,) = free_ports(1)
        server = subprocess.Popen(
            [
                *(str(Path(sys.executable).with_name("rclone")), "serve", "s3"),
                *("--addr", f"{HOST}:{port}", "--auth-key", f"{KEY},{SECRET}"),
                *(
                    "--dir-cache-time",
                    "10ms",
                    "--vfs-cache-mode",
                    "off",
                    "--etag-hash",
                    "",
                    str(root),
                ),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield root, port
        finally:
            server.terminate()
            server.wait()
