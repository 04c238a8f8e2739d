"""Functions and conversions, with the examples of Redshift's developer guide."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from .conftest import Schema, Servers

pytestmark = pytest.mark.slow

D = datetime.date


@pytest.fixture(scope="module")
def session(servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    with servers.psycopg() as connection:
        yield connection


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        # r_TRY_CAST
        (
            "try_cast('1' as int), try_cast('a' as int), try_cast(1.6 as int), "
            "try_cast('2020-02-30' as date), try_cast(123456 as numeric(5,2)), "
            "try_cast('abc' as varchar(2)), try_cast(null as int)",
            [1, None, 2, None, None, "ab", None],
        ),
        # r_TEXTLEN, r_CURRENT_USER_ID
        ("textlen('abc '), textlen('é')", [4, 1]),
        ("current_user_id = (select usesysid from pg_user where usename = current_user)", [True]),
        # crc32-function, r_FNV_HASH, SHA1 (FIPS 180's own examples)
        ("crc32('Amazon Redshift')", ["f2726906"]),
        (
            "fnv_hash(1), fnv_hash('Amazon Redshift'), fnv_hash('Amazon Redshift', fnv_hash(1))",
            [-5968735742475085980, 7783490368944507294, -2202602717770968555],
        ),
        (
            "fnv_hash('cd', fnv_hash('ab')), fnv_hash(1::smallint), fnv_hash(1::bigint)",
            [-281581062704388899, 589727492704079044, -8517097267634966620],
        ),
        (
            "sha1('abc'), sha(''), "
            "func_sha1('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')",
            [
                "a9993e364706816aba3e25717850c26c9cd0d89d",
                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            ],
        ),
        # REGEXP_COUNT, REGEXP_INSTR, REGEXP_REPLACE, REGEXP_SUBSTR
        ("regexp_count('abcdefghijklmnopqrstuvwxyz', '[a-z]{3}')", [8]),
        ("regexp_count('the fox', 'FOX', 1, 'i'), regexp_count('abc', 'b', 3)", [1, 0]),
        (
            "regexp_instr('The Home Depot Center', '[cC]ent(er|re)$'), regexp_instr('abc', 'z')",
            [16, 0],
        ),
        ("regexp_instr('the fox the fox', 'FOX', 1, 2, 1, 'i')", [16]),
        ("regexp_replace('the fox', 'FOX', 'quick brown fox', 1, 'i')", ["the quick brown fox"]),
        (
            r"regexp_replace('sed@lacusUtnec.ca', '@.*\\.(org|gov|com|edu|ca)$')",
            ["sed"],
        ),
        (
            "regexp_replace('passwd7 plain A1234 a1234', "
            "'(?=[^ ]*[a-z])(?=[^ ]*[0-9])[^ ]+', '[hidden]', 1, 'p')",
            ["[hidden] plain A1234 [hidden]"],
        ),
        ("regexp_substr('the fox', 'FOX', 1, 1, 'i')", ["fox"]),
        (
            "regexp_substr('passwd7 plain A1234 a1234', "
            "'(?=[^ ]*[a-z])(?=[^ ]*[0-9])[^ ]+', 1, 2, 'ip')",
            ["A1234"],
        ),
        (
            "regexp_replace('abc', '(a)(b)', '$2$1'), regexp_replace('abc', 'b', '<$0$&>'), "
            r"regexp_replace('a.b', '\\.', '$ \\\\'), regexp_count('a(?b', '\\(\\?')",
            ["bac", "a<bb>c", "a$ \\\\b", 1],
        ),
        (
            "regexp_substr('a@b.com', '@(.*)[.]', 1, 1, 'e'), regexp_substr('ab', 'b', 0), "
            "regexp_substr('ab', 'b', 1, 0), regexp_substr('ab', 'b', 9)",
            ["b", "b", None, ""],
        ),
        # SOUNDEX, DIFFERENCE, OCTETINDEX, SPLIT_PART, r_REPLICATE
        ("soundex('Amazon'), soundex('Tymczak'), soundex('')", ["A525", "T522", ""]),
        ("difference('Amazon', '+-*/%'), difference('Amazon', 'AC/DC')", [0, 1]),
        ("octetindex('x', 'éx'), octetindex('q', 'éx'), position('x' in 'éx')", [3, 0, 2]),
        (
            "split_part('a$b$c', '$', 3), split_part('a$b$c', '$', 4), replicate('ab', 2)",
            ["c", "", "abab"],
        ),
        # r_TO_DATE_function, r_TO_NUMBER, r_TIMESTAMP_CMP, r_DATE_CMP
        ("to_date('02 Oct 2001', 'DD Mon YYYY')", [D(2001, 10, 2)]),
        ("to_date('20010631', 'YYYYMMDD', false)", [D(2001, 7, 1)]),
        ("to_number('12,454.8-', '99G999D9S')", [Decimal("-12454.8")]),
        ("date_cmp('2008-01-01', '2008-01-04'), date_cmp('2008-01-05', '2008-01-04')", [-1, 1]),
        (
            "timestamp_cmp('2008-01-24 06:43:29'::timestamp, '2008-01-24 06:43:29'), "
            "date_cmp_timestamp('2008-06-18', '2008-06-17 00:00'), "
            "interval_cmp('3 days', '1 year')",
            [0, 1, -1],
        ),
        ("dexp(0), dlog1(1), dlog10(100)", [1.0, 0.0, 2.0]),
        # r_EXTRACT_function, r_Dateparts_for_datetime_functions, r_DATE_PART_function
        (
            "extract(ms from timestamp '2009-09-09 12:08:43.101'), "
            "extract(us from time '18:25:33.123456'), extract(minute from time '00:58:00')",
            [101, 456, 58],
        ),
        (
            "extract(decade from timestamp '1999-02-16 20:38:40'), "
            "extract(decade from timestamp '2000-02-16'), extract(century from date '2000-12-16'), "
            "extract(mil from timestamp '2001-12-16 12:21:13')",
            [200, 201, 20, 3],
        ),
        (
            "extract(sec from timestamp '2009-09-21 11:10:03.189717'), "
            "date_part(sec, timestamp '2009-09-21 11:10:03.189717'), "
            "date_part(week, timestamp '20220502 04:05:06.789'), "
            "date_part(dayofweek, date '20220502')",
            [3, 3.189717, 18.0, 1.0],
        ),
        # r_MONTHS_BETWEEN_function, r_interval_literals, CONVERT_TIMEZONE
        (
            "months_between('1969-01-18', '1969-03-18'), "
            "months_between('2008-12-25 15:00', '2008-01-21 19:30')::numeric(9, 2), "
            "months_between('2008-12-01 19:30', '2008-01-03 15:00')::numeric(9, 2)",
            [-2.0, Decimal("11.12"), Decimal("10.94")],
        ),
        (
            "date '2008-12-31' + interval '3 hours, 35 minutes', "
            "date '2008-12-31' + interval '1w, 1h, 1m, 1s', "
            "date '2008-12-31' + interval '0.5 days', "
            "date '2023-03-31' - interval '4 months'",
            [
                datetime.datetime(2008, 12, 31, 3, 35),
                datetime.datetime(2009, 1, 7, 1, 1, 1),
                datetime.datetime(2008, 12, 31, 12),
                datetime.datetime(2022, 11, 30),
            ],
        ),
        (
            "convert_timezone('EST', 'PST', '20080305 12:25:29'), "
            "convert_timezone('America/New_York', '2013-06-01 08:00:00'), "
            "convert_timezone('GMT', 'NEWZONE +2', '2014-05-17 12:00:00'), "
            "convert_timezone('GMT', 'NEWZONE-2:15', '2014-05-17 12:00:00')",
            [
                datetime.datetime(2008, 3, 5, 9, 25, 29),
                datetime.datetime(2013, 6, 1, 4),
                datetime.datetime(2014, 5, 17, 10),
                datetime.datetime(2014, 5, 17, 14, 15),
            ],
        ),
        (
            "convert_timezone('UTC', 'America/New_York', '2020-01-01'::date), "
            "datediff(day, '2020-01-01'::date, '2020-01-02 10:00'::timestamp), "
            "datediff(day, '2020-01-01', '2020-01-02'::date)",
            [datetime.datetime(2019, 12, 31, 19), 1, 1],
        ),
        # Rules that both share: integer division, NULL and '', patterns.
        ("7 / 2, -7 / 2, 7 % 3, null = '', '' is null", [3, -3, 1, None, False]),
        ("greatest(1, null, 3), least(null, 2), nullif('a', 'a')", [3, 2, None]),
        ("'abc' similar to '%(b|d)%', 'ABC' ilike 'a_c', 'a%' like 'a\\%'", [True, True, True]),
        # c_Supported_data_types: numbers, dates and times turn into text where text is wanted.
        ("1 || 'a', 'x' || 2.5::float, left(12345, 2), 10 like '1%'", ["1a", "x2.5", "12", True]),
        ("'1'::varchar = 1, '01'::varchar = 1, 2.0 = 2, 1 > 1.5", [True, False, True, False]),
        ("left('2020-01-02'::date, 7), current_date like '20%'", ["2020-01", True]),
        # VARCHAR(n) counts bytes, in casts too, and cuts at a character's end.
        (
            "'é1é'::varchar(4), cast('ééé' as varchar(5)), convert(varchar(1), 'é')",
            ["é1", "éé", ""],
        ),
        (
            "('é' || 'é')::character varying(3), 12345::varchar(3), null::varchar(3)",
            ["é", "123", None],
        ),
    ],
)
def test_results(session: psycopg.Connection[Any], sql: str, values: list[Any]) -> None:
    assert session.execute(f"select {sql}").fetchall() == [tuple(values)]


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("to_date('20010631', 'YYYYMMDD', true)", "22008"),
        ("to_date('20011301', 'YYYYMMDD')", "22008"),
        ("split_part('a', ',', -1)", "22023"),
        ("regexp_count('a', 'a', 1, 'x')", "22023"),
        ("regexp_count('a', 'a', 1, 'e'), regexp_replace('a', 'a', 'b', 1, 'e')", "22023"),
        ("regexp_substr('ab', '(?=b)b')", "2201B"),
        (r"regexp_replace('ab', '(a)', '\\1')", "0A000"),
        # Text is not compared with dates in ways that are not certain, nor with NUMERIC as text.
        ("'2020-01-01'::varchar = current_date", "0A000"),
        ("'1.0'::varchar = 1.00::numeric(3, 2)", "42883"),
        ("left(true, 1)", "42883"),
    ],
)
def test_errors(session: psycopg.Connection[Any], sql: str, sqlstate: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(f"select {sql}")
    assert caught.value.sqlstate == sqlstate


@pytest.fixture
def winsales(schema: Schema) -> Schema:
    """c_Window_functions: the sample table."""
    schema.run(
        "create table winsales (salesid int, dateid date, sellerid int, buyerid char(10), qty int)"
    )
    schema.run(
        "insert into winsales values (30001,'8/2/2003',3,'b',10), (10001,'12/24/2003',1,'c',10), "
        "(10005,'12/24/2003',1,'a',30), (40001,'1/9/2004',4,'a',40), (10006,'1/18/2004',1,'c',10), "
        "(20001,'2/12/2004',2,'b',20), (40005,'2/12/2004',4,'a',10), (20002,'2/16/2004',2,'c',20), "
        "(30003,'4/18/2004',3,'b',15), (30004,'4/18/2004',3,'b',20), (30007,'9/7/2004',3,'c',30)"
    )
    return schema


def test_ordered_aggregates_and_windows(winsales: Schema) -> None:
    run = winsales.run
    # r_WF_LISTAGG
    over = "select distinct listagg({}) within group (order by {}) over ({}) from winsales {}"
    assert run(over.format("sellerid", "sellerid", "", "")) == [("11122333344",)]
    of_b = "where buyerid = 'b'"
    by_seller = "sellerid desc, salesid asc"
    assert run(over.format("dateid, ','", by_seller, "", of_b)) == [
        ("2003-08-02,2004-04-18,2004-04-18,2004-02-12",)
    ]
    assert run(over.format("distinct dateid, ','", by_seller, "", of_b)) == [
        ("2003-08-02,2004-04-18,2004-02-12",)
    ]
    assert run(over.format("salesid, ','", "dateid, salesid", "partition by buyerid", of_b)) == [
        ("30001,20001,30003,30004",)
    ]
    # The same as aggregates; NULL and empty strings are left out.
    assert run(
        "select listagg(distinct dateid, ',') within group (order by sellerid desc, salesid) "
        "from winsales where buyerid = 'b'"
    ) == [("2003-08-02,2004-04-18,2004-02-12",)]
    assert run(
        "select listagg(x, ',') within group (order by x desc) from "
        "(select 'a' as x union all select '' union all select null union all select 'b') q"
    ) == [("b,a",)]
    # r_WF_PERCENTILE_CONT, r_WF_MEDIAN
    half = "percentile_cont(0.5) within group (order by qty)"
    assert run(f"select distinct {half} over () from winsales") == [(Decimal(20),)]
    medians = [(1, Decimal(10)), (2, Decimal(20)), (3, Decimal("17.5")), (4, Decimal(25))]
    assert (
        run(
            f"select distinct sellerid, {half} over (partition by sellerid) "
            "from winsales order by 1"
        )
        == medians
    )
    assert run("select sellerid, median(qty) from winsales group by sellerid order by 1") == medians
    assert (
        run(
            "select distinct sellerid, median(qty) over (partition by sellerid) "
            "from winsales order by 1"
        )
        == medians
    )
    # r_WF_PERCENTILE_DISC
    assert run(
        "select distinct sellerid, percentile_disc(0.75) within group (order by qty desc) "
        "over (partition by sellerid) from winsales order by 1"
    ) == [(1, 10), (2, 20), (3, 15), (4, 10)]
    assert run("select median(dateid) from winsales where sellerid = 2") == [(D(2004, 2, 14),)]


def test_trailing_blanks_do_not_count_in_comparisons(schema: Schema) -> None:
    schema.run("create table t (c char(5), v varchar(5))")
    schema.run("insert into t values ('a ', 'a '), ('a', 'a'), ('b', 'b'), ('c', ' a')")
    assert schema.run("select c = 'a', v = 'a', len(c), len(v) from t limit 1") == [
        (True, True, 1, 2)
    ]
    assert schema.run(
        "select rtrim(v), count(*) from t group by v, 1 order by 2 desc, 1 limit 1"
    ) == [("a", 2)]
    assert schema.run("select count(distinct v), count(distinct v || '.') from t") == [(3, 4)]
    assert schema.run("select count(*) from t as x join t as y on x.v = y.v") == [(6,)]
    assert schema.run("select 'a' in ('b', 'a  '), 'a ' < 'a', 'a ' like 'a', '' = ' '") == [
        (True, False, False, True)
    ]
    assert schema.run("select nullif('a ', 'a'), decode('a', 'a ', 1), ' a' = 'a'") == [
        (None, 1, False)
    ]


def test_grouping_sets_and_recursion(session: psycopg.Connection[Any]) -> None:
    rows = session.execute(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 4) "
        "select i % 2, count(*), grouping(i % 2) from n group by rollup(i % 2) order by 1"
    ).fetchall()
    assert rows == [(0, 2, 0), (1, 2, 0), (None, 4, 1)]


def test_columns_keep_redshifts_names(session: psycopg.Connection[Any]) -> None:
    cursor = session.execute(
        "select a::varchar(5), cast(a as varchar(3)), nvl(a, 'x')::varchar(3), dateadd(day, 1, d), "
        "datediff(day, d, d), listagg(a), median(1), 'x'::varchar(2) "
        "from (select 'a' as a, current_date as d) q group by 1, 2, 3, 4, 5"
    )
    assert [column.name for column in cursor.description or ()] == [
        "a",
        "a",
        "coalesce",
        "date_add",
        "date_diff",
        "listagg",
        "median",
        "varchar",
    ]
