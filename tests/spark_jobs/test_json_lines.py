"""Plain lines of JSON are no variants: they say what those say, and no other line does."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from pyspark.sql import SparkSession

from spark_jobs import json_text
from spark_jobs.feed import Format, parse_feed
from spark_jobs.headers import Family
from spark_jobs.reader import read_files
from spark_jobs.session import build_session, share_evenly
from spark_jobs.storage import Storage
from tests.spark_jobs.conftest import Batches
from tests.spark_jobs.feeds import column, feed

pytestmark = pytest.mark.slow

NAMES = ("id", "a b", "it's", "say 'x'", "why?", "ü.[0]")
PLAIN = ['"x"', '""', '" y "', '"ü\u3000{}:,"', "null", "true", "false", "0", "-7", "12.5", "-0.25"]
PLAIN += ['"null"', "123456789012345678", "12345678901234567.0123456789012345", '"1.50"']
OTHERS = ["-0", "1.50", "1e2", "-1E-3", "00", "1.", '"\\u00e9\\n"', '"tab\t"', "[1]", '{"k": 1.50}']
OTHERS += ["12345678901234567890", "0.12345678901234567890123", "TRUE", "NaN", "'x'", "", '"a"b']


@pytest.mark.parametrize("extra", ["fail", "capture"])
def test_plain_lines_are_read_as_variants_are(
    spark: SparkSession, batches: Batches, extra: str
) -> None:
    rng = random.Random(5)  # noqa: S311 made-up lines
    lines = {_line(rng, NAMES, PLAIN) for _ in range(150)}
    lines |= {_line(rng, NAMES, [*PLAIN, *OTHERS]) for _ in range(250)}
    lines |= {_line(rng, rng.sample(NAMES, 4), PLAIN) for _ in range(20)}
    lines |= {_line(rng, (*NAMES[1:], 'say "x"'), PLAIN) for _ in range(9)}
    lines |= {_line(rng, (*NAMES, name), PLAIN) for name in ("id", "other") for _ in range(9)}
    lines |= {f"{line}{end}" for line in sorted(lines)[:9] for end in (" ", "x", "}", ",0]", "] x")}
    lines |= {f"\x01{line}" for line in sorted(lines)[:9]}
    lines |= {line.replace("x", "\udcff") for line in sorted(lines)[-40:]}
    raw = "\n".join(sorted(lines)).encode(errors="surrogateescape")
    batches.put("a.jsonl", raw)
    share_evenly(build_session("plain lines"), len(raw), parts=1)  # not as the batch before it
    names = (*NAMES, 'say "x"')
    columns = [column(f"c{at}", "varchar(99)", aliases=[name]) for at, name in enumerate(names)]
    columns += [column("rest", "super", extra=True)] * (extra == "capture")
    files = tuple(Storage(spark).glob(f"{batches.url}raw/*.jsonl"))
    spec = parse_feed(feed(*columns, files={"format": "jsonl"}, extra_columns=extra))

    def read(shape: str) -> list[tuple[Any, ...]]:
        family = Family(files, (), (shape,), {}, {}, Format.JSONL)
        return [
            (row["_raw"], row["_flaw"], *(row[c["name"]] or None for c in columns))
            for row in read_files(spark, spec, [family]).collect()
        ]

    as_variants = read("")
    assert len(as_variants) == len({line for line in lines if line.strip(" ")})
    assert {row[1] for row in as_variants} == {None, "json", "encoding"} | (
        {"extra"} if extra == "fail" else set()
    )
    spaced = '{ "id": 1, "a b": "", "it\'s": null, "say \'x\'":2, "why?":true,\t"ü.[0]" : "" }'
    bare = '{"id":"","a b":"","it\'s":"","say \'x\'":"","why?":"","ü.[0]":""}'
    for first in (bare, spaced, bare.replace('"why?"', '"other"')):
        shape = json_text.plain_shape([first])
        assert shape
        assert read(shape) == as_variants


def test_which_lines_are_plain(spark: SparkSession) -> None:
    build_session("plain lines")
    first = '{"Id": "a", "id": null, "it\'s": 0, "why?.`": "x"}'
    shape = json_text.plain_shape([first, '{"id": 5}', '{"id": "5"}'])
    plain = json_text.plain(shape, {})
    assert plain == json_text.Plain(
        ("Id", "id", "it's", "why?.`"),
        ('{"Id": ', ', "id": ', ', "it\'s": ', ', "why?.`": ', "}"),
        frozenset({"id", "it's"}),
    )
    assert json_text.plain(shape, {"Id": "one", "id": "one"}) is None
    like_it = '{{"Id": {}, "id": {}, "it\'s": {}, "why?.`": {}}}'
    texts = ['"x"', '""', '" y "', '"ü\u3000{}:,"', "null", '"null"', '"1.50"', '"\'"']
    numbers = [
        *("true", "false", "0", "-7", "12.5", "-0.25", "null", "123456789012345678"),
        "1234567.0123456789",
    ]
    lines = {like_it.format(text, number, number, text) for text in texts for number in numbers}
    others = {
        like_it.format(text, 0, 0, text) for text in ("1", "[1]", r'"\n"', '"\t"', "'x'", "{}")
    }
    others |= {
        like_it.format('"x"', number, 0, "null")
        for number in ("-0", "1.50", "1e2", "NaN", "00", '"x"', "[1]", "1234567890123456789")
    }
    others |= {line + end for line in sorted(lines)[:3] for end in (" ", "x", "}", ',"id": 0}')}
    others |= {first.replace('"Id"', '"iD"'), first[:-1] + ', "id": 1}', first.replace(": ", ":")}
    others |= {"\x01" * 5, like_it.format('"\ufffd"', 0, 0, '"x"')}
    rows = spark.createDataFrame([(line,) for line in lines | others], "line string")
    taken = rows.selectExpr("line", f"{json_text.take_plain('line', plain)} as taken")
    found = taken.selectExpr(
        *("line", f"{json_text.is_plain('line', plain, 'taken')} as plain"),
        f"{json_text.values_of_plain('taken')} as texts",
    ).collect()
    assert {row.line for row in found if row.plain} == lines
    for row in (row for row in found if row.plain):
        values = [
            value for _, value in json.loads(row.line, object_pairs_hook=list, parse_float=str)
        ]
        written = [json.dumps(v) if isinstance(v, bool | int) else v or "" for v in values]
        assert row.texts[1:] == written


def test_as_many_names_as_lines_may_have(spark: SparkSession) -> None:
    """Java's regular expressions call themselves for each, and its stack has an end."""
    line = json.dumps({f"n{at}": None if at % 3 else "x" * 5000 for at in range(200)})
    plain = json_text.plain(json_text.plain_shape([line]), {})
    assert plain
    rows = spark.createDataFrame([(line,), (line[:-1],)], "line string")
    taken = rows.selectExpr(f"{json_text.take_plain('line', plain)} as taken", "line")
    found = taken.selectExpr(f"{json_text.is_plain('line', plain, 'taken')} as plain").collect()
    assert [row.plain for row in found] == [True, False]


def test_every_digit_and_every_name_is_kept(batches: Batches) -> None:
    """The second line is plain; those after it are not."""
    spec = feed(
        column("id", "bigint"),
        column("amount", "numeric(38,10)"),
        column("text", "varchar(60)", aliases=["why?", "old"]),
        column("rest", "super", extra=True),
        extra_columns="capture",
        reject_limit=1,
        files={"format": "jsonl"},
    )
    lines = [
        '{"id": 1, "amount": 1.5, "text": "a"}',
        '{"id":2,"amount":1234567890123456.0123456789,"text":9.25}',
        '{"id": 3, "amount": 123456789012345678901.0123456789, "text": 1.50}',
        '{"id": 4, "old": "b", "why?": null, "more": 0.12345678901234567890123}',
        '{"id": 5, "id": 6}',
        '{"id": 7, "text": {"k": 1, "k": 2}}',
        '{"id": 8}] {',
    ]
    batches.put("a.jsonl", "\n".join(lines).encode())
    outcome = batches.run(spec, "*.jsonl")
    assert outcome.error == ""
    assert [(r["id"], str(r["amount"]), r["text"], r["rest"]) for r in outcome.rows] == [
        (1, "1.5000000000", "a", None),
        (2, "1234567890123456.0123456789", "9.25", None),
        (3, "123456789012345678901.0123456789", "1.5", None),
        (4, "None", "b", [("more", "0.12345678901234567890123")]),
    ]
    assert [(r["line"], r["rule"], r["raw"]) for r in outcome.rejects] == [
        (at, "malformed", lines[at - 1]) for at in (5, 6, 7)
    ]


def test_first_lines_that_no_line_can_be_like() -> None:
    assert json_text.plain_shape(['{"a": 1.50, "b": "\\""}']) != ""
    for line in [
        "",
        "x",
        "5",
        "[1]",
        "{}",
        '{"a": 1, "a": 2}',
        r'{"\u0061": 1}',
        '{"a',
        '{"a": []}',
    ]:
        assert json_text.plain_shape([line]) == ""
    assert json_text.plain_shape([json.dumps({f"n{at}": at for at in range(201)})]) == ""


def _line(rng: random.Random, names: tuple[str, ...] | list[str], values: list[str]) -> str:
    blank = rng.choice(["", " ", "\t"])
    pairs = (f"{json.dumps(n, ensure_ascii=False)}:{blank}{rng.choice(values)}" for n in names)
    return "{" + f"{blank},{blank}".join(pairs) + blank + "}"
