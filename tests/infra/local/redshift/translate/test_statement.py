"""Whole statements: Redshift's form in, PostgreSQL's form out, or a refusal by name."""

from __future__ import annotations

import pytest

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.long_names import stored, whole
from infra.local.redshift.translate.result import Context, Plan, TransactionVerb
from infra.local.redshift.translate.statement import split, translate

CONTEXT = Context(denied=frozenset({"string_agg", "pg_sleep", "unnest"}))


def plan(sql: str, context: Context = CONTEXT) -> Plan:
    (tokens,) = split(sql)
    return translate(sql, tokens, context)


def refusal(sql: str) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        plan(sql)
    return caught.value


@pytest.mark.parametrize(
    ("redshift", "postgres"),
    [
        # Functions
        ("select nvl(a, b)", "select coalesce(a, b)"),
        (
            "select nvl2(a, nvl(b, 1), c)",
            "select (case when (a) is not null then (coalesce(b, 1)) else (c) end)",
        ),
        (
            "select decode(x, 1, 'a', null, nvl(y, 'b'), 'c')",
            "select (case when (x) is not distinct from (1) then ('a') "
            "when (x) is not distinct from (null) then (coalesce(y, 'b')) else ('c') end)",
        ),
        (
            "select decode(x, 1, 'a')",
            "select (case when (x) is not distinct from (1) then ('a') end)",
        ),
        ("select dateadd(day, -1, d)", "select dateadd('day', -1, d) as \"date_add\""),
        ("select date_add('mons', 1, d)", "select dateadd('month', 1, d) as \"date_add\""),
        ("select datediff(HRS, a, b)", "select datediff('hour', a, b) as \"date_diff\""),
        ("select date_part(weekday, d)", "select date_part('dow', d) as \"pgdate_part\""),
        ("select date_trunc('mon', d)", "select date_trunc('month', d)"),
        ("select extract(y from d)", 'select (floor(extract(year from d)))::int as "date_part"'),
        ("select trim(both 'x' from y)", "select trim(both 'x' from y)"),
        (
            "select avg(x) over ()",
            "select pg_internal.avg(sum(x) over (), count(x) over (), pg_internal.avg(x) over ())",
        ),
        ("select convert(char(9), x) as c", "select cast(x as char(9)) as c"),
        (
            "select convert(nvarchar(9), x) as c",
            "select cast(pg_internal.cut((x)::text, 9) as varchar(9)) as c",
        ),
        (
            "select median(x) as m",
            "select pg_internal.percentile_cont_of(0.5, array_agg(x order by x) "
            "filter (where (x) is not null)) as m",
        ),
        (
            "select listagg(x, ',') within group (order by y desc) as l",
            "select pg_internal.listagg_result(string_agg(nullif((x)::varchar, ''), ',' "
            "order by y desc)) as l",
        ),
        (
            "select listagg(nvl(x, 'q'), ',') within group (order by nvl(y, 1), \"Z\") as l, "
            "nvl(a, b) as n",
            "select pg_internal.listagg_result(string_agg(nullif((coalesce(x, 'q'))::varchar, ''), "
            "',' order by coalesce(y, 1), \"z\")) as l, coalesce(a, b) as n",
        ),
        (
            "select ratio_to_report(nvl(q, 0)) over (partition by nvl(g, 1)) as r, nvl(a, b) as n",
            "select ((coalesce(q, 0))::float8 / nullif(sum(coalesce(q, 0)) "
            "over (partition by coalesce(g, 1)), 0)::float8) as r, coalesce(a, b) as n",
        ),
        (
            "select listagg(distinct x, '|') within group (order by x) over (partition by g) as l",
            "select pg_internal.listagg_result(pg_internal.listagg_distinct("
            "nullif((x)::varchar, ''), '|') over (partition by g order by x "
            "rows between unbounded preceding and unbounded following)) as l",
        ),
        ("select a::varchar(3) || b", "select pg_internal.cut((a)::text, 3)::varchar(3) || b"),
        (
            "select case when a then b end::varchar(2) || t.c::int::varchar(4)",
            "select pg_internal.cut((case when a then b end)::text, 2)::varchar(2) "
            "|| pg_internal.cut((t.c::int)::text, 4)::varchar(4)",
        ),
        (
            "select ratio_to_report(q) over (partition by g) from t",
            "select ((q)::float8 / nullif(sum(q) over (partition by g), 0)::float8) "
            'as "ratio_to_report" from t',
        ),
        ("select approximate count(distinct x) from t", "select  count(distinct x) from t"),
        ("select sysdate, t.sysdate", "select pg_internal.sysdate(), t.sysdate"),
        ("select version()", "select pg_internal.version()"),
        ("select s.nvl(1)", "select s.nvl(1)"),
        # Literals, names, types
        (r"select 'a\\d', 'plain'", r"select E'a\\d', 'plain'"),
        ('select "MyCol" from "S"."T"', 'select "mycol" from "s"."t"'),
        (
            "select a::decimal, cast(b as numeric)",
            "select a::numeric(18,0), cast(b as numeric(18,0))",
        ),
        ("select a::numeric(9,2), b::varchar(max)", "select a::numeric(9,2), b::varchar(65535)"),
        ("select * from #t", 'select * from "#t"'),
        ("select 1 minus select 2", "select 1 except select 2"),
        ("delete t where a = 1", "delete from t where a = 1"),
        ("select a into #t from u", 'select a into temp "#t" from u'),
        ("insert into #t select 1", 'insert into "#t" select 1'),
        # Statements
        ("begin transaction", "begin isolation level repeatable read"),
        (
            "start transaction isolation level serializable, read only",
            "begin isolation level repeatable read read only",
        ),
        ("end", "commit"),
        ("abort work", "rollback"),
        ("lock table a, s.b", "lock table a, s.b"),
        ("set query_group to 'nightly'", "set session redshift.query_group to 'nightly'"),
        ("set search_path = a, b", "set search_path = a, b"),
        ("grant select on t to role r, group g", 'grant select on t to  "role:r", group g'),
        (
            "create user u password disable",
            "do $rs$begin create user \"u\"; perform pg_internal.set_password('u', null); end$rs$",
        ),
        ("analyze s.t predicate columns", 'analyze "s"."t"'),
        ("vacuum delete only t to 75 percent boost", 'vacuum "t"'),
        ("drop schema db.s cascade", 'drop schema "db\x01s" cascade'),
        ("drop schema dev.s cascade", "drop schema s cascade"),
        (
            "select p from d.s.t as o, o.a.b as p",
            'select p from "d\x01s"."t" as o, lateral pg_internal.super_elements('
            'pg_internal.super_get(o.a, \'b\')) as "p"("p")',
        ),
        (
            "select d.s.t.a, s.t.b from d.s.t, dev.s.t",
            'select "d\x01s"."t"."a", s.t.b from "d\x01s"."t", dev.s.t',
        ),
        (
            "show tables from schema db.s limit 5",
            "select * from pg_internal.show_tables(array['db', 's']::text[]) limit 5",
        ),
    ],
)
def test_translation(redshift: str, postgres: str) -> None:
    assert plan(redshift).sql == postgres


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("create datashare d", "Statement CREATE DATASHARE"),
        ("alter procedure p() rename to q", "Statement ALTER PROCEDURE"),
        ("do $$ begin end $$", "Statement DO"),
        ("savepoint a", "Statement SAVEPOINT"),
        ("create index i on t (a)", "Statement CREATE INDEX"),
        ("rollback to savepoint a", "ROLLBACK TO SAVEPOINT"),
        ("declare c scroll cursor for select 1", "DECLARE … SCROLL"),
        ("declare c insensitive cursor for select 1", "DECLARE … INSENSITIVE"),
        ("declare c binary cursor for select 1", "DECLARE … BINARY"),
        ("declare c cursor with hold for select 1", "DECLARE … WITH HOLD"),
        ("select x::hllsketch", "Type hllsketch"),
        ("select date_part(decade, x) as d", "DATE_PART of a decade: use EXTRACT; it"),
        ("create table t (a geometry)", "Type geometry"),
        ("create table t (a interval year to month)", "Type interval with its fields"),
        ("select x::intervald2s", "Type intervald2s"),
        ("grant role sys:dba to a", "The system-defined role sys:dba"),
        ("grant drop, select on t to a", "The privilege DROP"),
        ("set work_mem to '1GB'", "Setting work_mem"),
        ("show work_mem", "Setting work_mem"),
        ("alter table t add column if not exists a int", "ADD COLUMN IF NOT EXISTS"),
        ("alter table t alter column a type integer", "ALTER COLUMN TYPE to anything but VARCHAR"),
        ("create table t (a int check (a > 0))", "This column attribute"),
        ("create table t (a int) tablespace x", "This clause of CREATE TABLE"),
        ("analyze compression t", "ANALYZE COMPRESSION"),
    ],
)
def test_refusals_name_what_is_refused(sql: str, names: str) -> None:
    error = refusal(sql)
    assert error.sqlstate == "0A000"
    assert error.message == f"{names} is not supported by the local Redshift gateway"
    assert error.detail == f"Statement: {sql}"


@pytest.mark.parametrize(
    ("sql", "sqlstate", "message"),
    [
        ("select string_agg(a, ',')", "42883", "function string_agg() does not exist"),
        ("select a::jsonb", "42704", 'type "jsonb" does not exist'),
        ("select cast(a as uuid)", "42704", 'type "uuid" does not exist'),
        ("create table t (a uuid)", "42704", 'type "uuid" does not exist'),
        ("create table t (a varchr(3))", "42704", 'type "varchr" does not exist'),
        ("create table s.t (a serial)", "0A000", 'Column "t.a" has unsupported type "serial".'),
        ("create table t (b int, a oid)", "0A000", 'Column "t.a" has unsupported type "oid".'),
        ("create table t (a int[])", "0A000", 'Column "t.a" has unsupported type "int[]".'),
        ("create table #t (a interval)", "0A000", 'Column "#t.a" has unsupported type "interval".'),
        ("alter table t add a regclass", "0A000", 'Column "t.a" has unsupported type "regclass".'),
        ("select a::text[]", "42704", "array types (text[]) do not exist"),
        ("select dateadd(fortnight, 1, d)", "22023", '"fortnight" is not a date part'),
        ("select (1", "42601", "syntax error: a parenthesis is not closed"),
        ("select nvl2(1, 2)", "42883", "function nvl2() does not take these arguments"),
        ("lock", "42601", "syntax error at end of input"),
        ("selec 1", "42601", 'syntax error at or near "selec"'),
        ("prepare p as drop table t", "42601", 'syntax error at or near "drop"'),
    ],
)
def test_what_redshift_lacks_is_an_error(sql: str, sqlstate: str, message: str) -> None:
    error = refusal(sql)
    assert (error.sqlstate, error.message) == (sqlstate, message)


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("select distinct on (a) a, b from t", "on"),
        ("select count(*) filter (where a) from t", "filter"),
        ("select * from t, lateral (select t.a) x", "lateral"),
        ("insert into t values (1) on conflict do nothing", "conflict"),
        ("delete from t where a = 1 returning a", "returning"),
        ("select * from (values (1), (2)) as v(a)", "values"),
        ("with v as (values (1)) select * from v", "values"),
        ("select 1 except all select 2", "all"),
        ("select * from t for update", "for"),
        ("select array[1, 2]", "array"),
        ("select array[1, 2] from t, pg_class", "array"),
    ],
)
def test_postgres_own_syntax_is_an_error(sql: str, word: str) -> None:
    error = refusal(sql)
    assert (error.sqlstate, error.message) == ("42601", f'syntax error at or near "{word}"')
    assert error.position == sql.index(word) + 1


@pytest.mark.parametrize(
    "sql",
    [
        "select * from t, generate_series(1, 3)",
        "create table t as select generate_series(1, 3) as n",
        "insert into t select n from generate_series(1, 3) as n",
    ],
)
def test_generate_series_is_the_leader_nodes(sql: str) -> None:
    assert refusal(sql).message.startswith("Specified types or functions")
    assert plan("select n, oid from generate_series(1, 3) as n, pg_class").relations
    over_catalogs = "select array[1::smallint], array(select 1) as a from svv_external_columns"
    assert plan(over_catalogs).sql == over_catalogs


def test_a_word_may_follow_a_number() -> None:
    assert plan("select case a when 1 then 4when 2 then 5end from t").sql == (
        "select case a when 1 then 4 when 2 then 5 end from t"
    )


def test_names_over_postgres_limit_are_stored_by_their_digest() -> None:
    assert plan(f"select {'a' * 63}").sql == f"select {'a' * 63}"
    upper, lower = (plan(f'select 1 as "{name * 32}"') for name in ("Éb", "Éb".lower()))
    assert upper.long_names == ("Éb" * 32,)
    assert lower.long_names == ("éb" * 32,)
    short = stored("éb" * 32)
    assert lower.sql == f'select 1 as "{short}"'
    assert short.startswith("éb" * 15)
    assert len(short.encode()) <= 63
    assert whole(f'column "{short}" is unknown') == f'column "{"éb" * 32}" is unknown'
    assert plan(f"select {'A' * 64}").sql == plan(f"select {'a' * 64}").sql
    assert plan(f"select {'a' * 64}").sql != plan(f"select {'a' * 65}").sql
    error = refusal(f'select 1 as "{"é" * 64}"')
    assert error.sqlstate == "42622"
    assert error.position == 13
    assert refusal(f"select {'a' * 70}, jsonb_agg(unnest(b))").position == 90


def test_case_sensitive_identifiers_are_kept_when_switched_on() -> None:
    switch = plan("set enable_case_sensitive_identifier to true")
    assert switch.case_sensitive is True
    assert plan('select "A"', Context(case_sensitive=True)).sql == 'select "A"'


def test_truncate_brings_its_commit() -> None:
    assert plan("truncate table s.t").after == ("commit",)


def test_transaction_verbs_are_told() -> None:
    assert plan("begin").verb is TransactionVerb.BEGIN
    assert plan("commit").verb is TransactionVerb.COMMIT
    assert plan("rollback").verb is TransactionVerb.ROLLBACK


def test_positions_lead_back_to_the_clients_text() -> None:
    sql = "select 1; select nvl(a, bogus) from t"
    second = translate(sql, split(sql)[1], CONTEXT)
    assert second.to_original is not None
    assert second.to_original(second.sql.index("bogus")) == sql.index("bogus")


def test_the_statements_start_stands_in_a_refusal_shortened() -> None:
    error = refusal("unload ('" + "x" * 200 + "') to 's3://b'")
    assert error.detail is not None
    assert error.detail.startswith("Statement: unload ('xxx")
    assert len(error.detail) == len("Statement: ") + 80
