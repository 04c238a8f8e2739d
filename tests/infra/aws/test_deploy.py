"""Deploying, changing, failing, going on and taking down, against moto's CloudFormation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from infra.aws.deploy import Deployer, render, set_usage_limit
from infra.aws.deployment import Deployment
from infra.aws.destroy import Destroyer
from infra.aws.errors import DeployError
from tests.infra.aws import moto_gaps

RELEASE = {"RequirementsVersion": "v1", "StartupVersion": "v2", "BundleVersion": "v3"}


class Told(list[str]):
    """What a command said."""

    def __call__(self, text: str) -> None:
        self.append(text)


def deployer(session: Any, deployment: Deployment, say: Told | None = None) -> Deployer:
    def release(_: Mapping[str, str]) -> Mapping[str, str]:
        return RELEASE

    return Deployer(
        session.client("cloudformation"),
        deployment,
        Told() if say is None else say,
        release,
        pause=0.01,
    )


def destroyer(session: Any, deployment: Deployment, say: Told | None = None) -> Destroyer:
    return Destroyer(session, deployment, Told() if say is None else say, pause=0.01)


def versioned(account: Any, bucket: str) -> Any:
    """S3 with the bucket's versions on: moto reads that from no template."""
    client = account.client("s3")
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return client


VARIANTS = {
    "usual": {},
    "other": {
        "Kind": "provisioned",
        "Egress": "endpoints",
        "Engine": "glue",
        "ExternalSchema": "lake",
    },
    "machines": {"Airflow": "ec2"},
    "closed machines": {"Airflow": "ec2", "Egress": "endpoints"},
}


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS)
def variant(request: pytest.FixtureRequest, deployment: Deployment) -> Deployment:
    return dataclasses.replace(deployment, settings={**deployment.settings, **request.param})


def test_everything_is_made_and_a_second_run_changes_nothing(
    account: Any, variant: Deployment
) -> None:
    make = deployer(account, variant)
    make.deploy()
    states = {name: make.stack(name).status for name in variant.stacks}
    assert states == dict.fromkeys(variant.stacks, "CREATE_COMPLETE")
    outputs = make.outputs()
    assert outputs["LakeBucket"] == "starlift-dev-lake-123456789012"
    assert outputs["Kind"] == variant.settings.get("Kind", "serverless")
    assert outputs["Engine"] == variant.settings.get("Engine", "livy")
    assert ("GlueJobName" in outputs) is ("Engine" in variant.settings)
    assert ("RedshiftSpectrumRoleArn" in outputs) is ("ExternalSchema" in variant.settings)
    assert outputs["GlueDatabase"] == "starlift_dev"
    again = Told()
    deployer(account, variant, again).deploy()
    assert again == [f"{variant.stack_name(name)}: up to date" for name in variant.stacks]
    assert [planned.changes for planned in make.plan()] == [None] * len(variant.stacks)


def test_every_taggable_resource_carries_the_deployments_tag(
    account: Any, deployment: Deployment
) -> None:
    deployer(account, deployment).deploy()
    for name in deployment.stacks:
        found = account.client("cloudformation").describe_stacks(
            StackName=deployment.stack_name(name)
        )["Stacks"][0]
        assert {"Key": "deployment", "Value": "starlift-dev"} in found["Tags"]


def test_a_plan_of_an_empty_account_tells_all_and_makes_nothing(
    account: Any, deployment: Deployment
) -> None:
    plans = list(deployer(account, deployment).plan())
    assert [planned.stack for planned in plans] == list(deployment.stacks)
    text = "\n".join(render(planned) for planned in plans)
    assert "storage (not there)\n  + Key  AWS::KMS::Key" in text
    assert "+ Environment  AWS::MWAA::Environment" in text
    assert account.client("cloudformation").describe_stacks()["Stacks"] == []


def test_a_plan_tells_which_stacks_a_changed_parameter_changes(
    account: Any, deployment: Deployment
) -> None:
    deployer(account, deployment).deploy()
    changed = dataclasses.replace(deployment, settings={**deployment.settings, "MaxWorkers": "9"})
    plans = {planned.stack: planned for planned in deployer(account, changed).plan()}
    # Which resources, only the real CloudFormation works out from a parameter.
    assert [name for name, plan in plans.items() if plan.changes is not None] == ["mwaa"]
    assert deployer(account, deployment).stack("mwaa").status == "CREATE_COMPLETE"


def test_a_failed_stack_stops_the_deployment_and_the_next_run_goes_on_there(
    account: Any, deployment: Deployment
) -> None:
    moto_gaps.FAILURES["starlift-dev-iam"] = "quota of roles reached"
    with pytest.raises(DeployError, match=r"ROLLBACK_COMPLETE.*quota of roles reached"):
        deployer(account, deployment).deploy()
    states = {name: deployer(account, deployment).stack(name).status for name in deployment.stacks}
    assert states["firewall"] == "CREATE_COMPLETE"
    assert states["iam"] == "ROLLBACK_COMPLETE"
    assert states["redshift"] is None
    told = Told()
    deployer(account, deployment, told).deploy()
    assert "starlift-dev-storage: up to date" in told
    assert any("removing what is left of a failed creation" in line for line in told)
    assert deployer(account, deployment).stack("mwaa").status == "CREATE_COMPLETE"


def test_a_failed_update_leaves_the_stack_and_says_so(account: Any, deployment: Deployment) -> None:
    deployer(account, deployment).deploy()
    changed = dataclasses.replace(deployment, settings={**deployment.settings, "MaxWorkers": "9"})
    moto_gaps.FAILURES["starlift-dev-mwaa"] = "subnet is gone"
    with pytest.raises(DeployError, match=r"subnet is gone\. The stack is as it was before"):
        deployer(account, changed).deploy()


def test_a_missing_parameter_is_named_before_anything_is_made(account: Any) -> None:
    unfinished = Deployment("starlift", "dev", {})
    with pytest.raises(DeployError, match=r"below \[parameters\].*: Email \(Address that hears"):
        deployer(account, unfinished).deploy()
    assert account.client("cloudformation").describe_stacks()["Stacks"] == []


def test_nothing_is_removed_while_a_bucket_holds_objects(
    account: Any, deployment: Deployment
) -> None:
    deployer(account, deployment).deploy()
    bucket = deployer(account, deployment).outputs()["LakeBucket"]
    client = versioned(account, bucket)
    client.put_object(Bucket=bucket, Key="raw/a.csv", Body=b"1")
    client.put_object(Bucket=bucket, Key="raw/a.csv", Body=b"2")  # a second version
    with pytest.raises(DeployError, match=r"Nothing was removed.*2 objects.*--empty-buckets"):
        destroyer(account, deployment).destroy(empty_buckets=False, final_snapshot=False)
    assert deployer(account, deployment).stack("mwaa").status == "CREATE_COMPLETE"


def test_destroy_removes_all_stacks_clusters_and_objects(
    account: Any, deployment: Deployment
) -> None:
    deployer(account, deployment).deploy()
    bucket = deployer(account, deployment).outputs()["LakeBucket"]
    versioned(account, bucket).put_object(Bucket=bucket, Key="raw/a.csv", Body=b"1")
    account.client("s3").delete_object(Bucket=bucket, Key="raw/a.csv")  # leaves a marker
    emr = account.client("emr")
    instances = {"MasterInstanceType": "m6g.xlarge", "InstanceCount": 1}
    instances |= {"KeepJobFlowAliveWhenNoSteps": True}  # type: ignore[dict-item]
    tagged = {"Tags": deployment.tags, "ServiceRole": "a", "JobFlowRole": "b"}
    ours = emr.run_job_flow(Name="ours", Instances=instances, **tagged)["JobFlowId"]
    tagged["Tags"] = []
    theirs = emr.run_job_flow(Name="theirs", Instances=instances, **tagged)["JobFlowId"]
    doomed = destroyer(account, deployment).doomed()
    assert doomed.stacks == deployment.stacks
    assert doomed.buckets[bucket] == 2
    told = Told()
    destroyer(account, deployment, told).destroy(empty_buckets=True, final_snapshot=False)
    assert account.client("cloudformation").describe_stacks()["Stacks"] == []
    assert told[-1] == "Nothing tagged deployment=starlift-dev is left."
    assert emr.describe_cluster(ClusterId=ours)["Cluster"]["Status"]["State"] == "TERMINATED"
    assert emr.describe_cluster(ClusterId=theirs)["Cluster"]["Status"]["State"] == "WAITING"
    # moto keeps a bucket whose name is made by a function; that it can go is what counts.
    left = account.client("s3").list_object_versions(Bucket=bucket)
    assert (left.get("Versions"), left.get("DeleteMarkers")) == (None, None)


def test_what_is_left_is_named(account: Any, deployment: Deployment) -> None:
    account.client("s3").create_bucket(Bucket="forgotten")
    account.client("s3").put_bucket_tagging(
        Bucket="forgotten", Tagging={"TagSet": [{"Key": "deployment", "Value": "starlift-dev"}]}
    )
    with pytest.raises(DeployError, match=r"Still there.*\n  arn:aws:s3:::forgotten"):
        destroyer(account, deployment).destroy(empty_buckets=False, final_snapshot=False)


def test_stacks_with_data_are_protected_until_destroy(account: Any, deployment: Deployment) -> None:
    deployer(account, deployment).deploy()
    client = account.client("cloudformation")
    with pytest.raises(client.exceptions.ClientError, match="TerminationProtection"):
        client.delete_stack(StackName="starlift-dev-storage")


def test_deploy_resume_and_destroy_over_http(server: str, deployment: Deployment) -> None:
    class Session(boto3.Session):
        def client(self, service_name: str, **_: Any) -> Any:  # type: ignore[override]
            return super().client(
                service_name,
                endpoint_url=server,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )

    session = Session(region_name="us-east-1")
    moto_gaps.FAILURES["starlift-dev-emr"] = "no capacity"
    with pytest.raises(DeployError, match="no capacity"):
        deployer(session, deployment).deploy()
    deployer(session, deployment).deploy()
    assert deployer(session, deployment).stack("mwaa").status == "CREATE_COMPLETE"
    destroyer(session, deployment).destroy(empty_buckets=False, final_snapshot=False)
    assert session.client("cloudformation").describe_stacks()["Stacks"] == []


class Limits:
    """The part of Redshift Serverless that moto lacks: usage limits, kept in memory."""

    def __init__(self) -> None:
        self.limits: list[dict[str, Any]] = []

    def get_workgroup(self, workgroupName: str) -> dict[str, Any]:  # noqa: N803
        return {"workgroup": {"workgroupArn": f"arn:{workgroupName}"}}

    def list_usage_limits(self, **_: Any) -> dict[str, Any]:
        return {"usageLimits": self.limits}

    def create_usage_limit(self, **limit: Any) -> None:
        self.limits.append({"usageLimitId": "1", **limit})

    def update_usage_limit(self, usageLimitId: str, **change: Any) -> None:  # noqa: N803
        next(each for each in self.limits if each["usageLimitId"] == usageLimitId).update(change)


def test_the_usage_limit_is_set_once_and_changed_in_place() -> None:
    client = Limits()
    assert set_usage_limit(client, "starlift-dev", 64) == "usage limit: 64 RPU hours a day"
    assert set_usage_limit(client, "starlift-dev", 64).endswith("as before")
    assert set_usage_limit(client, "starlift-dev", 32).startswith("usage limit: changed to 32")
    assert [(each["amount"], each["period"]) for each in client.limits] == [(32, "daily")]
