"""Taking a deployment down: list what goes, empty what must be empty, prove nothing is left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from infra.aws.change_sets import Say, Stack
from infra.aws.deployment import PROTECTED, Deployment
from infra.aws.errors import DeployError

BUCKETS = ("LakeBucket", "ArtifactsBucket", "LogsBucket")
BATCH = 1000
"""Objects that one request of S3 deletes at most."""


class Clients(Protocol):
    """What makes clients: a boto3 session."""

    def client(self, service_name: str) -> Any:
        """A client of one service."""


@dataclass(frozen=True)
class Doomed:
    """What a deployment consists of: its stacks that exist, and its buckets with their objects."""

    stacks: tuple[str, ...]
    resources: Mapping[str, int]
    buckets: Mapping[str, int]


class Destroyer:
    """Removes one deployment."""

    def __init__(
        self, session: Clients, deployment: Deployment, say: Say, pause: float = 5.0
    ) -> None:
        self.session = session
        self.deployment = deployment
        self.say = say
        self.pause = pause
        self.cloudformation = session.client("cloudformation")

    def stack(self, name: str) -> Stack:
        """The stack of the deployment with this short name."""
        return Stack(self.cloudformation, self.deployment.stack_name(name), self.pause)

    def doomed(self) -> Doomed:
        """Find everything that `destroy` would remove."""
        found = {
            name: stack
            for name in self.deployment.stacks
            if (stack := self.stack(name)).describe() is not None
        }
        storage = found["storage"].outputs() if "storage" in found else {}
        return Doomed(
            stacks=tuple(found),
            resources={name: len(self._resources(stack)) for name, stack in found.items()},
            buckets={
                storage[output]: self._count(storage[output])
                for output in BUCKETS
                if output in storage
            },
        )

    def refuse_full_buckets(self, doomed: Doomed) -> None:
        """Raise DeployError when a bucket holds objects."""
        full = {name: count for name, count in doomed.buckets.items() if count}
        if full:
            listed = ", ".join(f"{name} ({count:,} objects)" for name, count in full.items())
            raise DeployError(
                f"Nothing was removed: there are objects in {listed}. Save what you need, then add "
                "--empty-buckets; their versions are deleted for good."
            )

    def destroy(self, *, empty_buckets: bool, final_snapshot: bool) -> None:
        """Remove the stacks, the last made first.

        Raises DeployError before anything is touched when buckets hold objects and
        ``empty_buckets`` is off, and when something is left in the end.
        """
        doomed = self.doomed()
        if not empty_buckets:
            self.refuse_full_buckets(doomed)
        self._terminate_clusters()
        if final_snapshot and "redshift" in doomed.stacks:
            self._snapshot()
        for name in reversed(doomed.stacks):
            stack = self.stack(name)
            if name == "storage":
                for bucket in doomed.buckets:
                    self.say(f"  emptying {bucket}")
                    self._empty(bucket)
            if name in PROTECTED:
                stack.protect(on=False)
            self.say(f"{stack.name}: removing")
            stack.delete(self.say)
        self.check_nothing_left()

    def check_nothing_left(self) -> None:
        """Raise DeployError that lists what still carries the deployment's tag."""
        tagged = self.session.client("resourcegroupstaggingapi")
        pages = tagged.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": "deployment", "Values": [self.deployment.name]}]
        )
        left = sorted(
            each["ResourceARN"]
            for page in pages
            for each in page["ResourceTagMappingList"]
            if not _is_kept(each["ResourceARN"])
        )
        if left:
            raise DeployError(
                "Still there, by their tag (AWS may take minutes to forget what is gone; run "
                "destroy again):\n  " + "\n  ".join(left)
            )
        self.say(f"Nothing tagged deployment={self.deployment.name} is left.")

    def _resources(self, stack: Stack) -> list[Mapping[str, Any]]:
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=stack.name
        )
        return [each for page in pages for each in page["StackResourceSummaries"]]

    def _terminate_clusters(self) -> None:
        """End clusters of DAG runs: they are in no stack, and use its groups and roles."""
        emr = self.session.client("emr")
        states = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
        ours = []
        for page in emr.get_paginator("list_clusters").paginate(ClusterStates=states):
            for each in page["Clusters"]:
                tags = emr.describe_cluster(ClusterId=each["Id"])["Cluster"].get("Tags", [])
                if {"Key": "deployment", "Value": self.deployment.name} in tags:
                    ours.append(each["Id"])
        if ours:
            self.say(f"  ending clusters {', '.join(ours)}")
            emr.terminate_job_flows(JobFlowIds=ours)
        for cluster in ours:  # their groups and roles can't go before they do
            emr.get_waiter("cluster_terminated").wait(
                ClusterId=cluster, WaiterConfig={"Delay": max(1, round(self.pause))}
            )

    def _snapshot(self) -> None:
        """Take the last snapshot of a serverless warehouse; a cluster's stack takes its own."""
        if self.stack("redshift").outputs().get("Kind") != "serverless":
            return
        name = f"{self.deployment.name}-final-{datetime.now(UTC):%Y%m%d%H%M%S}"
        self.say(f"  taking snapshot {name}")
        serverless = self.session.client("redshift-serverless")
        serverless.create_snapshot(namespaceName=self.deployment.name, snapshotName=name)
        while serverless.get_snapshot(snapshotName=name)["snapshot"]["status"] == "CREATING":
            time.sleep(self.pause)

    def _versions(self, bucket: str) -> Iterator[dict[str, str]]:
        pages = self.session.client("s3").get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket):
            for each in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                yield {"Key": each["Key"], "VersionId": each["VersionId"]}

    def _count(self, bucket: str) -> int:
        return sum(1 for _ in self._versions(bucket))

    def _empty(self, bucket: str) -> None:
        client = self.session.client("s3")
        batch: list[dict[str, str]] = []
        for version in list(self._versions(bucket)):
            batch.append(version)
            if len(batch) == BATCH:
                client.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
                batch = []
        if batch:
            client.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})


def _is_kept(arn: str) -> bool:
    """Whether a tagged thing outlives its deployment on purpose.

    Snapshots are the way back, a key waits a week before it is deleted, and ended clusters stay
    listed for months.
    """
    kind = arn.split(":")[2]
    return "snapshot" in arn or kind in {"kms", "elasticmapreduce"}
