"""Every request to AWS that a task makes is allowed to its role, and the role has no other right.

Requests of our own code are found in it; those of the providers' classes are listed below, as read
in their sources.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import boto3

from infra.aws.deployment import Template
from tests.infra.aws.policies import documents, task_role_actions, texts

ELT_LIB = Path(__file__).resolve().parents[3] / "dags/elt_lib"
SERVICES = {
    "athena": "athena",
    "emr": "elasticmapreduce",
    "emr-serverless": "emr-serverless",
    "glue": "glue",
    "redshift": "redshift",
    "redshift-serverless": "redshift-serverless",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
}
"""Services that tasks talk to, by boto3's name, and what IAM calls them."""
OTHER_NAMES = {
    "s3:HeadObject": "s3:GetObject",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListObjectsV2": "s3:ListBucket",
}
"""Actions of requests whose name is not the action's (Service Authorization Reference, S3)."""
BY_PROVIDERS = {
    "AthenaOperator": {
        "athena:StartQueryExecution",
        "athena:GetQueryExecution",
        "athena:StopQueryExecution",
    },
    "AwsBaseHook": set(),
    "DbtBuildLocalOperator": set(),
    "DbtDocsS3LocalOperator": {"s3:PutObject"},
    "EmrAddStepsOperator": {"elasticmapreduce:AddJobFlowSteps"},
    "EmrCreateJobFlowOperator": {
        "elasticmapreduce:RunJobFlow",
        "elasticmapreduce:DescribeCluster",
        "elasticmapreduce:TerminateJobFlows",
    },
    "EmrHook": set(),
    "EmrServerlessStartJobOperator": {
        "emr-serverless:GetApplication",
        "emr-serverless:StartApplication",
        "emr-serverless:StartJobRun",
        "emr-serverless:CancelJobRun",
    },
    "EmrTerminateJobFlowOperator": {
        "elasticmapreduce:TerminateJobFlows",
        "elasticmapreduce:DescribeCluster",
    },
    "GlueCatalogHook": set(),
    "GlueJobOperator": {
        "glue:GetJob",
        "glue:StartJobRun",
        "glue:GetJobRun",
        "glue:BatchStopJobRun",
    },
    # The driver's requests: test_entering.py.
    "RedshiftSQLHook": {
        "redshift:GetClusterCredentialsWithIAM",
        "redshift-serverless:GetCredentials",
    },
    "S3Hook": set(),
    "S3KeySensor": {"s3:ListObjectsV2"},
    "SnsNotifier": {"sns:Publish"},
    "WaitPolicy": set(),
}
NOT_AWS = {"get_connection"}
"""Methods of Airflow's hooks that a client has too."""
ALONG_WITH = {
    "athena:GetDataCatalog": "A query names its catalogue.",
    "athena:GetWorkGroup": "A query runs with its work group's settings.",
    "elasticmapreduce:AddTags": "RunJobFlow with tags.",
    "elasticmapreduce:PutAutoTerminationPolicy": "RunJobFlow with an idle limit.",
    "elasticmapreduce:PutManagedScalingPolicy": "RunJobFlow with managed scaling.",
    "emr-serverless:TagResource": "StartJobRun with tags.",
    "glue:BatchGetPartition": "Athena reads the catalogue as its caller.",
    "glue:CreatePartition": "Glue authorises a batch request as single ones, too.",
    "glue:DeletePartition": "Likewise.",
    "glue:GetDatabase": "Athena reads the catalogue as its caller.",
    "glue:GetPartition": "Athena reads the catalogue as its caller.",
    "glue:GetTables": "Athena reads the catalogue as its caller.",
    "glue:UpdatePartition": "Glue authorises a batch request as single ones, too.",
    "iam:PassRole": "RunJobFlow and StartJobRun name roles.",
    "s3:AbortMultipartUpload": "Athena writes results as its caller (AmazonAthenaFullAccess).",
    "s3:ListMultipartUploadParts": "Likewise.",
    "s3:GetBucketLocation": "Athena looks where its results' bucket is.",
    "secretsmanager:GetSecretValue": "Airflow's secrets backend reads connections.",
}
"""Actions that no request of ours is called like, and what needs them."""


@cache
def operations() -> dict[str, set[str]]:
    """Requests by the name of the client's method, of all the services."""
    found: dict[str, set[str]] = {}
    for service, prefix in SERVICES.items():
        client = boto3.client(
            service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        for method, operation in client.meta.method_to_api_mapping.items():
            found.setdefault(method, set()).add(f"{prefix}:{operation}")
    return found


def ours() -> Iterator[tuple[str, set[str]]]:
    """Requests in our code by their place; a method of two services' clients counts for both."""
    for path in sorted(ELT_LIB.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            name = node.func.attr
            if name == "get_paginator" and isinstance(node.args[0], ast.Constant):
                name = str(node.args[0].value)
            if name in operations().keys() - NOT_AWS:
                yield f"{path.name}:{node.lineno} {name}", operations()[name]


def imported() -> set[str]:
    """Names that our code imports from providers that talk to AWS."""
    return {
        alias.name
        for path in ELT_LIB.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        and str(node.module).startswith(("airflow.providers.amazon", "cosmos.operators"))
        for alias in node.names
    }


def needed() -> set[str]:
    requests = set().union(*BY_PROVIDERS.values(), *(found for _, found in ours()))
    return {OTHER_NAMES.get(request, request) for request in requests}


def test_our_code_makes_requests() -> None:
    found = {place.split()[1] for place, _ in ours()}
    assert {"list_clusters", "get_object", "batch_create_partition", "describe_step"} <= found


def test_every_class_of_a_provider_is_listed() -> None:
    classes = {name for name in imported() if name[0].isupper()}
    assert classes == BY_PROVIDERS.keys()


def test_the_role_of_tasks_may_make_every_request() -> None:
    assert needed() - task_role_actions() == set()


def test_the_role_of_tasks_may_do_nothing_else() -> None:
    own = {
        action
        for stack, policy in (("iam", "MwaaTasks"), ("glue", "RunTheJob"))
        for document in documents(Template.load(stack).resources[policy])
        for statement in document["Statement"]
        for action in texts(statement["Action"])
    }
    assert own - needed() - ALONG_WITH.keys() == set(), "rights that nothing uses"
    assert ALONG_WITH.keys() - own == set(), "reasons for rights that are not there"
    assert ALONG_WITH.keys() & needed() == set(), "reasons where there is a request"
