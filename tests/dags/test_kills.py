"""SIGKILL at named points of a load, and the retry: staging and ledger are those of a clean run.

Where each process is killed at each point of a batch's way:

===============  =======================  ================  =====================================
point            task                     gateway, server   Spark
===============  =======================  ================  =====================================
before submit    test_operators           hold nothing      does not run
after submit     test_bikeshare, and the  hold nothing      test_bikeshare; chaos
                 answer lost:
                 test_operators
mid-Spark        test_bikeshare           hold nothing      test_spark_kills
Parquet, no      only waits: as before    hold nothing      test_spark_kills
manifest
before COPY      here                     here              has ended; an orphan may still write:
mid-COPY         here                     here              test_spark_kills
before COMMIT    here                     here
after COMMIT     here, and the answer     here
                 lost: test_load_faults
===============  =======================  ================  =====================================

The scheduler takes no step itself. When it is killed (test_bikeshare, before COMMIT), its task ends
with it, which is the second column, or goes on beside the next attempt: test_load, test_spark_kills
and `make chaos`, which kills at random moments between the points.
"""

import itertools
import random

import pytest

from tests.dags.chaos import ROWS, Chaos
from tests.dags.killing import LoadProcess, Point, Victim, kill_server, wait_until_up

pytestmark = pytest.mark.slow

OLD = [(number, "old") for number in range(3)]
FEW, MANY = 1_000, 400_000


@pytest.mark.parametrize(("victim", "point"), itertools.product(Victim, Point))
def test_a_kill_leaves_all_or_nothing_and_the_retry_ends_like_a_clean_run(
    stack, lake, victim, point
):
    for batch in ("b1", "b2"):
        lake.load(batch, lake.write(batch, OLD))
    count = MANY if point is Point.IN_COPY else FEW
    report = lake.write("b1", [(number, "new") for number in range(count)])
    untouched = ("b2", 3, 3, 3, "old", "old")
    before = [("b1", 3, 3, 3, "old", "old"), untouched]
    clean = [("b1", count, count, count * (count - 1) // 2, "new", "new"), untouched]

    load = LoadProcess(lake, "b1", report, stop=point)
    load.wait_for_stop()
    if victim is Victim.TASK:
        load.kill()
        assert lake.totals() == (clean if point is Point.AFTER_COMMIT else before)
    else:
        kill_server(stack, victim)
        wait_until_up(stack)
        load.go()
    if victim is Victim.TASK or load.outcome() != count:
        # What Airflow's retry does.
        assert LoadProcess(lake, "b1", report).outcome() == count
    assert lake.totals() == clean
    assert lake.ledger() == [
        ("b1", "loaded", count + 1, 1, count),
        ("b2", "loaded", 4, 1, 3),
    ]


def test_a_commit_survives_a_kill_of_postgres(stack, lake):
    report = lake.write("b1", OLD)
    load = LoadProcess(lake, "b1", report, stop=Point.AFTER_COMMIT)
    load.wait_for_stop()
    kill_server(stack, Victim.POSTGRES)
    load.kill()
    wait_until_up(stack)
    assert lake.totals() == [("b1", 3, 3, 3, "old", "old")]
    assert lake.ledger() == [("b1", "loaded", 4, 1, 3)]


def test_random_kills_lose_nothing_and_what_is_lost_or_there_twice_is_counted(stack):
    """A few rounds of `make chaos`; then its count is shown what it must find."""
    chaos = Chaos(stack, random.Random(7))  # noqa: S311 no secret
    for victim in (Victim.TASK, Victim.GATEWAY, "scheduler"):
        chaos.kill_in_load("20240101T000000", victim)
        assert chaos.look() == (0, 0)
    table = f"staging.{chaos.lake.feed.table}"
    least = f"(select min(order_id) from {table})"
    chaos.lake.change(f"insert into {table} select * from {table} where order_id = {least}")
    assert chaos.look() == (1, 1)  # the batch isn't what was written, either
    chaos.lake.change(f"delete from {table} where order_id = {least}")
    assert chaos.look() == (0, 1)
    chaos.lake.change(
        "insert into ops.load_ledger select * from ops.load_ledger where feed = 'chaos'",
        f"delete from {table}",
    )
    assert chaos.look() == (1, ROWS)
