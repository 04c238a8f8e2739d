"""Airflow's connections of a deployment, kept in Secrets Manager; none of them holds a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.aws.change_sets import Say
from infra.aws.deployment import Deployment

LIVY_PORT = 8998
IDLE_SECONDS = 3600


@dataclass(frozen=True)
class ClusterSize:
    """What a run's EMR cluster is made of.

    The primary and core nodes are on demand, because HDFS and YARN live there; task nodes are spot
    and come and go with the work.
    """

    primary: str = "m6g.xlarge"
    core: str = "m6g.xlarge"
    task: tuple[str, ...] = ("m6g.xlarge", "m6gd.xlarge", "r6g.xlarge")
    least_units: int = 1
    most_units: int = 8


def connections(
    deployment: Deployment, outputs: Mapping[str, str], region: str, size: ClusterSize
) -> dict[str, dict[str, Any]]:
    """Connections by id, in the JSON form that Airflow reads.

    Redshift is entered by IAM (temporary credentials for the caller's role), EMR by the role of
    MWAA, and Livy by the security groups.
    """
    serverless = outputs["Kind"] == "serverless"
    way_in = (
        {"is_serverless": True, "serverless_work_group": deployment.name}
        if serverless
        # The driver then asks for the caller's own user, as for a workgroup (see WarehouseHook).
        else {"cluster_identifier": deployment.name, "group_federation": True}
    )
    return {
        "redshift_default": {
            "conn_type": "redshift",
            "host": outputs["Endpoint"],
            "port": 5439,
            "schema": outputs["Database"],  # this hook calls the database "schema"
            "extra": {
                "iam": True,
                "region": region,
                "ssl": True,
                "sslmode": "verify-full",
                # A NAT gateway forgets a connection that is silent for 350 seconds.
                "tcp_keepalive": True,
                "tcp_keepalive_idle": 200,
                "tcp_keepalive_interval": 30,
                "tcp_keepalive_count": 5,
                **way_in,
            },
        },
        "emr_default": {"conn_type": "emr", "extra": job_flow(outputs, size)},
        # The host is the run's cluster: the DAG asks EMR for it.
        "livy_default": {"conn_type": "livy", "schema": "http", "host": "-", "port": LIVY_PORT},
    }


def job_flow(outputs: Mapping[str, str], size: ClusterSize) -> dict[str, Any]:
    """The part of EMR's ``RunJobFlow`` that differs between deployments.

    Source: docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html
    """
    fleets = [
        _fleet("MASTER", (size.primary,), on_demand=1),
        _fleet("CORE", (size.core,), on_demand=1),
        {
            **_fleet("TASK", size.task, spot=0),
            "LaunchSpecifications": {
                "SpotSpecification": {
                    "AllocationStrategy": "price-capacity-optimized",
                    "TimeoutDurationMinutes": 10,
                    "TimeoutAction": "SWITCH_TO_ON_DEMAND",
                }
            },
        },
    ]
    return {
        "ServiceRole": outputs["EmrServiceRoleName"],
        "JobFlowRole": outputs["EmrNodeProfileName"],
        "LogUri": f"s3://{outputs['LogsBucket']}/emr/",
        "SecurityConfiguration": outputs["SecurityConfigurationName"],
        "Instances": {
            "InstanceFleets": fleets,
            "Ec2SubnetIds": outputs["PrivateSubnetIds"].split(","),
            "EmrManagedMasterSecurityGroup": outputs["EmrNodeGroupId"],
            "EmrManagedSlaveSecurityGroup": outputs["EmrNodeGroupId"],
            "ServiceAccessSecurityGroup": outputs["EmrServiceGroupId"],
            "KeepJobFlowAliveWhenNoSteps": True,
            "TerminationProtected": False,
        },
        "ManagedScalingPolicy": {
            "ComputeLimits": {
                "UnitType": "InstanceFleetUnits",
                "MinimumCapacityUnits": size.least_units,
                "MaximumCapacityUnits": size.most_units,
                "MaximumOnDemandCapacityUnits": size.least_units,
                "MaximumCoreCapacityUnits": size.least_units,
            }
        },
        "AutoTerminationPolicy": {"IdleTimeout": IDLE_SECONDS},
        "EbsRootVolumeSize": 32,
        "VisibleToAllUsers": True,
    }


def store(
    client: Any, deployment: Deployment, wanted: Mapping[str, Mapping[str, Any]], key: str, say: Say
) -> None:
    """Write connections as secrets; those that are there with the same content stay as they are."""
    for name, connection in wanted.items():
        secret = f"{deployment.name}/airflow/connections/{name}"
        text = json.dumps(connection, sort_keys=True)
        try:
            current = client.get_secret_value(SecretId=secret)["SecretString"]
        except client.exceptions.ResourceNotFoundException:
            client.create_secret(
                Name=secret,
                Description=f"Airflow connection {name}",
                SecretString=text,
                KmsKeyId=key,
                Tags=deployment.tags,
            )
            say(f"  {name}: made")
            continue
        if current == text:
            say(f"  {name}: as before")
        else:
            client.put_secret_value(SecretId=secret, SecretString=text)
            say(f"  {name}: changed")


def remove(client: Any, deployment: Deployment, say: Say) -> None:
    """Delete the deployment's connections for good."""
    prefix = f"{deployment.name}/airflow/"
    pages = client.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [prefix]}]
    )
    for name in [each["Name"] for page in pages for each in page["SecretList"]]:
        if name.startswith(prefix):
            client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
            say(f"  connection {name}: removed")


def _fleet(
    role: str, types: tuple[str, ...], *, on_demand: int = 0, spot: int = 0
) -> dict[str, Any]:
    return {
        "Name": role.lower(),
        "InstanceFleetType": role,
        "TargetOnDemandCapacity": on_demand,
        "TargetSpotCapacity": spot,
        "InstanceTypeConfigs": [{"InstanceType": each, "WeightedCapacity": 1} for each in types],
    }
