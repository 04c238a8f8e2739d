"""`python -m infra.local.livy`: serve until SIGTERM, which also ends the running batches."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from infra.local.java import find_java_home
from infra.local.livy.app import build_app
from infra.local.livy.manager import BatchManager
from infra.local.livy.store import Store
from infra.local.livy.submit import Spark

HOST = "127.0.0.1"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve; return 0 after a stop that was asked for, 1 when the port is taken."""
    arguments = _parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        listener = _listen(arguments.port)
    except OSError as error:
        print(f"livy: port {arguments.port} on {HOST} is taken ({error})", file=sys.stderr)
        return 1
    arguments.s3_root.mkdir(parents=True, exist_ok=True)
    spark = Spark(
        java_home=find_java_home(),
        s3_root=arguments.s3_root.absolute(),
        spark_home=arguments.spark_home.absolute(),
    )
    manager = BatchManager(
        Store(arguments.state), spark, max_running=arguments.max_running, retain=arguments.retain
    )
    server = uvicorn.Server(
        uvicorn.Config(build_app(manager), log_level="warning", timeout_graceful_shutdown=5)
    )
    # uvicorn repeats the signal after its own clean stop; that repetition is to change nothing.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    print(f"livy: listening on http://{HOST}:{listener.getsockname()[1]}", flush=True)
    server.run(sockets=[listener])
    return 0


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


def _parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.livy", description=__doc__)
    parser.add_argument("--port", type=int, default=8998, help="0 picks a free one (8998)")
    parser.add_argument("--state", type=Path, required=True, help="folder for batches and logs")
    parser.add_argument("--s3-root", type=Path, required=True, help="folder with a bucket each")
    parser.add_argument(
        "--spark-home", type=Path, default=Spark.spark_home, help="another Spark than the bundled"
    )
    parser.add_argument("--max-running", type=int, default=1, help="batches at once (1)")
    parser.add_argument(
        "--retain",
        type=float,
        default=600.0,
        help="seconds that a finished batch is listed, and keeps its name (600)",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
