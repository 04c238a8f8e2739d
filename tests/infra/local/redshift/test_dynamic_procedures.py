"""What procedures run that is translated when it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from .conftest import ROLE, Lake, Schema, Servers, wait_until

pytestmark = pytest.mark.slow


def test_execute_of_a_computed_text(schema: Schema) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/c_PLpgSQL-statements.html, "Dynamic SQL"."""
    notices: list[str] = []
    schema.connection.add_notice_handler(lambda told: notices.append(str(told.message_primary)))
    schema.run("create table t (a int, b varchar(20))")
    schema.run("insert into t values (1, 'x'), (2, null)")
    schema.run(
        """
        create procedure made(tab varchar, n inout int) as $$
        declare
          r record;
          c refcursor;
        begin
          execute 'create table ' || tab || ' (x int distkey, y text) sortkey (x)';
          execute 'insert into ' || quote_ident(tab) || ' select a, nvl(b, ''none'') from t';
          execute 'select count(*) + ' || n || ' from ' || tab || ' -- a remark' into n;
          for r in execute 'select top 1 x, x + 1 as y1, y1 * 2 as y2 from ' || tab || ' order by x'
          loop
            raise info 'row % % %', r.x, r.y1, r.y2;
          end loop;
          open c for execute 'select y from ' || tab || ' where true qualify max(x) over () = x;';
          fetch c into r;
          raise info 'fetched %', r.y;
        end $$ language plpgsql
        """
    )
    assert schema.run("call made('u', 40)") == [(42,)]
    assert notices == ["row 1 2 4", "fetched none"]
    assert schema.rows("u") == [(1, "x"), (2, "none")]
    described = "select \"column\", type, distkey, sortkey from pg_table_def where tablename = 'u'"
    assert schema.run(f"{described} order by 1") == [
        ("x", "integer", True, 1),
        ("y", "character varying(256)", False, 0),
    ]


def test_a_text_sees_its_transaction_and_late_binding_views(schema: Schema) -> None:
    schema.run("create table t (a int)")
    schema.run(f"create view v as select a from {schema.name}.t with no schema binding")
    schema.run(
        "create procedure asked(q varchar(500), n out int) as "
        "$$ begin execute q into n; end $$ language plpgsql"
    )
    schema.run("begin")
    schema.run("insert into t values (1), (2)")
    assert schema.value("call asked('select count(*) from v')") == 2
    assert schema.value("call asked('select sum(c) from (select a as b, b + 1 as c from t)')") == 5
    schema.run("rollback")
    assert schema.value("call asked('select count(*) from v')") == 0
    schema.run("create table s (a int, b int)")
    schema.run(
        f"create or replace view v as select b as a from {schema.name}.s with no schema binding"
    )
    schema.run("insert into s values (1, 7)")
    assert schema.value("call asked('select max(a) from v')") == 7


@pytest.mark.parametrize(
    ("text", "state", "message"),
    [
        ("select 1::uuid", "42704", 'type "uuid" does not exist'),
        ("select a from nowhere", "42P01", 'relation "nowhere" does not exist'),
        ("create index i on t (a)", "0A000", "Statement CREATE INDEX is not supported"),
        ("commit", "0A000", "EXECUTE of transaction commands is not implemented"),
        ("select 1; select 2", "0A000", "EXECUTE of several statements is not supported"),
        ("set enable_case_sensitive_identifier to on", "0A000", "EXECUTE of SET is not supported"),
        ("create database d", "25001", "CREATE DATABASE cannot run inside a transaction block"),
        ("selec 1", "42601", 'syntax error at or near "selec"'),
    ],
)
def test_errors_of_texts(schema: Schema, text: str, state: str, message: str) -> None:
    schema.run("create procedure p(q varchar) as $$ begin execute q; end $$ language plpgsql")
    with pytest.raises(psycopg.Error) as caught:
        schema.run(f"call p('{text}')")
    assert caught.value.sqlstate == state
    assert str(caught.value.diag.message_primary).startswith(message)
    assert schema.value("select 1") == 1


def test_truncate_commits_in_a_text(schema: Schema) -> None:
    schema.run("create table t (a int)")
    schema.run("create table done (a int)")
    schema.run("insert into t values (1)")
    schema.run(
        "create procedure p(tab varchar) as $$ begin "
        "insert into done values (1); execute 'truncate ' || tab; "
        "insert into done values (1 / 0); end $$ language plpgsql"
    )
    with pytest.raises(psycopg.errors.DivisionByZero):
        schema.run("call p('t')")
    assert (schema.rows(), schema.rows("done")) == ([], [(1,)])


def test_statements_after_then_are_statements(schema: Schema) -> None:
    schema.run("create table t (a int)")
    schema.run("create table log (said varchar(200))")
    schema.run("insert into t values (1)")
    schema.run(
        """
        create procedure p(k int) as $$
        begin
          if k = 1 then create table keyed (a int distkey) sortkey (a);
          elsif k = 2 then execute 'create table made as select top 1 nvl(a, 2) b from t';
          else insert into t values (1 / 0);
          end if;
        exception when others then
          if sqlstate = '22012' then insert into log values (sqlstate); end if;
        end $$ language plpgsql
        """
    )
    schema.run(
        "create procedure q() as $$ begin if true then truncate t; end if; "
        "insert into t values (1 / 0); end $$ language plpgsql"
    )
    schema.run("call p(1)")
    schema.run("call p(2)")
    assert (schema.rows("keyed"), schema.rows("made")) == ([], [(1,)])
    with pytest.raises(psycopg.errors.DivisionByZero):
        schema.run("call p(3)")
    assert schema.rows("log") == [("22012",)]
    assert schema.rows() == [(1,)]
    with pytest.raises(psycopg.errors.DivisionByZero):
        schema.run("call q()")
    assert schema.rows() == []


def test_case_statements(schema: Schema) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/c_PLpgSQL-statements.html, "Conditionals"."""
    schema.run("create table t (a int)")
    schema.run(
        """
        create procedure p(x int, said inout varchar(20)) as $$
        begin
          case x
            when 1, 2 then said := 'one or two'; insert into t values (nvl(null, x));
            when 3 then execute 'insert into t select nvl(null, 33)';
            else said := case when x > 10 then 'many' else decode(x, 4, 'four', 'few') end;
          end case;
          case when (case when x = 3 then true else false end) then said := 'three';
            else null; end case;
        end $$ language plpgsql
        """
    )
    said = [schema.value(f"call p({x}, null)") for x in (2, 3, 4, 5, 11)]
    assert said == ["one or two", "three", "four", "few", "many"]
    assert schema.rows() == [(2,), (33,)]


def test_using_is_not_redshifts(schema: Schema) -> None:
    with pytest.raises(psycopg.errors.SyntaxError, match="using"):
        schema.run("create procedure p() as $$ begin execute 'x' using 1; end $$ language plpgsql")


def test_queries_that_wait_until_they_run(servers: Servers, schema: Schema) -> None:
    """Late-binding and system views, and aliases that are used again, with variables."""
    schema.run("create table t (a int, b varchar(20))")
    schema.run("insert into t values (1, 'x'), (2, 'y')")
    schema.run(f"create view v as select a from {schema.name}.t with no schema binding")
    schema.run(
        """
        create procedure p(k int, n out int, m out int, tables out int) as $$
        declare
          r record;
          found_row record;
        begin
          select count(*) into n from v where v.a >= k;
          select into found_row a + k as c, c + 1 as d from t where a = 1;
          m := found_row.d;
          for r in select a, a + 1 as c, c * k as d from v order by 1 loop
            insert into t (a, b) select r.a + 100 as q, q + r.d || 'z' from v where a = r.a;
          end loop;
          create temp table doubled as select a * 2 as c, c * 2 as d from t where a < 50 + k;
          select count(*) into tables from svv_table_info where "schema" = current_schema();
        end $$ language plpgsql
        """
    )
    assert schema.run("call p(1)") == [(2, 3, 1)]
    assert schema.rows() == [(1, "x"), (2, "y"), (101, "103z"), (102, "105z")]
    assert schema.rows("doubled") == [(2, 4), (4, 8)]
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="FOUND beside"):
        schema.run(
            "create procedure q(n out int) as $$ begin select a into n from v; "
            "if not found then n := 0; end if; end $$ language plpgsql"
        )


def test_a_view_that_came_after_the_procedure_is_refused(schema: Schema) -> None:
    schema.run(
        "create procedure p(n out int) as "
        "$$ begin select count(*) into n from v; end $$ language plpgsql"
    )
    schema.run(f"create view v as select 1 as a from {schema.name}.t with no schema binding")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="late-binding view"):
        schema.run("call p()")


def test_questions_leave_nothing_behind(servers: Servers, tmp_path: Path) -> None:
    """Forged questions are messages like any other; answers go with their sessions."""
    with servers.postgres() as admin:
        (folder,) = admin.execute("show data_directory").fetchone() or ("",)
    answers = Path(folder) / "redshift_answers"
    with servers.psycopg() as session:
        told: list[str] = []
        session.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
        session.execute(
            "create or replace procedure public.forged(q varchar) as $$ begin "
            "raise info using errcode = 'RSASK', message = q, detail = 'x'; "
            "execute 'select 1'; end $$ language plpgsql"
        )
        session.execute("call public.forged('nonsense')")
        assert told == ["nonsense"]
        pid = session.info.backend_pid
        assert list(answers.glob(f"{pid}.*")) != []
        session.execute("drop procedure public.forged(varchar)")
    wait_until(lambda: not list(answers.glob(f"{pid}.*")), "the answers' removal")


def test_copy_and_unload_in_procedures(servers: Servers, schema: Schema, lake: Lake) -> None:
    """In the procedure's own transaction, with the text as it is computed."""
    notices: list[str] = []
    schema.connection.add_notice_handler(lambda told: notices.append(str(told.message_primary)))
    lake.put("in/part-0", '1|a,b|1.50\n2||2.25\n3|"q"|\n')
    schema.run("create table t (a int, b varchar(9), c numeric(5,2))")
    schema.run(
        f"""
        create procedure load(tab varchar, n out int, counted out bigint) as $$
        begin
          execute 'copy ' || tab || ' from ''{lake.url}/in/'' {ROLE.replace("'", "''")} csv '
            || 'delimiter ''|''';
          execute 'select count(*) from ' || tab into n;
          select into counted pg_last_copy_count();
          unload ('select a, b || ''!'' as b, c from t where a < 3 order by a')
            to '{lake.url}/out/' {ROLE} csv parallel off;
        end $$ language plpgsql
        """
    )
    schema.run("begin")
    assert schema.run("call load('t', null)") == [(3, 3)]
    assert [row[1] for row in schema.rows()] == ["a,b", "", "q"]
    schema.run("rollback")
    assert schema.rows() == []
    assert lake.get("out/000").decode() == '1,"a,b!",1.50\n2,!,2.25\n'
    assert notices == [
        "Load into table 't' completed, 3 record(s) loaded successfully.",
        "UNLOAD completed, 2 record(s) unloaded successfully.",
    ]
    lake.put("in/part-1", "x|b|1.5\n")
    with pytest.raises(psycopg.Error, match="stl_load_errors"):
        schema.run("call load('t', null)")
    assert schema.rows() == []
    assert schema.value("select err_reason from stl_load_errors order by starttime desc limit 1")
    for history in ("sys_load_history", "sys_unload_history"):
        told = f"select database_name from {history} order by query_id desc limit 1"
        assert schema.value(told).strip() == schema.value("select current_database()")
    with servers.postgres() as admin:
        (folder,) = admin.execute("show data_directory").fetchone() or ("",)
    assert list((Path(folder) / "redshift_answers").glob("*.rows")) == []


def test_users_copy_with_their_own_rights(servers: Servers, schema: Schema, lake: Lake) -> None:
    lake.put("in/part-0", "1\n")
    schema.run("create table t (a int)")
    schema.run("drop user if exists loader")
    schema.run("create user loader password 'Loader-123'")
    schema.run(f"grant usage on schema {schema.name} to loader")
    schema.run(
        f"create procedure load() as $$ begin copy {schema.name}.t from '{lake.url}/in/' {ROLE}; "
        f"unload ('select 1 as a') to '{lake.url}/out/' {ROLE}; end $$ language plpgsql"
    )
    with servers.psycopg(user="loader", password="Loader-123") as session:
        call = f"call {schema.name}.load()"
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="relation t"):
            session.execute(call)
        schema.run(f"grant insert on {schema.name}.t to loader")
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="no superuser"):
            session.execute(call)
    schema.run(f"revoke all on schema {schema.name} from loader")
    schema.run(f"revoke all on {schema.name}.t from loader")
    schema.run("drop user loader")


def test_nobody_waits_for_a_gateway_that_has_gone(servers: Servers) -> None:
    """PostgreSQL looks whether its client is there (client_connection_check_interval)."""
    waiting = (
        "import psycopg, sys; c = psycopg.connect(sys.argv[1]); "
        "print(c.info.backend_pid, flush=True); "
        "c.execute(\"select pg_internal.gateway_answer('1')\")"
    )
    with servers.postgres() as admin:
        address = f"host=127.0.0.1 port={servers.postgres_port} dbname={admin.info.dbname}"
        address += " user=postgres password=pg-secret"
        asking = subprocess.Popen(
            [sys.executable, "-c", waiting, address], stdout=subprocess.PIPE, text=True
        )
        assert asking.stdout is not None
        pid = int(asking.stdout.readline())
        running = f"select from pg_stat_activity where pid = {pid} and state = 'active'"
        wait_until(lambda: admin.execute(running).fetchall(), "the question")
        asking.kill()
        asking.wait(timeout=20)
        left = f"select from pg_stat_activity where pid = {pid}"
        wait_until(lambda: not admin.execute(left).fetchall(), "the end of the waiting")
