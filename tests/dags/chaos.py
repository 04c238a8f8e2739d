"""Kill a load at random moments, again and again, and count what is there twice or not at all.

`make chaos`, or `python -m tests.dags.chaos --kills 200 --seed 1`. Real PostgreSQL, gateway and S3;
each round loads new content for one of three batches in a process of its own and sends SIGKILL to
that process, to the gateway or to PostgreSQL after a random part of a load's usual time. Then the
load is tried again, as Airflow would, until it ends; rows and ledger must be those of the last
content of each batch. Prints every loss and duplicate; exit status 1 if there is one.
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
from tests.dags.killing import LoadProcess, Victim, kill_server, wait_until_up
from tests.dags.lake import FEED, Lake, small_stack

BATCHES = ("20240101T000000", "20240201T000000", "20240301T000000")
ROWS = 20_000
TRIES = 20


def main() -> int:
    """Run the kills; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    print(f"seed {options.seed}, {options.kills} kills", flush=True)
    rng = random.Random(options.seed)  # noqa: S311 a sequence that can be repeated, no secret
    with tempfile.TemporaryDirectory(prefix="starlift-kills-") as folder, small_stack(folder) as it:
        duplicates, losses, tally = Chaos(it, rng).run(options.kills)
    print(", ".join(f"{name} {count}" for name, count in sorted(tally.items())))
    print(f"duplicates {duplicates}, losses {losses}")
    return 1 if duplicates or losses else 0


class Chaos:
    """Rounds of one load, one kill and one look at all rows."""

    def __init__(self, stack, rng):
        self.stack = stack
        self.rng = rng
        self.lake = Lake(stack.config, replace(FEED, name="chaos"))
        self.content = {}
        self.tally = Counter()
        connection = self.lake.session()
        ensure_tables(connection, [self.lake.feed])
        connection.close()

    def run(self, kills):
        """Returns the duplicates, the losses and how often what was killed."""
        usual = self._usual_seconds()
        duplicates = losses = 0
        for number in range(kills):
            batch = self.rng.choice(BATCHES)
            victim = self.rng.choice(list(Victim))
            self._round(batch, victim, self.rng.uniform(0, usual * 1.2))
            twice, gone = self._look()
            duplicates, losses = duplicates + twice, losses + gone
            if twice or gone:
                print(f"kill {number} of {victim}: {twice} duplicates, {gone} losses", flush=True)
            if (number + 1) % 20 == 0:
                print(f"{number + 1} kills: {duplicates} duplicates, {losses} losses", flush=True)
        return duplicates, losses, self.tally

    def _round(self, batch, victim, seconds):
        report = self._write(batch)
        load = LoadProcess(self.lake, batch, report)
        time.sleep(seconds)
        if victim is Victim.TASK:
            ended = load.channel.poll()
            load.kill()
            outcome = None
        else:
            kill_server(self.stack, victim)
            wait_until_up(self.stack)
            ended = load.channel.poll()
            outcome = load.outcome()
        self.tally[f"{victim} {'after the load' if ended else 'within the load'}"] += 1
        for _ in range(TRIES):
            if outcome == ROWS:
                return
            outcome = LoadProcess(self.lake, batch, report).outcome()
        raise AssertionError(f"{TRIES} tries did not load {batch}: {outcome}")

    def _write(self, batch):
        first = self.rng.randrange(10**9)
        self.content[batch] = (first, f"{self.rng.randrange(10**5):05}")
        return self.lake.write(batch, [(first + n, self.content[batch][1]) for n in range(ROWS)])

    def _look(self):
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
