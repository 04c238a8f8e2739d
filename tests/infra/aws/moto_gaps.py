"""What moto's CloudFormation lacks and these tests need, so that our own code can be the real one.

moto 5.2 carries a change set out without making outputs and cannot let one fail. It keeps no
versions in a bucket whose template says so. It knows neither termination protection nor conditions
of exports nor ``Fn::Cidr`` nor attributes of attributes, and
it leaves resources out that it has no model for, so that outputs made of them have no value.
Everything here only adds to moto: nothing of ours is replaced.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.ec2.models import ec2_backends
from moto.iam.models import Role
from moto.s3.models import FakeBucket, s3_backends

FAILURES: dict[str, str] = {}
"""Stacks (by name) whose next change fails, each with the reason that its event tells."""


SUBMITTED: dict[str, dict[str, str]] = {}
"""Parameters of each stack as they were sent: moto changes its own copy while it works."""

UNUSABLE = {
    "AWS::EMR::SecurityConfiguration",  # can be made, but not deleted
    "AWS::RDS::DBInstance",  # can't be made with a parameter group of the same template
    "AWS::ElasticLoadBalancingV2::LoadBalancer",  # network load balancers listen to HTTP only
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::AutoScaling::AutoScalingGroup",  # asks for the balancer and starts machines
}
"""Resources whose models in moto don't work."""


class StandIn:
    """A resource that moto has no model of: it has a name, and any attribute."""

    type = "stand-in"

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def physical_resource_id(self) -> str:
        return self.name

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:  # noqa: ARG003  (moto passes it by name)
        return True

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return f"{self.name}.{attribute_name}"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], *_: Any, **__: Any
    ) -> StandIn:
        names = ("NamespaceName", "WorkgroupName", "Name", "TopicName")
        found = cloudformation_json.get("Properties", {})
        return cls(next((str(found[name]) for name in names if name in found), resource_name))

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: Any, *_: Any, **__: Any) -> Any:
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *_: Any, **__: Any) -> None:
        """Nothing stands behind it."""

    def delete(self, *_: Any) -> None:
        """Nothing stands behind it."""

    def is_created(self) -> bool:
        return True


@contextmanager
def filled() -> Iterator[None]:
    """Fill the gaps of moto for a while."""
    known_class, clean = parsing.resource_class_from_type, parsing.clean_json

    def resource_class(resource_type: str) -> Any:
        if resource_type in parsing.get_model_map() and resource_type not in UNUSABLE:
            return known_class(resource_type)
        return StandIn

    def clean_json(resource_json: Any, resources_map: Any) -> Any:
        if isinstance(resource_json, dict) and "Fn::Cidr" in resource_json:
            block, count, bits = (clean(each, resources_map) for each in resource_json["Fn::Cidr"])
            parts = ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))
            return [str(next(parts)) for _ in range(int(count))]
        if isinstance(resource_json, dict) and len(resource_json.get("Fn::GetAtt", ())) > 2:
            name, *attribute = resource_json["Fn::GetAtt"]
            return clean({"Fn::GetAtt": [name, ".".join(attribute)]}, resources_map)
        return clean(resource_json, resources_map)

    with (
        mock.patch.object(parsing, "resource_class_from_type", resource_class),
        mock.patch.object(parsing, "clean_json", clean_json),
        mock.patch.object(Stack, "has_template", lambda stack, other: stack.template == other),
        mock.patch.object(
            Stack, "has_parameters", lambda stack, other: SUBMITTED.get(stack.stack_id) == other
        ),
        mock.patch.object(FakeBucket, "create_from_cloudformation_json", _versioned_bucket),
        mock.patch.object(parsing.ResourceMap, "delete", _delete_resources),
        mock.patch.object(parsing.OutputMap, "exports", property(_exports)),
        mock.patch.object(CloudFormationBackend, "create_change_set", _create_change_set),
        mock.patch.object(CloudFormationBackend, "execute_change_set", _execute_change_set),
        mock.patch.object(CloudFormationBackend, "delete_stack", _delete_stack),
        mock.patch.object(
            CloudFormationResponse, "update_termination_protection", _protect, create=True
        ),
    ):
        FAILURES.clear()
        yield


_delete = CloudFormationBackend.delete_stack
_create = CloudFormationBackend.create_change_set
_delete_all = parsing.ResourceMap.delete
_make_bucket = FakeBucket.create_from_cloudformation_json
_all_exports = parsing.OutputMap.exports.fget  # type: ignore[attr-defined]


def _create_change_set(
    self: CloudFormationBackend, *, parameters: dict[str, str], **others: Any
) -> tuple[str, str]:
    sent = dict(parameters)
    made = _create(self, parameters=parameters, **others)
    SUBMITTED[made[0]] = sent
    return made


def _versioned_bucket(
    resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
    **others: Any,
) -> FakeBucket:
    made = _make_bucket(resource_name, cloudformation_json, account_id, region_name, **others)
    versioning = cloudformation_json.get("Properties", {}).get("VersioningConfiguration", {})
    if versioning.get("Status") == "Enabled":
        s3_backends[account_id]["aws"].put_bucket_versioning(resource_name, "Enabled")
    return made


def _exports(self: parsing.OutputMap) -> list[Any]:
    """moto exports outputs too whose condition does not hold, and fails on what they refer to."""
    declared = self._output_json_map
    held = {name: each for name, each in (declared or {}).items() if self[name] is not None}
    self._output_json_map = held
    try:
        return list(_all_exports(self))
    finally:
        self._output_json_map = declared


def _delete_resources(self: parsing.ResourceMap) -> None:
    """moto can't take a VPC apart: all of EC2 goes with the stack that holds the VPC."""
    types = {each["Type"] for each in self._resource_json_map.values()}
    if "AWS::EC2::VPC" in types:
        ec2_backends[self._account_id][self._region_name].reset()
    else:
        _delete_all(self)


def _delete_stack(self: CloudFormationBackend, name_or_stack_id: str) -> None:
    for stack in list(self.stacks.values()):
        named = name_or_stack_id in {stack.name, stack.stack_id}
        if named and stack.enable_termination_protection:
            raise ValidationError(
                message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is "
                "enabled"
            )
        if named:
            _detach_policies(stack)
    _delete(self, name_or_stack_id)


def _detach_policies(stack: Stack) -> None:
    """CloudFormation does so before it deletes a role; moto fails on the role."""
    for resource in stack.resource_map.values():
        if isinstance(resource, Role):
            resource.managed_policies.clear()
            resource.policies.clear()


def _execute_change_set(
    self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None
) -> None:
    change_set = self.change_sets[change_set_name]
    stack = self.stacks[change_set.stack_id]
    creates = change_set.change_set_type == "CREATE"
    SUBMITTED[stack.stack_id] = SUBMITTED[change_set.change_set_id]
    if reason := FAILURES.pop(stack.name, None):
        _fail(stack, creates=creates, reason=reason)
    elif creates:
        made = Stack(
            stack_id=stack.stack_id,
            name=stack.name,
            template=change_set.template,
            parameters=dict(change_set.parameters),
            account_id=self.account_id,
            region_name=self.region_name,
            tags=change_set.tags,
        )
        self.stacks[stack.stack_id] = made
        made._add_stack_event("CREATE_IN_PROGRESS", resource_status_reason="User Initiated")
        made.create_resources()
        made.output_map = made._create_output_map()
        self.exports |= {export.name: export for export in made.exports}
    else:
        stack.parameters = change_set.parameters
        stack.update(change_set.template, parameters=change_set.parameters, tags=change_set.tags)


def _fail(stack: Stack, *, creates: bool, reason: str) -> None:
    stack._add_stack_event("CREATE_FAILED" if creates else "UPDATE_FAILED", reason)
    stack.status = "ROLLBACK_COMPLETE" if creates else "UPDATE_ROLLBACK_COMPLETE"


def _protect(self: CloudFormationResponse) -> str:
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    wanted = self._get_param("EnableTerminationProtection")
    stack.enable_termination_protection = str(wanted).lower() == "true"
    name = "UpdateTerminationProtection"
    return (
        f"<{name}Response><{name}Result><StackId>{stack.stack_id}</StackId></{name}Result>"
        f"</{name}Response>"
    )
