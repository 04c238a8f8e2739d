from __future__ import annotations

import psycopg
import pytest

from .conftest import Lake, Schema, Servers

pytestmark = pytest.mark.slow


def test_statements_are_remembered_with_their_ends(schema: Schema) -> None:
    schema.run("set query_group to 'nightly'")
    schema.run('/* {"app": "dbt"} */ create table t (a int)')
    schema.run("insert into t values (1), (2), (3)")
    with pytest.raises(psycopg.Error, match="division by zero"):
        schema.run("select a / 0 from t")
    schema.run("begin")
    assert schema.run("select a from t where a > %s", 1) == [(2,), (3,)]
    schema.run("create table u as select * from t")
    schema.run("commit")
    schema.run("reset query_group")
    schema.run("select 2; select 3 as b")
    found = schema.run(
        "select query_type, status, returned_rows, trim(query_label), query_text, "
        "trim(error_message), user_id, transaction_id, elapsed_time >= 0 "
        "and datediff(microsecond, start_time, end_time) = elapsed_time "
        "and end_time between dateadd(minute, -5, getdate()) and dateadd(second, 1, getdate()) "
        "from sys_query_history where session_id = pg_backend_pid() order by query_id"
    )
    user = schema.value("select user_id from svv_user_info where user_name = 'starlift'")
    assert {(row[6], row[8]) for row in found} == {(user, True)}
    told = [row[:6] for row in found][-11:]
    begin = next(index for index, row in enumerate(found) if row[4] == "begin")
    transactions = [row[7] for row in found]
    assert len(set(transactions[begin : begin + 4])) == 1
    assert transactions[begin - 1] < transactions[begin] < transactions[begin + 4]
    assert told == [
        ("UTILITY", "success", 0, "default", "set query_group to 'nightly'", ""),
        ("DDL", "success", 0, "nightly", '/* {"app": "dbt"} */ create table t (a int)', ""),
        ("INSERT", "success", 3, "nightly", "insert into t values (1), (2), (3)", ""),
        ("SELECT", "failed", 0, "nightly", "select a / 0 from t", "division by zero"),
        ("UTILITY", "success", 0, "nightly", "begin", ""),
        ("SELECT", "success", 2, "nightly", "select a from t where a > $1", ""),
        ("CTAS", "success", 3, "nightly", "create table u as select * from t", ""),
        ("UTILITY", "success", 0, "nightly", "commit", ""),
        ("UTILITY", "success", 0, "nightly", "reset query_group", ""),
        ("SELECT", "success", 1, "default", "select 2", ""),
        ("SELECT", "success", 1, "default", "select 3 as b", ""),
    ]
    queries = (
        "select trim(label), aborted, trim(querytxt) from stl_query "
        "where pid = pg_backend_pid() and label like 'nightly%' order by query"
    )
    assert [(row[0], row[1], row[2][:8]) for row in schema.run(queries)] == [
        ("nightly", 0, "insert i"),
        ("nightly", 1, "select a"),
        ("nightly", 0, "select a"),
        ("nightly", 0, "create t"),
    ]
    assert schema.run(
        "select substring, aborted from svl_qlog where pid = pg_backend_pid() "
        "and label = 'nightly' order by query limit 2"
    ) == [("insert into t values (1), (2), (3)", 0), ("select a / 0 from t", 1)]
    assert schema.run(
        "select text from stl_ddltext where pid = pg_backend_pid() and label = 'nightly'"
    ) == [('/* {"app": "dbt"} */ create table t (a int)',)]
    # Through a view of one's own, and in pieces.
    schema.run(
        f"create view {schema.name}.v as select * from pg_catalog.stl_querytext "
        "with no schema binding"
    )
    long = "select '" + "x" * 300 + "'"
    schema.run(long)
    assert (
        "".join(
            row[0]
            for row in schema.run(
                "select text from v where query = (select max(query) from stl_query "
                "where pid = pg_backend_pid() and querytxt like 'select ''xxx%') order by sequence"
            )
        )
        == long
    )


def test_others_statements_are_a_superusers_to_see(schema: Schema, servers: Servers) -> None:
    schema.run("create user h_guest password 'Guest-12345'")
    try:
        with servers.psycopg(user="h_guest", password="Guest-12345") as guest:
            guest.execute("select 'mine' as a")
            assert guest.execute(
                "select distinct query_text from sys_query_history where query_type = 'SELECT'"
            ).fetchall() == [("select 'mine' as a",)]
        assert schema.value(
            "select count(*) from sys_query_history as q join svv_user_info as u "
            "on u.user_id = q.user_id where u.user_name = 'h_guest' and q.query_text like '%mine%'"
        )
    finally:
        schema.run("drop user h_guest")


def test_a_copy_has_the_id_of_its_load(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a int)")
    lake.put("a.csv", "1\n2\n")
    schema.run(f"copy t from '{lake.url}/a.csv' iam_role default csv")
    assert schema.run(
        "select q.query_type, q.returned_rows, l.loaded_rows from sys_query_history as q "
        "join sys_load_history as l on l.query_id = q.query_id "
        "where q.query_id = pg_last_copy_id()"
    ) == [("COPY", 2, 2)]


def test_what_runs_and_what_lies_on_the_disk(schema: Schema) -> None:
    assert schema.run(
        "select user_name, db_name from stv_sessions where process = pg_backend_pid()"
    ) == [("starlift", "warehouse")]
    assert schema.run("select slice, suspended from stv_inflight where pid = pg_backend_pid()") == [
        (0, 0)
    ]
    schema.run("create table big as select repeat('x', 1000) as a")
    for _ in range(12):
        schema.run("insert into big select * from big")
    blocks = "select count(*) from svv_diskusage where name = 'big' and tbl = %s::regclass::int"
    assert 4 <= schema.value(blocks, f"{schema.name}.big") <= 6
    listed = (
        "select count(*), min(blocknum), max(on_disk) from stv_blocklist where tbl = %s::regclass"
    )
    big = schema.value("select %s::regclass::int", f"{schema.name}.big")
    assert schema.run(listed, big) == [(schema.value(blocks, f"{schema.name}.big"), 0, 1)]
    schema.run("begin")
    schema.run("lock table big")
    assert schema.run(
        "select txn_owner, granted from svv_transactions where pid = pg_backend_pid() "
        "and lock_mode = 'AccessExclusiveLock'"
    ) == [("starlift", True)]
    schema.run("rollback")
    assert schema.run(
        "select usesuper, useconnlimit from pg_user_info where usename = 'starlift'"
    ) == [(True, "UNLIMITED")]


def test_the_last_querys_id(servers: Servers, schema: Schema) -> None:
    with servers.psycopg() as other:
        assert other.execute("select pg_last_query_id()").fetchall() == [(-1,)]
    schema.run("create table t (a int)")
    schema.run("insert into t values (1)")
    schema.run("set query_group to 'x'")
    last = schema.value("select pg_last_query_id()")
    text = "select querytxt from stl_query where query = %s"
    assert schema.run(text, last) == [("insert into t values (1)",)]
    schema.run("begin")
    schema.run("select 5 as five from t")
    inside = schema.value("select pg_last_query_id()")
    schema.run("rollback")
    assert schema.run(text, inside) == [("select 5 as five from t",)]


def test_what_is_refused_or_cannot_be_parsed_is_remembered(schema: Schema) -> None:
    connection = schema.connection
    refusals = ["savepoint s", "select nothing_of_that_name", "select 'open"]
    for sql in refusals:
        with pytest.raises(psycopg.Error):
            schema.run(sql)  # the simple protocol
        with pytest.raises(psycopg.Error):
            connection.execute(sql, prepare=True)
    found = schema.run(
        "select query_text, status, error_message like '%not supported%' from sys_query_history "
        "where session_id = pg_backend_pid() and status = 'failed' order by query_id"
    )
    assert found == [(sql, "failed", sql == "savepoint s") for sql in refusals for _ in range(2)]
