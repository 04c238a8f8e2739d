import argparse
import re
import subprocess
from pathlib import Path

import pytest

from infra.local.__main__ import main, month_of, parser, span, table
from infra.local.config import CHECKOUT, Config
from infra.local.health import Health
from infra.local.logs import follow_logs

MAKEFILE = (CHECKOUT / "Makefile").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("STARLIFT_STATE", str(tmp_path / "state"))
    for name in ("AIRFLOW", "S3", "REDSHIFT", "LIVY", "AWS", "POSTGRES", "SUPERVISOR"):
        monkeypatch.setenv(f"STARLIFT_PORT_{name}", "0")
    return tmp_path / "state"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.4, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3900, "1h05m"),
        (180000, "2d02h"),
    ],
)
def test_uptimes(seconds, text):
    assert span(seconds) == text


def test_the_health_table_is_aligned():
    rows = [
        Health("s3", "healthy", "", "http://127.0.0.1:9000", 12, 5, Path("/s/logs/s3.log")),
        Health("livy", "failed", "no such file", "-", None, None, Path("/s/logs/livy.log")),
    ]
    assert table(rows).splitlines() == [
        "SERVICE  STATE                 ADDRESS                PID  UPTIME  LOG",
        "s3       healthy               http://127.0.0.1:9000  12   5s      /s/logs/s3.log",
        "livy     failed: no such file  -                      -    -       /s/logs/livy.log",
    ]


def test_status_of_a_stack_that_was_never_started(capsys, own_state):
    assert main(["status"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert all(" stopped " in line for line in lines[1:])
    assert not own_state.exists()


def test_down_without_a_stack_is_fine(capsys):
    assert main(["down"]) == 0
    assert capsys.readouterr().out == "The stack is down.\n"


def test_what_needs_the_stack_says_so(capsys):
    assert main(["publish"]) == 1
    assert "This needs the stack: s3 (stopped). Start it with `make up`." in capsys.readouterr().err
    assert main(["backfill", "bikeshare", "2019-10-01", "2019-10-31"]) == 1
    assert "airflow-api-server (stopped)" in capsys.readouterr().err


def test_unknown_services_are_refused_with_the_known_ones(capsys):
    assert main(["logs", "redis"]) == 1
    assert "There is no service redis. Services: postgres, redshift, s3" in capsys.readouterr().err


def test_env_writes_the_file_and_prints_how_to_read_it(capsys, own_state):
    assert main(["env"]) == 0
    assert capsys.readouterr().out == f"set -a; . {own_state}/env; set +a\n"
    assert f"STARLIFT_STATE={own_state}" in (own_state / "env").read_text().splitlines()


def test_reset_asks_and_deletes_only_what_stacks_write(capsys, own_state, monkeypatch):
    main(["env"])
    (own_state / "s3" / "starlift-lake").mkdir(parents=True)
    (own_state / "letters.txt").write_text("not ours")
    monkeypatch.setattr("builtins.input", lambda _: "")
    assert main(["reset"]) == 1
    assert (own_state / "env").exists()
    assert main(["reset", "--force"]) == 0
    assert [path.name for path in own_state.iterdir()] == ["letters.txt"]


def test_dates_are_checked_before_anything_else(capsys):
    with pytest.raises(SystemExit):
        main(["backfill", "bikeshare", "2019-13-01", "2019-10-31"])
    assert "invalid" in capsys.readouterr().err


def test_logs_show_the_end_of_each_file(own_state, monkeypatch):
    config = Config.load()
    config.logs.mkdir(parents=True)
    (config.logs / "s3.log").write_text("one\ntwo\nthree\n")
    lines = []
    follow_logs(config, ["s3"], 2, False, lines.append)
    assert lines == ["two\nthree"]
    follow_logs(config, ["s3", "aws"], 1, False, lines.append)
    assert lines[1:] == [
        f"==> {config.logs}/s3.log <==",
        "three",
        f"==> {config.logs}/aws.log <==",
        "(empty)",
    ]


def test_run_becomes_the_command_with_the_stacks_environment(own_state):
    done = subprocess.run(
        [
            CHECKOUT / ".venv/bin/python",
            "-m",
            "infra.local",
            "run",
            "sh",
            "-c",
            "echo $STARLIFT_STATE",
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{own_state}\n"


def test_a_month_that_is_none_is_refused_with_an_example():
    with pytest.raises(argparse.ArgumentTypeError, match=r"'2024-13' is no month: .* 2021-09"):
        month_of("2024-13")


def test_make_help_documents_every_target():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE))
    assert targets == set(re.findall(r"^\.PHONY: ([a-z-]+)$", MAKEFILE, flags=re.MULTILINE))
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],  # this may itself run below make
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split(maxsplit=2) for line in shown.stdout.splitlines()]
    assert {line[1] for line in lines} == targets
    assert all(len(line) == 3 for line in lines)


def test_make_calls_only_commands_that_exist():
    (commands,) = [action for action in parser()._actions if action.choices]
    called = set(re.findall(r"\$\(STACK\) ([a-z-]+)", MAKEFILE))
    assert called <= set(commands.choices)


def test_make_backfill_says_what_is_missing():
    done = subprocess.run(
        ["make", "-n", "backfill", "DAG=bikeshare"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "FROM is missing: the first day, as in FROM=2019-10-01" in done.stderr
