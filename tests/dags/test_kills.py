"""SIGKILL at named points of a load, and the retry: staging and ledger are those of a clean run."""

import pytest

from tests.dags.killing import LoadProcess, Point, Victim, kill_server, wait_until_up

pytestmark = pytest.mark.slow

OLD = [(number, "old") for number in range(3)]
FEW, MANY = 1_000, 400_000
MATRIX = [
    *((Victim.TASK, point) for point in Point),
    *((Victim.GATEWAY, point) for point in Point if point is not Point.AFTER_COMMIT),
    *((Victim.POSTGRES, point) for point in Point),
]


@pytest.mark.parametrize(("victim", "point"), MATRIX)
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
