"""The laptop stack's command line: `python -m infra.local <command> --help`; `make` calls it."""

from __future__ import annotations

import argparse
import calendar
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from infra.local import answers, demo, docs, manifest, publishers, storage, warehouse
from infra.local.backfill import Outcome, backfill
from infra.local.config import Config
from infra.local.environment import service_environment, write_env_file
from infra.local.errors import StackError
from infra.local.fetch import fetch
from infra.local.health import Health
from infra.local.interrupts import interrupted_once, status_of
from infra.local.logs import follow_logs
from infra.local.reload import reload
from infra.local.samples import registry
from infra.local.stack import Stack
from infra.local.tools import run_module

UNHEALTHY = 3
AIRFLOW = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor")


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def up(config: Config, options: argparse.Namespace) -> int:
    """Start the stack."""
    began = time.monotonic()
    stack = Stack(config, only=options.only, say=say)
    stack.up()
    say(f"\nThe stack is up ({time.monotonic() - began:.0f} s).")
    say(f"  Airflow     {config.airflow_url}")
    say(f"  dictionary  {docs.place(config)}")
    say(f"  a shell     set -a; . {config.env_file}; set +a")
    return 0


def down(config: Config, _: argparse.Namespace) -> int:
    """Stop the stack."""
    strays = Stack(config).down()
    say("The stack is down." + (f" {strays} processes had to be ended." if strays else ""))
    return 0


def status(config: Config, _: argparse.Namespace) -> int:
    """Show the health table; exit status 3 unless all services are healthy."""
    found = Stack(config).status()
    say(table(found))
    return 0 if all(each.healthy for each in found) else UNHEALTHY


def table(found: Sequence[Health]) -> str:
    """Render the health table."""
    rows = [("SERVICE", "STATE", "ADDRESS", "PID", "UPTIME", "LOG")]
    for each in found:
        state = f"{each.state}: {each.detail}" if each.detail else each.state
        pid = "-" if each.pid is None else str(each.pid)
        rows.append((each.service, state, each.address, pid, span(each.uptime), str(each.log)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join(lines)


def span(seconds: float | None) -> str:
    """Render seconds as 45s, 12m, 3h05m or 2d04h."""
    if seconds is None:
        return "-"
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    if not minutes:
        return f"{int(seconds)}s"
    if not hours:
        return f"{minutes}m"
    if hours < 24:
        return f"{hours}h{minutes % 60:02}m"
    return f"{hours // 24}d{hours % 24:02}h"


def env(config: Config, _: argparse.Namespace) -> int:
    """Write the environment file."""
    config.save()
    say(f"set -a; . {write_env_file(config)}; set +a")
    return 0


def build_manifest(config: Config, _: argparse.Namespace) -> int:
    """Build the manifest and, if the gateway runs, the warehouse's tables."""
    changed = manifest.build(config)
    say(f"{config.manifest}: {'built and checked' if changed else 'up to date'}")
    if any(it.healthy for it in Stack(config, only=["redshift"]).status()):
        say(f"warehouse tables: {'checked' if warehouse.prepare(config) else 'up to date'}")
    return 0


def check_contracts(config: Config, _: argparse.Namespace) -> int:
    """Check every feed's contract; what is broken is said with file, feed, column and remedy."""
    manifest.build(config)
    say(run_module(config, "elt_lib", "check", "--manifest", str(config.manifest)).strip())
    return 0


def publish(config: Config, _: argparse.Namespace) -> int:
    """Upload the Spark job."""
    _require(config, "s3")
    for each in storage.publish(config):
        sent = "uploaded" if each.changed else "up to date"
        say(f"s3://{config.artifacts_bucket}/{each.key}: {sent}")
    return 0


def build_docs(config: Config, _: argparse.Namespace) -> int:
    """Generate the data dictionary."""
    _require(config, "s3", "redshift")
    docs.build(config)
    say(f"The data dictionary: {docs.url(config)}")
    return 0


def run_backfill(config: Config, options: argparse.Namespace) -> int:
    """Run a DAG for a range of dates."""
    _require(config, *AIRFLOW)
    return _followed(
        lambda: backfill(config, options.dag, options.first, options.last, say, options.at_once)
    )


def run_reload(config: Config, options: argparse.Namespace) -> int:
    """Load a batch again, with the files that are there now."""
    _require(config, "redshift", *AIRFLOW)
    return _followed(lambda: reload(config, options.dag, options.batch, say))


def _followed(follow: Callable[[], Outcome]) -> int:
    """Follow runs to their end; returns the exit status."""
    try:
        outcome = follow()
    except KeyboardInterrupt as interrupt:
        say("\nStopped following; the runs go on. The same command follows them again.")
        return status_of(interrupt)
    return 1 if outcome.failed else 0


def batch_start(text: str) -> datetime:
    """Read the start of a batch, in UTC: a date, a date and time, or the name in the ledger."""
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no batch: write its start, as in 2021-09-01 or 20210901T000000"
        raise argparse.ArgumentTypeError(message) from None
    return start.astimezone(UTC) if start.tzinfo else start.replace(tzinfo=UTC)


def show_accounting(config: Config, _: argparse.Namespace) -> int:
    """Show what became of every row, by batch and rule, and how fresh the feeds are."""
    _require(config, "redshift")
    say(answers.accounting(config))
    return 0


def run_demo(config: Config, options: argparse.Namespace) -> int:
    """Run the demonstration of one source or of all."""
    return demo.run(config, say, registry.chosen(options.source))


def run_fetch(config: Config, options: argparse.Namespace) -> int:
    """Fetch a month's files from their publishers."""
    if options.to is None:
        _require(config, "s3")
    manifest.build(config)
    month = options.month
    placed = fetch(config, publishers.load(), options.source, month, say, options.to)
    say(f"\n{placed} files of {options.source} for {month:%Y-%m}.")
    if placed and options.to is None:
        last = month.replace(day=calendar.monthrange(month.year, month.month)[1])
        say(f"Load them: make backfill DAG={options.source} FROM={month} TO={last}")
    return 0


def month_of(text: str) -> date:
    """Read YYYY-MM as the month's first day."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        message = f"{text!r} is no month: write it as in 2021-09"
        raise argparse.ArgumentTypeError(message) from None


def run(config: Config, options: argparse.Namespace) -> int:
    """Become another command, with the environment that services have."""
    config.save()
    environ = service_environment(config)
    program = shutil.which(options.command[0], path=environ["PATH"])
    if program is None:
        message = f"There is no command {options.command[0]!r} in .venv or on PATH."
        raise StackError(message)
    os.execve(program, options.command, environ)  # noqa: S606  no shell is wanted


def reset(config: Config, options: argparse.Namespace) -> int:
    """Delete the state folder's contents."""
    if not options.force:
        answer = input(f"Stop the stack and delete all data in {config.state}? [y/N] ")
        if answer.strip().lower() not in {"y", "yes"}:
            say("Nothing was deleted.")
            return 1
    Stack(config).reset()
    say(f"The data in {config.state} is deleted.")
    return 0


def logs(config: Config, options: argparse.Namespace) -> int:
    """Show the end of the services' logs."""
    services = Stack(config, only=options.service or None).services
    try:
        follow_logs(config, [each.name for each in services], options.lines, options.follow, say)
    except KeyboardInterrupt as interrupt:
        return status_of(interrupt)
    return 0


def _require(config: Config, *services: str) -> None:
    """Raise StackError unless these services work."""
    late = [each for each in Stack(config, only=services).status() if not each.healthy]
    if late:
        names = ", ".join(f"{each.service} ({each.state})" for each in late)
        message = f"This needs the stack: {names}. Start it with `make up`."
        raise StackError(message)


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    root = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(function=function)
        return added

    it = command("up", up, "start the stack, or what is missing of it, and wait until it works")
    it.add_argument("--only", nargs="+", metavar="SERVICE", help="start these services only")
    command("down", down, "stop every process of the stack; the data stays")
    command("status", status, "show the health of every service")
    command("env", env, "write the file that points a shell at the stack")
    command("manifest", build_manifest, "parse the dbt project and check the contract")
    command("check-contracts", check_contracts, "check every feed's contract")
    command("publish", publish, "upload the Spark job to the artifacts bucket")
    command("docs", build_docs, "generate the data dictionary and show it in Airflow")
    it = command("backfill", run_backfill, "run a DAG for a range of dates and follow it")
    it.add_argument("dag", help="the DAG's id, for example bikeshare")
    it.add_argument("first", type=date.fromisoformat, help="first day, YYYY-MM-DD")
    it.add_argument("last", type=date.fromisoformat, help="last day, YYYY-MM-DD (included)")
    it.add_argument("--at-once", type=int, default=3, help="runs side by side (default: 3)")
    it = command("reload", run_reload, "load a batch again with the files that are there now")
    it.add_argument("dag", help="the DAG's id, for example bikeshare")
    it.add_argument("batch", type=batch_start, help="the batch's start, for example 2021-09-01")
    command("accounting", show_accounting, "show what became of every row of every batch")
    it = command("demo", run_demo, "load made-up files of a source and show the result")
    it.add_argument(
        "--source",
        choices=[*registry.SOURCES, registry.ALL],
        default="bikeshare",
        help="whose files (default: bikeshare)",
    )
    it = command("fetch", run_fetch, "get a month's files from their publishers into the lake")
    it.add_argument("source", help="the source, for example bikeshare")
    it.add_argument("month", type=month_of, help="the month, YYYY-MM")
    it.add_argument("--to", type=Path, help="a folder instead of the stack's lake")
    it = command("run", run, "run any command with the stack's environment, as in `run dbt build`")
    it.add_argument("command", nargs=argparse.REMAINDER, help="the command and its arguments")
    it = command("reset", reset, "stop the stack and delete all its data")
    it.add_argument("--force", action="store_true", help="do not ask")
    it = command("logs", logs, "show the end of the services' logs")
    it.add_argument("service", nargs="*", help="services; all of them if none is named")
    it.add_argument("--lines", type=int, default=40, help="lines per service (default: 40)")
    it.add_argument("--follow", action="store_true", help="go on as the logs grow")
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    options = parser().parse_args(arguments)
    try:
        with interrupted_once():
            return _run(options)
    except StackError as error:
        sys.stdout.flush()
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print("\nInterrupted. `make down` stops what runs.", file=sys.stderr)
        return status_of(interrupt)


def _run(options: argparse.Namespace) -> int:
    config = Config.load()
    if options.function not in {up, run_demo}:  # these two may start a stack on other ports
        config = config.recorded()
    status: int = options.function(config, options)
    return status


if __name__ == "__main__":
    sys.exit(main())
