"""Lines without quotes are split at their delimiters: as Spark's CSV parser reads them."""

from __future__ import annotations

import random

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812  (its customary name)

from spark_jobs.feed import parse_feed
from spark_jobs.headers import Family
from spark_jobs.reader import read_files
from spark_jobs.session import build_session, share_evenly
from spark_jobs.storage import Storage
from tests.spark_jobs.conftest import Batches
from tests.spark_jobs.feeds import column, feed

pytestmark = pytest.mark.slow
NAMES = ("a", "b", "c")


@pytest.mark.parametrize("delimiter", [",", "|", "\t", "$", "||"])
def test_lines_without_quotes_are_read_as_the_parser_reads_them(
    spark: SparkSession, batches: Batches, delimiter: str
) -> None:
    rng = random.Random(4)  # noqa: S311 made-up lines
    values = ["", " ", "x", " y ", "ü", "#", "\\", "\\N", "\\" + delimiter[0] + "z", "\u3000", "'"]
    lines = {
        delimiter.join(rng.choice(values) for _ in range(rng.choice([2, 3, 3, 3, 4])))
        for _ in range(400)
    }
    raw = "\n".join(sorted(lines)).encode()
    batches.put("a.csv", raw)
    share_evenly(build_session("plain lines"), len(raw), parts=1)  # not as the batch before it
    spec = feed(
        *(column(name, "varchar(9)") for name in NAMES),
        files={"delimiter": delimiter, "header": False},
    )
    files = tuple(Storage(spark).glob(f"{batches.url}raw/*.csv"))
    family = Family(files, NAMES, (), {name: at for at, name in enumerate(NAMES)})
    split = {
        row["_raw"]: None if row["_flaw"] else tuple(row[name] or None for name in NAMES)
        for row in read_files(spark, parse_feed(spec), [family]).collect()
    }
    options = {"sep": delimiter, "quote": '"', "escape": '"', "columnNameOfCorruptRecord": "bad"}
    record = F.from_csv("line", "a string, b string, c string, bad string", options).alias("r")
    parsed = {
        row.line: None if row.r.bad else tuple(row.r[name] or None for name in NAMES)
        for row in spark.createDataFrame([(line,) for line in lines], "line string")
        .select("line", record)
        .collect()
    }
    assert split == {line: parsed[line] for line in lines if line.strip(" ")}
    assert None in split.values()


@pytest.mark.parametrize("quote", ['"', "|", ""])
def test_a_line_that_is_no_text_is_told_from_one_that_is(
    spark: SparkSession, batches: Batches, quote: str
) -> None:
    fine = [
        *("a,b,c", "ü,\ufffd,\U0001f6b2", f"{quote}a,b{quote},b,c" if quote else "a,b,'"),
        f"{quote}ü{quote},b,c",
    ]
    broken = [b"a,\xff,c", b"a,\xed\xa0\x80,c", b"a,\xc0\x80,c", b"a,b,\xc3", b"a,\0,c"]
    broken += [quote.encode() + line.replace(b",", quote.encode() + b",", 1) for line in broken]
    raw = b"\n".join([*(line.encode() for line in fine), *sorted(set(broken))])
    batches.put("a.csv", raw)
    share_evenly(build_session("plain lines"), len(raw), parts=1)  # not as the batch before it
    spec = feed(
        *(column(name, "varchar(9)") for name in NAMES), files={"quote": quote, "header": False}
    )
    files = tuple(Storage(spark).glob(f"{batches.url}raw/*.csv"))
    family = Family(files, NAMES, (), {name: at for at, name in enumerate(NAMES)})
    rows = read_files(spark, parse_feed(spec), [family]).collect()
    assert [row["_raw"] for row in rows if row["_flaw"] is None] == fine
    flaws = [row["_flaw"] for row in rows if row["_flaw"] is not None]
    assert flaws == ["encoding"] * len(set(broken))
