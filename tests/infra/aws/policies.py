"""What the templates' policies say, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.aws.deployment import ORDER, Deployment, Template


def resources() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for stack in ORDER:
        for name, resource in Template.load(stack).resources.items():
            yield stack, name, resource


def of_type(kind: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    return [each for each in resources() if each[2]["Type"] == kind]


def documents(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Policies of a resource that allow or deny, without those that say who may take a role."""
    properties = resource.get("Properties", {})
    for key in ("PolicyDocument", "KeyPolicy"):
        if key in properties:
            yield properties[key]
    for policy in properties.get("Policies", []):
        yield policy["PolicyDocument"]


def statements() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for stack, name, resource in resources():
        for document in documents(resource):
            for statement in document["Statement"]:
                yield stack, name, statement


def texts(value: Any) -> list[str]:
    """Every text in a value, whatever functions are around it."""
    if isinstance(value, Mapping):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [str(value)]


def actions_of(role: str, **settings: str) -> set[str]:
    """Actions that a role's policies of ours allow, in a deployment with these settings.

    ``role`` is a role's logical name in the iam stack; `TaskRoleName` is the role of Airflow's
    tasks, which policies of other stacks name so.
    """
    task_role = "WorkerRole" if settings.get("Airflow") == "ec2" else "MwaaRole"
    named = {role, "TaskRoleName"} if role == task_role else {role}
    found = set()
    for stack in Deployment("starlift", "dev", settings).stacks:
        for resource in Template.load(stack).resources.values():
            if named & set(texts(resource.get("Properties", {}).get("Roles", []))):
                for document in documents(resource):
                    for statement in document["Statement"]:
                        found |= set(texts(statement["Action"]))
    return found


def task_role_actions() -> set[str]:
    """What Airflow's tasks may call, wherever Airflow runs and whatever runs Spark."""
    return actions_of("MwaaRole", Engine="glue") & actions_of(
        "WorkerRole", Engine="glue", Airflow="ec2"
    )
