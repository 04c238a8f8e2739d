"""What a batch costs beside a hundred times the history: load and merge of the same trips.

The load's own statements on the staging table (all but COPY, which is the same for any history)
and the fact's merge as dbt sends it, on two warehouses: one with two batches of history, one with
two hundred. A merge reads `lookback_days` around its batch: as many of the history's batches, two,
lie in there on both sides.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.pair import Measurement, Pair, Side
from elt_lib.warehouse import sql
from tests.dbt_project.merging import Merge
from tests.dbt_project.warehouse import Warehouse, inside, running

ROWS = 5_000
HISTORY = 2
TIMES = 100
TARGET = 1.2
BATCH = "20240101T000000"
TABLE = "bikeshare__trips"

# Trips of one month.
TRIPS = """
insert into staging.bikeshare__trips (
    trip_id, started_at, ended_at, start_station_name, end_station_name, rider_type,
    _batch_id, _source_file, _loaded_at
)
select
    '{batch}-' || n, at, at + interval '10 minutes', 'Station ' || n % 500, 'Station ' || n % 499,
    'member', '{batch}', 's3://lake/raw/bikeshare/trips/' || '{batch}' || '.csv', '{loaded_at}'
from (
    select n, timestamp '{first}' + n * interval '3 minutes' as at
    from generate_series(1, {rows}) as n
) as trips
"""

LEDGER = """
insert into ops.load_ledger (source, feed, batch_id, status, loaded_rows, data_loaded_at)
values ('bikeshare', 'trips', '{batch}', 'loaded', {rows}, '{loaded_at}')
"""


class History:
    """A warehouse with some batches of history, and the batch that is loaded again."""

    def __init__(self, warehouse: Warehouse, batches: int) -> None:
        self.warehouse = warehouse
        self.loads = 0
        for number in range(batches):
            first = datetime(2023, 12, 1) - timedelta(days=28 * number)
            self._put(f"{first:%Y%m%dT%H%M%S}", first)
        self.load()
        warehouse.built("run", "--select", "fct_trips")
        self.load()
        inside(
            warehouse, "vacuum analyze"
        )  # as the autovacuum of a warehouse that is not minutes old
        self.merge = Merge.recorded(warehouse, "fct_trips")

    def run(self) -> None:
        """Load the batch again, with the same trips, and merge it."""
        self.load()
        self.merge.run()

    def load(self) -> None:
        """What a load does to the staging table; the rows come from a query instead of COPY."""
        with contextlib.closing(self.warehouse.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(sql("delete_batch", table=TABLE), (BATCH,))
            cursor.execute(sql("delete_ledger_entry"), ("bikeshare", "trips", BATCH))
            connection.commit()
            self._put(BATCH, datetime(2024, 1, 1))
            cursor.execute(sql("count_batch", table=TABLE), (BATCH,))
            if cursor.fetchone() != [ROWS]:
                raise RuntimeError(f"the batch does not have {ROWS} rows")
            connection.commit()

    def _put(self, batch: str, first: datetime) -> None:
        self.loads += 1
        loaded_at = datetime(2026, 1, 1) + timedelta(seconds=self.loads)
        values = {"batch": batch, "first": first, "rows": ROWS, "loaded_at": loaded_at}
        inside(self.warehouse, TRIPS.format(**values))
        inside(self.warehouse, LEDGER.format(**values))


@contextlib.contextmanager
def pairs() -> Iterator[list[Measurement]]:
    """One batch beside some history, and beside a hundred times as much."""
    with contextlib.ExitStack() as started:
        folder = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="starlift-bench-")))
        sides = []
        for batches in (HISTORY, HISTORY * TIMES):
            own = folder / str(batches)
            own.mkdir()
            warehouse = started.enter_context(running(own))
            warehouse.environment["DBT_WRITE_JSON"] = "true"  # its manifest is read below
            warehouse.built("parse")
            warehouse.create_staging(
                Path(warehouse.environment["DBT_TARGET_PATH"]) / "manifest.json"
            )
            warehouse.built("run", "--select", "staging")
            sides.append(Side(f"beside {batches} batches", History(warehouse, batches).run))
        yield [Pair(f"load and merge of {ROWS} trips", sides[0], sides[1], target=TARGET)]
