"""Command line: `python -m infra.local.redshift --port 5439`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

from infra.local.postgres import PostgresError
from infra.local.redshift.embedded import embedded, remembered, state_folder
from infra.local.redshift.errors import GatewayError
from infra.local.redshift.server import serve
from infra.local.redshift.settings import PARAMETERS, Settings

DESCRIPTION = """A local Amazon Redshift for development and CI: its wire protocol and SQL over an
embedded PostgreSQL 18. Alone it starts a PostgreSQL of its own; with --postgres-port it uses one
that runs already (python -m infra.local.postgres).

environment:
  REDSHIFT_USER, REDSHIFT_PASSWORD   the superuser that clients log in as (default: starlift, and a
                                     generated password, which is printed); CREATE USER makes more
  STARLIFT_POSTGRES_PASSWORD         with --postgres-port: the password of PostgreSQL's `postgres`
  AWS_ENDPOINT_URL_S3, AWS_...       where COPY finds S3: boto3's default chain

TLS is offered with a generated certificate. Clients that verify it (sslmode verify-ca, verify-full)
find its authority in DATA/tls/ca.pem: sslrootcert for libpq; SSL_CERT_FILE in the environment for
redshift_connector and dbt.

A line "ready on PORT" on the standard output says that clients may connect. SIGTERM and Ctrl-C
stop the gateway and its PostgreSQL.

failures on demand, for tests of retries, from any session:
  select starlift_gateway.fail_next('<kind>', '<regular expression>', <times>);
  kinds: serializable_isolation (1023), concurrent_transaction, connection_lost_before,
  connection_lost_after; see infra/local/COMPATIBILITY.md
"""


def main(argv: list[str] | None = None) -> int:
    """Run the gateway in the foreground; 0 after SIGTERM, 1 when it could not start."""
    args = _arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    # Until the server listens for signals itself: stop what has been started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with contextlib.ExitStack() as stack:
            settings = _settings(args, stack)
            problem = settings.problem()
            if problem is not None:
                print(f"error: {problem}", file=sys.stderr)
                return 2
            import uvloop  # noqa: PLC0415 only a running gateway needs it

            uvloop.run(serve(settings, lambda port: print(f"ready on {port}", flush=True)))
    except (GatewayError, PostgresError) as error:
        hint = error.hint if isinstance(error, GatewayError) else None
        print(f"error: {error} {hint or ''}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"error: cannot listen on {args.host}:{args.port} ({error.strerror}). "
            "Stop what uses the port or choose another with --port.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.redshift",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=5439, help="port to listen on; 0: any")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder for what must outlive the gateway (without: a temporary one, removed at the "
        "end, whose PostgreSQL does not wait for the disk)",
    )
    parser.add_argument("--postgres-host", default="127.0.0.1", help="a running PostgreSQL")
    parser.add_argument("--postgres-port", type=int, help="its port (without: start one)")
    parser.add_argument("--database", default="starlift", help="database, made when missing")
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        type=_parameter,
        metavar="NAME=VALUE",
        help="what sessions start with, as from a cluster's parameter group, for example "
        f"enable_case_sensitive_identifier=true; again for another: {', '.join(PARAMETERS)}",
    )
    return parser.parse_args(argv)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name.strip().lower(), value


def _settings(args: argparse.Namespace, stack: contextlib.ExitStack) -> Settings:
    """The settings; starts PostgreSQL when none is named, to be stopped by `stack`."""
    folder = stack.enter_context(state_folder(args.data))
    user = os.environ.get("REDSHIFT_USER", "starlift")
    password = os.environ.get("REDSHIFT_PASSWORD", "")
    host, port = args.postgres_host, args.postgres_port
    postgres_password = os.environ.get("STARLIFT_POSTGRES_PASSWORD", "")
    if port is None:
        own = stack.enter_context(embedded(folder, durable=args.data is not None))
        host, port, postgres_password = own.host, own.port, own.password
        if not password:
            password = remembered(folder / "redshift.password")
            print(f"user {user}, password {password}, database {args.database}", flush=True)
    return Settings(
        host=args.host,
        port=args.port,
        postgres_host=host,
        postgres_port=port,
        postgres_password=postgres_password,
        database=args.database,
        user=user,
        password=password,
        tls_folder=folder / "tls",
        parameters=dict(args.parameter),
    )


if __name__ == "__main__":
    sys.exit(main())
