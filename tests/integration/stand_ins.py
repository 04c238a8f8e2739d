"""Redshift's own services over HTTP, which moto lacks or leaves unfinished: Serverless from memory,
and the Data API in front of the laptop stack's warehouse.

Requests are checked by botocore's models; statements run in the gateway, as the administrator.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
import redshift_connector
from botocore.validate import ParamValidator

from tests.integration.answering import answering

Connect = Callable[[], redshift_connector.Connection]
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:redshift!starlift-dev-admin"
SERVICES = {"RedshiftServerless": "redshift-serverless", "RedshiftData": "redshift-data"}
SESSION = botocore.session.get_session()


class Redshift(ThreadingHTTPServer):
    """A serverless workgroup of one name, and its Data API."""

    daemon_threads = True

    def __init__(self, name: str, connect: Connect) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name = name
        self.connect = connect
        self.statements: list[dict[str, Any]] = []
        self.limits: list[dict[str, Any]] = []
        self.snapshots: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        shape = SESSION.get_service_model(service).operation_model(operation).input_shape
        report = ParamValidator().validate(request, shape)
        if report.has_errors():
            raise ValueError(report.generate_report())
        answer: dict[str, Any] = getattr(self, operation)(**request)
        return answer

    def GetWorkgroup(self, workgroupName: str) -> dict[str, Any]:  # noqa: N802, N803
        assert workgroupName == self.name
        tls = {"parameterKey": "require_ssl", "parameterValue": "true"}
        arn = f"arn:aws:redshift-serverless:us-east-1:123456789012:workgroup/{self.name}"
        return {"workgroup": {"workgroupArn": arn, "configParameters": [tls]}}

    def GetNamespace(self, namespaceName: str) -> dict[str, Any]:  # noqa: N802, N803
        assert namespaceName == self.name
        return {"namespace": {"namespaceName": self.name, "adminPasswordSecretArn": SECRET}}

    def ListUsageLimits(self, **_: Any) -> dict[str, Any]:  # noqa: N802
        return {"usageLimits": self.limits}

    def CreateUsageLimit(self, **limit: Any) -> dict[str, Any]:  # noqa: N802
        self.limits.append({"usageLimitId": "1", **limit})
        return {"usageLimit": self.limits[-1]}

    def CreateSnapshot(self, snapshotName: str, **_: Any) -> dict[str, Any]:  # noqa: N802, N803
        self.snapshots.append(snapshotName)
        return {"snapshot": {"snapshotName": snapshotName, "status": "CREATING"}}

    def GetSnapshot(self, snapshotName: str) -> dict[str, Any]:  # noqa: N802, N803
        assert snapshotName in self.snapshots
        return {"snapshot": {"snapshotName": snapshotName, "status": "AVAILABLE"}}

    def ExecuteStatement(  # noqa: N802
        self,
        Sql: str,  # noqa: N803
        WorkgroupName: str,  # noqa: N803
        Database: str,  # noqa: N803
        SecretArn: str,  # noqa: N803
        **_: Any,  # botocore gives every request a token
    ) -> dict[str, Any]:
        assert (WorkgroupName, Database, SecretArn) == (self.name, "starlift", SECRET)
        self.statements.append({"Sql": Sql, **self.run(Sql)})
        return {"Id": str(len(self.statements) - 1)}

    def DescribeStatement(self, Id: str) -> dict[str, Any]:  # noqa: N802, N803
        found = self.statements[int(Id)]
        return {"Id": Id, **{key: found[key] for key in ("Status", "Error") if key in found}}

    def GetStatementResult(self, Id: str) -> dict[str, Any]:  # noqa: N802, N803
        rows = self.statements[int(Id)]["rows"]
        return {"Records": [[_field(value) for value in row] for row in rows]}

    def run(self, sql: str) -> dict[str, Any]:
        """Run a statement; the outcome in the Data API's words."""
        with self.connect() as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            try:
                cursor.execute(sql)
            except redshift_connector.Error as error:
                return {"Status": "FAILED", "Error": str(error), "rows": []}
            rows = cursor.fetchall() if cursor.description else []
            return {"Status": "FINISHED", "rows": [list(row) for row in rows]}


class Handler(BaseHTTPRequestHandler):
    """AWS's JSON protocol."""

    server: Redshift

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
        prefix, _, operation = self.headers["X-Amz-Target"].partition(".")
        try:
            status, body = 200, self.server.answer(SERVICES[prefix], operation, request)
        except Exception as error:  # noqa: BLE001  (the caller is told, as a service tells)
            status, body = 400, {"__type": "ValidationException", "message": repr(error)}
        text = json.dumps(body, default=str).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _field(value: Any) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    return {"longValue": value} if isinstance(value, int) else {"stringValue": str(value)}


@contextlib.contextmanager
def redshift(name: str, connect: Connect) -> Iterator[Redshift]:
    """The services, answering until the end of the block."""
    server = Redshift(name, connect)
    with answering(server):
        yield server
