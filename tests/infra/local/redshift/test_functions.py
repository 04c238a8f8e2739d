from __future__ import annotations

import psycopg
import pytest

from .conftest import Schema

pytestmark = pytest.mark.slow


def test_sql_functions(schema: Schema) -> None:
    schema.run(
        "create function twice (float) returns float stable as $$ select $1 * 2 $$ language sql"
    )
    schema.run(
        f'create or replace function "warehouse"."{schema.name}"."label" (varchar, int) '
        "returns varchar immutable as $body$ select nvl($1, 'none') || '-' || $2::varchar; $body$ "
        "language sql"
    )
    assert schema.run("select twice(1.5), label(null, 7), label('a', 2)") == [
        (3.0, "none-7", "a-2")
    ]
    schema.run(
        "create or replace function twice (float) returns float stable as $$ select $1 * 2 + 1 $$ "
        "language sql"
    )
    assert schema.value("select twice(2)") == 5.0
    assert schema.value(
        "select count(*) from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace "
        "where n.nspname = %s",
        schema.name,
    ) == 2  # fmt: skip
    schema.run("drop function twice (float)")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        schema.run("select twice(1.5)")


def test_arguments_may_have_names_that_bodies_do_not_know(schema: Schema) -> None:
    """As the functions of redshift_connector's test_metadataAPI_functions.py."""
    schema.run(
        "create function f (a numeric(10,5), b varchar(9)) returns int stable as "
        "$$ select $1::int + len($2) $$ language sql"
    )
    assert schema.value("select f(2, 'abc')") == 5
    shown = f"show parameters of function {schema.name}.f(numeric, varchar)"
    assert [row[3:] for row in schema.run(shown)] == [
        ("", 0, "RETURN", "integer", None, 32, 0),
        ("a", 1, "IN", "numeric", None, None, None),
        ("b", 2, "IN", "character varying", None, None, None),
    ]
    schema.run("drop function f (a numeric, b varchar)")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        schema.run("select f(1.5, 'abc')")
    schema.run(
        "create function g (date varchar(20), val int) returns date stable as "
        "$$ select cast($1 as date) + $2 + ($1::date - $1::date) as val $$ language sql"
    )
    assert str(schema.value("select g('2024-01-01', 1)")) == "2024-01-02"


@pytest.mark.parametrize(
    ("definition", "code", "words"),
    [
        ("(int) returns int stable as $$ select a from t $$ language sql", "42601", "FROM"),
        ("(int) returns int stable as $$ select (select 1) $$ language sql", "42601", "subquery"),
        ("(int) returns int stable as $$ select 1; select 2 $$ language sql", "42601", "one"),
        ("(a int) returns int stable as $$ select A $$ language sql", "42703", 'column "a" does'),
        ("(int) returns int as $$ select 1 $$ language sql", "42601", "as"),
        ("(json) returns int stable as $$ select 1 $$ language sql", "42704", "json"),
    ],
)  # fmt: skip
def test_what_functions_are_refused(schema: Schema, definition: str, code: str, words: str) -> None:
    with pytest.raises(psycopg.Error, match=words) as caught:
        schema.run(f"create function f {definition}")
    assert caught.value.sqlstate == code


def test_python_functions_are_listed_and_not_run(schema: Schema) -> None:
    told: list[str] = []
    schema.connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    schema.run(
        'create or replace function f (a float, "b" varchar(9)) returns int stable '
        "as $$ return len(b) $$ language plpythonu"
    )
    assert told == [
        "Python functions are not run by the local Redshift gateway; Redshift takes no new ones"
    ]
    ((name, arguments),) = [
        row[2:4] for row in schema.run(f"show functions from schema {schema.name}")
    ]
    assert (name, arguments) == ("f", 2)
    assert [row[3:7] for row in schema.run(
        f"show parameters of function {schema.name}.f (float, varchar(9))"
    )] == [
        ("", 0, "RETURN", "integer"), ("a", 1, "IN", "double precision"),
        ("b", 2, "IN", "character varying"),
    ]  # fmt: skip
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="Python functions are not run"):
        schema.run("select f(1, 'x')")
    # As in the tests of redshift_connector's metadata calls; PostgreSQL's OUT is an argument.
    schema.run("create procedure f (x out float, y out varchar(9)) as $$ begin x := 2; end; $$ "
               "language plpgsql")  # fmt: skip
    assert schema.run("call f()") == [(2.0, None)]
    schema.run("drop function f (float, varchar)")
    schema.run("drop function if exists f (float, varchar, int)")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        schema.run("drop function f (float)")
