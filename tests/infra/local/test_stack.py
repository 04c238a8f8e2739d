"""Real servers: PostgreSQL, S3 and moto in state folders of their own."""

import contextlib
import os
import signal
import socket
import time

import psutil
import pytest

from infra.local.config import Config, Ports
from infra.local.environment import WAREHOUSE
from infra.local.errors import StackError
from infra.local.health import connect
from infra.local.processes import stack_processes
from infra.local.stack import Stack
from infra.local.storage import make_buckets, s3_client
from tests.dags.lake import small_stack
from tests.infra.local.listening import listening
from tests.leash import leashed, watched

pytestmark = pytest.mark.slow

BASE = ("postgres", "s3", "aws")
DEADLINE_SECONDS = 30.0


def free_config(state, **settings):
    free = {Ports.variable(name): "0" for name in vars(Ports())}
    return Config.load({"STARLIFT_STATE": str(state), **free, **settings})


def wait_until(condition, seconds=DEADLINE_SECONDS):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_of(stack):
    return stack_processes(stack.config, stack.supervisor.session())


@pytest.fixture
def stack(tmp_path):
    with leashed(Stack(free_config(tmp_path / "a state folder"), only=BASE)) as it:
        yield it


def test_up_is_healthy_on_loopback_and_down_leaves_nothing(stack):
    health = stack.status()
    assert [(each.service, each.state) for each in health] == [(name, "healthy") for name in BASE]
    assert stack.is_up()
    processes = processes_of(stack)
    assert {each.pid for each in health} < {process.pid for process in processes}
    assert {each.ip for each in listening(processes)} == {"127.0.0.1"}
    assert stack.down() == 0
    assert not [process for process in processes if process.is_running()]
    assert processes_of(stack) == []
    assert {each.state for each in stack.status()} == {"stopped"}
    assert not stack.is_up()


def test_up_again_changes_nothing(stack):
    before = {each.service: each.pid for each in stack.status()}
    stack.up()
    assert {each.service: each.pid for each in stack.status()} == before


def test_a_service_that_is_killed_comes_back(stack):
    (s3,) = [each for each in stack.status() if each.service == "s3"]
    os.kill(s3.pid, signal.SIGKILL)
    wait_until(lambda: any(each.healthy and each.pid != s3.pid for each in stack.status()[1:2]))
    stack.up()
    assert stack.is_up()


def test_after_everything_is_killed_up_finds_the_data(stack):
    client = s3_client(stack.config)
    make_buckets(client, "lake")
    client.put_object(Bucket="lake", Key="raw/a.csv", Body=b"1,2\n")
    with connect(stack.config, "postgres", "postgres") as connection:
        connection.execute("create table kept as select 42 as answer")
    for process in processes_of(stack):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended with its parent
            process.kill()
    wait_until(lambda: processes_of(stack) == [])
    assert {each.state for each in stack.status()} == {"stopped"}
    stack.up()
    assert client.get_object(Bucket="lake", Key="raw/a.csv")["Body"].read() == b"1,2\n"
    with connect(stack.config, "postgres", "postgres") as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)


@pytest.mark.parametrize("next_step", ["up", "down"])
def test_services_without_their_supervisor_are_strays(stack, next_step):
    supervisor = stack.supervisor.process()
    strays = [process for process in processes_of(stack) if process.pid != supervisor.pid]
    supervisor.kill()
    supervisor.wait()
    assert all(process.is_running() for process in strays)
    said = []
    stack.say = said.append
    getattr(stack, next_step)()
    assert not [process for process in strays if process.is_running()]
    assert stack.is_up() == (next_step == "up")
    if next_step == "up":
        assert said[0] == f"Ending {len(strays)} processes that an earlier stack left behind."


def test_a_taken_port_is_named_before_anything_starts(tmp_path):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        config = free_config(tmp_path, STARLIFT_PORT_LIVY=str(port))
        stack = Stack(config, only=BASE)
        with pytest.raises(StackError) as error:
            stack.up()
    assert f"Port {port} (livy) is taken by pid {os.getpid()} (" in str(error.value)
    assert f"STARLIFT_PORT_LIVY={port + 1000}" in str(error.value)
    assert stack.supervisor.process() is None
    assert not config.env_file.exists()


def test_work_that_waits_for_the_last_service_is_done(tmp_path, manifest):
    """The tables are made also where the manifest is there before the warehouse answers."""
    with small_stack(tmp_path, manifest=manifest) as stack:
        with connect(stack.config, "redshift", WAREHOUSE) as connection:
            assert connection.execute("select count(*) from ops.load_ledger").fetchone() == (0,)
        assert s3_client(stack.config).head_bucket(Bucket=stack.config.lake_bucket)


def test_two_stacks_run_side_by_side(stack, tmp_path):
    with leashed(Stack(free_config(tmp_path / "other"), only=["s3"])) as other:
        assert stack.is_up()
        make_buckets(s3_client(other.config), "lake")
        buckets = s3_client(stack.config).list_buckets()["Buckets"]
        assert sorted(bucket["Name"] for bucket in buckets) == [
            "starlift-artifacts",
            "starlift-lake",
        ]
    assert stack.is_up()


def test_other_settings_are_not_put_over_a_running_stack(stack):
    config = Config.load({"STARLIFT_STATE": str(stack.config.state), "STARLIFT_LAKE_BUCKET": "b"})
    with pytest.raises(StackError, match="make down up"):
        Stack(config, only=BASE).up()
    assert stack.is_up()


def test_a_service_that_cannot_run_is_shown_with_its_log(tmp_path):
    config = free_config(tmp_path)
    (config.state / "postgres").mkdir(parents=True)
    (config.state / "postgres" / "PG_VERSION").write_text("9.6\n")
    stack = Stack(config, only=["postgres"])
    with watched(stack), pytest.raises(StackError, match=r"postgres: .*postgres\.log"):
        stack.up(seconds=60)
    assert processes_of(stack) == []
