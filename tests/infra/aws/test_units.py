"""The systemd units of machines: what systemd, Airflow's parser and install.sh make of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from airflow.cli.cli_parser import get_parser

from infra.aws.components import SELFHOSTED
from infra.aws.deployment import Template
from tests.infra.aws.policies import texts
from tests.infra.aws.test_selfhosted import UNITS, command, units

INSTALL = (SELFHOSTED / "install.sh").read_text("utf-8")


def test_airflow_takes_every_command_of_the_units() -> None:
    commands = [command(unit) for unit in units().values()]
    airflow = [each[1:] for each in commands if each[0] == "/opt/starlift/venv/bin/airflow"]
    assert len(airflow) == 6
    for arguments in airflow:
        assert callable(get_parser().parse_args(arguments).func)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """With programs that exist, as install.sh puts them there."""
    for path in UNITS.iterdir():
        text = path.read_text("utf-8")
        for program in re.findall(r"^ExecStart(?:Pre)?=(\S+)", text, re.MULTILINE):
            there = tmp_path / Path(program).name
            there.write_text("#!/bin/sh\n")
            there.chmod(0o755)
            text = text.replace(program, str(there))
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            "--man=no",
            *(str(tmp_path / each.name) for each in UNITS.iterdir()),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [
        line
        for line in done.stderr.splitlines()
        if str(tmp_path) in line or "starlift" in line or "airflow" in line
    ]
    assert (done.returncode, said) == (0, [])


def test_all_that_units_name_is_made() -> None:
    started = [
        " ".join(texts(Template.load("selfhosted").resources[name]["Properties"]))
        for name in ("ControlTemplate", "WorkerTemplate")
    ]
    for name, unit in units().items():
        service = unit["Service"]
        assert (
            f"useradd --system --home-dir /var/lib/starlift --create-home {service['User']}"
            in INSTALL
        )
        assert service["ReadWritePaths"] == "/var/lib/starlift", name
        for line in (service["ExecStart"], service.get("ExecStartPre", "")):
            for path in re.findall(r"/opt/starlift/bin/(\S+)", line):
                assert (SELFHOSTED / path).is_file(), name
                assert re.search(
                    rf"install -m 755 .*\b{re.escape(path)}\b.* /opt/starlift/bin/", INSTALL
                )
        assert all("cat > /etc/starlift/airflow.env" in text for text in started)
    assert "python3.12 -m venv /opt/starlift/venv" in INSTALL
