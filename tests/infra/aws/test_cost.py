"""What a deployment costs: estimates, and the sources of their prices."""

from __future__ import annotations

import dataclasses

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


def test_every_price_says_where_it_comes_from() -> None:
    lines = cost.PRICES.read_text("utf-8").splitlines()
    priced = [line for line in lines if line.startswith('"')]
    assert len(priced) > 20
    assert [line for line in priced if "#" not in line] == []
