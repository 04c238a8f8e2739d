from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from .conftest import Schema, Servers

pytestmark = pytest.mark.slow


def test_distribution_and_sort_keys_are_shown(schema: Schema) -> None:
    schema.run(
        "create table t (a int encode az64, b varchar(70) distkey, c timestamp) sortkey (c, a)"
    )
    assert schema.run(
        'select "column", type, encoding, distkey, sortkey, "notnull" '
        "from pg_table_def where schemaname = %s and tablename = 't'",
        schema.name,
    ) == [
        ("a", "integer", "az64", False, 2, False),
        ("b", "character varying(70)", "none", True, 0, False),
        ("c", "timestamp without time zone", "none", False, 1, False),
    ]
    info = (
        "select diststyle, sortkey1, sortkey_num, max_varchar from svv_table_info "
        'where "table" = \'t\' and "schema" = %s'
    )
    assert schema.run(info, schema.name) == [("KEY(b)", "c", 2, 70)]
    schema.run("alter table t alter diststyle all")
    schema.run("alter table t alter sortkey (b)")
    assert schema.run(info, schema.name) == [("ALL", "b", 1, 70)]


def test_sorted_tables_skip_what_literals_exclude(servers: Servers, schema: Schema) -> None:
    schema.run("create table ten (n int)")
    schema.run(f"insert into ten values {', '.join(f'({n})' for n in range(10))}")
    schema.run(
        "create table t compound sortkey (batch, n) as select 'b' || lpad(a.n, 2, '0') as batch, "
        "a.n * 10000 + b.n * 1000 + c.n * 100 + d.n * 10 + e.n as n, rpad('', 200, 'x') as filler "
        "from ten a, ten b, ten c, ten d, ten e order by 2"
    )
    maps = "select relname from pg_class where relname like 'zone_map_%%' and relkind = 'i'"
    assert schema.run(maps) == []
    with servers.postgres() as inside:
        inside.execute(f"set search_path to {schema.name}")
        inside.execute("analyze t")
        for question, found in (("batch = 'b07'", 10_000), ("n between 70000 and 79999", 10_000)):
            rows = inside.execute(f"explain (analyze) select * from t where {question}").fetchall()
            plan = "\n".join(line for (line,) in rows)
            assert "Bitmap Index Scan on zone_map_" in plan
            # A fifth of the rows at most are read for a tenth of them.
            removed = [int(line.split()[-1]) for line in plan.splitlines() if "Removed" in line]
            assert sum(removed) <= found, plan
    assert schema.value("select count(*) from t where batch = 'b07' and n < 70500") == 500
    with servers.postgres() as inside:
        count = "select count(*) from pg_index where indrelid = %s::regclass"
        tables = {"t": 1, "unsorted": 0, "dropped": 0}
        schema.run("create table unsorted (a int) sortkey auto")
        schema.run("create table dropped (a int, b super) sortkey (a)")
        schema.run("alter table dropped alter sortkey none")
        for table, wanted in tables.items():
            assert inside.execute(count, (f"{schema.name}.{table}",)).fetchone() == (wanted,)


@pytest.mark.parametrize(
    ("clause", "shown"),
    [
        ("", ("AUTO(ALL)", "AUTO(SORTKEY)")),
        ("diststyle even", ("EVEN", "AUTO(SORTKEY)")),
        ("diststyle auto sortkey auto", ("AUTO(ALL)", "AUTO(SORTKEY)")),
        ("diststyle key distkey (a) interleaved sortkey (a)", ("KEY(a)", "INTERLEAVED")),
    ],
)
def test_ctas_attributes(schema: Schema, clause: str, shown: tuple[str, str]) -> None:
    schema.run(f"create table t {clause} as select 1 as a")
    found = schema.run(
        'select diststyle, sortkey1 from svv_table_info where "schema" = %s', schema.name
    )
    assert found == [shown]


def test_ctas_column_types_are_redshifts(schema: Schema) -> None:
    schema.run(
        "create table t as select md5('a') as a, 1.50::numeric(9,2) * 2 as b, 'x'::char(2) as c"
    )
    assert schema.run(
        "select column_name, data_type, numeric_precision, numeric_scale "
        "from information_schema.columns where table_schema = %s order by ordinal_position",
        schema.name,
    ) == [
        ("a", "character varying", None, None),
        ("b", "numeric", 38, 2),
        ("c", "character", None, None),
    ]
    assert schema.value("select b from t") == Decimal("3.00")


def test_comments_and_columns_are_listed(schema: Schema) -> None:
    schema.run("create table t (a int not null default 5, b varchar(9))")
    schema.run("comment on table t is $$it's \\ a table$$")
    schema.run("comment on column t.b is 'the b'")
    assert schema.run(
        "select column_name, data_type, column_default, is_nullable, remarks "
        "from svv_redshift_columns where schema_name = %s",
        schema.name,
    ) == [
        ("a", "integer", "5", "NO", None),
        ("b", "character varying(9)", None, "YES", "the b"),
    ]
    assert schema.run(
        "select table_type, remarks from svv_tables where table_schema = %s", schema.name
    ) == [("BASE TABLE", "it's \\ a table")]
    rows = schema.run(f"show columns from table warehouse.{schema.name}.t like 'b'")
    assert [(row[3], row[7], row[8], row[11]) for row in rows] == [
        ("b", "character varying", 9, "the b")
    ]


def test_show_schemas_databases_and_limit(servers: Servers, schema: Schema) -> None:
    assert schema.run(f"show schemas from database warehouse like '{schema.name}'") == [
        ("warehouse", schema.name, "starlift", "local", "", "", "")
    ]
    assert [row[0] for row in schema.run("show databases")] == ["warehouse"]
    schema.run("create table a (x int)")
    schema.run("create table b (x int)")
    assert [row[2] for row in schema.run(f"show tables from schema {schema.name} limit 1")] == ["a"]
    assert "pg_internal" not in [
        row[1] for row in schema.run("show schemas from database warehouse")
    ]


def test_grants_are_real_and_shown(schema: Schema) -> None:
    s = schema.name
    schema.run("create table t (a int)")
    for statement in ("drop user if exists reader_1", "drop group if exists readers_1"):
        schema.run(statement)
    schema.run("create user reader_1 password disable")
    schema.run("create group readers_1")
    schema.run("grant select on t to reader_1")
    schema.run("grant insert on t to group readers_1")
    assert schema.value(f"select has_table_privilege('reader_1', '{s}.t', 'select')") is True
    assert schema.value(f"select has_table_privilege('reader_1', '{s}.t', 'insert')") is False
    assert schema.run(
        "select identity_name, identity_type, privilege_type from svv_relation_privileges "
        "where namespace_name = %s and identity_name <> 'starlift' order by 1",
        s,
    ) == [("reader_1", "user", "select"), ("readers_1", "group", "insert")]
    shown = schema.run(f"show grants on table {s}.t")
    assert ("SELECT", "reader_1") in [(row[4], row[6]) for row in shown]
    schema.run("revoke select on t from reader_1")
    assert schema.value(f"select has_table_privilege('reader_1', '{s}.t', 'select')") is False


def test_dropped_tables_leave_no_attributes(servers: Servers, schema: Schema) -> None:
    schema.run("create table t (a int) diststyle all")
    schema.run("drop table t")
    schema.run("create table t (a int)")
    found = schema.run('select diststyle from svv_table_info where "schema" = %s', schema.name)
    assert found == [("AUTO(ALL)",)]


@pytest.mark.parametrize(
    "view",
    [
        "stl_load_errors",
        "stl_load_commits",
        "sys_load_history",
        "sys_load_error_detail",
        "stv_sessions",
        "stv_recents",
        "stv_mv_info",
        "svv_mv_info",
        "svv_external_columns",
        "svv_external_tables",
        "svv_external_schemas",
        "svv_columns",
        "svv_tables",
        "svv_redshift_tables",
        "svv_redshift_schemas",
        "svv_all_schemas",
        "svv_redshift_databases",
        "sys_query_detail",
        "pg_user",
    ],
)
def test_system_views_can_be_read(servers: Servers, view: str) -> None:
    with servers.psycopg() as connection:
        connection.execute(f"select * from {view} limit 1")
        connection.execute(f"select * from pg_catalog.{view} limit 1")
        can = connection.execute(f"select has_table_privilege(current_user, '{view}', 'SELECT')")
        assert can.fetchone() == (True,)


def test_postgres_own_functions_do_not_exist(servers: Servers) -> None:
    with servers.psycopg() as connection:
        for call in ("string_agg('a', ',')", "pg_sleep(0)", "to_json(1)", "pg_read_file('x')"):
            with pytest.raises(psycopg.errors.UndefinedFunction):
                connection.execute(f"select {call}")


def test_literals_have_lengths_and_text_is_varchar(schema: Schema) -> None:
    schema.run("create table one as select 'abc' as a, 1.50 as b, '' as c, 'abc' || 'd' as d")
    schema.run(
        "create view bound as with x as (select 'ab' as a) select a, cast('é' as text) as b from x"
    )
    schema.run(
        "create view chosen as select case when 1 = 1 then 'yes' else 'no' end as a, "
        "case when 1 = 1 then 'yes' else md5('x') end as b, case case 'x' when 'x' then 1 end "
        "when 1 then 'a' when 2 then null when 3 then 'ñan' else 'c' end as c union all "
        "select 'a', 'b', 'c'"
    )
    schema.run("create view open as select case when 1 = 1 then 'yes' end as a")
    schema.run("create view branches as select 'abc' as a, 1.5 as b, 'x' as c union all "
               "select 'abcde', 20.25, md5('x')")  # fmt: skip
    assert schema.run(
        "select table_name, column_name, data_type, character_maximum_length, numeric_precision, "
        "numeric_scale from information_schema.columns where table_schema = %s order by 1, 2",
        schema.name,
    ) == [
        ("bound", "a", "character varying", 2, None, None),
        ("bound", "b", "character varying", 2, None, None),
        ("branches", "a", "character varying", 5, None, None),
        ("branches", "b", "numeric", None, 4, 2),
        ("branches", "c", "character varying", 65535, None, None),
        ("chosen", "a", "character varying", 3, None, None),
        ("chosen", "b", "character varying", 65535, None, None),
        ("chosen", "c", "character varying", 4, None, None),
        ("one", "a", "character varying", 3, None, None),
        ("one", "b", "numeric", None, 3, 2),
        ("one", "c", "character varying", 1, None, None),
        ("one", "d", "character varying", 65535, None, None),
        ("open", "a", "character varying", 3, None, None),
    ]


def test_insertions_are_remembered_for_freshness(schema: Schema) -> None:
    last = (
        "select count(*), max(d.start_time) > getdate() - interval '1 minute' from pg_class as c "
        "join pg_namespace as n on n.oid = c.relnamespace "
        "join sys_query_detail as d on d.table_id = c.oid and d.step_name = 'insert' "
        "where n.nspname = %s and c.relname = 't'"
    )
    schema.run("create table t (a int)")
    assert schema.run(last, schema.name) == [(0, None)]
    schema.run("insert into t values (1)")
    schema.run("insert into t select 2")
    assert schema.run(last, schema.name) == [(2, True)]
    schema.run("drop table t")
    schema.run("create table t as select 1 as a")
    assert schema.run(last, schema.name) == [(1, True)]


def test_system_views_that_are_not_there_are_said_so(schema: Schema) -> None:
    for name in ("stl_scan", "pg_catalog.stl_explain"):
        with pytest.raises(psycopg.errors.UndefinedTable) as caught:
            schema.run(f"select * from {name}")
        assert caught.value.diag.message_detail == (
            "The local Redshift gateway does not have this system view."
        )
    with pytest.raises(psycopg.errors.UndefinedTable) as caught:
        schema.run("select * from stlx")
    assert caught.value.diag.message_detail is None


def test_spatial_functions_that_are_not_there_are_said_so(schema: Schema) -> None:
    with pytest.raises(psycopg.errors.UndefinedFunction) as caught:
        schema.run("select st_geomfromtext('POINT(1 2)', 4326)")
    told = (caught.value.diag.message_detail, caught.value.diag.message_hint)
    assert told == ("The local Redshift gateway has no spatial functions.", None)
