"""The REST API: Livy's paths, bodies, answers and status codes for batches.

Read from Livy's SessionServlet, BatchSessionServlet and JsonServlet (apache/incubator-livy).
"""

from __future__ import annotations

import contextlib
import getpass
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from infra.local.livy.batch import RequestRefusedError, parse_request
from infra.local.livy.manager import Batch, BatchManager, page

VERSION = "0.8.0"  # whose behaviour is imitated: EMR's
_VIEW_LOG_LINES = 10


def build_app(manager: BatchManager) -> Starlette:
    """Return the application; its start and end are those of the batches."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        manager.start()
        try:
            yield
        finally:
            await manager.stop()

    async def create(request: Request) -> Response:
        try:
            batch = manager.create(parse_request(json.loads(await request.body())))
        except json.JSONDecodeError as error:
            return _message(400, f"the body is not JSON: {error}")
        except RequestRefusedError as error:
            return _message(400, str(error))
        return JSONResponse(_view(batch), 201, headers={"Location": f"/batches/{batch.id}"})

    async def list_all(request: Request) -> Response:
        start, size = _number(request, "from", 0), _number(request, "size", 100)
        batches = manager.all()
        views = [_view(batch) for batch in page(batches, start, size)]
        return JSONResponse({"from": start, "total": len(batches), "sessions": views})

    async def show(request: Request) -> Response:
        batch = manager.get(request.path_params["id"])
        return _missing(request) if batch is None else JSONResponse(_view(batch))

    async def show_state(request: Request) -> Response:
        batch = manager.get(request.path_params["id"])
        if batch is None:
            return _missing(request)
        return JSONResponse({"id": batch.id, "state": batch.state.value})

    async def show_log(request: Request) -> Response:
        batch = manager.get(request.path_params["id"])
        if batch is None:
            return _missing(request)
        lines = batch.folder.log_lines()
        size = _number(request, "size", 100)
        size = len(lines) if size < 0 else size
        start = _number(request, "from", -1)
        start = max(0, len(lines) - size) if start < 0 else start
        shown = lines[start : start + size]
        return JSONResponse({"id": batch.id, "from": start, "total": len(lines), "log": shown})

    async def delete(request: Request) -> Response:
        batch = manager.get(request.path_params["id"])
        if batch is None:
            return _missing(request)
        await manager.delete(batch)
        return JSONResponse({"msg": "deleted"})

    async def sessions(_: Request) -> Response:
        return JSONResponse({"from": 0, "total": 0, "sessions": []})

    async def version(_: Request) -> Response:
        return JSONResponse({"version": VERSION, "branch": "starlift-local"})

    async def ping(_: Request) -> Response:
        return PlainTextResponse("pong")

    return Starlette(
        routes=[
            Route("/batches", create, methods=["POST"]),
            Route("/batches", list_all),
            Route("/batches/{id}", show),
            Route("/batches/{id}", delete, methods=["DELETE"]),
            Route("/batches/{id}/state", show_state),
            Route("/batches/{id}/log", show_log),
            Route("/sessions", sessions),
            Route("/version", version),
            Route("/ping", ping),
        ],
        exception_handlers={ValueError: _bad_number},
        lifespan=lifespan,
    )


def _view(batch: Batch) -> dict[str, Any]:
    """Return a batch as Livy shows it; local Spark has no application id."""
    return {
        "id": batch.id,
        "name": batch.request.name,
        "owner": getpass.getuser(),
        "proxyUser": None,
        "state": batch.state.value,
        "appId": None,
        "appInfo": {"driverLogUrl": None, "sparkUiUrl": None},
        "log": batch.folder.log_lines()[-_VIEW_LOG_LINES:],
    }


def _number(request: Request, key: str, default: int) -> int:
    return int(request.query_params.get(key, default))


async def _bad_number(_: Request, error: Exception) -> Response:
    return _message(400, str(error))


def _missing(request: Request) -> Response:
    return _message(404, f"Session '{request.path_params['id']}' not found.")


def _message(status: int, text: str) -> Response:
    return JSONResponse({"msg": text}, status)
