"""`python -m infra.aws`: deploy Starlift to an AWS account, run it, watch it, take it down."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import boto3
import typer

from infra.aws import airflow_commands, connections, cost, destroy, doctor, service_roles, warehouse
from infra.aws.advice import OF_AWS, advice, said
from infra.aws.context import PROJECT, Context, say
from infra.aws.deploy import render, set_usage_limit
from infra.aws.deployment import ORDER, Deployment, Template
from infra.aws.errors import DeployError, Stopped

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
app.add_typer(airflow_commands.app)


@app.callback()
def options(
    context: typer.Context,
    file: Annotated[
        Path, typer.Option(help="The deployment's file; see infra/aws/example.toml.")
    ] = Path("deployment.toml"),
    region: Annotated[str | None, typer.Option(help="As in the AWS CLI.")] = None,
    profile: Annotated[str | None, typer.Option(help="As in the AWS CLI.")] = None,
    constraints: Annotated[
        Path | None,
        typer.Option(
            help="A copy of Airflow's constraints, for doctor and publish where there is no way to "
            "their address."
        ),
    ] = None,
) -> None:
    """Deploy Starlift to an AWS account, run it, watch it, take it down."""
    if "--help" in sys.argv or context.invoked_subcommand == "parameters":
        return
    # As the AWS CLI does; boto3 alone reads AWS_DEFAULT_REGION only.
    region = region or os.environ.get("AWS_REGION")
    session = boto3.Session(profile_name=profile, region_name=region)
    if not session.region_name:
        raise DeployError("Which region? Set AWS_REGION, or add --region before the command.")
    context.obj = Context(session, Deployment.load(file), constraints)


@app.command()
def parameters() -> None:
    """List every parameter that a deployment's file can set, with its meaning and default."""
    for stack in ORDER:
        say(f"\n{stack}")
        for name, declared in Template.load(stack).parameters.items():
            default = f" [{declared['Default']}]" if "Default" in declared else ""
            say(f"  {name}{default}\n      {' '.join(declared['Description'].split())}")


@app.command()
def plan(context: typer.Context) -> None:
    """Show what deploy would change, stack by stack, and what it would cost. Changes nothing."""
    here: Context = context.obj
    for planned in here.deployer().plan():
        say(render(planned))
    say("\n" + cost.render(cost.estimate(here.deployment)))


@app.command()
def deploy(
    context: typer.Context,
    only: Annotated[str | None, typer.Option(help="One stack, by its short name.")] = None,
) -> None:
    """Make or change the stacks. Run again after Ctrl-C or a failure, it goes on where it was."""
    here: Context = context.obj
    if only is not None and only not in here.deployment.stacks:
        raise DeployError(f"There is no stack {only}: {', '.join(here.deployment.stacks)}.")
    if only in {None, "emr"}:
        service_roles.ensure(here.session.client("iam"), here.deployment, say)
    here.deployer().deploy(only)
    if only in {None, "redshift"} and here.outputs().get("Kind") == "serverless":
        client = here.session.client("redshift-serverless")
        say(set_usage_limit(client, here.deployment.name))
    say("Deployed. Next: connections, then unpause and trigger.")


@app.command()
def status(context: typer.Context) -> None:
    """Show the state of every stack and the release that Airflow runs; exit 3 unless complete."""
    here: Context = context.obj
    deployer = here.deployer()
    states = {name: deployer.stack(name).status for name in here.deployment.stacks}
    for name, state in states.items():
        say(f"  {here.deployment.stack_name(name):32} {state or 'not there'}")
    outputs = deployer.outputs()
    if "ArtifactsBucket" in outputs:
        say(f"  release: {here.releases(outputs).current() or 'none'}")
    if not all(state and state.endswith("_COMPLETE") for state in states.values()):
        raise typer.Exit(3)


@app.command()
def outputs(context: typer.Context) -> None:
    """Print the outputs of all stacks as NAME=value."""
    here: Context = context.obj
    for name, value in sorted(here.outputs().items()):
        say(f"{name}={value}")


@app.command()
def publish(context: typer.Context) -> None:
    """Upload DAGs, dbt project, Spark job and dbt's packages, and switch Airflow to them."""
    here: Context = context.obj
    here.publish(here.outputs())


@app.command()
def releases(context: typer.Context) -> None:
    """List the releases, the newest first; * marks the one that Airflow runs."""
    here: Context = context.obj
    found = here.releases(here.outputs())
    current = found.current()
    for release in found.list():
        say(f"{'*' if release.hash == current else ' '} {release.hash}  {release.published_at}")


@app.command()
def rollback(
    context: typer.Context,
    to: Annotated[str | None, typer.Argument(help="A release's hash; else the one before.")] = None,
) -> None:
    """Switch Airflow back to an earlier release."""
    here: Context = context.obj
    here.releases(here.outputs()).rollback(to)


@app.command(name="connections")
def write_connections(context: typer.Context) -> None:
    """Write Airflow's connections to Secrets Manager, and let Airflow into the warehouse."""
    here: Context = context.obj
    found = here.outputs()
    wanted = connections.connections(here.deployment, found, here.region, connections.ClusterSize())
    client = here.session.client("secretsmanager")
    connections.store(client, here.deployment, wanted, found["KeyArn"], say)
    warehouse.prepare(here.session, here.deployment, found, say)


@app.command(name="doctor")
def examine(context: typer.Context) -> None:
    """Check account, quotas, versions, packages, stacks, TLS and Airflow; exit 1 if one is bad."""
    here: Context = context.obj
    well = True
    for finding in doctor.Doctor(
        here.session, here.deployment, PROJECT, here.constraints
    ).examine():
        say(f"{'ok ' if finding.well else 'BAD'} {finding.check}: {finding.found}")
        if not finding.well:
            say(f"      {finding.remedy}")
        well &= finding.well
    if not well:
        raise typer.Exit(1)


@app.command(name="destroy")
def take_down(
    context: typer.Context,
    empty_buckets: Annotated[
        bool, typer.Option("--empty-buckets", help="Delete all objects, for good.")
    ] = False,
    final_snapshot: Annotated[bool, typer.Option(help="Keep the warehouse's last state.")] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Remove the deployment: list what goes, ask, remove it, and prove that nothing is left."""
    here: Context = context.obj
    destroyer = destroy.Destroyer(here.session, here.deployment, say)
    doomed = destroyer.doomed()
    say(f"This removes {here.deployment.name} in {here.region}:")
    if not doomed.stacks:
        say("  no stack: nothing of it is deployed here")
    for name in doomed.stacks:
        say(f"  stack {here.deployment.stack_name(name)} ({doomed.resources[name]} resources)")
    for bucket, count in doomed.buckets.items():
        say(f"  bucket {bucket} with {count:,} objects and versions")
    if not empty_buckets:  # before anything is asked, and before the connections go
        destroyer.refuse_full_buckets(doomed)
    if doomed.stacks and not yes and not _is_confirmed(here.deployment.name):
        raise DeployError("Nothing was removed.")
    connections.remove(here.session.client("secretsmanager"), here.deployment, say)
    destroyer.destroy(empty_buckets=empty_buckets, final_snapshot=final_snapshot)


def _is_confirmed(name: str) -> bool:
    try:
        return bool(typer.prompt("Type the deployment's name to go on") == name)
    except typer.Abort:  # there is nobody to ask
        say("")
        return False


def main() -> int:
    """Run a command; a failure is a message, not a traceback. Returns the exit status."""
    before = signal.signal(signal.SIGINT, _stop)
    try:
        app()
    except SystemExit as end:  # how typer ends, also after a usage error, which it has shown
        return int(end.code or 0)
    except DeployError as error:
        print(f"starlift: {error}", file=sys.stderr)
        return 1
    except OF_AWS as error:
        print(f"starlift: {said(error)}\n{advice(error)}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print(f"\nstarlift: stopped. {stopped}", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGINT, before)
    return 0


def _stop(*_: object) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
