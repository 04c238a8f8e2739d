"""docs/aws.md, walked from its first command to its last as a stranger would.

The commands are the page's own text, run by a shell in a copy of the checkout. AWS is moto over
HTTP, with what it lacks filled in: MWAA is a real Airflow behind MWAA's endpoint, Redshift the
gateway behind Redshift's. `make fetch` and the AWS CLI are played, the latter over botocore.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from infra.aws import wheels
from infra.aws.errors import DeployError
from infra.aws.task_logs import group
from infra.local.airflow_api import AirflowApi
from infra.local.environment import service_environment
from infra.local.samples import bikeshare
from tests.infra.aws import pages
from tests.infra.aws.moto_gaps import filled
from tests.infra.aws.test_doctor import lock
from tests.integration.mwaa_endpoint import served
from tests.integration.stand_ins import redshift
from tests.integration.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.long]

NAME, MONTH, TRIPS = "starlift-dev", "2024-01", 300
WALKED = ("What you need", "Up", "The first question", "Every day", "Down")
"""Sections of the page that are walked; the others say what else could be done."""
NOT_COPIED = (".venv", ".local", ".git", "__pycache__", "*_cache")


class Page:
    """The commands of the walked sections: fenced blocks, and the code in the rows of tables."""

    def __init__(self) -> None:
        text = (pages.PROJECT / "docs/aws.md").read_text("utf-8")
        parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
        sections = dict(zip(parts[1::2], parts[2::2], strict=True))
        walked = "\n".join(sections[name] for name in WALKED)
        self.blocks = pages.FENCED.findall(walked)
        rows = [row.split("|") for row in walked.splitlines() if row.startswith("| ")]
        self.rows = [code for row in rows for code in pages.INLINE.findall(row[2])]

    def block(self, beginning: str) -> str:
        """Take the block out that begins so."""
        (found,) = [each for each in self.blocks if each.startswith(beginning)]
        self.blocks.remove(found)
        return found

    def row(self, command: str) -> str:
        """Take a table's command out; short ones are completed as the page means them."""
        self.rows.remove(command)
        return command if command.startswith("python") else f"python -m infra.aws {command}"


class Stranger:
    """Somebody with a checkout, a shell and an account."""

    def __init__(self, checkout: Path, environ: dict[str, str]) -> None:
        self.checkout = checkout
        self.environ = environ

    def types(self, script: str, status: int = 0, answer: str = "") -> str:
        """Run a script; fails unless it ends with this status."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.checkout,
            env=self.environ,
            input=answer,
            capture_output=True,
            text=True,
            check=False,
        )
        said = f"{done.stdout}{done.stderr}"
        assert done.returncode == status, f"{script}\n{said}"
        return said


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> None:
    try:
        wheels.resolve(pages.PROJECT, tmp_path_factory.mktemp("index"), ["PyYAML"], "")
    except DeployError as error:
        pytest.skip(f"`deploy` packs dbt, and there is no package index: {error}")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("guide") / "starlift"
    shutil.copytree(pages.PROJECT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture(scope="module")
def played(tmp_path_factory) -> Path:
    """A folder with an `aws` and a `make` for the shell's path."""
    folder = tmp_path_factory.mktemp("played")
    files = folder / "files"
    for batch in bikeshare.generate(folder / "made", months=(MONTH,), trips=TRIPS).batches:
        for file in batch.files:
            target = files / file.key
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.path, target)
    asked = f"fetch SOURCE=bikeshare MONTH={MONTH} TO=files"
    commands = {
        "aws": f'PYTHONPATH={pages.PROJECT} exec {sys.executable} -m tests.infra.aws.aws_cli "$@"',
        "make": f'[[ "$*" == "{asked}" ]] && cp -r {files} .',
    }
    for name, script in commands.items():
        command = folder / name
        command.write_text(f"#!/bin/bash\n{script}\n")
        command.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """An empty account over HTTP."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it names every request
    with filled():
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        requests.post(f"http://{host}:{port}/moto-api/reset", timeout=10)
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture(scope="module")
def stranger(lab, index, checkout, played, aws) -> Iterator[Stranger]:
    with served(NAME, lab.config.airflow_url) as mwaa, redshift(NAME, lab.connect) as warehouse:
        kept = {name: os.environ[name] for name in os.environ if not name.startswith("AWS_")}
        path = [str(played), f"{sys.prefix}/bin", kept["PATH"]]
        yield Stranger(
            checkout,
            kept
            | {
                "PATH": os.pathsep.join(path),
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": aws,
                "AWS_ENDPOINT_URL_MWAA": mwaa.url,
                "AWS_ENDPOINT_URL_REDSHIFT_SERVERLESS": warehouse.url,
                "AWS_ENDPOINT_URL_REDSHIFT_DATA": warehouse.url,
                "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
                "NO_PROXY": "127.0.0.1",
            },
        )


def account(aws: str, service: str):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=aws, region_name="us-east-1", **keys)


def as_if_one_lake(lab, aws: str, bucket: str, folder: Path) -> None:
    """Bring what was put into the account's lake into the laptop stack's."""
    s3 = account(aws, "s3")
    found = {}
    for each in s3.list_objects_v2(Bucket=bucket, Prefix="raw/")["Contents"]:
        found[each["Key"]] = folder / each["Key"].replace("/", "-")
        s3.download_file(bucket, each["Key"], str(found[each["Key"]]))
    lab.upload(found)


def as_if_one_cloudwatch(lab, aws: str, run_id: str) -> None:
    """Bring a run's logs into the account's CloudWatch, as MWAA does."""
    folder = lab.config.airflow_home / "logs"
    files = map(str, sorted(folder.glob(f"dag_id=*/run_id={run_id}/task_id=load_trips/*.log")))
    subprocess.run(
        [sys.executable, "-m", "tests.integration.ship_logs", group(NAME), *files],
        cwd=lab.config.project,
        env=service_environment(lab.config) | {"AWS_ENDPOINT_URL": aws},
        check=True,
    )


def records(said: str) -> list[list[dict[str, str]]]:
    """The rows of the Data API's answer."""
    found: list[list[dict[str, str]]] = json.loads(said)["Records"]
    return found


def up(page: Page, types) -> None:
    """From nothing to a deployment whose DAGs are on, with files in its lake."""
    said = types(page.block("cp infra/aws/example.toml"), status=1)
    assert "BAD stacks: storage missing" in said
    said = types(page.row("python -m infra.aws plan"))
    assert "+ Environment  AWS::MWAA::Environment" in said
    assert "in all, without traffic, requests and tax" in said
    said = types(page.row("python -m infra.aws deploy"))
    assert f"{NAME}-mwaa: " in said
    assert "usage limit: 64 RPU hours a day" in said
    said = types(page.row("python -m infra.aws connections"))
    assert "redshift_default: made" in said
    assert 'create user "IAMR:starlift-dev-mwaa" password disable: done' in said
    said = types(page.row("python -m infra.aws unpause bikeshare janitor"))
    assert said == "bikeshare: on\njanitor: on\n"
    assert "raw/bikeshare/trips" in types(page.block("make fetch"))


def every_day(page: Page, types, checkout: Path) -> None:
    """A change is shipped, and taken back."""
    (release,) = re.findall(r"release: (\w+)", types(page.row("status")))
    assert types(page.row("pause bikeshare")) == "bikeshare: off\n"
    with (checkout / "dags/bikeshare.py").open("a") as dag:
        dag.write("# changed\n")
    types(page.row("publish"))
    said = types(page.row("releases"))
    ((newer, older),) = re.findall(r"^\* (\w+) .*\n  (\w+) .*$", said, re.MULTILINE)
    assert older == release
    assert f"current release: {older}" in types(page.row("rollback"))
    back = page.row("rollback <hash>").replace("<hash>", newer)
    assert f"current release: {newer}" in types(back)


def down(page: Page, types) -> None:
    """Everything goes, once it is said that objects may."""
    refused, taken = page.block("python -m infra.aws destroy").splitlines()
    assert "Nothing was removed: there are objects" in types(refused, status=1, answer=f"{NAME}\n")
    said = types(taken, answer=f"{NAME}\n")
    assert re.search(rf"taking snapshot {NAME}-final-\d+", said)
    assert said.endswith(f"Nothing tagged deployment={NAME} is left.\n")


def test_the_guide_can_be_walked_from_an_empty_account_and_back(
    lab, aws, stranger, checkout, tmp_path
):
    page, types = Page(), stranger.types
    api = AirflowApi(lab.config)
    eventually(lambda: api.get("/dags")["total_entries"] > 4, "Airflow has read the DAGs")
    up(page, types)
    as_if_one_lake(lab, aws, f"{NAME}-lake-123456789012", tmp_path)
    said = types(page.row("python -m infra.aws trigger bikeshare --batch 2024-01-01"))
    assert said.endswith("bikeshare: success\n")
    (run_id,) = re.findall(r": run (manual__\S+)", said)

    said = types(page.block("secret="))
    stations = [(name["stringValue"], int(sum_["stringValue"])) for name, sum_ in records(said)]
    assert len(stations) == 10
    assert stations == sorted(stations, key=lambda station: -station[1])

    as_if_one_cloudwatch(lab, aws, run_id)
    said = types(page.row("logs bikeshare load_trips"))
    assert re.search(r"^2\d{3}-.* INFO .*bikeshare\.trips 20240101T000000", said, re.MULTILINE)
    known = tmp_path / "constraints.txt"  # Airflow's own are at an address in the internet
    known.write_text(lock())
    looked = page.row("doctor").replace("infra.aws", f"infra.aws --constraints {known}")
    said = types(looked, status=1)
    # moto leaves bucket policies out of stacks, and takes one with a condition for one without.
    assert re.findall(r"^BAD (.+?):", said, re.MULTILINE) == ["buckets"]
    assert "ok  DAGs: all can be read" in said

    every_day(page, types, checkout)
    down(page, types)
    assert account(aws, "cloudformation").describe_stacks()["Stacks"] == []
    assert (page.blocks, page.rows) == ([], [])
