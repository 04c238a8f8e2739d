"""Command line: `python -m infra.local.redshift --port 5439`."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.server import serve
from infra.local.redshift.settings import Settings

DESCRIPTION = """A local Amazon Redshift for development and CI: its wire protocol and SQL over a
PostgreSQL 18 that runs already (python -m infra.local.postgres).

environment:
  REDSHIFT_USER, REDSHIFT_PASSWORD   the user that may log in (default user: starlift)
  STARLIFT_POSTGRES_PASSWORD         password of PostgreSQL's superuser `postgres`
  AWS_ENDPOINT_URL_S3, AWS_...       where COPY finds S3: boto3's default chain

failures on demand, for tests of retries, from any session:
  select starlift_gateway.fail_next('<kind>', '<regular expression>', <times>);
  kinds: serializable_isolation (1023), concurrent_transaction, connection_lost_before,
  connection_lost_after; see infra/local/COMPATIBILITY.md
"""


def main(argv: list[str] | None = None) -> int:
    """Run the gateway in the foreground; 0 after SIGTERM, 1 when it could not start."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.redshift",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=5439, help="port to listen on; 0: any")
    parser.add_argument("--postgres-host", default="127.0.0.1", help="PostgreSQL's address")
    parser.add_argument("--postgres-port", type=int, default=5440, help="PostgreSQL's port")
    parser.add_argument("--database", default="starlift", help="database, made when missing")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    settings = Settings(
        host=args.host,
        port=args.port,
        postgres_host=args.postgres_host,
        postgres_port=args.postgres_port,
        postgres_password=os.environ.get("STARLIFT_POSTGRES_PASSWORD", ""),
        database=args.database,
        user=os.environ.get("REDSHIFT_USER", "starlift"),
        password=os.environ.get("REDSHIFT_PASSWORD", ""),
    )
    problem = settings.problem()
    if problem is not None:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    import uvloop  # noqa: PLC0415 only a running gateway needs it

    try:
        uvloop.run(serve(settings, lambda port: print(f"ready on {port}", flush=True)))
    except GatewayError as error:
        print(f"error: {error}. {error.hint or ''}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"error: cannot listen on {args.host}:{args.port} ({error.strerror}). "
            "Stop what uses the port or choose another with --port.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
