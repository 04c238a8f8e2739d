"""The janitor's DAG on the laptop stack, where nothing is a stray."""

from datetime import date

import pytest

from infra.local.airflow_api import AirflowApi
from infra.local.parsing import wait_for_dag
from tests.integration.waiting import eventually

pytestmark = pytest.mark.integration


def test_the_janitor_looks_everywhere_and_finds_nothing(lab):
    """Through the laptop's own control planes and S3; without strays the run ends well."""
    api = AirflowApi(lab.config)
    wait_for_dag(api, "janitor")
    runs = "/dags/janitor/dagRuns"
    run = api.post(runs, {"logical_date": None})["dag_run_id"]

    def state():
        found = api.get(f"{runs}/{run}")["state"]
        return found if found in {"success", "failed"} else None

    assert eventually(state, "the janitor's run is over") == "success"
    entry = f"{runs}/{run}/taskInstances/find_strays/xcomEntries/return_value"
    assert str(api.get(entry)["value"]) == "0"


def test_a_backfill_runs_again_what_has_run(lab):
    """The janitor's is as good as any DAG's, and takes seconds."""
    api, days = AirflowApi(lab.config), (date(2024, 1, 1), date(2024, 1, 2))

    def tries():
        found = api.every(
            "/dags/janitor/dagRuns/~/taskInstances",
            "task_instances",
            logical_date_gte="2024-01-01T00:00:00Z",
            logical_date_lte="2024-01-03T00:00:00Z",
        )
        return [each["try_number"] for each in found]

    outcome, said = lab.run(*days, source="janitor")
    assert (len(outcome.succeeded), tries()) == (1, [1]), "\n".join(said)
    outcome, said = lab.run(*days, source="janitor")
    assert (len(outcome.succeeded), tries()) == (1, [2]), "\n".join(said)
