import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.local.config import Config
from infra.local.health import check, probe
from infra.local.ports import free_ports
from infra.local.services import Probe, Service
from infra.local.supervise import Running

STARTED = 1_700_000_000.0  # 2023-11-14T22:13:20Z


@pytest.fixture
def server():
    """An HTTP server that answers with what the test puts into `answers`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = self.server.answers[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as it:
        it.answers = {}
        thread = threading.Thread(target=it.serve_forever, args=(0.01,))
        thread.start()
        yield it
        it.shutdown()
        thread.join()


@pytest.fixture
def config(tmp_path, server):
    port = str(server.server_address[1])
    return Config.load({"STARLIFT_STATE": str(tmp_path), "STARLIFT_PORT_AIRFLOW": port})


def web(config):
    return Service("web", (), Probe.HTTP, "/x", port=config.ports.airflow)


@pytest.mark.parametrize(
    ("status", "problem"), [(200, ""), (403, ""), (404, ""), (500, "HTTP 500"), (503, "HTTP 503")]
)
def test_any_answer_but_a_server_error_is_healthy(config, server, status, problem):
    server.answers["/x"] = (status, {})
    assert probe(config, web(config)) == problem


def test_a_proxy_in_the_shell_is_not_asked(config, server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.answers["/x"] = (200, {})
    assert probe(config, web(config)) == ""


def test_a_refused_connection_is_the_problem(config):
    (port,) = free_ports(1)
    assert "refused" in probe(config, Service("web", (), Probe.HTTP, "/", port=port))
    assert probe(config, Service("postgres", (), Probe.SQL, "postgres", port=port))


@pytest.mark.parametrize(
    ("status", "heartbeat", "problem"),
    [
        ("healthy", "2023-11-14T22:13:21+00:00", ""),
        ("healthy", "2023-11-14T22:13:19+00:00", "no heartbeat yet"),  # of an earlier process
        ("healthy", None, "no heartbeat yet"),
        ("unhealthy", "2023-11-14T22:13:21+00:00", "last heartbeat at 2023-11-14T22:13:21+00:00"),
    ],
)
def test_a_heartbeat_counts_from_the_start_of_the_process(
    config, server, status, heartbeat, problem
):
    report = {"status": status, "latest_scheduler_heartbeat": heartbeat}
    server.answers["/api/v2/monitor/health"] = (200, {"scheduler": report})
    service = Service("airflow-scheduler", (), Probe.HEARTBEAT, "scheduler")
    assert probe(config, service, STARTED) == problem


@pytest.mark.parametrize(
    ("state", "pid", "expected"),
    [
        ("RUNNING", 1, ("healthy", "")),
        ("FATAL", 0, ("failed", "no such file")),
        ("BACKOFF", 0, ("starting", "it ended at once and is started again")),
        ("STOPPED", 0, ("stopped", "")),
    ],
)
def test_states_of_the_process_manager(config, server, state, pid, expected):
    server.answers["/x"] = (200, {})
    running = Running("web", state, pid, STARTED, "no such file")
    (found,) = check(config, [web(config)], {"web": running})
    assert (found.state, found.detail) == expected
    assert found.healthy == (expected[0] == "healthy")
    assert found.log == config.logs / "web.log"


def test_a_service_that_nobody_knows_is_stopped(config):
    (found,) = check(config, [web(config)], {})
    assert (found.state, found.pid, found.uptime) == ("stopped", None, None)
    assert check(config, [], {}) == []
