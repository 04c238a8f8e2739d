"""Checks before and after a deployment; each says what to do when it fails."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.aws import components, service_roles, warehouse, wheels
from infra.aws.advice import OF_AWS, advice, said
from infra.aws.airflow_api import Airflow
from infra.aws.archive import PYTHON
from infra.aws.change_sets import Stack
from infra.aws.deployment import Deployment
from infra.aws.destroy import Clients
from infra.aws.errors import DeployError
from infra.aws.finding import Finding

ADDRESSES_PER_REGION = "L-0263D0A3"
VPCS_PER_REGION = "L-F678F1CE"
MWAA_ENVIRONMENTS = "L-61F9A5F7"
"""Codes of Service Quotas (aws service-quotas list-service-quotas)."""

EMR_TAG = {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"}
"""What AmazonEMRServicePolicy_v2 asks of subnets, security groups and clusters
(docs.aws.amazon.com/emr/latest/ManagementGuide/emr-managed-iam-policies.html)."""
CONFLICT = (
    f"Change what disagrees in {components.REQUIREMENTS_OF_MWAA}. What the constraints pin can't "
    "change: MWAA forces them. dbt is not among them on purpose: see that file."
)
NO_INDEX = (
    "This needs a package index: set UV_DEFAULT_INDEX where yours is not PyPI, and look again."
)


class Doctor:
    """Looks at an account, a checkout and a deployment, and changes nothing.

    ``constraints`` is a copy of Airflow's constraints file, where its address can't be reached.
    """

    def __init__(
        self, session: Any, deployment: Deployment, project: Path, constraints: Path | None = None
    ) -> None:
        self.session: Clients = session
        self.region = str(session.region_name or "")
        self.deployment = deployment
        self.project = project
        self.constraints = constraints

    def examine(self) -> Iterator[Finding]:
        """Run every check; one that can't be made is a finding too."""
        checks: tuple[Callable[[], Finding], ...] = (
            self.account,
            self.region_is_set,
            self.addresses,
            self.vpcs,
            self.service_roles,
            self.subnets,
            self.pins,
            self.requirements,
            self.stacks,
            self.buckets_refuse_plain_http,
            self.warehouse_asks_for_tls,
            self.isolation,
            self.environment,
            self.dags,
        )
        for check in checks:
            name = check.__name__.replace("_", " ")
            try:
                yield check()
            except DeployError as error:
                yield Finding(name, False, "could not look", str(error))
            except OF_AWS as error:
                yield Finding(name, False, f"could not look: {said(error)}", advice(error))

    def account(self) -> Finding:
        """Who are you, and is it a role rather than a user with keys?"""
        who = self.session.client("sts").get_caller_identity()
        is_root = str(who["Arn"]).endswith(":root")
        return Finding(
            "account",
            not is_root,
            f"{who['Account']} as {who['Arn']}",
            "Don't deploy as the account's root user: use a role, as of IAM Identity Center.",
        )

    def region_is_set(self) -> Finding:
        """Is there a region?"""
        return Finding(
            "region", bool(self.region), self.region or "none", "Set AWS_REGION, or add --region."
        )

    def addresses(self) -> Finding:
        """Is there an elastic IP address left for each NAT gateway?"""
        needed = int(self.deployment.settings.get("NatGateways", "1"))
        if self.deployment.without_internet or self._stack("network").status is not None:
            needed = 0
        used = len(self.session.client("ec2").describe_addresses()["Addresses"])
        return self._quota("elastic IP addresses", "ec2", ADDRESSES_PER_REGION, used, needed, 5)

    def vpcs(self) -> Finding:
        """Is there room for a VPC?"""
        used = len(self.session.client("ec2").describe_vpcs()["Vpcs"])
        there = self._stack("network").status is not None
        return self._quota("VPCs", "vpc", VPCS_PER_REGION, used, 0 if there else 1, 5)

    def service_roles(self) -> Finding:
        """Has the account the roles without which EMR starts no cluster?"""
        missing = service_roles.missing(self.session.client("iam"), self.deployment)
        commands = [
            f"aws iam create-service-linked-role --aws-service-name {service}"
            for service in missing
        ]
        return Finding(
            "roles of services",
            not missing,
            ", ".join(missing) or "there",
            "deploy makes them, or: " + "; ".join(commands),
        )

    def subnets(self) -> Finding:
        """May EMR use the subnets? Those of another network lack the tag that allows it."""
        found = self.deployment.settings.get("PrivateSubnetIds") or self._stack(
            "network"
        ).outputs().get("PrivateSubnetIds", "")
        ids = [each.strip() for each in found.split(",") if each.strip()]
        if not ids:
            return Finding("subnets", True, "made by deploy")
        described = self.session.client("ec2").describe_subnets(SubnetIds=ids)["Subnets"]
        without = [each["SubnetId"] for each in described if EMR_TAG not in each.get("Tags", [])]
        return Finding(
            "subnets",
            not without,
            ", ".join(without) or f"{len(ids)} with EMR's tag",
            f"aws ec2 create-tags --resources {' '.join(without)} "
            f"--tags Key={EMR_TAG['Key']},Value={EMR_TAG['Value']}",
        )

    def pins(self) -> Finding:
        """Do requirements.txt, pyproject.toml and the template name one Airflow, and its Python?"""
        requirements = (self.project / components.REQUIREMENTS_OF_MWAA).read_text("utf-8")
        template = (self.project / "infra/aws/stacks/mwaa.yaml").read_text("utf-8")
        pyproject = (self.project / "pyproject.toml").read_text("utf-8")
        named = wheels.CONSTRAINTS_OF.search(requirements)
        airflow, python = (named["airflow"], named["python"]) if named else ("none", "none")
        agree = f"Default: {airflow}" in template and f"apache-airflow=={airflow}" in pyproject
        return Finding(
            "pins",
            agree and python == PYTHON,
            f"Airflow {airflow} and Python {python} in requirements.txt",
            "Name one version in mwaa/requirements.txt, stacks/mwaa.yaml and pyproject.toml, and "
            f"Python {PYTHON}.",
        )

    def requirements(self) -> Finding:
        """Does a package index give all that Airflow's components install, under the constraints?

        MWAA itself would only log that it does not, and start without the packages.
        """
        wanted, known = components.wanted(self.deployment, self.project, self.constraints)
        with tempfile.TemporaryDirectory(prefix="starlift-doctor-") as folder:
            try:
                pins = wheels.resolve(self.project, Path(folder), wanted, known)
            except DeployError as error:
                remedy = CONFLICT if "No solution found" in str(error) else NO_INDEX
                return Finding("requirements", False, str(error), remedy)
            count = len(components.PIN.findall(pins.read_text("utf-8")))
        return Finding(
            "requirements", True, f"{len(wanted)} resolve to {count} packages under constraints"
        )

    def stacks(self) -> Finding:
        """Are all stacks complete?"""
        states = {name: self._stack(name).status for name in self.deployment.stacks}
        bad = {name: state for name, state in states.items() if not _is_complete(state)}
        return Finding(
            "stacks",
            not bad,
            ", ".join(f"{name} {state or 'missing'}" for name, state in bad.items()) or "complete",
            "python -m infra.aws deploy",
        )

    def buckets_refuse_plain_http(self) -> Finding:
        """Do the bucket policies deny requests without TLS?"""
        outputs = self._stack("storage").outputs()
        if not outputs:
            raise DeployError("The storage stack is not there: run deploy.")
        names = [outputs[each] for each in ("LakeBucket", "ArtifactsBucket", "LogsBucket")]
        client = self.session.client("s3")
        open_ones = [name for name in names if not _refuses_plain_http(client, name)]
        return Finding(
            "buckets", not open_ones, ", ".join(open_ones) or "TLS only", "Deploy storage again."
        )

    def warehouse_asks_for_tls(self) -> Finding:
        """Does the warehouse refuse connections without TLS?"""
        outputs = self._warehouse()
        if outputs.get("Kind") != "serverless":
            return Finding("warehouse", True, "provisioned: require_ssl is in its parameter group")
        group = self.session.client("redshift-serverless").get_workgroup(
            workgroupName=self.deployment.name
        )["workgroup"]
        settings: Mapping[str, str] = {
            each["parameterKey"]: each["parameterValue"] for each in group["configParameters"]
        }
        well = settings.get("require_ssl") == "true" and not group.get("publiclyAccessible")
        found = f"require_ssl={settings.get('require_ssl')}"
        return Finding("warehouse", well, found, "Deploy redshift again.")

    def isolation(self) -> Finding:
        """Has the database snapshot isolation, under which loads side by side do not conflict?"""
        outputs = self._warehouse()
        level = warehouse.isolation(self.session, self.deployment, outputs)
        remedy = (
            "From another database, while nobody is connected: "
            f"alter database {outputs['Database']} isolation level snapshot"
        )
        return Finding("isolation", level.startswith("Snapshot"), level, remedy)

    def environment(self) -> Finding:
        """Is Airflow up, and did its last update succeed?"""
        if self.deployment.on_machines:
            return self._machines()
        found = self.session.client("mwaa").get_environment(Name=self.deployment.name)[
            "Environment"
        ]
        update = found.get("LastUpdate", {})
        well = found["Status"] == "AVAILABLE" and update.get("Status", "SUCCESS") == "SUCCESS"
        return Finding(
            "Airflow",
            well,
            f"{found['Status']} {update.get('Error', {}).get('ErrorMessage', '')}".strip(),
            "Read the log groups airflow-<name>-* for requirements_install and startup_script.",
        )

    def dags(self) -> Finding:
        """Can Airflow read its DAGs? A release's file also fails when a package is missing."""
        if self.deployment.on_machines:
            return Finding("DAGs", True, "see the UI: this needs MWAA's API")
        errors = Airflow(self.session.client("mwaa"), self.deployment.name).import_errors()
        remedy = "Put the cause right, then publish; what was not installed also takes a deploy."
        return Finding("DAGs", not errors, "; ".join(errors) or "all can be read", remedy)

    def _machines(self) -> Finding:
        """Does every group of machines have as many healthy ones as it should?"""
        names = [f"{self.deployment.name}-control", f"{self.deployment.name}-workers"]
        groups = self.session.client("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=names
        )["AutoScalingGroups"]
        short = dict.fromkeys(names, "not there")
        for group in groups:
            healthy = sum(
                each["LifecycleState"] == "InService" and each["HealthStatus"] == "Healthy"
                for each in group["Instances"]
            )
            short[group["AutoScalingGroupName"]] = (
                "" if healthy >= group["MinSize"] else f"{healthy} of {group['MinSize']}"
            )
        found = ", ".join(f"{name}: {what}" for name, what in short.items() if what)
        return Finding(
            "Airflow",
            not found,
            found or "every machine is healthy",
            "Open a session on a machine and read /var/log/cloud-init-output.log.",
        )

    def _stack(self, name: str) -> Stack:
        return Stack(self.session.client("cloudformation"), self.deployment.stack_name(name))

    def _warehouse(self) -> dict[str, str]:
        outputs = self._stack("redshift").outputs()
        if not outputs:
            raise DeployError("The redshift stack is not there: run deploy.")
        return outputs

    def _quota(
        self, what: str, service: str, code: str, used: int, needed: int, default: int
    ) -> Finding:
        try:
            quota = self.session.client("service-quotas").get_service_quota(
                ServiceCode=service, QuotaCode=code
            )["Quota"]["Value"]
        except ClientError:
            quota = default
        return Finding(
            what,
            used + needed <= quota,
            f"{used} of {quota:.0f} used, {needed} needed",
            f"Ask for more: aws service-quotas request-service-quota-increase --service-code "
            f"{service} --quota-code {code} --desired-value {used + needed}",
        )


def _refuses_plain_http(client: Any, bucket: str) -> bool:
    try:
        return "aws:SecureTransport" in client.get_bucket_policy(Bucket=bucket)["Policy"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return False
        raise


def _is_complete(state: str | None) -> bool:
    return bool(state) and str(state).endswith("COMPLETE") and "ROLLBACK" not in str(state)
