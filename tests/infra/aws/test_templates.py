"""Rules of our own for the templates; cfn-lint and checkov hold the general ones."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.aws.deployment import ORDER, TEMPLATES, Template

HERE = Path(__file__).parent
LAUNCH = "AWS::EC2::LaunchTemplate"
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


def test_there_is_a_template_for_each_stack_and_no_other() -> None:
    assert {path.stem for path in TEMPLATES.glob("*.yaml")} == set(ORDER)


def test_cfn_lint_finds_nothing() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), *map(str, TEMPLATES.glob("*.yaml"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


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


def test_a_query_of_athena_is_bounded_encrypted_and_kept_to_its_prefix() -> None:
    ((_, _, resource),) = of_type("AWS::Athena::WorkGroup")
    configuration = resource["Properties"]["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert texts(configuration["BytesScannedCutoffPerQuery"]) == ["${QueryGigabytes}000000000"]
    result = configuration["ResultConfiguration"]
    assert texts(result["OutputLocation"]) == ["s3://${LakeBucket}/athena/"]
    assert result["EncryptionConfiguration"] == {
        "EncryptionOption": "SSE_KMS",
        "KmsKey": {"Ref": "KeyArn"},
    }


def test_the_glue_job_is_encrypted_bounded_and_run_by_airflow_alone() -> None:
    glue = Template.load("glue").resources
    job = glue["Job"]["Properties"]
    assert job["MaxRetries"] == 0
    assert job["SecurityConfiguration"] == {"Ref": "SecurityConfiguration"}
    configured = glue["SecurityConfiguration"]["Properties"]["EncryptionConfiguration"]
    assert {mode for mode in texts(configured) if "KMS" in mode} == {"SSE-KMS", "CSE-KMS"}
    policy = glue["RunTheJob"]["Properties"]
    assert [text for role in policy["Roles"] for text in texts(role)] == ["TaskRoleName"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert texts(statement["Resource"])[0].endswith(":job/${Name}-preprocess")
    assert texts(job["Name"]) == ["${Name}-preprocess"]


def test_services_take_roles_for_this_account_only() -> None:
    without = set()
    for stack, name, resource in of_type("AWS::IAM::Role"):
        for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            if "aws:SourceAccount" not in str(statement.get("Condition")):
                without.add((stack, name))
    # EC2 takes a role for an instance of the same account; it sends no source.
    assert without == {("iam", name) for name in ("EmrNodeRole", "WorkerRole", "ControlRole")}


def test_nothing_may_come_in_from_the_internet() -> None:
    for stack, name, resource in resources():
        properties = resource.get("Properties", {})
        rules = list(properties.get("SecurityGroupIngress", []))
        if resource["Type"] == "AWS::EC2::SecurityGroupIngress":
            rules.append(properties)
        for rule in rules:
            assert not any(each.endswith("/0") for each in texts(rule)), name
            assert rule["Description"], f"{stack}.{name}"


def test_buckets_are_what_security_hub_asks_for() -> None:
    """S3.1, S3.5, S3.8, S3.9, S3.12, S3.13, S3.14, S3.17 of the AWS security standard."""
    policies = {
        texts(resource["Properties"]["Bucket"])[0]: str(resource["Properties"]["PolicyDocument"])
        for _, _, resource in of_type("AWS::S3::BucketPolicy")
    }
    buckets = of_type("AWS::S3::Bucket")
    assert {name for _, name, _ in buckets} == {"Lake", "Artifacts", "Logs"}
    for _, name, resource in buckets:
        properties = resource["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}, name
        assert properties["OwnershipControls"] == {
            "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
        }, name
        assert properties["LifecycleConfiguration"]["Rules"], name
        assert "'aws:SecureTransport': 'false'" in policies[name], name
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        algorithm = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        assert algorithm == ("AES256" if name == "Logs" else "aws:kms"), name
        assert ("LoggingConfiguration" in properties) is (name != "Logs"), name


def test_the_cluster_is_what_security_hub_asks_for() -> None:
    """Redshift.1, .2, .3, .4, .6, .7, .8, .9, .10, .15, .18 of the AWS security standard."""
    ((_, _, resource),) = of_type("AWS::Redshift::Cluster")
    cluster = resource["Properties"]
    assert cluster["PubliclyAccessible"] is False
    assert cluster["Encrypted"] is True
    assert cluster["EnhancedVpcRouting"] is True
    assert cluster["AllowVersionUpgrade"] is True
    assert cluster["MasterUsername"] != "awsuser"
    assert cluster["DBName"] != "dev"
    assert cluster["ManageMasterPassword"] is True
    assert "MasterUserPassword" not in cluster
    assert set(cluster["LoggingProperties"]["LogExports"]) == {
        "connectionlog",
        "userlog",
        "useractivitylog",
    }
    days = Template.load("redshift").parameters["SnapshotDays"]
    assert days["Default"] >= 7
    ((_, _, group),) = of_type("AWS::Redshift::ClusterParameterGroup")
    parameters = {
        each["ParameterName"]: each["ParameterValue"] for each in group["Properties"]["Parameters"]
    }
    assert parameters["require_ssl"] == "true"
    assert parameters["enable_user_activity_logging"] == "true"


def test_the_workgroup_is_what_security_hub_asks_for() -> None:
    """RedshiftServerless.1 to .7 of the AWS security standard."""
    ((_, _, group),) = of_type("AWS::RedshiftServerless::Workgroup")
    ((_, _, space),) = of_type("AWS::RedshiftServerless::Namespace")
    workgroup, namespace = group["Properties"], space["Properties"]
    assert workgroup["EnhancedVpcRouting"] is True
    assert workgroup["PubliclyAccessible"] is False
    assert {"ParameterKey": "require_ssl", "ParameterValue": "true"} in workgroup[
        "ConfigParameters"
    ]
    assert namespace["KmsKeyId"] == {"Ref": "KeyArn"}
    assert namespace["AdminUsername"] not in {"admin", "awsuser"}
    assert set(namespace["LogExports"]) >= {"connectionlog", "userlog"}
    assert namespace["DbName"] != "dev"
    assert namespace["ManageAdminPassword"] is True


def test_airflow_is_what_security_hub_asks_for() -> None:
    """Encrypted with our key, in private subnets, every log on, closed by default."""
    ((_, _, resource),) = of_type("AWS::MWAA::Environment")
    environment = resource["Properties"]
    assert environment["KmsKey"] == {"Ref": "KeyArn"}
    logs = environment["LoggingConfiguration"]
    assert len(logs) == 5
    assert all(each["Enabled"] for each in logs.values())
    assert Template.load("mwaa").parameters["WebserverAccess"]["Default"] == "PRIVATE_ONLY"


def test_machines_are_what_security_hub_asks_for() -> None:
    """EC2.8, EC2.9, RDS.2, RDS.3, RDS.6, RDS.13, ElastiCache.3 to .6 of the AWS standard."""
    launched = [each["Properties"]["LaunchTemplateData"] for _, _, each in of_type(LAUNCH)]
    assert len(launched) == 2
    for machine in launched:
        assert machine["MetadataOptions"]["HttpTokens"] == "required"
        assert "NetworkInterfaces" not in machine  # and so no public address
        assert "KeyName" not in machine
        (disk,) = machine["BlockDeviceMappings"]
        assert disk["Ebs"]["KmsKeyId"] == {"Ref": "KeyArn"}
    ((_, _, resource),) = of_type("AWS::RDS::DBInstance")
    database = resource["Properties"]
    assert database["PubliclyAccessible"] is False
    assert database["ManageMasterUserPassword"] is True
    assert database["KmsKeyId"] == {"Ref": "KeyArn"}
    assert database["MonitoringInterval"] > 0
    assert Template.load("selfhosted").parameters["DatabaseZones"]["Default"] == "two"
    ((_, _, resource),) = of_type("AWS::ElastiCache::ReplicationGroup")
    broker = resource["Properties"]
    assert broker["AutomaticFailoverEnabled"] is True
    assert broker["AtRestEncryptionEnabled"] is broker["TransitEncryptionEnabled"] is True
    ((_, _, balancer),) = of_type("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer["Properties"]["Scheme"] == "internal"


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


def test_every_log_group_is_encrypted_and_ends() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert len(groups) == 4
    for _, name, resource in groups:
        assert resource["Properties"]["KmsKeyId"] == {"Ref": "KeyArn"}, name
        assert resource["Properties"]["RetentionInDays"], name


def test_every_parameter_says_what_it_is_and_is_bound() -> None:
    for stack in ORDER:
        for name, declared in Template.load(stack).parameters.items():
            assert declared["Description"].strip().endswith((".", ")")), f"{stack}.{name}"
            free = declared["Type"] == "String" and not (
                {"AllowedValues", "AllowedPattern"} & declared.keys()
            )
            assert not free or name.endswith(("Bucket", "RoleArn", "Version")), f"{stack}.{name}"


def test_outputs_have_one_name_in_all_stacks() -> None:
    names = [name for stack in ORDER for name in Template.load(stack).document["Outputs"]]
    assert len(names) == len(set(names))
