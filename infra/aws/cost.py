"""What a deployment costs a month, from a dated table of prices and a stated amount of use."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.aws.deployment import Deployment, Template

PRICES = Path(__file__).with_name("prices.toml")
VERIFIED = ("page", "price list")
"""How the source of a price begins that was read from AWS (see prices.toml)."""
METADATA_GIGABYTES = 10
"""Of MWAA's metadata database, as in AWS's own examples of common workloads."""
ENDPOINT_ZONES = 2
ALARMS = 5
SECRETS = 4
CONTROL_DISK, WORKER_DISK = 40, 60
"""Gigabytes of a machine's disk (stacks/selfhosted.yaml)."""


@dataclass(frozen=True)
class Use:
    """How much a deployment is used: hours a month that things run, and gigabytes that are kept."""

    warehouse_hours: float = 60.0
    """Hours a month in which Redshift Serverless runs queries."""
    cluster_hours: float = 30.0
    """Hours a month in which an EMR cluster of three nodes runs."""
    lake_gigabytes: float = 100.0
    warehouse_gigabytes: float = 50.0


@dataclass(frozen=True)
class Item:
    """One line of an estimate, in US dollars a month."""

    what: str
    dollars: float
    fixed: bool
    """Whether it is paid while nothing runs."""


class Prices(dict[str, float]):
    """Dollars by name; keeps in ``doubtful`` which prices were used that nobody has verified."""

    def __init__(self, table: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__({name: float(price["dollars"]) for name, price in table.items()})
        self.sources = {name: str(price["source"]) for name, price in table.items()}
        self.doubtful: set[str] = set()

    def __getitem__(self, name: str) -> float:
        if not self.sources[name].startswith(VERIFIED):
            self.doubtful.add(name)
        return super().__getitem__(name)


@dataclass(frozen=True)
class Estimate:
    """Lines of an estimate, month and region of its prices, and those that are not verified."""

    items: tuple[Item, ...]
    date: str
    region: str
    doubtful: tuple[str, ...]

    @property
    def total(self) -> float:
        """US dollars a month."""
        return sum(item.dollars for item in self.items)


def estimate(deployment: Deployment, use: Use | None = None) -> Estimate:
    """Estimate a month's cost of a deployment from its parameters and its use."""
    use = use or Use()
    table = tomllib.loads(PRICES.read_text(encoding="utf-8"))
    hourly, monthly = Prices(table["hourly"]), Prices(table["monthly"])
    hours = float(table["hours_a_month"])
    value = _values(deployment)
    airflow = _machines if deployment.on_machines else _mwaa
    items = [
        *airflow(value, hourly, monthly, hours),
        *_network(value, hourly, hours),
        *_warehouse(value, hourly, hours, use),
        Item(
            f"EMR, 3 nodes, {use.cluster_hours:g} h",
            3 * use.cluster_hours * hourly["emr node m6g.xlarge"],
            fixed=False,
        ),
        Item(
            f"S3, {use.lake_gigabytes:g} GB",
            use.lake_gigabytes * monthly["s3 gigabyte"],
            fixed=False,
        ),
        Item(
            f"Redshift storage, {use.warehouse_gigabytes:g} GB",
            use.warehouse_gigabytes * monthly["redshift storage gigabyte"],
            fixed=False,
        ),
        Item(
            "KMS key, secrets, alarms",
            monthly["kms key"] + SECRETS * monthly["secret"] + ALARMS * monthly["alarm"],
            fixed=True,
        ),
    ]
    kept = tuple(item for item in items if item.dollars)
    doubtful = tuple(sorted(hourly.doubtful | monthly.doubtful))
    return Estimate(kept, table["date"], table["region"], doubtful)


def render(found: Estimate) -> str:
    """An estimate as a table."""
    lines = [f"Cost a month in {found.region}, US dollars, prices of {found.date}:"]
    for item in found.items:
        kind = "always" if item.fixed else "by use"
        lines.append(f"  {item.dollars:10,.2f}  {kind}  {item.what}")
    lines.append(f"  {found.total:10,.2f}  in all, without traffic, requests and tax")
    if found.doubtful:
        lines.append(f"  Not verified with AWS: {', '.join(found.doubtful)} (docs/aws.md, Cost)")
    return "\n".join(lines)


def _values(deployment: Deployment) -> dict[str, str]:
    """Every parameter that has a value: the deployment's own, else the template's default."""
    values: dict[str, str] = {}
    for stack in deployment.stacks:
        for name, declared in Template.load(stack).parameters.items():
            if "Default" in declared:
                values[name] = str(declared["Default"])
    return values | dict(deployment.settings)


def _mwaa(value: Mapping[str, str], hourly: Prices, monthly: Prices, hours: float) -> list[Item]:
    size, more_workers = value["EnvironmentClass"], int(value["MinWorkers"]) - 1
    dollars = METADATA_GIGABYTES * monthly["mwaa metadata gigabyte"]
    items = [
        Item(f"MWAA {size}", hourly[f"mwaa {size}"] * hours, fixed=True),
        Item(f"MWAA metadata, {METADATA_GIGABYTES} GB", dollars, fixed=True),
    ]
    if more_workers:
        what = f"MWAA workers beyond the first ({more_workers})"
        dollars = hourly[f"mwaa worker {size}"] * hours * more_workers
        items.append(Item(what, dollars, fixed=True))
    return items


def _machines(
    value: Mapping[str, str], hourly: Prices, monthly: Prices, hours: float
) -> list[Item]:
    """Airflow on EC2; more workers than the least are not counted."""
    workers = int(value["LeastWorkers"])
    zones = 2 if value["DatabaseZones"] == "two" else 1
    gigabytes = CONTROL_DISK + workers * WORKER_DISK
    priced = {
        f"EC2 {value['ControlType']}, scheduler": hourly[f"ec2 {value['ControlType']}"] * hours,
        f"EC2 {value['WorkerType']}, {workers} workers": workers
        * hourly[f"ec2 {value['WorkerType']}"]
        * hours,
        f"Disks, {gigabytes} GB": gigabytes * monthly["disk gigabyte"],
        f"Metadata database {value['DatabaseType']}, {zones} zones": zones
        * hourly[f"rds {value['DatabaseType']}"]
        * hours,
        "Broker, 2 cache.t4g.small": 2 * hourly["cache cache.t4g.small"] * hours,
        "Load balancer": hourly["load balancer"] * hours,
    }
    return [Item(what, dollars, fixed=True) for what, dollars in priced.items()]


def _network(value: Mapping[str, str], hourly: Mapping[str, float], hours: float) -> list[Item]:
    if value["Egress"] == "nat":
        count = int(value["NatGateways"])
        return [Item(f"NAT gateways ({count})", count * hourly["nat gateway"] * hours, fixed=True)]
    count = sum(
        each["Type"] == "AWS::EC2::VPCEndpoint"
        for each in Template.load("endpoints").resources.values()
    )
    dollars = count * ENDPOINT_ZONES * hourly["interface endpoint"] * hours
    return [Item(f"Interface endpoints ({count} in two zones)", dollars, fixed=True)]


def _warehouse(
    value: Mapping[str, Any], hourly: Mapping[str, float], hours: float, use: Use
) -> list[Item]:
    if value["Kind"] == "serverless":
        units = int(value["BaseCapacity"])
        dollars = units * use.warehouse_hours * hourly["redshift rpu"]
        return [
            Item(
                f"Redshift Serverless, {units} RPU, {use.warehouse_hours:g} h", dollars, fixed=False
            )
        ]
    node, count = value["NodeType"], int(value["Nodes"])
    dollars = count * hourly[f"redshift {node}"] * hours
    return [Item(f"Redshift, {count} {node}", dollars, fixed=True)]
