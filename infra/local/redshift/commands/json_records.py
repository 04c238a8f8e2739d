"""JSON files as rows: objects or arrays one after another.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-json.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.redshift.commands import s3
from infra.local.redshift.commands.copy_statement import CopyStatement
from infra.local.redshift.commands.load_errors import Code, Fault
from infra.local.redshift.commands.records import Field, Record
from infra.local.redshift.commands.target import Column
from infra.local.redshift.errors import GatewayError

# Characters of one object, as in Redshift (4 MB).
MAX_OBJECT = 4 * 1024 * 1024
_BLANK = re.compile(r"[ \t\r\n]*")
_START = re.compile(r"^[ \t]*[\[{]", re.MULTILINE)
_STEP = re.compile(r"\['((?:[^'\\]|\\.)*)'\]|\[(\d+)\]|\.([^.\[\]']+)")
Path = tuple[str | int, ...]


class _Number(str):
    """A number as the file writes it, so that no digit is lost."""


_DECODER = json.JSONDecoder(
    parse_float=_Number, parse_int=_Number, parse_constant=_Number, strict=False
)


def json_text(value: Any) -> str:
    """A JSON value as COPY loads an object or array into a text column."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        inside = ",".join(
            f"{json.dumps(str(k), ensure_ascii=False)}: {json_text(v)}" for k, v in value.items()
        )
        return "{" + inside + "}"
    if isinstance(value, list):
        return "[" + ",".join(json_text(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _field(value: Any, column: Column) -> Field:
    """A value as text for its column (JSON for a SUPER column); null is NULL."""
    if value is not None and column.type == "super":
        return json_text(value)
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json_text(value)


def json_paths(client: Any, url: str, columns: tuple[Column, ...]) -> list[Path] | None:
    """The paths of a JSONPaths file; None when it has no `jsonpaths` ('auto' is used then)."""
    bucket, key = s3.split_url(url)
    try:
        body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except (ClientError, BotoCoreError) as error:
        raise s3.failed(error, url) from error
    try:
        listed = json.loads(body)
        if not isinstance(listed, dict):
            raise TypeError("it is not one object")
        found = listed.get("jsonpaths")
        if found is None:
            return None
        paths = [_path(text) for text in found]
    except (ValueError, TypeError) as error:
        raise GatewayError(
            "XX000",
            f"Invalid JSONPaths file {url}: {error}",
            hint='Write {"jsonpaths": ["$[\'name\']", "$.other[0]"]}.',
        ) from error
    if len(paths) != len(columns):
        raise GatewayError(
            "XX000",
            "Number of jsonpaths and the number of columns should match. JSONPath size: "
            f"{len(paths)}, Number of columns in table or column list: {len(columns)}",
        )
    return paths


def _path(text: Any) -> Path:
    """A JSONPath expression as its steps; raises ValueError."""
    if not isinstance(text, str) or not text.startswith("$"):
        raise ValueError(f"Invalid JSONPath format: {text!r}")
    steps: list[str | int] = []
    position, notations = 1, set()
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(f"Invalid JSONPath format: {text!r}")
        name, index, dotted = match.groups()
        if index is not None:
            steps.append(int(index))
        else:
            notations.add(dotted is None)
            steps.append(name if dotted is None else dotted)
        position = match.end()
    if len(notations) > 1:
        raise ValueError(f"Invalid JSONPath format: {text!r} mixes bracket and dot notation")
    return tuple(steps)


def row_reader(
    statement: CopyStatement, columns: tuple[Column, ...], paths: list[Path] | None
) -> Callable[[Any], list[Field]]:
    """What takes a JSON value apart into the columns' fields; it raises Fault."""
    if statement.json == "noshred":
        return lambda value: [json_text(value)]
    if paths is not None:
        pairs = list(zip(paths, columns, strict=True))
        return lambda value: [_field(_follow(value, path), column) for path, column in pairs]
    folded = statement.json == "auto ignorecase"

    def auto(value: Any) -> list[Field]:
        if not isinstance(value, dict):
            raise Fault(
                Code.LINE, "Invalid JSON: 'auto' loads objects; use a JSONPaths file for arrays"
            )
        if folded:
            value = {key.lower(): item for key, item in value.items()}
        return [_field(value.get(column.name), column) for column in columns]

    return auto


def _follow(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                raise Fault(
                    Code.LINE, "Invalid JSONPath format: Not an array or index out of range."
                )
            value = value[step]
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value


def json_records(
    texts: Iterator[str], skip: int, read: Callable[[Any], list[Field]]
) -> Iterator[Record]:
    """The rows of a file; what is no JSON is one faulty record up to the next object."""
    buffer, position, line, ended = "", 0, 1, False
    while True:
        if not ended and len(buffer) - position < MAX_OBJECT:
            added = next(texts, None)
            ended = added is None
            buffer, position = buffer[position:] + (added or ""), 0
            while skip and (end := buffer.find("\n")) >= 0:
                buffer, skip, line = buffer[end + 1 :], skip - 1, line + 1
            if skip:
                buffer = "" if ended else buffer
            continue
        blank = _BLANK.match(buffer, position)
        start = blank.end() if blank else position
        line += buffer.count("\n", position, start)
        if start == len(buffer):
            return
        try:
            if buffer[start] not in "[{":
                raise ValueError("Invalid JSON: no object or array begins here")
            value, position = _DECODER.raw_decode(buffer, start)
        except (ValueError, RecursionError) as error:
            following = _START.search(buffer, (buffer.find("\n", start) + 1) or len(buffer))
            position = following.start() if following else len(buffer)
            raw = buffer[start:position].rstrip()
            line += buffer.count("\n", start, start + len(raw))
            yield Record(line, raw, [], Fault(Code.LINE, f"Invalid JSON: {error}"))
            line += buffer.count("\n", start + len(raw), position)
            continue
        raw = buffer[start:position]
        line += raw.count("\n")
        try:
            yield Record(line, raw, read(value))
        except Fault as fault:
            yield Record(line, raw, [], fault)
