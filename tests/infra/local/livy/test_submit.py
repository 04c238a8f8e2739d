from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.livy.batch import BatchRequest, RequestRefusedError, parse_request
from infra.local.livy.store import Store
from infra.local.livy.submit import Spark, s3_mounts


@pytest.fixture
def spark(tmp_path: Path) -> Spark:
    (tmp_path / "s3" / "lake").mkdir(parents=True)
    return Spark(java_home=tmp_path / "java", s3_root=tmp_path / "s3", spark_home=Path("/spark"))


def test_every_field_becomes_spark_submits_option(spark: Spark, tmp_path: Path) -> None:
    request = parse_request(
        {
            "file": "s3://lake/job.jar",
            "className": "org.example.Job",
            "args": ["a b", 1, 2.5],
            "jars": ["s3://lake/x.jar", "s3://lake/y.jar"],
            "pyFiles": ["s3://lake/z.zip"],
            "files": ["s3://lake/f"],
            "archives": ["s3://lake/g.zip#g"],
            "driverMemory": "2g",
            "driverCores": "1",
            "executorMemory": "3g",
            "executorCores": 4,
            "numExecutors": 5,
            "queue": "q",
            "name": "n",
            "proxyUser": None,
            "conf": {"spark.a": "1", "spark.driver.extraJavaOptions": "-Dx=y", "spark.b": True},
        }
    )
    folder = Store(tmp_path / "state").add(request)
    command = spark.command(request, folder)
    assert command[:3] == ["/spark/bin/spark-submit", "--master", "local[*]"]
    assert command[-4:] == ["s3://lake/job.jar", "a b", "1", "2.5"]
    at = command.index("--name")
    assert command[at:-4] == [
        *("--name", "n", "--class", "org.example.Job"),
        *("--driver-memory", "2g", "--driver-cores", "1"),
        *("--executor-memory", "3g", "--executor-cores", "4"),
        *("--num-executors", "5", "--queue", "q"),
        *("--jars", "s3://lake/x.jar,s3://lake/y.jar", "--py-files", "s3://lake/z.zip"),
        *("--files", "s3://lake/f", "--archives", "s3://lake/g.zip#g"),
    ]
    conf = dict(pair.split("=", 1) for pair in command[4:at:2])
    assert (conf["spark.a"], conf["spark.b"]) == ("1", "true")
    assert conf["spark.ui.enabled"] == "false"
    assert conf["spark.driver.bindAddress"] == "127.0.0.1"
    assert conf["spark.driver.extraJavaOptions"].endswith(" -Dx=y")
    assert folder.request() == request


def test_a_request_overrides_the_servers_defaults(spark: Spark, tmp_path: Path) -> None:
    request = BatchRequest("s3://lake/j.py", conf={"spark.log.level": "INFO"})
    command = spark.command(request, Store(tmp_path / "state").add(request))
    assert "spark.log.level=INFO" in command
    assert "spark.log.level=WARN" not in command


def test_every_bucket_is_mounted(tmp_path: Path) -> None:
    for name in ("lake", "b.2"):
        (tmp_path / name).mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "file").touch()
    mounts = s3_mounts(tmp_path, ["s3://later/x", "--input", "s3://lake/y", "s3:///nothing"])
    prefix = "spark.hadoop.fs.viewfs.mounttable."
    mounted = {k.removeprefix(prefix): v for k, v in mounts.items() if k.startswith(prefix)}
    assert mounted == {
        "lake.linkFallback": f"file://{tmp_path}/lake",
        "b.2.linkFallback": f"file://{tmp_path}/b.2",
        "later.linkFallback": f"file://{tmp_path}/later",
    }


def test_the_environment_is_chosen_not_inherited(spark: Spark, tmp_path: Path) -> None:
    folder = Store(tmp_path / "state").add(BatchRequest("s3://lake/j.py"))
    outer = {"PATH": "/bin", "LANG": "C.UTF-8", "AWS_SECRET_ACCESS_KEY": "x", "PYTHONPATH": "/y"}
    environment = spark.environment(folder, outer)
    assert set(environment) == {
        *("PATH", "LANG", "JAVA_HOME", "SPARK_HOME", "SPARK_LOCAL_IP", "SPARK_LAUNCHER_OPTS"),
        *("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "TMPDIR"),
    }
    assert environment["JAVA_HOME"] == str(tmp_path / "java")


@pytest.mark.parametrize("url", ["job.py", "/jobs/job.py", "file:///jobs/job.py", "local:/job.py"])
def test_local_paths_are_refused_wherever_they_stand(url: str) -> None:
    for body in ({"file": url}, {"file": "s3://b/j.py", "pyFiles": [url]}):
        with pytest.raises(RequestRefusedError, match="cannot be added to user sessions"):
            parse_request(body)


def test_ids_are_never_used_twice(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.add(BatchRequest("s3://b/j.py"))
    (tmp_path / "batches" / "1").mkdir()  # as if a server died before it wrote the request
    (tmp_path / "next_id").write_text("2")
    again = Store(tmp_path)
    assert [folder.id for folder in again.folders()] == [first.id]
    assert again.add(BatchRequest("s3://b/j.py")).id == 2
