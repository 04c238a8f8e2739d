"""Airflow on machines of one's own: units, scripts, secrets (Celery: tests/integration)."""

from __future__ import annotations

import base64
import configparser
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from celery import Celery

from infra.aws.components import SELFHOSTED
from infra.local.config import Config
from infra.local.services import services

UNITS = SELFHOSTED / "units"
MASTER = "m" * 64


class Unit(configparser.RawConfigParser):
    """A systemd unit; of an option that stands there twice the last one counts here."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, interpolation=None)
        self.optionxform = str  # type: ignore[assignment, method-assign]
        self.read_string(path.read_text("utf-8"))


def units() -> dict[str, Unit]:
    return {path.stem: Unit(path) for path in UNITS.glob("*.service")}


def command(unit: Unit) -> list[str]:
    return unit["Service"]["ExecStart"].split()


def test_the_units_run_what_the_laptop_runs(tmp_path: Path) -> None:
    """The laptop's commands are started by tests; a unit has the same, without its own options."""
    config = Config.load({"STARLIFT_STATE": str(tmp_path), "STARLIFT_CELERY_WORKERS": "1"})
    laptop = {
        " ".join(each.command[3:]).split(" --concurrency")[0]
        for each in services(config)
        if "airflow" in each.command
    }
    run = {
        " ".join(command(unit)[1:]) for unit in units().values() if "airflow" in command(unit)[0]
    }
    assert run - laptop == {"db migrate"}
    assert laptop - run == set()


def test_every_unit_is_confined_and_comes_back() -> None:
    for name, unit in units().items():
        service = unit["Service"]
        assert service["User"] == "airflow", name
        assert service["NoNewPrivileges"] == "true", name
        assert service["ProtectSystem"] == "strict", name
        oneshot = service.get("Type") == "oneshot"
        assert oneshot or service["Restart"] == "always", name


def test_only_the_control_units_read_airflows_own_secrets() -> None:
    for name, unit in units().items():
        if name == "starlift-sync":
            assert "ExecStartPre" not in unit["Service"]
            continue
        role = "worker" if name == "airflow-worker" else "control"
        file = f"/run/{name}/secrets.env"
        assert unit["Service"]["ExecStartPre"].split()[-2:] == [role, file]
        assert unit["Service"]["EnvironmentFile"] == f"-{file}"
        assert (unit["Service"]["RuntimeDirectory"], unit["Service"]["RuntimeDirectoryMode"]) == (
            name,
            "0700",
        )


def test_the_install_script_starts_every_unit() -> None:
    text = (SELFHOSTED / "install.sh").read_text("utf-8")
    for path in UNITS.iterdir():
        name = path.stem if path.suffix == ".service" else path.name
        assert name in text, path.name


@pytest.fixture
def secrets_env() -> ModuleType:
    spec = importlib.util.spec_from_file_location("secrets_env", SELFHOSTED / "secrets_env.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ENVIRON = {
    "STARLIFT_BROKER": "broker.example:6379",
    "STARLIFT_BROKER_SECRET": "arn:broker",
    "STARLIFT_MASTER_SECRET": "arn:master",
    "STARLIFT_DATABASE": "db.example:5432",
    "STARLIFT_DATABASE_SECRET": "arn:database",
    "STARLIFT_UI_SECRET": "arn:ui",
}
SECRETS = {
    "arn:broker": "to/ken",
    "arn:master": MASTER,
    "arn:database": '{"username": "airflow", "password": "p@ss:w/ord"}',
    "arn:ui": "letmein",
}


def test_a_worker_gets_the_brokers_address_and_nothing_else(secrets_env: ModuleType) -> None:
    asked = []

    def secret(arn: str) -> str:
        asked.append(arn)
        return SECRETS[arn]

    found = secrets_env.environment("worker", ENVIRON, secret)
    assert asked == ["arn:broker"]
    assert set(found) == {"AIRFLOW__CELERY__BROKER_URL", "AIRFLOW__CELERY__RESULT_BACKEND"}
    with Celery(broker=found["AIRFLOW__CELERY__BROKER_URL"], set_as_current=False) as app:
        connection = app.connection_for_write()
        assert (connection.hostname, connection.port) == ("broker.example", 6379)
        assert connection.password == "to/ken"
        assert connection.transport_cls == "rediss"


def test_the_control_role_gets_keys_of_the_right_kind(secrets_env: ModuleType) -> None:
    found = secrets_env.environment("control", ENVIRON, SECRETS.__getitem__)
    assert len(base64.urlsafe_b64decode(found["AIRFLOW__CORE__FERNET_KEY"])) == 32
    url = found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert url == (
        "postgresql+psycopg2://airflow:p%40ss%3Aw%2Ford@db.example:5432/airflow?sslmode=require"
    )
    keys = {found[f"AIRFLOW__{name}"] for name in ("API__SECRET_KEY", "API_AUTH__JWT_SECRET")}
    assert len(keys) == 2
    assert not any(MASTER in text for text in found.values())
    assert found == secrets_env.environment("control", ENVIRON, SECRETS.__getitem__)


def test_the_file_is_the_users_own(
    secrets_env: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Client:
        def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803  (botocore's name)
            return {"SecretString": SECRETS[SecretId]}

    monkeypatch.setattr(secrets_env.boto3, "client", lambda _: Client())
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "secrets.env"
    monkeypatch.setattr(sys, "argv", ["secrets_env.py", "control", str(file)])
    secrets_env.main()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert 'AIRFLOW__API_AUTH__JWT_SECRET="' in file.read_text()
    users = tmp_path / secrets_env.USERS
    assert users.read_text() == '{"admin": "letmein"}'
    assert stat.S_IMODE(users.stat().st_mode) == 0o600


AWS = """#!/bin/bash
# Stands for the AWS CLI over a folder: `s3 cp` and `s3 sync`, the latter without its last file.
set -eu
strip() { echo "${1/#s3:\\/\\/bucket/$BUCKET}"; }
from=$(strip "${@: -2:1}") to=$(strip "${@: -1}")
[[ -z ${BREAK:-} || $2 != sync ]] || exit 1
if [[ $2 == sync ]]; then mkdir -p "$to"; cp -r "$from/." "$to/"; else cp "$from" "$to"; fi
"""


@pytest.fixture
def sync(tmp_path: Path):
    """Run sync.sh with a folder as the bucket; returns the folder and what runs the script."""
    bucket, programs = tmp_path / "bucket", tmp_path / "bin"
    programs.mkdir()
    (programs / "aws").write_text(AWS)
    (programs / "aws").chmod(0o755)

    def publish(release: str) -> None:
        folder = bucket / "airflow/dags/releases" / release
        folder.mkdir(parents=True)
        (folder / "a.py").write_text(release)
        (bucket / "airflow/dags/starlift.py").write_text(f"# {release}\n")
        (bucket / "airflow/dags/.airflowignore").write_text("releases/\n")

    def run(**more: str) -> int:
        environ = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "BUCKET": str(bucket),
            "STARLIFT_ARTIFACTS_BUCKET": "bucket",
            "STARLIFT_DAGS": str(tmp_path / "dags"),
            **more,
        }
        script = str(SELFHOSTED / "sync.sh")
        return subprocess.run(["bash", script], env=environ, check=False).returncode

    return tmp_path / "dags", publish, run


def test_a_release_is_whole_before_airflow_hears_of_it(sync) -> None:
    dags, publish, run = sync
    publish("one")
    assert run() == 0
    assert (dags / "starlift.py").read_text() == "# one\n"
    assert (dags / ".airflowignore").exists()
    publish("two")
    assert run(BREAK="1") != 0  # the network fails between the switch and the files
    assert (dags / "starlift.py").read_text() == "# one\n"
    assert run() == 0
    assert (dags / "starlift.py").read_text() == "# two\n"
    assert (dags / "releases/two/a.py").read_text() == "two"
    assert [path.name for path in dags.iterdir() if path.name.startswith(".switch")] == []


@pytest.mark.parametrize("script", ["install.sh", "sync.sh"])
def test_scripts_are_bash(script: str) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run([bash, "-n", str(SELFHOSTED / script)], check=True)
