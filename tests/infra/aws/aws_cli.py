"""The AWS CLI, as far as our pages use it, over botocore: it is not installed with this project.

Service, operation and options are looked up in botocore's models, values are read by their shapes
and validated, so that a command that the real one would refuse is refused here. `python -m
tests.infra.aws.aws_cli redshift-data list-databases …` carries one out.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import jmespath
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.validate import ParamValidator

SESSION = botocore.session.get_session()
GLOBAL = frozenset({"query", "output", "region", "profile"})
"""Options that every command takes, each with a value
(docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html)."""
OWN = {
    ("s3", "cp"): {"recursive"},
    ("sso", "login"): set(),
    ("configure", "list-profiles"): set(),
}
"""Commands of the CLI itself, which no model has, with the options that our pages give them
(docs.aws.amazon.com/cli/latest/reference)."""

NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


class Wrong(Exception):
    """What the CLI would refuse."""


@dataclass
class Command:
    """A command taken apart: a service's operation and its parameters, or one of the CLI's own."""

    service: str
    operation: str
    parameters: dict[str, Any] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)


def parse(words: list[str]) -> Command:
    """Take a command apart; raises Wrong for what the CLI would refuse."""
    if len(words) < 2:
        raise Wrong(f"no command: {words}")
    command = Command(*words[:2])
    places, options = _options(words[2:])
    if (command.service, command.operation) in OWN:
        unknown = options.keys() - OWN[command.service, command.operation]
        if unknown:
            raise Wrong(f"unknown options of {words[:2]}: {unknown}")
        command.places = places + [each for values in options.values() for each in values]
        return command
    shape = _input_shape(command)
    if places:
        raise Wrong(f"what are {places}?")
    members = {xform_name(name, "-"): name for name in shape.members}
    for option, values in options.items():
        if option in GLOBAL:
            (command.given[option],) = values
        elif option in members:
            name = members[option]
            command.parameters[name] = _value(shape.members[name], values)
        else:
            raise Wrong(f"{command.service} {command.operation} has no --{option}")
    if "query" in command.given:
        jmespath.compile(command.given["query"])
    report = ParamValidator().validate(command.parameters, shape)
    if report.has_errors():
        raise Wrong(report.generate_report())
    return command


def _input_shape(command: Command) -> Any:
    try:
        model = SESSION.get_service_model(command.service)
    except UnknownServiceError as error:
        raise Wrong(str(error)) from None
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if command.operation not in operations:
        raise Wrong(f"{command.service} has no {command.operation}")
    return model.operation_model(operations[command.operation]).input_shape


def _options(words: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    places: list[str] = []
    options: dict[str, list[str]] = {}
    values = places
    for word in words:
        if word.startswith("--"):
            values = options.setdefault(word[2:], [])
        else:
            values.append(word)
    return places, options


def _value(shape: Any, words: list[str]) -> Any:
    """A value of a shape from the words after an option: plain, or in the CLI's short form."""
    if shape.type_name == "list":
        return [_value(shape.member, [word]) for word in words]
    if len(words) != 1:
        raise Wrong(f"one value expected, not {words}")
    if shape.type_name not in {"structure", "map"}:
        return NUMBERS.get(shape.type_name, str)(words[0])
    found: dict[str, list[str]] = {}
    for part in words[0].split(","):
        name, equals, value = part.partition("=")
        if equals:
            found[name] = [value]
        elif found:  # a further value of the name before
            found[list(found)[-1]].append(part)
        else:
            raise Wrong(f"not in short form: {words[0]}")
    if shape.type_name == "map":
        return {name: _value(shape.value, values) for name, values in found.items()}
    if unknown := found.keys() - shape.members.keys():
        raise Wrong(f"unknown names: {unknown}")
    return {name: _value(shape.members[name], values) for name, values in found.items()}


def carry_out(command: Command) -> Any:
    """Do it; returns what is printed as the text, or as JSON."""
    if (command.service, command.operation) == ("s3", "cp"):
        return _copy(*command.places)
    client = boto3.client(command.service)
    answer = getattr(client, xform_name(_name(command)))(**command.parameters)
    answer.pop("ResponseMetadata", None)
    found = jmespath.search(command.given["query"], answer) if "query" in command.given else answer
    if command.given.get("output") == "text":
        return "\t".join(map(str, found)) if isinstance(found, list) else str(found)
    return json.dumps(found, indent=4, default=str)


def _name(command: Command) -> str:
    names = SESSION.get_service_model(command.service).operation_names
    return next(name for name in names if xform_name(name, "-") == command.operation)


def _copy(source: str, target: str) -> str:
    """`aws s3 cp --recursive FOLDER s3://BUCKET/`."""
    client, folder = boto3.client("s3"), Path(source)
    bucket, _, prefix = target.removeprefix("s3://").partition("/")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in files:
        client.upload_file(str(path), bucket, f"{prefix}{path.relative_to(folder).as_posix()}")
    return "\n".join(f"upload: {path}" for path in files)


if __name__ == "__main__":
    sys.stdout.write(f"{carry_out(parse(sys.argv[1:]))}\n")
