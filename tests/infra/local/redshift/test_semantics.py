"""Where PostgreSQL would make a test lie: lengths, keys, transactions, functions."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from .conftest import Schema, Servers

pytestmark = pytest.mark.slow

D, TS = datetime.date, datetime.datetime


def test_varchar_and_char_count_bytes(schema: Schema) -> None:
    schema.run("create table t (a varchar(4), b char(4))")
    schema.run("insert into t values ('éé', 'abcd')")
    for column, kind in (("a", "character varying"), ("b", "character")):
        with pytest.raises(psycopg.errors.StringDataRightTruncation) as caught:
            schema.run(f"insert into t ({column}) values ('ééé')")
        assert caught.value.diag.message_primary == f"value too long for type {kind}(4)"
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        schema.run("update t set a = 'abcde'")


def test_char_takes_single_byte_characters_only(schema: Schema) -> None:
    schema.run("create table t (a char(4))")
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        schema.run("insert into t values ('é')")


def test_bytes_count_in_ctas_added_and_widened_columns(schema: Schema) -> None:
    schema.run("create table t as select 'a'::varchar(2) as a")
    schema.run("alter table t add column b varchar(2)")
    for column in "ab":
        with pytest.raises(psycopg.errors.StringDataRightTruncation):
            schema.run(f"insert into t ({column}) values ('éé')")
    schema.run("alter table t alter column b type varchar(4)")
    schema.run("insert into t (b) values ('éé')")
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        schema.run("insert into t (b) values ('ééé')")
    schema.run("alter table t rename column b to c")
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        schema.run("insert into t (c) values ('ééé')")


def test_text_is_varchar_256(schema: Schema) -> None:
    schema.run("create table t (a text)")
    schema.run(f"insert into t values ('{'x' * 256}')")
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        schema.run(f"insert into t values ('{'x' * 257}')")


def test_keys_are_not_enforced_but_not_null_is(schema: Schema) -> None:
    schema.run("create table u (i int primary key)")
    schema.run("create table t (a int primary key, b int unique references u (i), unique (a, b))")
    schema.run("insert into t values (1, 2), (1, 2)")
    assert schema.value("select count(*) from t") == 2
    with pytest.raises(psycopg.errors.NotNullViolation):
        schema.run("insert into t values (null, 1)")


def test_identity_columns_number_rows(schema: Schema) -> None:
    schema.run("create table t (i bigint identity(10, 5), a int)")
    schema.run("insert into t (a) values (1), (2)")
    assert schema.run("select i from t order by 1") == [(10,), (15,)]
    with pytest.raises(psycopg.errors.GeneratedAlways):
        schema.run("insert into t (i, a) values (1, 1)")
    with pytest.raises(psycopg.Error, match=r"^cannot set an identity column to a value$"):
        schema.run("insert into t values (1, 2)")


def test_names_fold_to_lower_case_quoted_or_not(schema: Schema) -> None:
    schema.run('create table "MiXed" ("Some Col" int, B int)')
    schema.run('insert into MIXED ("SOME COL", "b") values (1, 2)')
    cursor = schema.connection.execute('select * from "mixed"')
    assert [column.name for column in cursor.description or ()] == ["some col", "b"]
    schema.run("set enable_case_sensitive_identifier to on")
    with pytest.raises(psycopg.errors.UndefinedTable):
        schema.run('select * from "MiXed"')
    for back in ("reset enable_case_sensitive_identifier", "reset all"):
        schema.run("set enable_case_sensitive_identifier to on")
        schema.run(back)
        assert schema.value(f'select "B" from {schema.name}."MiXed"') == 2


def test_settings_are_kept_for_the_session(schema: Schema) -> None:
    schema.run("set query_group to 'night ''shift'''")
    assert schema.value("show query_group") == "night 'shift'"
    schema.run("reset query_group")
    assert schema.value("show query_group") == "default"


def test_lateral_aliases(schema: Schema) -> None:
    schema.run("create table t (a int, c int)")
    schema.run("insert into t values (1, 100)")
    assert schema.run("select a + 1 as b, b * 10 as d, d + %s as e from t", 5) == [(2, 20, 25)]
    # A column of that name comes first.
    assert schema.run("select a + 1 as c, c as d from t") == [(2, 100)]
    # … in each SELECT for itself.
    assert schema.run(
        "with one as (select a + 1 as c, c as d from t), two as (select x + 1 as c, c as d "
        "from (select 5 as x) s) select one.d, two.d from one, two"
    ) == [(100, 6)]
    schema.run("create table u as select a as x, x + 1 as y from t")
    assert schema.run("select y from u") == [(2,)]


def test_prepare_and_execute(schema: Schema) -> None:
    schema.run("create table t (a int, b varchar(9))")
    schema.run("prepare add (int, varchar) as insert into t values ($1, nvl($2, 'none'))")
    schema.run("execute add (1, null)")
    schema.run("execute add (2, 'x')")
    schema.run("prepare get (int) as select a + 1 as c, c * 10 as d, b from t where c > $1")
    assert schema.run("execute get (2)") == [(3, 30, "x")]
    schema.run("deallocate get")
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        schema.run("execute get (2)")


def test_aliases_in_where(schema: Schema) -> None:
    schema.run("create table t (a int, c int)")
    schema.run("insert into t values (1, 100), (2, 200)")
    assert schema.run("select a * 10 as b, b + 1 as d from t where d = %s", 21) == [(20, 21)]
    assert schema.run("select max(x) from (select a + 1 as x from t where x < 3) s") == [(2,)]
    assert "Filter" in str(schema.run("explain select a * 10 as b from t where b = 20"))
    # A column of that name comes first.
    assert schema.run("select a + 1 as c from t where c = 200") == [(3,)]
    with pytest.raises(psycopg.errors.GroupingError, match="aggregate"):
        schema.run("select sum(a) as total from t where total > 1")
    with pytest.raises(psycopg.errors.UndefinedColumn, match="nothing"):
        schema.run("select a as b from t where nothing = b")


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        # AVG of integers is a BIGINT
        ("select avg(a) from (select 1 as a union all select 2) x", 1),
        ("select avg(a) from (select -1 as a union all select -2) x", -1),
        (
            "select avg(a) from (select 1.5::numeric(3,1) as a union all select 2) x",
            Decimal("1.7"),
        ),
        ("select avg(a) from (select 1::float8 as a union all select 2) x", 1.5),
        ("select avg(null::int)", None),
        ("select 7 / 2", 3),
        # NUMERIC is NUMERIC(18, 0)
        ("select 2.5::numeric", Decimal(3)),
        ("select cast(2.4 as decimal)", Decimal(2)),
        # Intervals count boundaries
        ("select datediff(day, '2020-01-01 23:59:59', '2020-01-02 00:00:00')", 1),
        ("select datediff(year, '2019-12-31'::date, '2020-01-01'::date)", 1),
        ("select datediff(month, '2020-03-01'::timestamp, '2020-01-31'::timestamp)", -2),
        ("select datediff(qtr, '2020-03-31'::date, '2020-04-01'::date)", 1),
        ("select datediff(week, '2020-01-04'::date, '2020-01-05'::date)", 1),
        ("select datediff(week, '2020-01-05'::date, '2020-01-11'::date)", 0),
        ("select datediff(hour, '2020-01-01 00:59:59', '2020-01-01 01:00:00')", 1),
        ("select datediff(second, '1969-12-31 23:59:59.5', '1970-01-01 00:00:00.4')", 1),
        ("select datediff(day, '2020-01-01'::timestamp, null)", None),
        ("select dateadd(month, 1, '2020-01-31'::date)", TS(2020, 2, 29)),
        ("select dateadd(day, -1, '2020-01-01')", TS(2019, 12, 31)),
        ("select dateadd(qtr, 2, '2020-01-01 10:00'::timestamp)", TS(2020, 7, 1, 10)),
        ("select date_trunc('week', '2020-01-05'::date)", TS(2019, 12, 30)),
        ("select extract(second from '2020-01-01 00:00:59.9'::timestamp)", 59),
        ("select date_part(dow, '2020-01-05'::date)", 0.0),
        ("select last_day('2020-02-10')", D(2020, 2, 29)),
        ("select add_months('2020-02-29'::date, 1)", TS(2020, 3, 31)),
        ("select months_between('2020-03-15'::date, '2020-01-15'::date)", 2.0),
        ("select next_day('2014-08-20', 'Tue')", D(2014, 8, 26)),
        ("select trunc('2020-01-02 03:04:05'::timestamp)", D(2020, 1, 2)),
        (
            "select convert_timezone('America/New_York', '2020-07-01 12:00'::timestamp)",
            TS(2020, 7, 1, 8),
        ),
        (
            "select convert_timezone('EST5EDT', 'UTC', '2020-07-01 08:00'::timestamp)",
            TS(2020, 7, 1, 12),
        ),
        ("select to_date('02 Oct 2001', 'DD Mon YYYY')", D(2001, 10, 2)),
        ("select to_char('2020-01-02'::date, 'YYYYMMDD')", "20200102"),
        # NULL and text
        ("select nvl(null, 'x')", "x"),
        ("select nvl2(null, 1, 2)", 2),
        ("select decode(null, null, 'null', 'else')", "null"),
        ("select decode(3, 1, 'a', 2, 'b')", None),
        ("select concat('a', null)", None),
        ("select concat('a', 'b')", "ab"),
        ("select len('éa ')", 3),
        ("select md5('a')", "0cc175b9c0f1b6a831c399e269772661"),
        (
            "select sha2('a', 256)",
            "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        ),
        ("select strtol('ff', 16)", 255),
        ("select strtol('-0x1F', 16)", None),
        ("select charindex('b', 'abc')", 2),
        ("select left('abc', 2) || right('abc', 1)", "abc"),
        ("select regexp_replace('aXbX', 'X', '-')", "a-b-"),
        ("select regexp_substr('abc', 'z')", ""),
        ("select regexp_substr('a1b22', '[0-9]+', 1, 2)", "22"),
        ("select split_part('a,b', ',', 2)", "b"),
        (r"select 'a\'b'", "a'b"),
        (r"select 'a\\d'", r"a\d"),
        ("select round(2.345::float8, 2)", 2.35),
        # Aggregates
        ("select median(a) from (select 1 as a union all select 4) x", 2.5),
        ("select approximate count(distinct a) from (select 1 as a union all select 1) x", 1),
        (
            "select listagg(a, ',') within group (order by a desc) "
            "from (select 1 as a union all select 2) x",
            "2,1",
        ),
        (
            "select listagg(distinct a, ',') within group (order by a) "
            "from (select 'b' as a union all select 'a' union all select 'b') x",
            "a,b",
        ),
        (
            "select max(r) from (select ratio_to_report(a) over () as r "
            "from (select 1 as a union all select 3) x) y",
            0.75,
        ),
        # Order: NULLs are larger than any value
        (
            "select min(n) from (select row_number() over (order by a) as n, a "
            "from (select null::int as a union all select 1) x) y where a is null",
            2,
        ),
        ("select current_setting('timezone')", "UTC"),
    ],
)
def test_functions(servers: Servers, sql: str, value: Any) -> None:
    with servers.psycopg() as connection:
        if "-0x1F" in sql:
            with pytest.raises(psycopg.Error):
                connection.execute("select strtol('zz', 16)")
            return
        assert connection.execute(sql).fetchall() == [(value,)]


def test_getdate_and_sysdate_are_timestamps_without_zone(servers: Servers) -> None:
    with servers.psycopg() as connection:
        now, moment = connection.execute("select getdate(), sysdate").fetchone() or (None, None)
    assert now.tzinfo is None
    assert now.microsecond == 0
    assert (
        abs((datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - moment).total_seconds())
        < 60
    )


def test_null_error_names_the_column(schema: Schema) -> None:
    schema.run("create table t (a int not null)")
    with pytest.raises(
        psycopg.errors.NotNullViolation, match="Cannot insert a NULL value into column a"
    ):
        schema.run("insert into t values (null)")


def test_current_setting_knows_redshifts_own(schema: Schema) -> None:
    assert schema.value("select current_setting('query_group')") == "default"
    schema.run("set query_group to 'reports'")
    assert schema.value("select current_setting('query_group')") == "reports"
    schema.run("reset query_group")
    assert schema.value("show query_group") == "default"
    assert schema.value("select current_setting('timezone')") == "UTC"
