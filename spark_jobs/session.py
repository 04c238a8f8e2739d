"""The one place that builds a Spark session."""

from __future__ import annotations

import math
from typing import Any

from pyspark.sql import SparkSession

# What a job's result and the shape of its plans depend on is set here, and so is the same on every
# cluster. What speed depends on besides (memory, cores) is left to whoever submits the job.
_CONF = {
    "spark.sql.session.timeZone": "UTC",
    # Wrong dates such as 2/30 are NULL, never another day (Spark's datetime pattern guide).
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    # INT64 with TIMESTAMP_MICROS, adjusted to UTC, instead of the deprecated INT96. Redshift reads
    # microseconds, and not nanoseconds (https://github.com/apache/arrow/issues/38000).
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "snappy",
    # Timestamps in nanoseconds are read as numbers, which become timestamps in `typed_values`.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # decode() with any of Java's charsets, bad bytes as U+FFFD instead of a failed job.
    "spark.sql.legacy.javaCharsets": "true",
    "spark.sql.legacy.codingErrorAction": "true",
    # Files with several headers are planned and compiled once, not once per header. And `if(…, x,
    # null) is null` stays as it is: with the question inside of the branches, a value and the check
    # on it have no expression in common any more, and each value is converted twice.
    "spark.sql.optimizer.excludedRules": (
        "org.apache.spark.sql.catalyst.optimizer.PushProjectionThroughUnion,"
        "org.apache.spark.sql.catalyst.optimizer.PushFoldableIntoBranches"
    ),
    # Good and rejected rows are written side by side, without sorting one from the other first. As
    # soon as there are as many writers as this says, Spark sorts the rest (FileFormatDataWriter,
    # setupCurrentWriterUsingMap): the two need one more.
    "spark.sql.maxConcurrentOutputFileWriters": "3",
    # All steps of the pass are one loop in Java, also for feeds of many columns (a step that is not
    # in it copies every row), as long as HotSpot compiles it: no method above 8,000 bytes, unless
    # it is told to.
    "spark.sql.codegen.maxFields": "2000",
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # What is counted is a row per file, piece of a file or rule, whatever the batch: one task adds
    # that up, and to plan it again with what is known by then costs a small batch a second.
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    # What Spark's UI shows of a plan is written for every run: of a selection that others are put
    # into, as text, it took a tenth of a second, or the driver's memory.
    "spark.sql.ui.explainMode": "simple",
}
COMPILES_ALL = "-XX:-DontCompileHugeMethods"
"""The option for Java with which feeds of more than some 34 columns are converted in one loop."""
# Bytes of a method (code_length in 4.7.3 of Java's virtual machine specification).
_LONGEST_METHOD = "65535"

_MOST_BYTES = "spark.sql.files.maxPartitionBytes"
_FILE_COST = "spark.sql.files.openCostInBytes"
_LEAST_PARTS = "spark.sql.files.minPartitionNum"


def share_evenly(spark: SparkSession, input_bytes: int, parts: int) -> None:
    """Let Spark cut files into `parts` pieces of about the same size, small files put together."""
    spark.conf.set(_MOST_BYTES, str(max(1, math.ceil(input_bytes / parts))))
    spark.conf.set(_FILE_COST, "65536")
    spark.conf.set(_LEAST_PARTS, str(parts))


def build_session(name: str) -> SparkSession:
    """Return the process's session, with the settings that the jobs' results depend on."""
    builder = SparkSession.builder.appName(name)
    for key, value in _CONF.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    java: Any = session.sparkContext._jvm
    options = java.java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments()
    if options.contains(COMPILES_ALL):
        session.conf.set("spark.sql.codegen.hugeMethodLimit", _LONGEST_METHOD)
    return session
