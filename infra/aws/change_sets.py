"""One stack of CloudFormation: what would change, changing it, and watching it happen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.aws.errors import DeployError

CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
POLL_SECONDS = 5.0
# A stack that was never made: its name is taken, nothing is behind it.
EMPTY = frozenset({"REVIEW_IN_PROGRESS"})
# A creation that failed: nothing can be done with the stack but to remove it.
DEAD = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
NOTHING = ("didn't contain changes", "No updates are to be performed")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Change:
    """One line of a plan."""

    action: str
    resource: str
    type: str
    replacement: str
    properties: tuple[str, ...] = ()

    @property
    def sign(self) -> str:
        """``+`` made, ``-`` removed, ``!`` replaced (its data is lost), ``~`` changed in place."""
        if self.action == "Modify":
            return "!" if self.replacement in {"True", "Conditional"} else "~"
        return {"Add": "+", "Remove": "-"}.get(self.action, "~")


@dataclass(frozen=True)
class ChangeSet:
    """A change set that stands ready in CloudFormation.

    It may have no changes: outputs, tags or parameters alone change no resource.
    """

    arn: str
    creates: bool
    changes: tuple[Change, ...]


class Stack:
    """One stack, by its name; ``pause`` is the time between two looks at it, in seconds."""

    def __init__(self, client: Any, name: str, pause: float = POLL_SECONDS) -> None:
        self.client = client
        self.name = name
        self.pause = pause

    def describe(self) -> dict[str, Any] | None:
        """What CloudFormation says of the stack; None if there is none."""
        try:
            found: dict[str, Any] = self.client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return found

    @property
    def status(self) -> str | None:
        """The stack's state in CloudFormation's words."""
        found = self.describe()
        return None if found is None else str(found["StackStatus"])

    def outputs(self) -> dict[str, str]:
        """The stack's outputs; empty if there is no stack."""
        found = self.describe() or {}
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}

    def prepare(
        self, template: str, parameters: Mapping[str, str], tags: Sequence[Mapping[str, str]]
    ) -> ChangeSet | None:
        """Make a change set; None when nothing would change.

        Raises DeployError when CloudFormation refuses the template or the stack can't be changed.
        """
        creates = self.status in {None, *EMPTY}
        name = f"starlift-{time.time_ns()}"
        try:
            made = self.client.create_change_set(
                StackName=self.name,
                ChangeSetName=name,
                ChangeSetType="CREATE" if creates else "UPDATE",
                TemplateBody=template,
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in parameters.items()
                ],
                Tags=list(tags),
                Capabilities=CAPABILITIES,
            )
        except ClientError as error:
            if any(text in str(error) for text in NOTHING):
                return None
            raise DeployError(
                f"{self.name}: CloudFormation refused the template: {error}"
            ) from None
        while True:
            found = self.client.describe_change_set(StackName=self.name, ChangeSetName=made["Id"])
            if found["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
                break
            time.sleep(self.pause)
        if found["Status"] == "FAILED":
            reason = found.get("StatusReason", "")
            self.client.delete_change_set(StackName=self.name, ChangeSetName=made["Id"])
            if any(text in reason for text in NOTHING):
                return None
            raise DeployError(f"{self.name}: CloudFormation refused the change: {reason}")
        return ChangeSet(made["Id"], creates, tuple(self._changes(made["Id"], found)))

    def discard(self, change_set: ChangeSet) -> None:
        """Remove a change set, and the empty stack that it may have left."""
        self.client.delete_change_set(StackName=self.name, ChangeSetName=change_set.arn)
        if self.status in EMPTY:
            self.client.delete_stack(StackName=self.name)

    def execute(self, change_set: ChangeSet, say: Say) -> None:
        """Carry a change set out and wait; raises DeployError with the first failure."""
        seen = self._event_ids()
        self.client.execute_change_set(StackName=self.name, ChangeSetName=change_set.arn)
        self.wait(say, seen)

    def delete(self, say: Say) -> None:
        """Remove the stack and wait until it is gone."""
        found = self.describe()
        if found is None:
            return
        seen = self._event_ids()
        self.client.delete_stack(StackName=found["StackId"])
        self.wait(say, seen, stack_id=found["StackId"])

    def wait(self, say: Say, seen: set[str] | None = None, stack_id: str | None = None) -> None:
        """Watch the stack until it stands still; raises DeployError when it did not succeed."""
        reported = self._event_ids() if seen is None else seen
        watched = Stack(self.client, stack_id or self.name, self.pause)
        failures: list[str] = []
        while True:
            status = watched.status
            for event in watched.new_events(reported):
                line = f"{event['LogicalResourceId']}: {event['ResourceStatus'].lower()}"
                reason = event.get("ResourceStatusReason", "")
                if event["ResourceStatus"].endswith("FAILED"):
                    line = f"{line}: {reason}"
                    if "cancelled" not in reason.lower():
                        failures.append(line)
                say(f"    {line}")
            if status is None or not status.endswith("IN_PROGRESS"):
                break
            time.sleep(self.pause)
        if status not in {None, "CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"}:
            raise DeployError(
                f"{self.name} ended as {status}. "
                + (f"First failure: {failures[0].rstrip('.')}. " if failures else "")
                + self._remedy(status)
            )

    def protect(self, on: bool) -> None:
        """Make CloudFormation refuse, or allow, to delete the stack."""
        self.client.update_termination_protection(
            StackName=self.name, EnableTerminationProtection=on
        )

    def new_events(self, seen: set[str]) -> Iterator[Mapping[str, Any]]:
        """Events that are not in ``seen``, oldest first; adds them to it."""
        fresh = []
        with suppress(ClientError):  # a stack that is just gone has none
            for event in self.client.describe_stack_events(StackName=self.name)["StackEvents"]:
                if event["EventId"] in seen:
                    break
                fresh.append(event)
        for event in reversed(fresh):
            seen.add(event["EventId"])
            yield event

    def _event_ids(self) -> set[str]:
        seen: set[str] = set()
        list(self.new_events(seen))
        return seen

    def _changes(self, arn: str, found: Mapping[str, Any]) -> Iterator[Change]:
        page = found
        while True:
            for each in page.get("Changes", []):
                change = each["ResourceChange"]
                yield Change(
                    action=change["Action"],
                    resource=change["LogicalResourceId"],
                    type=change["ResourceType"],
                    replacement=str(change.get("Replacement", "False")),
                    properties=tuple(
                        sorted(
                            {
                                detail["Target"].get("Name") or detail["Target"]["Attribute"]
                                for detail in change.get("Details", [])
                            }
                        )
                    ),
                )
            if not (token := page.get("NextToken")):
                return
            page = self.client.describe_change_set(
                StackName=self.name, ChangeSetName=arn, NextToken=token
            )

    def _remedy(self, status: str | None) -> str:
        if status in DEAD:
            return "Put the cause right and deploy again: the failed stack is removed first."
        if status == "UPDATE_ROLLBACK_FAILED":
            return (
                "CloudFormation could not undo the change. Put the cause right, then: "
                f"aws cloudformation continue-update-rollback --stack-name {self.name}"
            )
        return "The stack is as it was before. Put the cause right and deploy again."
