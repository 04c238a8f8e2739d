"""Stored procedures, with the examples of r_CREATE_PROCEDURE in Redshift's developer guide."""

from __future__ import annotations

import psycopg
import pytest

from .conftest import Schema

pytestmark = pytest.mark.slow

TEST_SP2 = """
create or replace procedure test_sp2(f1 in int, f2 inout varchar(256), out_var out varchar(256))
as $$
declare
  loop_var int;
begin
  if f1 is null or f2 is null then
    raise exception 'input cannot be null';
  end if;
  drop table if exists my_etl;
  create temp table my_etl(a int, b varchar) diststyle all;
    for loop_var in 1..f1 loop
        insert into my_etl values (loop_var, f2);
        f2 := f2 || '+' || f2;
    end loop;
  select into out_var count(*) from my_etl;
end;
$$ language plpgsql
"""


def test_arguments_and_results(schema: Schema) -> None:
    schema.run(TEST_SP2)
    assert schema.run("call test_sp2(2, '2019')") == [("2019+2019+2019+2019", "2")]
    with pytest.raises(psycopg.errors.RaiseException, match="input cannot be null"):
        schema.run("call test_sp2(nvl(null, null::int), 'x')")
    schema.run("drop procedure test_sp2(int, varchar)")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        schema.run("call test_sp2(2, '2019')")


def test_the_language_may_come_first(schema: Schema) -> None:
    """As in redshift_connector's test_dbapi20.py."""
    schema.run("create procedure echo(inout val text) language plpgsql as $p$ begin end $p$")
    assert schema.run("call echo('hello')") == [("hello",)]
    with pytest.raises(psycopg.errors.SyntaxError):
        schema.run("create procedure p() language plpgsql as $$ begin end $$ language plpgsql")


def test_the_body_is_redshifts_sql(schema: Schema) -> None:
    schema.run("create table t (a int, b varchar(9))")
    schema.run("insert into t values (99, 'old')")
    schema.run(
        """
        create procedure fill(n int) as $$
        declare
          rec record;
          rounded decimal := 2.5;  -- NUMERIC(18, 0)
          word varchar(9) := nvl(null, 'x');
        begin
          truncate t;
          for rec in
            select i, dateadd(day, i, '2020-01-01')::date as d
            from (select 1 as i union all select 2 union all select 3) g
            where true qualify row_number() over (order by i) <= n
          loop
            insert into t values (rec.i, decode(rec.i, 1, to_char(rec.d, 'DD'), 'other'));
            if rec.i = 2 then
              update t set b = nvl2(b, word || rounded, 'y') where a = rec.i;
            end if;
          end loop;
          execute 'delete from t where a = nvl(null, 99)';
          create table keyed (a int distkey, b text) sortkey (a);
        end $$ language plpgsql security invoker
        """
    )
    schema.run("call fill(2)")
    assert schema.run("select * from t order by a") == [(1, "02"), (2, "x3")]
    assert schema.run(
        'select "column", type, distkey, sortkey from pg_table_def where tablename = %s '
        "and schemaname = %s order by 1",
        "keyed",
        schema.name,
    ) == [("a", "integer", True, 1), ("b", "character varying(256)", False, 0)]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("perform 1::geometry;", "Type geometry"),
        ("create index i on t (a);", "Statement CREATE INDEX"),
    ],
)
def test_what_bodies_are_refused(schema: Schema, body: str, names: str) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        schema.run(f"create procedure p() as $$ begin {body} end $$ language plpgsql")
    message = f"{names} is not supported by the local Redshift gateway"
    assert caught.value.diag.message_primary == message


def test_what_procedures_are_refused(schema: Schema) -> None:
    for head, names in (
        ("p() nonatomic", "A NONATOMIC procedure"),
        ("p(a out int, b int)", "An argument after an OUT argument"),
    ):
        with pytest.raises(psycopg.errors.FeatureNotSupported, match=names):
            schema.run(f"create procedure {head} as $$ begin null; end $$ language plpgsql")


DEFINITION = """ -- it counts */ and /* does not end
begin
    b := nvl(b, 'x') || datediff(day, '2024-01-01', '2024-01-03');
end;
"""


def test_definitions_are_shown_as_they_were_written(schema: Schema) -> None:
    schema.run(
        "create or replace procedure shown (a int, b inout varchar(20), c out double precision) "
        f"as $${DEFINITION}$$ language plpgsql"
    )
    head = (
        f"CREATE OR REPLACE PROCEDURE {schema.name}.shown(a integer, INOUT b character varying, "
        "OUT c double precision)\n LANGUAGE plpgsql\nAS $_$"
    )
    whole = head + DEFINITION + "$_$\n"
    for called in ("shown", f"{schema.name}.shown(int, varchar)", "shown(a in int, varchar(20))"):
        assert schema.value(f"show procedure {called}") == whole, called
    assert schema.value("select prosrc from pg_proc where proname = 'shown'") == DEFINITION
    schema.run("create function doubled (int) returns int stable as $$select $1 * 2$$ language sql")
    sources = "select prosrc, prokind from pg_proc_info where proname = 'doubled'"
    assert schema.run(sources) == [("select $1 * 2", "f")]
    with pytest.raises(psycopg.errors.UndefinedFunction, match="does not exist"):
        schema.run("show procedure shown(int)")


def test_overloaded_procedures_are_dropped_by_their_types(schema: Schema) -> None:
    for kind in ("int", "double precision", "varchar(10)"):
        schema.run(f"create procedure many (a {kind}) as $$ begin null; end; $$ language plpgsql")
    with pytest.raises(psycopg.errors.AmbiguousFunction, match="not unique"):
        schema.run("drop procedure many")
    schema.run("drop procedure if exists many(date)")
    with pytest.raises(psycopg.errors.UndefinedFunction, match=r"many\(date\)"):
        schema.run("drop procedure many(date)")
    schema.run("drop procedure many(a in double precision)")
    schema.run("drop procedure many(varchar)")
    left = f"show procedures from schema {schema.name}"
    assert [row[4] for row in schema.run(left)] == ["integer"]
    schema.run("drop procedure many")
    assert schema.run(left) == []
