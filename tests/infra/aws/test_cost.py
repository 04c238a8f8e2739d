"""What a deployment costs: estimates, and the sources of their prices."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from infra.aws import cost
from infra.aws.deployment import Deployment


def test_an_estimate_adds_up_and_follows_the_parameters(deployment: Deployment) -> None:
    usual = cost.estimate(deployment)
    assert usual.total == pytest.approx(sum(item.dollars for item in usual.items))
    items = {item.what: item.dollars for item in usual.items}
    assert items["MWAA mw1.small"] == pytest.approx(0.49 * 730)
    assert items["NAT gateways (1)"] == pytest.approx(0.045 * 730)
    settings = {**deployment.settings, "Egress": "endpoints", "Kind": "provisioned"}
    other = cost.estimate(dataclasses.replace(deployment, settings=settings))
    whats = [item.what for item in other.items]
    assert "Interface endpoints (15 in two zones)" in whats
    assert "Redshift, 2 ra3.large" in whats
    assert not any("NAT" in what or "Serverless" in what for what in whats)
    busy = cost.estimate(deployment, cost.Use(warehouse_hours=120))
    assert busy.total - usual.total == pytest.approx(60 * 8 * 0.375)
    assert f"prices of {usual.date}" in cost.render(usual)


def test_an_estimate_knows_airflow_on_machines(deployment: Deployment) -> None:
    settings = {**deployment.settings, "Airflow": "ec2", "DatabaseZones": "one"}
    found = cost.estimate(dataclasses.replace(deployment, settings=settings))
    items = {item.what: item.dollars for item in found.items}
    assert items["EC2 m6i.large, 2 workers"] == pytest.approx(2 * 0.096 * 730)
    assert items["Metadata database db.t4g.medium, 1 zones"] == pytest.approx(0.065 * 730)
    assert not any("MWAA" in what for what in items)


GUIDE = (Path(__file__).resolve().parents[3] / "docs/aws.md").read_text("utf-8")
SIZE = re.compile(
    r"^\| (?P<data>\d+ [GT]B) \| (?P<mwaa>mw1\.\w+), (?P<airflow>[\d,]+) "
    r"\| (?P<nats>\d) NAT, (?P<network>[\d,]+) "
    r"\| (?:(?P<rpu>\d+) RPU, (?P<hours>\d+) h|(?P<nodes>\d+) (?P<type>ra3\.\w+)): "
    r"(?P<warehouse>[\d,]+) "
    r"\| (?P<spark_nodes>\d+) nodes, (?P<spark_hours>\d+) h: (?P<spark>[\d,]+) "
    r"\| (?P<kept>\d+) (?P<unit>[GT])B: (?P<storage>[\d,]+) \| (?P<all>[\d,]+) \|$",
    re.MULTILINE,
)


def prices(table: str) -> dict[str, float]:
    found = tomllib.loads(cost.PRICES.read_text("utf-8"))
    assert found["hours_a_month"] == 730
    return {name: price["dollars"] for name, price in found[table].items()}


def dollars(text: str) -> int:
    return int(text.replace(",", ""))


def test_the_guides_table_of_sizes_adds_up() -> None:
    hourly, monthly, month = prices("hourly"), prices("monthly"), 730
    rows = [found.groupdict() for found in SIZE.finditer(GUIDE)]
    assert [row["data"] for row in rows] == ["1 GB", "100 GB", "5 TB"]
    for row in rows:
        warehouse = (
            int(row["rpu"]) * int(row["hours"]) * hourly["redshift rpu"]
            if row["rpu"]
            else int(row["nodes"]) * month * hourly[f"redshift {row['type']}"]
        )
        gigabytes = int(row["kept"]) * (1000 if row["unit"] == "T" else 1)
        stored = gigabytes * (monthly["s3 gigabyte"] + monthly["redshift storage gigabyte"])
        spark_hours = int(row["spark_nodes"]) * int(row["spark_hours"])
        expected = {
            "airflow": month * hourly[f"mwaa {row['mwaa']}"],
            "network": int(row["nats"]) * month * hourly["nat gateway"],
            "warehouse": warehouse,
            "spark": spark_hours * hourly["emr node m6g.xlarge"],
            "storage": stored,
        }
        for what, exact in expected.items():
            assert dollars(row[what]) == pytest.approx(exact, abs=0.51), (row["data"], what)
        assert dollars(row["all"]) == pytest.approx(sum(expected.values()), rel=0.02), row["data"]


def test_the_guides_steps_cost_what_the_prices_say() -> None:
    hourly, monthly = prices("hourly"), prices("monthly")
    airflow, nat = hourly["mwaa mw1.small"], hourly["nat gateway"]
    told = f"{airflow + nat:.2f} dollars an hour, used or not: Airflow {airflow}, NAT {nat} |"
    assert told in GUIDE
    assert f"{3 * monthly['secret']:.2f} dollars a month for three secrets" in GUIDE
    spark, warehouse = 3 * hourly["emr node m6g.xlarge"], 8 * hourly["redshift rpu"]
    assert f"EMR {spark:.2f} and Redshift {warehouse:.2f} dollars an hour" in GUIDE


def test_every_price_says_where_it_comes_from() -> None:
    table = tomllib.loads(cost.PRICES.read_text("utf-8"))
    for price in [*table["hourly"].values(), *table["monthly"].values()]:
        assert price.keys() == {"dollars", "source"}
        assert price["source"].startswith((*cost.VERIFIED, "others", "none"))


def test_a_plan_names_the_prices_that_nobody_has_verified(deployment: Deployment) -> None:
    found = cost.estimate(deployment)
    assert found.doubtful == ("emr node m6g.xlarge",)
    assert "Not verified with AWS: emr node m6g.xlarge (docs/aws.md, Cost)" in cost.render(found)
    settings = {**deployment.settings, "EnvironmentClass": "mw1.xlarge", "MinWorkers": "2"}
    larger = cost.estimate(dataclasses.replace(deployment, settings=settings))
    assert {"mwaa mw1.xlarge", "mwaa worker mw1.xlarge"} < set(larger.doubtful)
