"""A small client for the REST API of the stack's Airflow (API version 2)."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from infra.local.config import Config
from infra.local.errors import StackError

TIMEOUT_SECONDS = 30.0
ATTEMPTS = 6
"""How often a question is asked that nobody answers in time: a busy laptop is slow, not gone."""
PAGE = 100
UNAUTHORIZED = 401


class ApiError(StackError):
    """Airflow refused a request; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class AirflowApi:
    """Requests with a token; the laptop's Airflow gives one to whoever asks on loopback."""

    def __init__(self, config: Config) -> None:
        self.url = config.airflow_url
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        self._token: str | None = None

    def get(self, path: str, **query: object) -> Any:
        """Get one resource below /api/v2."""
        return self._call("GET", path, query, None)

    def post(self, path: str, body: dict[str, object]) -> Any:
        """Create something below /api/v2."""
        return self._call("POST", path, {}, body)

    def patch(self, path: str, body: dict[str, object]) -> Any:
        """Change something below /api/v2."""
        return self._call("PATCH", path, {}, body)

    def put(self, path: str) -> Any:
        """Ask for an action below /api/v2."""
        return self._call("PUT", path, {}, None)

    def every(self, path: str, key: str, **query: object) -> Iterator[dict[str, Any]]:
        """Iterate over all items of a collection, page by page."""
        offset = 0
        while True:
            page = self.get(path, limit=PAGE, offset=offset, **query)
            yield from page[key]
            offset += PAGE
            if offset >= page["total_entries"]:
                return

    def _call(
        self, method: str, path: str, query: dict[str, object], body: dict[str, object] | None
    ) -> Any:
        if self._token is None:
            self._token = self._send("GET", "/auth/token", None)["access_token"]
        target = f"/api/v2{path}"
        if query:
            target += f"?{urllib.parse.urlencode(query, doseq=True)}"
        try:
            return self._send(method, target, body)
        except ApiError as error:
            if error.status != UNAUTHORIZED:
                raise
        self._token = self._send("GET", "/auth/token", None)["access_token"]  # it had expired
        return self._send(method, target, body)

    def _send(self, method: str, target: str, body: dict[str, object] | None) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(  # noqa: S310  the address is our own
            f"{self.url}{target}",
            data=None if body is None else json.dumps(body).encode(),
            headers=headers,
            method=method,
        )
        for attempts_left in reversed(range(ATTEMPTS if method == "GET" else 1)):
            try:
                with self._open(request, timeout=TIMEOUT_SECONDS) as answer:
                    text = answer.read()
            except urllib.error.HTTPError as error:
                raise ApiError(error.code, _reason(method, target, error)) from error
            except OSError as error:
                if attempts_left and _took_too_long(error):
                    continue
                raise StackError(
                    f"Airflow does not answer at {self.url} ({error}). Is it up? `make status`"
                ) from error
            return json.loads(text) if text else None
        raise AssertionError("the last attempt returns or raises")


def _took_too_long(error: OSError) -> bool:
    """Whether a request ended because its time was up; connecting tells it in another way."""
    return isinstance(error, TimeoutError) or isinstance(
        getattr(error, "reason", None), TimeoutError
    )


def _reason(method: str, target: str, error: urllib.error.HTTPError) -> str:
    """Return Airflow's own words about a refused request."""
    text = error.read().decode("utf-8", "replace")
    try:
        detail = json.loads(text)["detail"]
    except (ValueError, KeyError, TypeError):
        detail = text[:500]
    return f"Airflow answered {error.code} to {method} {target}: {detail}"
