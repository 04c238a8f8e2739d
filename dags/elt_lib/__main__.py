"""Command line of the library: check the contract, create the warehouse's tables."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from elt_lib.contract_check import ContractError
from elt_lib.contract_schema import schema
from elt_lib.contract_yaml import load_sources
from elt_lib.dictionary import show_own_only
from elt_lib.warehouse import SchemaDrift, ensure_tables


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m elt_lib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("check", "validate every feed's contract"),
        ("schema", "print the contract's JSON schema, for editors"),
        ("dictionary", "hide other packages in a generated site's manifest"),
        ("tables", "create or extend staging tables, ledger and locks (REDSHIFT_* variables)"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--manifest",
            type=Path,
            default=Path(os.environ.get("STARLIFT_MANIFEST", "manifest.json")),
            help="dbt manifest (default: $STARLIFT_MANIFEST)",
        )
    arguments = parser.parse_args(argv)
    if arguments.command == "schema":
        print(json.dumps(schema(), indent=2))
        return 0
    if arguments.command == "dictionary":
        print(f"dictionary: {show_own_only(arguments.manifest)} macros of other packages hidden")
        return 0
    try:
        sources = load_sources(arguments.manifest)
        feeds = [feed for source in sources.values() for feed in source.feeds]
        if arguments.command == "tables":
            _create_tables(feeds)
    except (ContractError, SchemaDrift, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{arguments.command}: {len(feeds)} feeds of {len(sources)} sources: ok")
    return 0


def _create_tables(feeds: list) -> None:  # type: ignore[type-arg]
    import redshift_connector  # noqa: PLC0415 the check needs no driver

    connection = redshift_connector.connect(
        host=os.environ["REDSHIFT_HOST"],
        port=int(os.environ["REDSHIFT_PORT"]),
        user=os.environ["REDSHIFT_USER"],
        password=os.environ["REDSHIFT_PASSWORD"],
        database=os.environ["REDSHIFT_DATABASE"],
        ssl=os.environ.get("REDSHIFT_SSL", "true") == "true",
    )
    try:
        ensure_tables(connection, feeds)
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
