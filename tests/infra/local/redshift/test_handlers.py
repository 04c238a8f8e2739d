"""EXCEPTION WHEN OTHERS in procedures."""

from __future__ import annotations

import psycopg
import pytest

from .conftest import Schema

pytestmark = pytest.mark.slow


HANDLED = """
create procedure update_employee(broken varchar(200)) as $$
declare step varchar(20) := 'one';
begin
  insert into t values (1);
  step := 'two';
  execute broken;
exception when others then
  raise info 'An exception occurred: %', sqlstate;
  insert into log values (step, sqlerrm);
end $$ language plpgsql
"""


def test_handlers_run_in_a_transaction_of_their_own(schema: Schema) -> None:
    """stored-procedure-trapping-errors in the guide: rolled back, handled, committed, raised."""
    schema.run("create table t (a int)")
    schema.run("create table log (step varchar(20), said varchar(200))")
    schema.run(HANDLED)
    with pytest.raises(psycopg.errors.UndefinedColumn, match='column "invalid" does not exist'):
        schema.run("call update_employee('select invalid')")
    assert schema.rows() == []
    assert schema.rows("log") == [("two", 'column "invalid" does not exist')]
    schema.run("call update_employee('insert into t values (2)')")
    assert schema.rows() == [(1,), (2,)]


def test_in_a_transaction_the_error_comes_back_with_a_warning(schema: Schema) -> None:
    schema.run("create table t (a int)")
    schema.run("create table log (step varchar(20), said varchar(200))")
    schema.run(HANDLED)
    said: list[str] = []
    schema.connection.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
    schema.run("begin")
    schema.run("insert into t values (0)")
    with pytest.raises(psycopg.errors.UndefinedColumn, match='column "invalid" does not exist'):
        schema.run("call update_employee('select invalid')")
    (warning,) = said
    assert warning.startswith("the statements of this EXCEPTION handler were not run")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        schema.run("select 1")
    schema.run("rollback")
    assert (schema.rows(), schema.rows("log")) == ([], [])
    schema.run("begin")
    schema.run("call update_employee('insert into t values (2)')")
    schema.run("commit")
    assert schema.rows() == [(1,), (2,)]


def test_handlers_roll_the_whole_transaction_back(schema: Schema) -> None:
    schema.run("create table t (a int)")
    schema.run("create table log (said varchar(200))")
    schema.run(
        """
        create procedure p() as $$
        begin
          insert into t values (1);
          begin
            insert into t values (1 / 0);
          exception when others then
            insert into log select count(*) from t;
          end;
        end $$ language plpgsql
        """
    )
    with pytest.raises(psycopg.errors.DivisionByZero):
        schema.run("call p()")
    assert (schema.rows(), schema.rows("log")) == ([], [("0",)])


def test_handlers_without_sql_and_blocks_in_blocks(schema: Schema) -> None:
    schema.run("create table t (a int not null)")
    schema.run("create table log (said varchar(200))")
    schema.run(
        """
        create procedure p() as $$
        begin
          insert into t values (1);
          begin
            insert into t values (null);
          exception when others then
            raise exception 'inner %', sqlstate;
          end;
        exception when others then
          insert into log values (sqlerrm);
        end $$ language plpgsql
        """
    )
    with pytest.raises(psycopg.errors.RaiseException, match="inner 23502"):
        schema.run("call p()")
    assert (schema.rows(), schema.rows("log")) == ([], [("inner 23502",)])
    schema.run(
        "create procedure q() as $$ begin insert into t values (null); "
        "exception when others then raise info 'seen'; end $$ language plpgsql"
    )
    schema.run("begin")
    with pytest.raises(psycopg.errors.NotNullViolation):
        schema.run("call q()")
    schema.run("rollback")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (
            "begin truncate t; exception when others then null; end",
            "COMMIT, ROLLBACK or TRUNCATE in a block with EXCEPTION",
        ),
        (
            "begin begin null; exception when others then delete from t; end; "
            "exception when others then null; end",
            "EXCEPTION around a block whose EXCEPTION runs SQL",
        ),
        ("begin null; exception when others then return; end", "RETURN in an EXCEPTION handler"),
        ("begin null; exception continue_handler when others then null; end", "CONTINUE_HANDLER"),
    ],
)
def test_what_handlers_are_refused(schema: Schema, body: str, names: str) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        schema.run(f"create procedure p() as $$ {body} $$ language plpgsql")
    message = f"{names} is not supported by the local Redshift gateway"
    assert caught.value.diag.message_primary == message
    with pytest.raises(psycopg.errors.SyntaxError, match="division_by_zero"):
        schema.run(
            "create procedure p() as $$ begin null; exception when division_by_zero then null; "
            "end $$ language plpgsql"
        )
