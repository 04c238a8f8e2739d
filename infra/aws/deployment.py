"""What is deployed: a deployment's file, the stacks in their order, and their templates."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from infra.aws.errors import DeployError

TEMPLATES = Path(__file__).with_name("stacks")
EXAMPLE = Path(__file__).with_name("example.toml")
NAME = re.compile(r"[a-z][a-z0-9-]{2,30}")

ORDER = (
    "storage",
    "network",
    "firewall",
    "endpoints",
    "iam",
    "redshift",
    "emr",
    "glue",
    "catalog",
    "monitoring",
    "mwaa",
    "selfhosted",
)
"""The stacks in the order in which they are made; they are removed in the opposite one."""

ONLY_WITH = {"endpoints": ("Egress", "endpoints"), "glue": ("Engine", "glue")}
"""Stacks that are deployed only when the deployment's file sets a parameter so."""

PROTECTED = frozenset({"storage", "redshift"})
"""Stacks that hold data: CloudFormation refuses to delete them until `destroy` says so."""


@dataclass(frozen=True)
class Template:
    """A stack's template, as text for CloudFormation and as a document to look into."""

    stack: str
    text: str

    @cached_property
    def document(self) -> dict[str, Any]:
        """The parsed template; short forms such as ``!Ref`` become one-key mappings."""
        document: dict[str, Any] = yaml.load(self.text, Loader=_Loader)  # noqa: S506  (a SafeLoader)
        return document

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """Declarations of the parameters by name."""
        declared: Mapping[str, Mapping[str, Any]] = self.document.get("Parameters", {})
        return declared

    @property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """Declarations of the resources by logical name."""
        declared: Mapping[str, Mapping[str, Any]] = self.document["Resources"]
        return declared

    @classmethod
    def load(cls, stack: str) -> Template:
        """Read the template of one stack."""
        return cls(stack, (TEMPLATES / f"{stack}.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Deployment:
    """One deployment: its name and what its file sets.

    ``settings`` holds a parameter's value by name; it counts for every stack that declares the
    parameter, so that two stacks cannot be told two different things.
    """

    project: str
    environment: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Prefix of every name: ``<project>-<environment>``."""
        return f"{self.project}-{self.environment}"

    @property
    def tags(self) -> list[dict[str, str]]:
        """Tags that CloudFormation puts on every resource of every stack."""
        return [
            {"Key": "project", "Value": self.project},
            {"Key": "environment", "Value": self.environment},
            {"Key": "deployment", "Value": self.name},
        ]

    @property
    def stacks(self) -> tuple[str, ...]:
        """The stacks of this deployment, in the order in which they are made."""
        airflow = "mwaa" if self.on_machines else "selfhosted"  # the one that is not made
        return tuple(
            stack
            for stack in ORDER
            if stack != airflow
            and (
                stack not in ONLY_WITH
                or self.settings.get(ONLY_WITH[stack][0]) == ONLY_WITH[stack][1]
            )
        )

    @property
    def without_internet(self) -> bool:
        """Whether the private subnets have no way to the internet."""
        return self.settings.get("Egress") == "endpoints"

    @property
    def on_machines(self) -> bool:
        """Whether Airflow runs on EC2 and not on MWAA."""
        return self.settings.get("Airflow") == "ec2"

    @property
    def task_role(self) -> str:
        """Name of the role that Airflow's tasks have."""
        return f"{self.name}-airflow-worker" if self.on_machines else f"{self.name}-mwaa"

    def stack_name(self, stack: str) -> str:
        """What CloudFormation calls a stack."""
        return f"{self.name}-{stack}"

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Read a deployment's TOML file; raises DeployError that says what to write instead."""
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DeployError(
                f"{path} is not there. Copy {EXAMPLE.name} from infra/aws, change it, and name it "
                "with --file."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise DeployError(f"{path} can't be read: {error}.") from None
        except tomllib.TOMLDecodeError as error:
            raise DeployError(f"{path} is no TOML: {error}.") from None
        unknown = content.keys() - {"project", "environment", "parameters"}
        if unknown:
            raise DeployError(f"{path}: unknown: {', '.join(sorted(unknown))}.")
        deployment = cls(
            project=str(content.get("project", "starlift")),
            environment=str(content.get("environment", "")),
            settings={name: str(value) for name, value in content.get("parameters", {}).items()},
        )
        deployment.check(path)
        return deployment

    def check(self, path: Path) -> None:
        """Raise DeployError for a name or a parameter that no template knows."""
        if not NAME.fullmatch(self.name) or not self.environment:
            raise DeployError(
                f"{path}: project and environment make the name {self.name!r}. It must begin with "
                "a letter and have 3 to 31 lower-case letters, digits and hyphens."
            )
        declared = {
            name: rules
            for stack in ORDER
            for name, rules in Template.load(stack).parameters.items()
        }
        if unknown := self.settings.keys() - declared.keys():
            raise DeployError(
                f"{path}: no template has the parameters {', '.join(sorted(unknown))}. "
                "`python -m infra.aws parameters` lists them all."
            )
        wrong = [
            f"{name} = {value!r} {complaint}"
            for name, value in self.settings.items()
            if (complaint := complaint_about(value, declared[name]))
        ]
        if wrong:
            raise DeployError(f"{path}: {'; '.join(wrong)}.")

    def check_complete(self, made_later: Collection[str] = ()) -> None:
        """Raise DeployError for parameters that neither the file nor any stack will give.

        ``made_later`` are given by neither and known in time.
        """
        templates = [Template.load(stack) for stack in self.stacks]
        given = {"Name", *self.settings, *made_later}
        for template in templates:
            given |= template.document.get("Outputs", {}).keys()
        missing = [
            f"{name} ({declared['Description'].strip()})"
            for template in templates
            for name, declared in template.parameters.items()
            if name not in given and "Default" not in declared
        ]
        if missing:
            raise DeployError(
                "Write below [parameters] of the deployment's file: " + "; ".join(missing)
            )

    def values(self, template: Template, outputs: Mapping[str, str]) -> dict[str, str]:
        """Values of a template's parameters: the file's, earlier stacks' outputs, or defaults.

        Raises DeployError that names the parameters without a value.
        """
        known = {**outputs, **self.settings, "Name": self.name}
        values = {name: known[name] for name in template.parameters if name in known}
        missing = [
            name
            for name, declared in template.parameters.items()
            if name not in values and "Default" not in declared
        ]
        if missing:
            raise DeployError(
                f"Stack {template.stack} needs {', '.join(missing)}: write them below [parameters] "
                "of the deployment's file, or deploy the stacks before it."
            )
        return values


def complaint_about(value: str, rules: Mapping[str, Any]) -> str:
    """What a parameter's declaration has against a value; nothing when it may be."""
    if "AllowedValues" in rules:
        allowed = [str(each) for each in rules["AllowedValues"]]
        return "" if value in allowed else f"is none of {', '.join(allowed)}"
    if "AllowedPattern" in rules:
        pattern = str(rules["AllowedPattern"])
        return "" if re.fullmatch(pattern, value) else f"does not match {pattern}"
    if rules["Type"] == "Number":
        if not value.isdecimal():
            return "is no whole number"
        least, most = (rules.get(bound) for bound in ("MinValue", "MaxValue"))
        if least is not None and int(value) < least:
            return f"is less than {least}"
        if most is not None and int(value) > most:
            return f"is more than {most}"
    return ""


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101  (the only kind that is left)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
