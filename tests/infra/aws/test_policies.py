"""Who may do what: rules of our own for every policy of the templates."""

from __future__ import annotations

import json
import re
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from cfnlint.data import AdditionalSpecs

from infra.aws.deployment import Template
from tests.infra.aws.policies import documents, of_type, statements, texts

HERE = Path(__file__).parent
MANAGED_POLICIES = {
    # EMR changes what it needs with its releases; this one is bound to a tag.
    ("iam", "EmrServiceRole"): ["AmazonEMRServicePolicy_v2"],
    # Our own, of the iam stack: the same job on another engine.
    ("glue", "JobRole"): ["SparkJobPolicyArn"],
    # Session Manager instead of SSH.
    ("iam", "WorkerRole"): ["AmazonSSMManagedInstanceCore"],
    ("iam", "ControlRole"): ["AmazonSSMManagedInstanceCore"],
    ("selfhosted", "DatabaseMonitoringRole"): ["AmazonRDSEnhancedMonitoringRole"],
}


def test_every_wildcard_is_listed_with_its_reason() -> None:
    listed = tomllib.loads((HERE / "wildcards.toml").read_text("utf-8"))
    reasons = {(stack, key) for stack, lines in listed.items() for key in lines}
    found = set()
    for stack, name, statement in statements():
        if statement["Effect"] == "Deny":
            continue
        actions = texts(statement["Action"])
        assert "*" not in actions, f"{stack}.{name}: every action"
        wide = [each for each in actions if "*" in each]
        where = [each for each in texts(statement["Resource"]) if "*" in each]
        # A log group's or a key's own ARN is one resource.
        if wide or where:
            found.add((stack, f"{name}.{statement.get('Sid', '-')}"))
    assert found - reasons == set(), "wildcards without a reason"
    assert reasons - found == set(), "reasons without a wildcard"
    assert all(reason.endswith(".") for lines in listed.values() for reason in lines.values())


@cache
def reference() -> dict[str, Any]:
    """AWS's list of actions and resources, as cfn-lint ships it."""
    found: dict[str, Any] = json.loads((files(AdditionalSpecs) / "Policies.json").read_text())
    return found


def resources_of(action: str) -> list[str] | None:
    """ARN patterns of the resources that an action takes; none: it takes ``*``; None: unknown."""
    service, name = action.lower().split(":")
    known = reference()[service]
    actions = dict(known["Actions"])
    if name not in actions:
        return None
    kinds = actions[name].get("Resources") or []
    kinds = [kinds] if isinstance(kinds, str) else kinds
    declared = dict(known["Resources"])
    return [arn for kind in kinds for arn in declared[kind.lower()]["ARNFormats"]]


def fits(resource: str, arn: str) -> bool:
    """Whether a policy's resource can be one of these ARNs; both have placeholders."""
    given = re.sub(r"\$\{[^}]+\}", "x", resource).replace("*", "x")
    pattern = re.sub(r"\\\$\\\{\w+\\\}", "[^:]*", re.escape(arn)).replace(r"\.\*", ".*")
    return re.fullmatch(pattern, given, re.IGNORECASE) is not None


# In a key's policy the resource is the key. CloudWatch's new resource needs no mention.
TAKE_ANYTHING = {("storage", "Key"), ("iam", "MwaaItself"), ("glue", "JobRole")}


def test_every_action_exists_and_takes_the_resources_that_it_is_given() -> None:
    """An action that takes no resource and is given one is refused by AWS, whatever it says."""
    seen = 0
    for stack, name, statement in statements():
        given = texts(statement["Resource"])
        for action in texts(statement["Action"]):
            if "*" in action:
                continue
            arns = resources_of(action)
            where = f"{stack}.{name}.{statement.get('Sid')}: {action}"
            assert arns is not None, f"{where} is no action"
            if not arns:
                assert given == ["*"], f"{where} takes no resource"
            elif given == ["*"]:
                assert (stack, name) in TAKE_ANYTHING or statement["Effect"] == "Deny", where
            else:
                named = [each for each in given if each.startswith("arn:")]
                assert not named or any(fits(each, arn) for each in named for arn in arns), where
            seen += 1
    assert seen > 150


def test_no_role_may_change_a_role_or_pass_one_to_anybody() -> None:
    for stack, name, statement in statements():
        for action in texts(statement["Action"]):
            if action.startswith("iam:"):
                assert action == "iam:PassRole", f"{stack}.{name}: {action}"
                assert "iam:PassedToService" in statement["Condition"]["StringEquals"]
                assert not any("*" in each for each in texts(statement["Resource"]))


def test_managed_policies_are_those_that_are_listed() -> None:
    found = {
        (stack, name): [text.rsplit("/", 1)[-1] for text in texts(arns)]
        for stack, name, resource in of_type("AWS::IAM::Role")
        if (arns := resource["Properties"].get("ManagedPolicyArns"))
    }
    assert found == MANAGED_POLICIES


PREFIXES = {
    ("iam", "RedshiftCopyRole"): {"staged/*"},
    ("iam", "RedshiftUnloadRole"): {"unload/*"},
    ("iam", "RedshiftSpectrumRole"): {"staged/*"},
    ("catalog", "LakeReaders"): {"staged/*", "athena/*"},
}


@pytest.mark.parametrize(("stack", "name"), PREFIXES)
def test_readers_of_the_lake_reach_their_prefixes_and_no_raw_or_rejected_rows(
    stack: str, name: str
) -> None:
    objects = [
        each
        for document in documents(Template.load(stack).resources[name])
        for statement in document["Statement"]
        for each in texts(statement["Resource"])
        if ":s3:::" in each and "/" in each
    ]
    assert {each.split("/", 1)[1] for each in objects} == PREFIXES[stack, name]


def test_an_external_schemas_role_is_made_and_given_only_when_asked_for() -> None:
    iam, redshift = Template.load("iam"), Template.load("redshift")
    assert iam.parameters["ExternalSchema"]["Default"] == "none"
    assert iam.resources["RedshiftSpectrumRole"]["Condition"] == "Spectrum"
    for name in ("Namespace", "Cluster"):
        given = redshift.resources[name]["Properties"]["IamRoles"][2]
        assert given == {
            "Fn::If": ["Spectrum", {"Ref": "RedshiftSpectrumRoleArn"}, {"Ref": "AWS::NoValue"}]
        }


def test_services_take_roles_for_this_account_only() -> None:
    without = set()
    for stack, name, resource in of_type("AWS::IAM::Role"):
        for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            if "aws:SourceAccount" not in str(statement.get("Condition")):
                without.add((stack, name))
    # EC2 takes a role for an instance of the same account; it sends no source.
    assert without == {("iam", name) for name in ("EmrNodeRole", "WorkerRole", "ControlRole")}


def test_tasks_on_machines_reach_neither_metadata_nor_airflows_own_secrets() -> None:
    template = Template.load("selfhosted")
    database = template.resources["DatabaseGroup"]["Properties"]["SecurityGroupIngress"]
    assert [each["SourceSecurityGroupId"] for each in database] == [{"Ref": "ControlGroup"}]
    worker = template.resources["WorkerTemplate"]["Properties"]["LaunchTemplateData"]
    assert worker["SecurityGroupIds"] == [{"Ref": "MwaaGroupId"}]
    started = " ".join(texts(worker["UserData"]))
    assert "STARLIFT_BROKER_SECRET=" in started
    assert "MasterSecret" not in started
    assert "Database" not in started
    policies = Template.load("iam").resources
    assert policies["ControlItself"]["Properties"]["Roles"] == [{"Ref": "ControlRole"}]
    shared = policies["MachinesThemselves"]["Properties"]["PolicyDocument"]["Statement"]
    secrets = [each for each in shared if "secretsmanager" in str(each["Action"])]
    assert [texts(each["Resource"])[0].rpartition(":")[2] for each in secrets] == [
        "${Name}/selfhosted/broker-*"
    ]
