"""MWAA's endpoint over HTTP: InvokeRestApi as botocore's model and AWS's documentation have it.

Requests are checked as the service does and passed on to a real Airflow; its answers come back as
the service wraps them. Limits: docs.aws.amazon.com/mwaa/latest/API/API_InvokeRestApi.html and the
user guide's "Using the Apache Airflow REST API".
"""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from tests.integration.answering import answering

SECONDS = 10
LARGEST_ANSWER = 6 * 1024**2
MODEL = botocore.session.get_session().get_service_model("mwaa").operation_model("InvokeRestApi")


class Wrong(Exception):
    """An error of the service: its name, HTTP status and body."""

    def __init__(self, name: str, status: int, body: Mapping[str, Any]) -> None:
        self.name, self.status, self.body = name, status, body


class Endpoint(ThreadingHTTPServer):
    """The endpoint of one environment, in front of one Airflow."""

    daemon_threads = True

    def __init__(self, environment: str, airflow_url: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.environment = environment
        self.airflow_url = airflow_url
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def invoke(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Check a request, and ask Airflow."""
        if complaint := complaint_about({"Name": name, **request}):
            raise Wrong("ValidationException", 400, {"message": complaint})
        if name != self.environment:
            raise Wrong("ResourceNotFoundException", 404, {"message": f"no environment {name}"})
        status, answer = self.ask(
            request["Method"],
            f"/api/v2{request['Path']}",
            request.get("QueryParameters"),
            request.get("Body"),
            self.ask("GET", "/auth/token")[1]["access_token"],
        )
        wrapped = {"RestApiStatusCode": status, "RestApiResponse": answer}
        if status >= 500:
            raise Wrong("RestApiServerException", 400, wrapped)
        if status >= 400:
            raise Wrong("RestApiClientException", 400, wrapped)
        return wrapped

    def ask(
        self, method: str, path: str, query: Any = None, body: Any = None, token: str = ""
    ) -> tuple[int, Any]:
        """Airflow's status and answer."""
        asked = f"?{urllib.parse.urlencode(query, doseq=True)}" if query else ""
        request = urllib.request.Request(  # noqa: S310  (our own server)
            f"{self.airflow_url}{path}{asked}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with self.open(request, timeout=SECONDS) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        if len(text) > LARGEST_ANSWER:
            raise Wrong("InternalServerException", 500, {"message": "answer above 6 MB"})
        return status, json.loads(text) if text else None


class Handler(BaseHTTPRequestHandler):
    """``POST /restapi/<Name>``, signed for the service ``airflow``."""

    server: Endpoint

    def do_GET(self) -> None:
        """``GET /environments/<Name>``: an environment that is up."""
        up = {"Name": self.server.environment, "Status": "AVAILABLE"}
        self.reply(200, {"Environment": {**up, "LastUpdate": {"Status": "SUCCESS"}}})

    def do_POST(self) -> None:
        path, _, name = self.path.rpartition("/")
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        signature = self.headers.get("Authorization", "")
        try:
            if path != "/restapi":
                raise Wrong("UnknownOperationException", 404, {"message": self.path})
            if "/airflow/aws4_request" not in signature or "AWS4-HMAC-SHA256" not in signature:
                raise Wrong("AccessDeniedException", 403, {"message": "not signed"})
            self.reply(200, self.server.invoke(urllib.parse.unquote(name), request))
        except Wrong as wrong:
            self.reply(wrong.status, wrong.body, wrong.name)

    def reply(self, status: int, body: Mapping[str, Any], error: str = "") -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if error:
            self.send_header("x-amzn-ErrorType", error)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def complaint_about(request: Mapping[str, Any]) -> str:
    """What the service has against a request: botocore's check, and the limits that it leaves."""
    report = ParamValidator().validate(request, MODEL.input_shape)
    if report.has_errors():
        return report.generate_report()
    for name, shape in MODEL.input_shape.members.items():
        value, most = request.get(name), shape.metadata.get("max")
        if isinstance(value, str) and most is not None and len(value) > most:
            return f"Value at '{name}': Member must have length less than or equal to {most}"
        if isinstance(value, str) and value not in shape.metadata.get("enum", [value]):
            return f"Value at '{name}': Member must satisfy enum value set"
    return ""


@contextlib.contextmanager
def served(environment: str, airflow_url: str) -> Iterator[Endpoint]:
    """The endpoint, answering until the end of the block."""
    endpoint = Endpoint(environment, airflow_url)
    with answering(endpoint):
        yield endpoint
