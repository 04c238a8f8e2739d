"""Rules of our own for the templates; cfn-lint and checkov hold the general ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from infra.aws import cost
from infra.aws.deployment import ORDER, TEMPLATES, Template
from tests.infra.aws.policies import of_type, resources, texts

LAUNCH = "AWS::EC2::LaunchTemplate"


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


def test_every_output_is_described_and_exported_under_the_deployments_name() -> None:
    for stack in ORDER:
        for name, output in Template.load(stack).document["Outputs"].items():
            assert output["Description"], f"{stack}.{name}"
            assert texts(output.get("Export")) == [f"${{Name}}-{name}"], f"{stack}.{name}"


def test_every_alarm_is_heard_and_priced() -> None:
    alarms = {
        name: resource
        for stack, name, resource in of_type("AWS::CloudWatch::Alarm")
        if stack == "monitoring" and resource.get("Condition") in {None, "Serverless"}
    }
    assert len(alarms) == cost.ALARMS
    assert "DagsAreBroken" in alarms
    for name, resource in alarms.items():
        assert resource["Properties"]["AlarmActions"] == [{"Ref": "Alerts"}], name
        assert resource["Properties"]["AlarmDescription"], name
