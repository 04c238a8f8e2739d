"""MERGE and ALTER TABLE APPEND."""

from __future__ import annotations

import psycopg
import pytest

from .conftest import Schema, Servers

pytestmark = pytest.mark.slow


def test_merge(schema: Schema) -> None:
    # r_MERGE
    schema.run("create table target (id int, name varchar(10)); create table source (like target)")
    schema.run(
        "insert into target values (101, 'Bob'), (102, 'John'), (103, 'Susan'); "
        "insert into source values (102, 'Tony'), (103, 'Alice'), (104, 'Bill')"
    )
    update = (
        "merge into target using source on target.id = source.id "
        "when matched then update set id = source.id, name = source.name "
        "when not matched then insert values (source.id, source.name)"
    )
    everything = "select * from target order by id, name"
    schema.run(update)
    assert schema.run(everything) == [(101, "Bob"), (102, "Tony"), (103, "Alice"), (104, "Bill")]
    schema.run("insert into source values (105, 'David')")
    schema.run(
        "merge into target using (select * from source) as s on target.id = s.id "
        "when matched then delete when not matched then insert values (s.id, s.name)"
    )
    assert schema.run(everything) == [(101, "Bob"), (105, "David")]
    schema.run("insert into source values (105, 'Daisy')")
    with pytest.raises(psycopg.errors.CardinalityViolation) as caught:
        schema.run(update)
    assert caught.value.diag.message_primary == "Found multiple matches to update the same tuple."

    schema.run("delete from target; delete from source")
    schema.run(
        "insert into target values (30, 'Tony'), (30, 'Daisy'), (11, 'Alice'), (23, 'Bill'), "
        "(23, 'Nikki'); insert into source values (23, 'David'), (22, 'Clarence')"
    )
    schema.run("merge into target using source s on target.id = s.id remove duplicates")
    assert schema.run(everything) == [
        (11, "Alice"),
        (22, "Clarence"),
        (23, "David"),
        (30, "Daisy"),
        (30, "Tony"),
    ]
    schema.run("create table narrow (id int)")
    with pytest.raises(psycopg.errors.SyntaxError, match="same number of columns"):
        schema.run("merge into target using narrow on target.id = narrow.id remove duplicates")


def test_alter_table_append(servers: Servers, schema: Schema) -> None:
    # r_ALTER_TABLE_APPEND
    schema.run("create table sales (a int, b varchar(5))")
    schema.run("create table monthly (b varchar(5), a int)")
    schema.run("insert into monthly values ('x', 1), ('y', 2)")
    schema.run("alter table sales append from monthly")
    assert schema.run("select * from sales order by a") == [(1, "x"), (2, "y")]
    assert schema.run("select * from monthly") == []
    schema.run("create table wide (a int, b varchar(5), c int default 7, i int identity(1, 1))")
    schema.run("insert into wide (a, b) values (3, 'z')")
    with pytest.raises(psycopg.Error, match="only in the source: use IGNOREEXTRA"):
        schema.run("alter table sales append from wide")
    schema.run("alter table sales append from wide ignoreextra")
    assert schema.value("select count(*) from sales") == 3
    with pytest.raises(psycopg.Error, match="only in the target: use FILLTARGET"):
        schema.run("alter table wide append from sales")
    schema.run("alter table wide append from sales filltarget")
    assert schema.run("select a, c, i from wide order by a") == [(1, 7, 2), (2, 7, 3), (3, 7, 4)]
    schema.run("create table longer (a int, b varchar(6))")
    schema.run("create table keyed (a int, b varchar(5)) distkey (a)")
    for other, what in (("longer", "different attributes of column b"), ("keyed", "distkey")):
        with pytest.raises(psycopg.Error, match=what):
            schema.run(f"alter table sales append from {other}")
    with servers.psycopg(autocommit=False) as connection:
        connection.execute("select 1")
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            connection.execute(f"alter table {schema.name}.sales append from {schema.name}.monthly")
