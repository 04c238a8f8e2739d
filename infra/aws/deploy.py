"""Plan, deploy and look at the stacks of a deployment, in their order, as often as you like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.aws.change_sets import DEAD, Change, Say, Stack
from infra.aws.deployment import PROTECTED, Deployment, Template
from infra.aws.errors import DeployError

RELEASE_PARAMETERS = ("RequirementsVersion", "StartupVersion", "PluginsVersion", "BundleVersion")
"""Parameters of the stacks with Airflow that come from what was published."""

RPU_HOURS_A_DAY = 64


class Outputs(dict[str, str]):
    """Outputs by name; asking for one that no stack has yet is a DeployError."""

    def __missing__(self, name: str) -> str:
        raise DeployError(
            f"No stack has the output {name} yet: run deploy, to its end, and look with status."
        )


@dataclass(frozen=True)
class Planned:
    """What would happen to one stack: its state now, and the changes; None for nothing at all."""

    stack: str
    status: str | None
    changes: tuple[Change, ...] | None


class Deployer:
    """Makes the stacks of one deployment what their templates say.

    ``release`` gives parameters of Airflow's stack; it is asked when that stack's turn has come.
    """

    def __init__(
        self,
        client: Any,
        deployment: Deployment,
        say: Say,
        release: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None,
        pause: float = 5.0,
    ) -> None:
        self.client = client
        self.deployment = deployment
        self.say = say
        self.release = release
        self.pause = pause

    def stack(self, name: str) -> Stack:
        """The stack of the deployment with this short name."""
        return Stack(self.client, self.deployment.stack_name(name), self.pause)

    def outputs(self) -> dict[str, str]:
        """Outputs of all stacks together; no two stacks have one of the same name."""
        found = Outputs()
        for name in self.deployment.stacks:
            found |= self.stack(name).outputs()
        return found

    def plan(self) -> Iterator[Planned]:
        """Tell what `deploy` would do, stack by stack, and change nothing.

        A stack whose inputs do not exist yet is told by its template.
        """
        self.deployment.check_complete(RELEASE_PARAMETERS)
        outputs: dict[str, str] = {}
        for name in self.deployment.stacks:
            stack, template = self.stack(name), Template.load(name)
            status = stack.status
            if status is None or status in DEAD:
                yield Planned(name, status, tuple(_all_of(template)))
                continue
            if status.endswith("IN_PROGRESS"):
                raise DeployError(f"{stack.name} is changing ({status}). Wait, or run deploy.")
            values = self._values(template, outputs)  # of the stacks before, never its own
            change_set = stack.prepare(template.text, values, self.deployment.tags)
            if change_set:
                stack.discard(change_set)
            outputs |= stack.outputs()
            yield Planned(name, status, change_set.changes if change_set else None)

    def deploy(self, only: str | None = None) -> None:
        """Make or change every stack; stops at one that fails, and goes on there next time."""
        self.deployment.check_complete(RELEASE_PARAMETERS)
        outputs: dict[str, str] = {}
        for name in self.deployment.stacks:
            stack = self.stack(name)
            if only in {None, name}:
                self._deploy(name, outputs)
            outputs |= stack.outputs()

    def _deploy(self, name: str, outputs: Mapping[str, str]) -> None:
        stack, template = self.stack(name), Template.load(name)
        status = stack.status
        if status and status.endswith("IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            self.say(f"{stack.name}: still {status.lower()}, waiting")
            stack.wait(self.say)
            status = stack.status
        if status in DEAD:
            self.say(f"{stack.name}: removing what is left of a failed creation ({status})")
            stack.protect(on=False)
            stack.delete(self.say)
        values = self._values(template, outputs)
        change_set = stack.prepare(template.text, values, self.deployment.tags)
        if change_set is None:
            self.say(f"{stack.name}: up to date")
        else:
            counts = Counter(change.sign for change in change_set.changes)
            listed = ", ".join(f"{count} {sign}" for sign, count in counts.items())
            self.say(f"{stack.name}: {listed or 'outputs, tags or parameters'}")
            stack.execute(change_set, self.say)
        if name in PROTECTED:
            stack.protect(on=True)

    def _values(self, template: Template, outputs: Mapping[str, str]) -> dict[str, str]:
        known = dict(outputs)
        if self.release and any(each in template.parameters for each in RELEASE_PARAMETERS):
            known |= self.release(outputs)
        return self.deployment.values(template, known)


def set_usage_limit(client: Any, workgroup: str, rpu_hours: int = RPU_HOURS_A_DAY) -> str:
    """Bound what Redshift Serverless may cost a day; returns what was done.

    CloudFormation has no resource for it. ``rpu_hours`` is in RPU hours a day; when they are used
    up, user queries are refused until midnight UTC.
    """
    arn = client.get_workgroup(workgroupName=workgroup)["workgroup"]["workgroupArn"]
    wanted = {"amount": rpu_hours, "breachAction": "deactivate"}
    limits = client.list_usage_limits(resourceArn=arn, usageType="serverless-compute")
    for limit in limits["usageLimits"]:
        if limit["period"] == "daily":
            if {key: limit[key] for key in wanted} == wanted:
                return f"usage limit: {rpu_hours} RPU hours a day, as before"
            client.update_usage_limit(usageLimitId=limit["usageLimitId"], **wanted)
            return f"usage limit: changed to {rpu_hours} RPU hours a day"
    client.create_usage_limit(
        resourceArn=arn, usageType="serverless-compute", period="daily", **wanted
    )
    return f"usage limit: {rpu_hours} RPU hours a day"


def render(plan: Planned) -> str:
    """A plan as text: a line for the stack, and one for each change."""
    state = plan.status or "not there"
    if plan.changes is None:
        return f"{plan.stack} ({state}): no change"
    if not plan.changes:
        return f"{plan.stack} ({state})\n  ~ outputs, tags or parameters, and no resource"
    lines = [f"{plan.stack} ({state})"]
    for change in plan.changes:
        what = f" [{', '.join(change.properties)}]" if change.properties else ""
        note = "  REPLACED: what it holds is lost" if change.sign == "!" else ""
        lines.append(f"  {change.sign} {change.resource}  {change.type}{what}{note}")
    return "\n".join(lines)


def _all_of(template: Template) -> Iterator[Change]:
    for name, declared in template.resources.items():
        condition = declared.get("Condition")
        detail = (f"if {condition}",) if condition else ()
        yield Change("Add", name, declared["Type"], "False", detail)
