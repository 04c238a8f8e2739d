"""The API and the life of batches, with a shell script in the place of spark-submit."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.infra.local.livy.conftest import PROJECT, StartServer, wait_until

pytestmark = pytest.mark.slow


def blocked_by(gate: Path) -> str:
    """A script that runs until the file is there."""
    return f"echo waiting; while [ ! -e '{gate}' ]; do sleep 0.05; done; echo done"


def kill(processes: list[psutil.Process]) -> None:
    """Kill them all; one that ends by itself in between (a `sleep`, a waiting parent) is fine."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def test_a_batch_from_submission_to_success(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    body = {
        "file": "s3://lake/job.py",
        "args": ["--day", "2019-10-01", f"echo hello; {blocked_by(tmp_path / 'gate')}"],
        "pyFiles": ["s3://lake/jobs.zip"],
        "name": "preprocess trips",
        "driverMemory": "512m",
        "conf": {"spark.custom": "a b", "spark.sql.shuffle.partitions": 7},
    }
    answer = server.client.post("/batches", json=body)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/batches/0"
    assert answer.json()["state"] in ("starting", "running")
    server.wait_for(0, "running")
    assert server.client.get("/batches/0/state").json() == {"id": 0, "state": "running"}
    (tmp_path / "gate").touch()
    server.wait_for(0, "success")
    view = server.client.get("/batches/0").json()
    assert {key: value for key, value in view.items() if key != "owner"} == {
        "id": 0,
        "name": "preprocess trips",
        "proxyUser": None,
        "state": "success",
        "appId": None,
        "appInfo": {"driverLogUrl": None, "sparkUiUrl": None},
        "log": ["hello", "waiting", "done"],
    }
    assert server.client.get("/batches/preprocess trips").json() == view
    arguments = (server.folder(0) / "arguments").read_text().splitlines()
    assert arguments[:2] == ["--master", "local[*]"]
    assert arguments[-4:-1] == ["s3://lake/job.py", "--day", "2019-10-01"]
    assert "spark.custom=a b" in arguments
    assert "spark.sql.shuffle.partitions=7" in arguments
    options = [
        arguments[arguments.index(o) + 1] for o in ("--name", "--driver-memory", "--py-files")
    ]
    assert options == ["preprocess trips", "512m", "s3://lake/jobs.zip"]
    assert not (server.folder(0) / "tmp").exists()


def test_a_batch_that_fails_is_dead_and_its_log_stays(start_server: StartServer) -> None:
    server = start_server()
    batch = server.submit("echo out; echo err >&2; exit 3")
    server.wait_for(batch, "dead")
    assert server.log_of(batch) == ["out", "err"]


def test_the_log_is_paged_as_livy_does(start_server: StartServer) -> None:
    server = start_server()
    batch = server.submit("i=0; while [ $i -lt 250 ]; do echo line $i; i=$((i+1)); done")
    server.wait_for(batch, "success")

    def log(**params: int) -> tuple[int, int, list[str]]:
        answer = server.client.get(f"/batches/{batch}/log", params=params).json()
        assert answer["id"] == batch
        return answer["from"], answer["total"], answer["log"]

    lines = [f"line {at}" for at in range(250)]
    assert log() == (150, 250, lines[150:])
    assert log(size=2) == (248, 250, lines[248:])
    assert log(**{"from": 100, "size": 100}) == (100, 250, lines[100:200])
    assert log(**{"from": 240, "size": 100}) == (240, 250, lines[240:])
    assert log(**{"from": 300, "size": 100}) == (300, 250, [])
    assert log(size=-1) == (0, 250, lines)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"args": []}, "Rejected, Reason: requirement failed: File is required."),
        ({"file": "s3://b/j.py", "colour": 1}, 'Unrecognized field "colour"'),
        ({"file": "s3://b/j.py", "args": "x"}, "args must be a list of strings"),
        ({"file": "s3://b/j.py", "driverCores": "two"}, "driverCores must be a whole number"),
        ({"file": "s3://b/j.py", "conf": []}, "conf must be an object of strings"),
        ({"file": "/jobs/j.py"}, "Local path /jobs/j.py cannot be added to user sessions"),
        ({"file": "s3://b/j.py", "jars": ["file:///x.jar"]}, "Local path file:///x.jar cannot"),
        (
            {"file": "s3://b/j.py", "conf": {"spark.master": "yarn"}},
            "Blacklisted configuration values in session config: spark.master",
        ),
        ([], "the body must be a JSON object"),
    ],
)
def test_what_livy_refuses_is_refused(
    start_server: StartServer, body: object, message: str
) -> None:
    server = start_server()
    answer = server.client.post("/batches", json=body)
    assert answer.status_code == 400
    assert message in answer.json()["msg"]
    assert server.client.get("/batches").json() == {"from": 0, "total": 0, "sessions": []}


def test_answers_to_what_is_not_there(start_server: StartServer) -> None:
    server = start_server()
    for path in ("/batches/7", "/batches/7/state", "/batches/7/log", "/batches/none"):
        answer = server.client.get(path)
        assert (answer.status_code, answer.json()["msg"][-11:]) == (404, " not found.")
    assert server.client.delete("/batches/7").status_code == 404
    assert server.client.post("/batches", content=b"{").status_code == 400
    assert server.client.get("/batches", params={"from": "x"}).status_code == 400
    assert server.client.get("/sessions").json() == {"from": 0, "total": 0, "sessions": []}
    assert server.client.get("/version").json()["version"] == "0.8.0"


def test_batches_are_listed_in_pages(start_server: StartServer) -> None:
    server = start_server("--max-running", "3")
    ids = [server.submit("true") for _ in range(3)]
    for batch in ids:
        server.wait_for(batch, "success")
    answer = server.client.get("/batches", params={"from": 1, "size": 1}).json()
    assert (answer["from"], answer["total"]) == (1, 3)
    assert [view["id"] for view in answer["sessions"]] == [ids[1]]


def test_a_name_is_anothers_until_that_batch_is_gone(start_server: StartServer) -> None:
    server = start_server()
    batch = server.submit("true", name="trips")
    server.wait_for(batch, "success")
    body = {"file": "s3://lake/job.py", "args": ["true"], "name": "trips"}
    answer = server.client.post("/batches", json=body)
    assert answer.status_code == 400
    assert answer.json()["msg"] == "Rejected, Reason: Duplicate session name: Some(trips)"
    server.client.delete(f"/batches/{batch}")
    assert server.submit("true", name="trips") == batch + 1


def test_a_finished_batch_is_forgotten_after_a_while(start_server: StartServer) -> None:
    server = start_server("--retain", "0.2")
    batch = server.submit("echo bye", name="trips")
    wait_until(lambda: server.client.get(f"/batches/{batch}").status_code == 404)
    assert (server.folder(batch) / "log").read_text() == "bye\n"
    assert server.submit("true", name="trips") == batch + 1


def test_more_batches_than_may_run_wait(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("--max-running", "2")
    gates = [tmp_path / f"gate{at}" for at in range(4)]
    ids = [server.submit(blocked_by(gate)) for gate in gates]
    for batch in ids[:2]:
        server.wait_for(batch, "running")
    assert [server.state_of(batch) for batch in ids[2:]] == ["starting", "starting"]
    gates[1].touch()
    server.wait_for(ids[2], "running")
    assert [server.state_of(batch) for batch in ids] == [
        "running",
        "success",
        "running",
        "starting",
    ]
    assert server.client.delete(f"/batches/{ids[3]}").json() == {"msg": "deleted"}
    assert not (server.folder(ids[3]) / "started").exists()
    for gate in gates:
        gate.touch()
    for batch in (ids[0], ids[2]):
        server.wait_for(batch, "success")


def test_a_job_gets_none_of_the_servers_secrets(start_server: StartServer) -> None:
    server = start_server(AWS_SECRET_ACCESS_KEY="s3cr3t", REDSHIFT_PASSWORD="s3cr3t")
    batch = server.submit("true")
    server.wait_for(batch, "success")
    environment = (server.folder(batch) / "environment").read_text()
    assert "s3cr3t" not in environment
    assert "PYTHONPATH" not in environment
    assert f"PYSPARK_PYTHON={sys.executable}" in environment.splitlines()
    assert "JAVA_HOME=" in environment


def test_delete_ends_every_process_of_a_batch(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    # The second one leaves the process group and ignores the polite request.
    escaped = "setsid sh -c 'trap \"\" TERM; sleep 1000' & sleep 1000 &"
    batch = server.submit(f"trap '' TERM; {escaped} {blocked_by(tmp_path / 'gate')}")
    wait_until(lambda: len(server.processes(batch)) >= 5)
    assert server.client.delete(f"/batches/{batch}").json() == {"msg": "deleted"}
    assert server.processes(batch) == []
    assert server.client.get(f"/batches/{batch}").status_code == 404
    assert json.loads((server.folder(batch) / "outcome.json").read_text())["state"] == "killed"


def test_a_job_that_is_killed_is_dead_and_leaves_nothing(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server()
    batch = server.submit(f'sleep 1000 & exec sh -c "{blocked_by(tmp_path / "gate")}"')
    job = wait_until(
        lambda: [p for p in server.processes(batch) if "while" in " ".join(p.cmdline()[:3])]
    )
    wait_until(lambda: "waiting" in server.log_of(batch))
    kill(job)
    server.wait_for(batch, "dead")
    assert server.processes(batch) == []


def test_a_restart_finds_what_ran(start_server: StartServer, tmp_path: Path) -> None:
    """Killed with -9: nothing was told to stop, nobody was there to see what ended."""
    gates = [tmp_path / f"gate{at}" for at in range(4)]
    server = start_server("--max-running", "3")
    finished = server.submit("echo first", name="finished")
    server.wait_for(finished, "success")
    goes_on, ends, dies, waits = (server.submit(blocked_by(gate)) for gate in gates)
    for batch in (goes_on, ends, dies):
        server.wait_for(batch, "running")
        wait_until(lambda batch=batch: "waiting" in server.log_of(batch))
    assert server.state_of(waits) == "starting"
    assert server.end(signal.SIGKILL) == -signal.SIGKILL
    gates[1].touch()
    wait_until(lambda: not server.processes(ends))
    kill(server.processes(dies))
    wait_until(lambda: not server.processes(dies))
    assert server.processes(goes_on) != []

    again = start_server("--max-running", "3")
    again.wait_for(ends, "success")
    again.wait_for(dies, "dead")
    assert again.state_of(finished) == "success"
    assert again.state_of(goes_on) == "running"
    again.wait_for(waits, "running")
    assert again.submit("true") == waits + 1
    gates[0].touch()
    gates[3].touch()
    again.wait_for(goes_on, "success")
    again.wait_for(waits, "success")
    assert again.log_of(goes_on) == ["waiting", "done"]


def test_an_adopted_batch_can_be_deleted(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    batch = server.submit(blocked_by(tmp_path / "gate"))
    wait_until(lambda: "waiting" in server.log_of(batch))
    server.end(signal.SIGKILL)
    again = start_server()
    assert again.state_of(batch) == "running"
    assert again.client.delete(f"/batches/{batch}").status_code == 200
    assert again.processes(batch) == []


def test_sigterm_ends_the_server_and_its_batches(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    running, waiting = (server.submit(blocked_by(tmp_path / "gate")) for _ in range(2))
    wait_until(lambda: "waiting" in server.log_of(running))
    assert server.end(signal.SIGTERM) == 0
    assert server.processes(running) == []
    again = start_server()
    assert (again.state_of(running), again.state_of(waiting)) == ("killed", "killed")
    assert again.submit("true") == waiting + 1


def test_only_this_machine_is_listened_to(start_server: StartServer) -> None:
    server = start_server()
    connections = psutil.Process(server.process.pid).net_connections()
    listening = {c.laddr for c in connections if c.status == psutil.CONN_LISTEN}
    assert listening == {("127.0.0.1", server.port)}


def test_a_taken_port_is_named(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "infra.local.livy", "--port", str(server.port)),
            *("--state", str(tmp_path / "other"), "--s3-root", str(tmp_path)),
        ],
        check=False,
        cwd=PROJECT,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"livy: port {server.port} on 127.0.0.1 is taken" in done.stderr
