"""The janitor's DAG on the laptop stack, where nothing is a stray."""

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
