"""What a batch is: the request that Livy accepts, its states, and what Livy shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any
from urllib.parse import urlsplit


class RequestRefusedError(Exception):
    """The request is refused as Livy refuses it: status 400 and this message."""


class State(Enum):
    """The states of a batch, by Livy's names (org.apache.livy.sessions.SessionState)."""

    STARTING = "starting"
    RUNNING = "running"
    SUCCESS = "success"
    DEAD = "dead"
    KILLED = "killed"

    @property
    def is_final(self) -> bool:
        """Whether the batch has ended."""
        return self in (State.SUCCESS, State.DEAD, State.KILLED)


# What Livy's spark-blacklist.conf forbids by default.
_SERVERS_OWN = ("spark.master", "spark.submit.deployMode")


@dataclass(frozen=True)
class BatchRequest:
    """The body of POST /batches, field by field as Livy's CreateBatchRequest has it."""

    file: str
    args: tuple[str, ...] = ()
    proxyUser: str | None = None  # noqa: N815  (Livy's names throughout)
    className: str | None = None  # noqa: N815
    jars: tuple[str, ...] = ()
    pyFiles: tuple[str, ...] = ()  # noqa: N815
    files: tuple[str, ...] = ()
    driverMemory: str | None = None  # noqa: N815
    driverCores: int | None = None  # noqa: N815
    executorMemory: str | None = None  # noqa: N815
    executorCores: int | None = None  # noqa: N815
    numExecutors: int | None = None  # noqa: N815
    archives: tuple[str, ...] = ()
    queue: str | None = None
    name: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)

    @property
    def urls(self) -> tuple[str, ...]:
        """Return every file that spark-submit is to fetch."""
        return (self.file, *self.jars, *self.pyFiles, *self.files, *self.archives)


_LISTS = frozenset({"args", "jars", "pyFiles", "files", "archives"})
_NUMBERS = frozenset({"driverCores", "executorCores", "numExecutors"})


def parse_request(body: object) -> BatchRequest:
    """Read a request body; raise `RequestRefusedError` for what Livy would refuse."""
    if not isinstance(body, Mapping):
        raise RequestRefusedError("the body must be a JSON object")
    known = {f.name for f in fields(BatchRequest)}
    for key in body:
        if key not in known:
            raise RequestRefusedError(
                f'Unrecognized field "{key}" (class CreateBatchRequest), not marked as ignorable; '
                f"known: {', '.join(sorted(known))}"
            )
    if not body.get("file"):
        raise RequestRefusedError("Rejected, Reason: requirement failed: File is required.")
    values = {key: _value(key, value) for key, value in body.items() if value is not None}
    request = BatchRequest(**values)
    for url in request.urls:
        _check_url(url)
    if owned := [key for key in request.conf if key in _SERVERS_OWN]:
        raise RequestRefusedError(
            "Rejected, Reason: requirement failed: Blacklisted configuration values in session "
            f"config: {', '.join(owned)}"
        )
    return request


def _value(key: str, value: object) -> Any:
    if key in _LISTS:
        if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
            return tuple(str(item) for item in value)
        raise RequestRefusedError(f"{key} must be a list of strings")
    if key == "conf":
        if isinstance(value, Mapping):
            return {str(name): _text(setting) for name, setting in value.items()}
        raise RequestRefusedError("conf must be an object of strings")
    if key in _NUMBERS:
        try:
            return int(str(value))
        except ValueError as error:
            raise RequestRefusedError(f"{key} must be a whole number") from error
    if isinstance(value, str):
        return value
    raise RequestRefusedError(f"{key} must be a string")


def _text(setting: object) -> str:
    return str(setting).lower() if isinstance(setting, bool) else str(setting)


def _check_url(url: str) -> None:
    """Refuse local paths, as Livy does unless its administrator lists folders."""
    scheme = urlsplit(url).scheme
    if scheme in ("", "file", "local"):
        raise RequestRefusedError(
            f"Rejected, Reason: requirement failed: Local path {url} cannot be added to user "
            "sessions. Upload the file and give its s3:// address."
        )
