"""The DAGs as Airflow sees them: which, in which shape, and what parsing them may not touch."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def parse(environment):
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("parse_dags.py"), PROJECT / "dags"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(line.removeprefix("RESULT "))


@pytest.fixture(scope="module")
def parsed(dag_environment, manifest):
    """The DAG folder, parsed where network, database and processes are forbidden."""
    return parse(dag_environment)


def test_parsing_finds_exactly_these_dags_and_no_error(parsed):
    assert parsed["errors"] == {}
    assert sorted(parsed["dags"]) == [
        *("bikeshare", "immigration", "janitor", "movies", "movies_athena", "taxi"),
    ]


def test_parsing_is_deterministic(parsed, dag_environment):
    assert parse(dag_environment) == parsed


def downstream(dag):
    return {task_id: task["downstream"] for task_id, task in dag["tasks"].items()}


def test_the_way_of_a_batch_is_the_topology(parsed):
    """Sense, preprocess, load, transform, publish: each feed beside the other."""
    shape = {
        task_id: [task for task in after if not task.startswith("transform.")]
        for task_id, after in downstream(parsed["dags"]["bikeshare"]).items()
        if not task_id.startswith("transform.")
    }
    assert shape == {
        "wait_for_stations": ["create_cluster", "preprocess_stations"],
        "wait_for_trips": ["create_cluster", "preprocess_trips"],
        "create_cluster": ["preprocess_stations", "preprocess_trips", "terminate_cluster"],
        "preprocess_stations": ["load_stations", "terminate_cluster", "wait_for_turn"],
        "preprocess_trips": ["load_trips", "terminate_cluster", "wait_for_turn"],
        "wait_for_turn": ["load_stations", "load_trips"],
        "terminate_cluster": [],
        "load_stations": ["all_loaded"],
        "load_trips": ["all_loaded"],
        "all_loaded": ["register_batches"],
        "register_batches": [],
        "publish": [],
    }


def test_the_catalogue_is_told_beside_the_models_and_nothing_waits_for_it(parsed):
    for source in ("bikeshare", "immigration", "movies", "taxi"):
        task = parsed["dags"][source]["tasks"]["register_batches"]
        assert (task["trigger_rule"], task["downstream"]) == ("all_success", [])
        assert task["outlets"] == [f"starlift://{source}/lake"]


def test_without_a_database_nobody_registers(dag_environment, manifest):
    dags = parse(dag_environment | {"STARLIFT_GLUE_DATABASE": ""})["dags"]
    assert "register_batches" not in dags["bikeshare"]["tasks"]
    assert "movies_athena" in dags


def test_the_best_movies_are_asked_for_when_a_release_is_in_the_catalogue(parsed):
    dag = parsed["dags"]["movies_athena"]
    assert dag["schedule"] == "starlift://movies/lake"
    assert {name: task["type"] for name, task in dag["tasks"].items()} == {
        "query_best_movies": "AthenaOperator"
    }


def test_the_releases_of_movies_may_be_missing_and_are_transformed_in_order(parsed):
    dag = parsed["dags"]["movies"]
    tasks = dag["tasks"]
    feeds = ["links", "movies", "ratings", "tags"]
    waits = sorted(name for name in tasks if name.startswith("wait_for_") and "turn" not in name)
    assert waits == [f"wait_for_{feed}" for feed in feeds]
    assert all(tasks[wait]["soft_fail"] for wait in waits)
    assert dag["schedule"] == "0 0 1 * *"
    models = ["dim_movie", "bridge_movie_genre", "fct_ratings", "fct_tags", "dim_date"]
    built = [task for task in tasks if task.startswith("transform.")]
    for name in [*models, "agg_movie_ratings", "movie_history"]:
        assert len([task for task in built if task.startswith(f"transform.{name}")]) == 1, name
    assert not [task for task in tasks if "bikeshare" in task or "station" in task]


def test_what_the_cluster_costs_is_bounded(parsed):
    tasks = parsed["dags"]["bikeshare"]["tasks"]
    assert [t for t in tasks if tasks[t]["setup"]] == ["create_cluster"]
    assert [t for t in tasks if tasks[t]["teardown"]] == ["terminate_cluster"]
    assert tasks["terminate_cluster"]["trigger_rule"] == "all_done_setup_success"
    assert tasks["create_cluster"]["trigger_rule"] == "none_failed_min_one_success"


def test_late_fails_and_no_data_skips(parsed):
    tasks = parsed["dags"]["bikeshare"]["tasks"]
    assert (tasks["wait_for_trips"]["soft_fail"], tasks["wait_for_stations"]["soft_fail"]) == (
        False,
        True,
    )
    assert tasks["wait_for_trips"]["timeout"] == 15 * 86400
    assert tasks["load_stations"]["trigger_rule"] == "none_failed"
    assert tasks["all_loaded"]["trigger_rule"] == "none_failed_min_one_success"


def test_operators_are_the_providers_own_but_four(parsed):
    tasks = parsed["dags"]["bikeshare"]["tasks"]
    types = {t["type"] for name, t in tasks.items() if not name.startswith("transform.")}
    assert types == {
        "S3KeySensor",
        "PythonSensor",
        "RunClusterOperator",
        "EmrTerminateJobFlowOperator",
        "ClusterLivyOperator",
        "LoadOperator",
        "RegisterOperator",
        "EmptyOperator",
        "DictionaryOperator",
    }


def test_code_lists_are_loaded_between_the_load_and_the_models(parsed):
    """In one task, and only by a source that has some."""
    tasks = parsed["dags"]["immigration"]["tasks"]
    assert tasks["all_loaded"]["downstream"] == ["load_seeds", "register_batches"]
    first = tasks["load_seeds"]["downstream"]
    assert first
    assert all(task.startswith("transform.") for task in first)
    assert not [task for task in tasks if "i94_" in task]
    assert "load_seeds" not in parsed["dags"]["bikeshare"]["tasks"]


def test_only_arrivals_are_waited_for(parsed):
    tasks = parsed["dags"]["immigration"]["tasks"]
    waits = {
        task: (tasks[task]["soft_fail"], tasks[task]["timeout"])
        for task in tasks
        if task.startswith("wait_for_") and task != "wait_for_turn"
    }
    assert waits == {
        "wait_for_arrivals": (False, 15 * 86400),
        "wait_for_airports": (True, 600),
        "wait_for_city_demographics": (True, 600),
        "wait_for_state_temperatures": (True, 600),
    }


def test_publish_tells_whoever_schedules_on_the_source(parsed):
    assert parsed["dags"]["bikeshare"]["tasks"]["publish"]["outlets"] == [
        "starlift://bikeshare/marts"
    ]


def test_a_run_is_monthly_and_one_may_preprocess_ahead(parsed):
    dag = parsed["dags"]["bikeshare"]
    assert (dag["schedule"], dag["start_date"]) == ("0 0 1 * *", "2013-06-01T00:00:00+00:00")
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 2)
    assert dag["tasks"]["wait_for_turn"]["trigger_rule"] == "all_done"


def test_the_janitor_is_one_task_a_day(parsed):
    dag = parsed["dags"]["janitor"]
    assert (dag["schedule"], dag["catchup"], dag["max_active_runs"]) == ("0 5 * * *", False, 1)
    assert {name: task["type"] for name, task in dag["tasks"].items()} == {
        "find_strays": "FindStraysOperator"
    }


def test_every_dag_explains_itself_and_retries(parsed):
    for dag in parsed["dags"].values():
        for heading in ("### What it does", "### When it runs", "### If it fails"):
            assert heading in dag["doc"]
        retries = {name: task["retries"] for name, task in dag["tasks"].items()}
        # Of this one a slow scheduler counts a look too early as a failed try.
        assert retries.pop("wait_for_turn", 100) == 100
        assert set(retries.values()) == {2}


def test_dag_files_are_thin():
    files = sorted((PROJECT / "dags").glob("*.py"))
    assert [path.stem for path in files] == [
        *("bikeshare", "immigration", "janitor", "movies", "movies_athena", "taxi"),
    ]
    assert {path.name: len(path.read_text().splitlines()) <= 60 for path in files} == {
        path.name: True for path in files
    }


LAPTOP = re.compile(r"local|laptop|moto\b|rclone|127\.0\.0\.1|emulat", re.IGNORECASE)


def conditions(path):
    """Every condition of a Python file, as text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            yield ast.unparse(node.test)
        elif isinstance(node, ast.match_case):
            yield ast.unparse(node.pattern)


def laptop_conditions(folder):
    """Conditions below ``folder`` that ask whether this is a laptop."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        found += [f"{path.name}: {test}" for test in conditions(path) if LAPTOP.search(test)]
    for path in sorted([*folder.rglob("*.sql"), *folder.rglob("*.yml")]):
        tests = re.findall(r"{%-?\s*(?:el)?if\s(.*?)%}|\sif\s([^}]*?)(?:else|}})", path.read_text())
        found += [f"{path.name}: {test}" for pair in tests for test in pair if LAPTOP.search(test)]
    return found


@pytest.mark.parametrize("folder", ["dags", "dbt_project", "spark_jobs"])
def test_there_is_one_code_path(folder):
    assert laptop_conditions(PROJECT / folder) == []


def test_a_second_code_path_would_be_found(tmp_path):
    (tmp_path / "a.py").write_text("x = 1 if settings.is_local else 2\n")
    (tmp_path / "b.sql").write_text("{% if target.name == 'local' %} select 1 {% endif %}\n")
    (tmp_path / "c.yml").write_text("schema: \"{{ 'a' if target.name == 'local' else 'b' }}\"\n")
    assert len(laptop_conditions(tmp_path)) == 3
