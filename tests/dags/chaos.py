"""Kill at random moments, again and again, and count what is there twice or not at all.

`make chaos`, or `python -m tests.dags.chaos --kills 200 --seed 1`. Real PostgreSQL, gateway, S3,
Livy and Spark. Each round has new content for one of three batches, and one victim: the load's
process, the gateway or PostgreSQL, killed with SIGKILL at a random moment of a load, mostly up to a
tenth of a second after a random point of its protocol; Spark, killed at a random moment of
preprocessing; or the scheduler, whose death leaves an attempt that nobody watches: the next one
starts beside it. (The scheduler itself is killed in tests/integration.) Then the batch is tried
again, as Airflow would, until it ends; rows and ledger must be those of the last content of each
batch. Prints what was killed after which point, and every loss and duplicate; exit status 1 if
there is one.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace

from elt_lib.warehouse import ensure_tables
from tests.dags.killing import LoadProcess, Victim, eventually, kill_server, wait_until_up
from tests.dags.lake import FEED, Lake, small_stack
from tests.dags.spark import Spark

BATCHES = ("20240101T000000", "20240201T000000", "20240301T000000")
ROWS = 20_000
TRIES = 20
SPARK, SCHEDULER = "spark", "scheduler"
VICTIMS = {**dict.fromkeys(Victim, 7), SCHEDULER: 3, SPARK: 1}
"""What is killed, and how often beside the others: a round of Spark takes twenty times as long."""
POINTS = (
    *("before lock", "after lock", "after delete", "before copy", "after copy"),
    *("before insert", "after insert", "before commit", "after commit"),
)


def main() -> int:
    """Run the kills; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    print(f"seed {options.seed}, {options.kills} kills", flush=True)
    rng = random.Random(options.seed)  # noqa: S311 a sequence that can be repeated, no secret
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="starlift-kills-") as folder,
        small_stack(folder, "livy") as stack,
    ):
        duplicates, losses, tally = Chaos(stack, rng).run(options.kills)
    for (victim, moment), count in sorted(tally.items()):
        print(f"{count:6}  {victim:10} {moment}")
    took = time.monotonic() - began
    print(f"duplicates {duplicates}, losses {losses} ({options.kills} kills, {took:.0f} s)")
    return 1 if duplicates or losses else 0


class Chaos:
    """Rounds of one load, one kill and one look at all rows."""

    def __init__(self, stack, rng):
        self.stack = stack
        self.rng = rng
        self.lake = Lake(stack.config, replace(FEED, name="chaos"))
        self.content = {}
        self.tally = Counter()
        self.usual = 1.0
        connection = self.lake.session()
        ensure_tables(connection, [self.lake.feed])
        connection.close()

    def run(self, kills):
        """Returns the duplicates, the losses and how often what was killed when."""
        self.usual = self._usual_seconds()
        duplicates = losses = 0
        for number in range(kills):
            batch = self.rng.choice(BATCHES)
            (victim,) = self.rng.choices(list(VICTIMS), list(VICTIMS.values()))
            if victim == SPARK:
                moment = self._kill_spark(batch, f"round-{number}")
            else:
                moment = self.kill_in_load(batch, victim)
            self.tally[str(victim), moment] += 1
            twice, gone = self.look()
            duplicates, losses = duplicates + twice, losses + gone
            if twice or gone:
                print(
                    f"kill {number} of {victim}, {moment}: {twice} duplicates, {gone} losses",
                    flush=True,
                )
            if (number + 1) % 20 == 0:
                print(f"{number + 1} kills: {duplicates} duplicates, {losses} losses", flush=True)
        return duplicates, losses, self.tally

    def kill_in_load(self, batch, victim):
        """Kill in a load and load again; returns the last point that the load had passed."""
        report = self._write(batch)
        load = LoadProcess(self.lake, batch, report, tells=True)
        self._wait_for_a_moment(load)
        while load.listen():
            pass
        moment = load.point if load.told is None else "the load had ended"
        if victim is Victim.TASK:
            load.kill()
            outcome = None
        elif victim == SCHEDULER:
            outcome = LoadProcess(self.lake, batch, report).outcome()
            if self.rng.random() < 0.5:
                load.kill()
            else:
                load.outcome()
        else:
            kill_server(self.stack, victim)
            wait_until_up(self.stack)
            outcome = load.outcome()
        self._try_again(batch, report, outcome)
        return moment

    def _wait_for_a_moment(self, load):
        """One time in five any moment of a load, else one shortly after a point of it."""
        if self.rng.random() < 0.2:
            time.sleep(self.rng.uniform(0, self.usual))
        elif load.reaches(self.rng.choice(POINTS)):
            time.sleep(self.rng.choice((0, self.rng.uniform(0, 0.1))))

    def _try_again(self, batch, report, outcome=None):
        for _ in range(TRIES):
            if outcome == ROWS:
                return
            outcome = LoadProcess(self.lake, batch, report).outcome()
        raise AssertionError(f"{TRIES} tries did not load {batch}: {outcome}")

    def _kill_spark(self, batch, run):
        """Kill Spark in preprocessing, preprocess again, load; returns how far the first came."""
        spark = Spark(self.stack.config, self.lake, batch, run)
        spark.put("\n".join(["order_id,note", *(f"{n},{note}" for n, note in self._rows(batch))]))
        number = spark.submit()
        moment = self._wait_for_spark(spark)
        if not spark.kill() and moment != "done":
            moment = "before its start"  # it goes on beside the next one
        if spark.report() is None or self.rng.random() < 0.5:
            again = spark.submit()
            if (ended := spark.end(again)) != "success":
                raise AssertionError(f"preprocessing again ended as {ended}")
        self._try_again(batch, spark.report())
        spark.end(number)
        self._try_again(batch, spark.report())  # an orphan may have been last
        return moment

    def _wait_for_spark(self, spark):
        """A random moment of reading, of writing, or before the manifest; returns what it was."""
        point = self.rng.choice((None, spark.is_writing, spark.has_parquet_and_no_manifest))
        if point:
            eventually(lambda: point() or spark.report(), point.__doc__)
        time.sleep(self.rng.uniform(0, 0.2 if point else 10))
        if spark.report():
            return "done"
        if spark.has_parquet_and_no_manifest():
            return "Parquet and no manifest"
        return "writing" if spark.attempts() else "reading"

    def _rows(self, batch):
        first = self.rng.randrange(10**9)
        self.content[batch] = (first, f"{self.rng.randrange(10**5):05}")
        return [(first + n, self.content[batch][1]) for n in range(ROWS)]

    def _write(self, batch):
        return self.lake.write(batch, self._rows(batch))

    def look(self):
        """Returns duplicates and losses, of rows and of ledger entries."""
        found = {batch: rest for batch, *rest in self.lake.totals()}
        ledger = Counter(batch for batch, *_ in self.lake.ledger())
        duplicates = losses = 0
        for batch, (first, note) in self.content.items():
            rows, orders, total, least, greatest = found.pop(batch, (0, 0, 0, None, None))
            duplicates += rows - orders + max(ledger[batch] - 1, 0)
            whole = (orders, total, least, greatest) == (
                ROWS,
                sum(range(first, first + ROWS)),
                note,
                note,
            )
            losses += (0 if whole else max(ROWS - orders, 1)) + (ledger[batch] == 0)
        return duplicates + sum(rest[0] for rest in found.values()), losses

    def _usual_seconds(self):
        """Seconds that a load takes that nobody kills, its process's start included."""
        taken = []
        for batch in BATCHES:
            report = self._write(batch)
            began = time.monotonic()
            assert LoadProcess(self.lake, batch, report).outcome() == ROWS
            taken.append(time.monotonic() - began)
        return min(taken)


if __name__ == "__main__":
    sys.exit(main())
