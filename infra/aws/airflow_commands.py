"""Commands that talk to the deployment's Airflow: unpause, pause, trigger, logs."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.aws import task_logs
from infra.aws.advice import OF_AWS, advice, said
from infra.aws.airflow_api import Airflow, new_run_id
from infra.aws.context import Context, say
from infra.aws.errors import DeployError, Stopped

app = typer.Typer()

Dag = Annotated[str, typer.Argument(help="Id of a DAG, such as bikeshare.")]
Dags = Annotated[list[str], typer.Argument(help="Ids of DAGs, such as bikeshare janitor.")]


@app.command()
def unpause(context: typer.Context, dags: Dags) -> None:
    """Turn DAGs on, their schedules included; new ones are off."""
    _set_paused(context.obj, dags, paused=False)


@app.command()
def pause(context: typer.Context, dags: Dags) -> None:
    """Turn DAGs off: tasks that run go on to their end, and no other starts."""
    _set_paused(context.obj, dags, paused=True)


@app.command()
def trigger(
    context: typer.Context,
    dag: Dag,
    batch: Annotated[
        str | None,
        typer.Option(help="Start of the batch, such as 2021-09-01; else the last whole interval."),
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Follow this run, which was started before, and start none.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Follow the run to its end.")] = True,
) -> None:
    """Run a DAG now and follow its tasks; exit 1 when the run fails."""
    here: Context = context.obj
    airflow = here.airflow()
    run_id = run or new_run_id()
    try:
        if run is None:
            airflow.start(dag, batch, run_id)
        say(f"{dag}: run {run_id}")
        if not wait:
            return
        state = airflow.follow(dag, run_id, say)
    except Stopped:
        raise Stopped(_goes_on(dag, run_id)) from None
    except OF_AWS as error:
        raise DeployError(f"{said(error)}\n{advice(error)}\n{_goes_on(dag, run_id)}") from None
    say(f"{dag}: {state}")
    if state != "success":
        _tell_failures(airflow, dag, run_id)
        raise typer.Exit(1)


@app.command()
def logs(
    context: typer.Context,
    dag: Dag,
    task: Annotated[str, typer.Argument(help="Id of a task, such as load_trips.")],
    run: Annotated[str | None, typer.Option(help="Run id; else the newest run.")] = None,
    attempt: Annotated[int | None, typer.Option(help="Which try; else the newest.")] = None,
) -> None:
    """Print the log of a task."""
    here: Context = context.obj
    airflow = here.airflow()
    run_id = run or airflow.last_run(dag)
    found = list(airflow.tasks(dag, run_id, task))
    if not found:
        raise DeployError(f"{dag} has no task {task} in run {run_id}.")
    for each in sorted(found, key=lambda one: int(one["map_index"])):
        number = attempt or int(each["try_number"])
        if number < 1:
            raise DeployError(f"{task} of {dag}, run {run_id}, has not begun.")
        name = task_logs.stream(dag, run_id, task, number, int(each["map_index"]))
        for line in task_logs.lines(here.session.client("logs"), here.deployment.name, name):
            say(line)


def _set_paused(here: Context, dags: list[str], *, paused: bool) -> None:
    airflow = here.airflow()
    for dag in dags:
        airflow.set_paused(dag, paused=paused)
        say(f"{dag}: {'off' if paused else 'on'}")


def _goes_on(dag: str, run_id: str) -> str:
    return (
        "A run that has started goes on. Follow it again with: "
        f"python -m infra.aws trigger {dag} --run {run_id}"
    )


def _tell_failures(airflow: Airflow, dag: str, run_id: str) -> None:
    for task in airflow.tasks(dag, run_id):
        if task["state"] == "failed":
            command = f"python -m infra.aws logs {dag} {task['task_id']} --run {run_id}"
            say(f"  {task['task_id']} failed: {command}")
