"""The spark-submit command for a batch: this machine's Spark, and s3:// on a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pyspark

from infra.local.livy.batch import BatchRequest
from infra.local.livy.store import Folder
from spark_jobs.session import COMPILES_ALL

# A job of seconds on a small machine: the quick compiler alone, no collector threads.
JAVA_OPTIONS = f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData {COMPILES_ALL}"
_DEFAULTS = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.log.level": "WARN",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
}
_DRIVER_MEMORY = "1g"
# What a job needs of the server's own environment; nothing that opens a door is in it.
_KEPT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ")


@dataclass(frozen=True)
class Spark:
    """Where Spark, its Python, its Java and the S3 server's folder are."""

    java_home: Path
    s3_root: Path
    spark_home: Path = Path(pyspark.__file__).parent
    python: str = sys.executable
    master: str = "local[*]"

    def command(self, request: BatchRequest, folder: Folder) -> list[str]:
        """Return the spark-submit command line for a request."""
        conf = {**_DEFAULTS, **self._mounts(request), "spark.local.dir": str(folder.temporary)}
        java_options = f"{JAVA_OPTIONS} {_quoted(f'-Djava.io.tmpdir={folder.temporary}')}"
        own = request.conf.get("spark.driver.extraJavaOptions")
        conf |= request.conf
        conf["spark.driver.extraJavaOptions"] = f"{java_options} {own}" if own else java_options
        command = [str(self.spark_home / "bin" / "spark-submit"), "--master", self.master]
        for key, value in sorted(conf.items()):
            command += ["--conf", f"{key}={value}"]
        command += _options(request)
        return [*command, request.file, *request.args]

    def environment(self, folder: Folder, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the batch's environment: what Spark needs, and none of the server's secrets."""
        kept = {key: outer[key] for key in _KEPT if key in outer}
        return kept | {
            "JAVA_HOME": str(self.java_home),
            "SPARK_HOME": str(self.spark_home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LAUNCHER_OPTS": JAVA_OPTIONS,
            "PYSPARK_PYTHON": self.python,
            "PYSPARK_DRIVER_PYTHON": self.python,
            "TMPDIR": str(folder.temporary),
        }

    def _mounts(self, request: BatchRequest) -> dict[str, str]:
        return s3_mounts(self.s3_root, (*request.urls, *request.args))


def s3_mounts(root: Path, texts: Iterable[str] = ()) -> dict[str, str]:
    """Return the Spark settings by which s3://<bucket>/… is `root`/<bucket>/….

    Every bucket that is there now, or that is named in `texts`, is mounted. Hadoop's own
    ViewFileSystemOverloadScheme does it
    (https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/ViewFsOverloadScheme.html),
    on the raw local file system: the checksummed one would leave .crc files in the buckets.
    """
    there = {p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")}
    named = {urlsplit(text).netloc for text in texts if text.startswith("s3://")}
    hadoop = "spark.hadoop.fs"
    return {
        f"{hadoop}.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        f"{hadoop}.viewfs.overload.scheme.target.s3.impl": (
            "org.apache.hadoop.fs.RawLocalFileSystem"
        ),
        f"{hadoop}.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
        **{
            f"{hadoop}.viewfs.mounttable.{bucket}.linkFallback": (root / bucket).as_uri()
            for bucket in sorted(there | named - {""})
        },
    }


def _quoted(option: str) -> str:
    """Return one of several Java options as Spark reads them in a single text.

    By the rules of parseOptionString in org.apache.spark.launcher.CommandBuilderUtils.
    """
    escaped = option.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _options(request: BatchRequest) -> list[str]:
    """Return the request's fields as spark-submit's options; `proxyUser` needs a cluster."""
    single = {
        "--name": request.name,
        "--class": request.className,
        "--driver-memory": request.driverMemory or _DRIVER_MEMORY,
        "--driver-cores": request.driverCores,
        "--executor-memory": request.executorMemory,
        "--executor-cores": request.executorCores,
        "--num-executors": request.numExecutors,
        "--queue": request.queue,
    }
    lists = {
        "--jars": request.jars,
        "--py-files": request.pyFiles,
        "--files": request.files,
        "--archives": request.archives,
    }
    options: list[str] = []
    for option, value in single.items():
        options += [option, str(value)] if value is not None else []
    for option, values in lists.items():
        options += [option, ",".join(values)] if values else []
    return options
