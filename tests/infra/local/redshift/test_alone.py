"""The gateway without anything else: `python -m infra.local.redshift`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.leash import on_leash

from .conftest import PROJECT, wait_until

pytestmark = pytest.mark.slow

GATEWAY = (sys.executable, "-m", "infra.local.redshift")


class Alone:
    """A gateway that was started with a port of its choice and some arguments."""

    def __init__(self, temporary: Path, *arguments: str) -> None:
        temporary.mkdir(exist_ok=True)
        clean = {k: v for k, v in os.environ.items() if "PASSWORD" not in k}
        self.process = subprocess.Popen(
            on_leash([*GATEWAY, "--port", "0", *arguments]),
            cwd=PROJECT,
            env={**clean, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        login = re.match(r"user (\S+), password (\S+), database (\S+)", said)
        assert login is not None, said
        self.user, self.password, self.database = login.groups()
        last = self.process.stdout.readline()
        assert re.fullmatch(r"ready on \d+\n", last)
        self.port = int(last.split()[-1])
        self.others = psutil.Process(self.process.pid).children(recursive=True)

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.database,
            autocommit=True,
        )

    def stop(self, number: int) -> None:
        self.process.send_signal(number)
        assert self.process.wait(20) == 0
        assert self.others
        assert not any(other.is_running() for other in self.others)


def test_everything_temporary_is_gone_after_ctrl_c(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    alone = Alone(temporary)
    with alone.connect() as connection:
        connection.execute("create table t (a varchar(3))")
        assert len(list(temporary.iterdir())) == 1
        alone.stop(signal.SIGINT)  # with a session open
    assert list(temporary.iterdir()) == []


def test_sessions_start_with_the_gateways_parameters(tmp_path: Path) -> None:
    data = tmp_path / "data"
    given = (
        "enable_case_sensitive_identifier=true",
        "search_path=$user, Landing",
        "query_group=ci",
    )
    first = Alone(tmp_path / "tmp", "--data", str(data), *(f"--parameter={each}" for each in given))
    with first.connect() as connection:
        described = connection.execute('select 1 as "AbC"').description or []
        assert [column.name for column in described] == ["AbC"]
        assert connection.execute("show query_group").fetchone() == ("ci",)
        assert connection.execute("show search_path").fetchone() == ('"$user", "Landing"',)
    first.stop(signal.SIGTERM)
    second = Alone(tmp_path / "tmp", "--data", str(data))
    with second.connect() as connection:
        described = connection.execute('select 1 as "AbC"').description or []
        assert [column.name for column in described] == ["abc"]
        assert connection.execute("show query_group").fetchone() == ("default",)
    second.stop(signal.SIGTERM)


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ("wlm=1", 2, "Parameter 'wlm' is not known; there are auto_mv, "),
        ("query_group", 2, "'query_group' is not NAME=VALUE"),
        ("statement_timeout=soon", 1, 'invalid value for parameter "statement_timeout": "soon"'),
    ],
)
def test_wrong_parameters_are_named(tmp_path: Path, given: str, code: int, said: str) -> None:
    done = subprocess.run(
        [*GATEWAY, "--port", "0", "--parameter", given],
        check=False,
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_keeps_tables_and_password(tmp_path: Path) -> None:
    data, temporary = tmp_path / "data", tmp_path / "tmp"
    first = Alone(temporary, "--data", str(data), "--database", "dev")
    with first.connect() as connection:
        connection.execute("create table t as select 1 as a")
    first.stop(signal.SIGTERM)
    second = Alone(temporary, "--data", str(data), "--database", "dev")
    assert (second.password, second.database) == (first.password, "dev")
    with second.connect() as connection:
        assert connection.execute("select a from t").fetchall() == [(1,)]
    second.stop(signal.SIGTERM)
    assert list(temporary.iterdir()) == []
    assert (data / "redshift.password").stat().st_mode & 0o077 == 0


def test_its_postgres_dies_with_a_killed_gateway(tmp_path: Path) -> None:
    alone = Alone(tmp_path / "tmp")
    alone.process.kill()
    alone.process.wait(20)
    wait_until(lambda: not any(o.is_running() for o in alone.others), "PostgreSQL's end")


def test_what_a_killed_gateway_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    killed = Alone(temporary)
    (left,) = temporary.iterdir()
    running = Alone(temporary)
    killed.process.kill()
    killed.process.wait(20)
    wait_until(lambda: not any(other.is_running() for other in killed.others), "PostgreSQL's end")
    for folder in temporary.iterdir():
        os.utime(folder / "gateway.lock", (0, 0))
    third = Alone(temporary)
    assert not left.exists()
    with running.connect() as connection:  # its folder was as old, and is in use
        assert connection.execute("select 1").fetchone() == (1,)
    running.stop(signal.SIGTERM)
    third.stop(signal.SIGTERM)
    assert list(temporary.iterdir()) == []
