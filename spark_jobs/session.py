"""The one place that builds a Spark session."""

from __future__ import annotations

from pyspark.sql import SparkSession

# What a job's result depends on is set here, and so is the same on every cluster. What only speed
# depends on (memory, cores, partitions) is left to whoever submits the job.
_CONF = {
    "spark.sql.session.timeZone": "UTC",
    # Wrong dates such as 2/30 are NULL, never another day (Spark's datetime pattern guide).
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    # INT64 with TIMESTAMP_MICROS, adjusted to UTC, instead of the deprecated INT96. Redshift reads
    # microseconds, and not nanoseconds (https://github.com/apache/arrow/issues/38000).
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "snappy",
    # decode() with any of Java's charsets, bad bytes as U+FFFD instead of a failed job.
    "spark.sql.legacy.javaCharsets": "true",
    "spark.sql.legacy.codingErrorAction": "true",
    # Files with several headers are planned and compiled once, not once per header.
    "spark.sql.optimizer.excludedRules": (
        "org.apache.spark.sql.catalyst.optimizer.PushProjectionThroughUnion"
    ),
    # HotSpot compiles no method above 8,000 bytes; Spark splits the code of such a step instead.
    "spark.sql.codegen.hugeMethodLimit": "8000",
}


def build_session(name: str) -> SparkSession:
    """Return the process's session, with the settings that the jobs' results depend on."""
    builder = SparkSession.builder.appName(name)
    for key, value in _CONF.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
