"""The client for Airflow's REST API, against a server that answers late."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra.local import airflow_api
from infra.local.airflow_api import AirflowApi
from infra.local.errors import StackError
from infra.local.ports import free_ports


class Server(ThreadingHTTPServer):
    """Leaves the next `late` requests without an answer until it is closed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.late = 0
        self.asked: list[str] = []
        self.closing = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        if self.path != "/auth/token" and self.server.late > 0:
            self.server.late -= 1
            self.server.closing.wait(10)
            return
        content = json.dumps({"access_token": "t", "state": "success"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 http.server's name

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Stack:
    """As much of a configuration as the client asks for."""

    def __init__(self, port: int) -> None:
        self.airflow_url = f"http://127.0.0.1:{port}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(airflow_api, "TIMEOUT_SECONDS", 0.2)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.closing.set()
        running.shutdown()
        thread.join()


def client(server: socketserver.BaseServer) -> AirflowApi:
    port: int = server.server_address[1]  # type: ignore[index, assignment]
    return AirflowApi(Stack(port))  # type: ignore[arg-type]


def test_a_question_that_is_answered_late_is_asked_again(server: Server) -> None:
    server.late = 2
    assert client(server).get("/dags/a")["state"] == "success"
    assert server.asked == ["GET /auth/token", *["GET /api/v2/dags/a"] * 3]


def test_an_order_is_given_once_however_long_it_takes(server: Server) -> None:
    server.late = 1
    with pytest.raises(StackError, match="does not answer"):
        client(server).post("/backfills", {})
    assert server.asked.count("POST /api/v2/backfills") == 1


def test_an_airflow_that_never_answers_or_is_not_there_is_told(server: Server) -> None:
    server.late = airflow_api.ATTEMPTS
    with pytest.raises(StackError, match=r"does not answer at http://127\.0\.0\.1:\d+ \(timed out"):
        client(server).get("/dags/a")
    assert server.asked.count("GET /api/v2/dags/a") == airflow_api.ATTEMPTS
    with pytest.raises(StackError, match="Connection refused"):
        AirflowApi(Stack(free_ports(1)[0])).get("/dags/a")  # type: ignore[arg-type]
