"""Roles that services of AWS own: one each in an account, made before the first cluster starts.

EMR makes its own when the caller may; Airflow's role may make no role, and a cluster of an account
without them ends with a validation error. CloudFormation can't make what may be there already.
Source: docs.aws.amazon.com/emr/latest/ManagementGuide/using-service-linked-roles-cleanup.html
"""

from __future__ import annotations

from typing import Any

from infra.aws.change_sets import Say
from infra.aws.deployment import Deployment

OF_CLUSTERS = ("elasticmapreduce.amazonaws.com", "spot.amazonaws.com")
"""Services that take part in an EMR cluster."""
ON_CLUSTERS = frozenset({"livy", "emr-steps"})
"""Engines that run on EMR's clusters."""


def missing(iam: Any, deployment: Deployment) -> list[str]:
    """Services whose role the account lacks and the deployment's engine needs."""
    if deployment.settings.get("Engine", "livy") not in ON_CLUSTERS:
        return []
    return [
        service
        for service in OF_CLUSTERS
        if not iam.list_roles(PathPrefix=f"/aws-service-role/{service}/")["Roles"]
    ]


def ensure(iam: Any, deployment: Deployment, say: Say) -> None:
    """Make the roles that are missing."""
    for service in missing(iam, deployment):
        iam.create_service_linked_role(AWSServiceName=service)
        say(f"role of {service}: made, once for the account")
