"""Statements that come again are sent on as they were planned, as long as the plan is right."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from infra.local.redshift.protocol import messages
from infra.local.redshift.session.changes import keeps_names
from infra.local.redshift.session.whole_answers import answered

from .conftest import Schema, Servers
from .raw_client import RawClient, bind, execute, message, parse, query

ROWS = (
    messages.message(b"T", b"\0\1a\0" + bytes(6) + (25).to_bytes(4, "big") + bytes(8))
    + messages.data_row("x")
    + messages.data_row("Z")
)
DONE = messages.command_complete("SELECT 2")
READY = messages.ready(b"T")


@pytest.mark.parametrize(
    ("statement", "keeps"),
    [
        ("select 1", True),
        ("(select 1) union (select 2)", True),
        ("with a as (select 1) select * from a", True),
        ("insert into t values (1)", True),
        ("commit", True),
        ("show tables from schema a.b", True),
        ("select 1 into t", False),
        ("with a as (select 1) select *\n  into #t from a", False),
        ("select set_config('search_path', 'a', false)", False),
        ("insert into t select set_config('search_path', 'a', false)", False),
        ("set search_path to a", False),
        ("reset all", False),
        ("use d", False),
        ("create table t (a int)", False),
        ("alter table t rename to u", False),
        ("drop view v", False),
        ("truncate t", False),
        ("call p()", False),
        ("refresh materialized view m", False),
        ("deallocate all", False),
        ("selection", False),
    ],
)
def test_what_leaves_names_as_they_are(statement: str, keeps: bool) -> None:
    assert keeps_names(statement) is keeps


def test_a_whole_answer_is_read_in_one_go() -> None:
    found = answered(bytearray(ROWS + DONE + READY), None)
    assert found is not None
    data, tag, status = found
    assert (tag, status) == (b"SELECT 2\0", b"T")
    assert data == ROWS.replace(b"\0\0\0\x19", b"\0\0\x04\x13") + DONE + READY  # text is VARCHAR
    found = answered(bytearray(DONE + READY), "CALL")
    assert found is not None
    assert found[0] == messages.command_complete("CALL") + READY


@pytest.mark.parametrize(
    "buffer",
    [
        b"",
        READY,
        ROWS + DONE,
        ROWS + DONE + READY[:-1],
        ROWS + messages.message(b"N", b"SNOTICE\0\0") + DONE + READY,
        messages.message(b"E", b"SERROR\0\0") + READY,
        ROWS + messages.message(b"s") + READY,
        ROWS + DONE + READY + READY,
        messages.data_row("x" * 20_000) + DONE + READY,
        # rows that end as an answer does
        messages.message(b"D", b"\0\1" + (7).to_bytes(4, "big") + b"x" + READY),
    ],
)
def test_other_answers_are_left_to_the_relay(buffer: bytes) -> None:
    assert answered(bytearray(buffer), None) is None


def become_view(schema: Schema, other: psycopg.Connection[Any]) -> None:
    s = schema.name
    other.execute(f"alter table {s}.t rename to was")
    other.execute(f"create view {s}.t as select 2 as a from {s}.was with no schema binding")


def swap(schema: Schema, other: psycopg.Connection[Any]) -> None:
    s = schema.name
    with other.transaction():
        other.execute(f"create table {s}.next as select 2 as a")
        other.execute(f"alter table {s}.t rename to was")
        other.execute(f"alter table {s}.next rename to t")


def replace(schema: Schema, other: psycopg.Connection[Any]) -> None:
    s = schema.name
    with other.transaction():
        other.execute(f"drop table {s}.t")
        other.execute(f"create view {s}.t as select 2 as a with no schema binding")


def by_a_procedure(schema: Schema, other: psycopg.Connection[Any]) -> None:
    s = schema.name
    other.execute(
        f"create procedure {s}.p() as $$ begin alter table {s}.t rename to was; "
        f"create table {s}.t as select 2 as a; end $$ language plpgsql"
    )
    other.execute(f"call {s}.p()")


@pytest.mark.slow
@pytest.mark.parametrize("change", [become_view, swap, replace, by_a_procedure])
@pytest.mark.parametrize("prepared", [False, None])
def test_another_session_gives_a_name_to_something_else(
    servers: Servers,
    schema: Schema,
    change: Callable[[Schema, psycopg.Connection[Any]], None],
    prepared: bool | None,
) -> None:
    schema.run("create table t as select 1 as a")
    asked = "select a from t where a > %s" if prepared is None else "select a from t where a > 0"
    parameters = (0,) if prepared is None else None

    def read() -> list[tuple[Any, ...]]:
        return schema.connection.execute(asked, parameters, prepare=False).fetchall()

    for _ in range(3):
        assert read() == [(1,)]
    with servers.psycopg() as other:
        change(schema, other)
        assert read() == [(2,)]
    assert [read() for _ in range(3)] == [[(2,)]] * 3


@pytest.mark.slow
def test_a_views_new_text_is_read(servers: Servers, schema: Schema) -> None:
    s = schema.name
    schema.run("create table t as select 1 as a")
    view = f"create or replace view {s}.v as select a + {{}} as a from {s}.t with no schema binding"
    schema.run(view.format(0))
    with servers.psycopg() as other:
        for number in range(4):
            other.execute(view.format(number))
            for _ in range(3):
                assert schema.run(f"select a from {s}.v") == [(1 + number,)]


@pytest.mark.slow
def test_what_is_read_before_a_commit_is_not_what_is_read_after(
    servers: Servers, schema: Schema
) -> None:
    s = schema.name
    view = f"create or replace view {s}.v as select {{}} as a with no schema binding"
    schema.run(view.format(1))
    with servers.psycopg(autocommit=False) as other:
        other.execute(view.format(2))
        assert [schema.value(f"select a from {s}.v") for _ in range(3)] == [1] * 3
        other.commit()
        assert [schema.value(f"select a from {s}.v") for _ in range(3)] == [2] * 3


@pytest.mark.slow
def test_the_sessions_own_names_change(schema: Schema) -> None:
    s = schema.name
    schema.run(f"create view {s}.t as select 1 as a with no schema binding")

    def read() -> int:
        return int(schema.value("select a from t"))

    assert [read(), read()] == [1, 1]
    schema.run("create temp table t as select 2 as a")
    assert [read(), read()] == [2, 2]
    schema.run("drop table pg_temp.t")
    assert [read(), read()] == [1, 1]
    schema.run(f"create schema {s}_b")
    schema.run(f"create view {s}_b.t as select 3 as a with no schema binding")
    schema.run("begin")
    schema.run(f"set search_path to {s}_b")
    assert [read(), read()] == [3, 3]
    schema.run("rollback")
    assert [read(), read()] == [1, 1]
    schema.run(f"select set_config('search_path', '{s}_b', false)")
    assert [read(), read()] == [3, 3]
    schema.run(f"drop schema {s}_b cascade")
    schema.run(f"set search_path to {s}")
    schema.run("begin")
    schema.run("alter table t rename to u")
    schema.run(f"create view {s}.t as select 4 as a with no schema binding")
    assert [read(), read()] == [4, 4]
    schema.run("rollback")
    assert [read(), read()] == [1, 1]


def random_change(random: Random, s: str) -> list[str]:
    """What a session may do to the names x and y of two schemas."""
    where, name, other = f"{s}{random.choice(['', '_b'])}", *random.sample(["x", "y"], 2)
    number = random.randrange(1000)
    view = f"create or replace view {where}.{name} as select {{}} as a{{}} with no schema binding"
    return random.choice(
        [
            [f"create table {where}.{name} as select {number} as a"],
            [f"drop table {where}.{name}"],
            [f"drop view {where}.{name}"],
            [f"alter table {where}.{name} rename to {other}"],
            [view.format(number, "")],
            [view.format("a", f" from {where}.{other}")],
            [f"insert into {where}.{name} values ({number})"],
            [f"set search_path to {random.choice([s, s + '_b'])}"],
            [f"create temp table {name} as select {number} as a"],
            [f"drop table pg_temp.{name}"],
            ["begin"],
            ["commit"],
            ["rollback"],
            ["begin", f"drop table {where}.{name}", f"create table {where}.{name} (a int)", "end"],
            [f"select {number} as a into {where}.{name}"],
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_what_comes_again_is_what_comes_for_the_first_time(
    servers: Servers, schema: Schema, seed: int
) -> None:
    """A session that repeats its statements reads what it reads in words that are new each time."""
    random, s = Random(seed), schema.name  # noqa: S311
    schema.run(f"drop schema if exists {s}_b cascade")
    schema.run(f"create schema {s}_b")
    asked = [f"select a from {name} order by a" for name in ("x", "y", f"{s}.x", f"{s}_b.y")]

    def read(query: str) -> object:
        try:
            return schema.run(query)
        except psycopg.Error as error:
            return error.sqlstate, error.diag.message_primary

    def change(connection: psycopg.Connection[Any], statement: str) -> None:
        with contextlib.suppress(psycopg.Error):
            connection.execute(statement)

    with servers.psycopg() as other:
        other.execute(f"set search_path to {s}")
        other.execute("set statement_timeout to 500")  # it meets the first one's locks
        schema.run("set statement_timeout to 500")
        answered = 0
        for step in range(80):
            for statement in random_change(random, s):
                change(random.choice([other, other, schema.connection]), statement)
            if schema.connection.info.transaction_status is TransactionStatus.INERROR:
                change(schema.connection, "rollback")
            change(other, "commit")
            if schema.connection.info.transaction_status is TransactionStatus.INTRANS:
                continue  # an error would end it, so that the next query would have another answer
            for query in asked:
                fresh = read(f"{query} /* {step} */ limit {1000 + step}")
                assert [read(query), read(query)] == [fresh, fresh], (step, query)
                answered += isinstance(fresh, list)
    assert answered > 20
    schema.run(f"drop schema {s}_b cascade")


@pytest.mark.slow
def test_a_swap_since_the_snapshot_is_still_a_conflict(servers: Servers, schema: Schema) -> None:
    s = schema.name
    schema.run("create table t as select 1 as a")
    schema.run("create table z as select 1 as a")
    assert [schema.run("select a from t") for _ in range(3)] == [[(1,)]] * 3
    schema.run("begin")
    schema.run("select a from z")
    with servers.psycopg() as other:
        swap(schema, other)
    with pytest.raises(psycopg.Error, match="conflict with concurrent transaction"):
        schema.run("select a from t")
    schema.run("rollback")
    assert schema.run(f"select a from {s}.t") == [(2,)]


@pytest.mark.slow
def test_the_history_is_read_anew(schema: Schema) -> None:
    label = schema.name
    schema.run(f"set query_group to {label}")
    count = f"select count(*) from stl_query where label = '{label}'"
    found = [schema.value(count) for _ in range(4)]
    assert found == sorted(set(found))
    last = [schema.value("select pg_last_query_id()") for _ in range(3)]
    assert last == sorted(set(last))


@pytest.mark.slow
def test_answers_of_any_kind_when_they_come_again(schema: Schema) -> None:
    notices: list[str] = []
    schema.connection.add_notice_handler(lambda told: notices.append(told.message_primary or ""))
    schema.run("create procedure p() as $$ begin raise info 'seen'; end $$ language plpgsql")
    for _ in range(3):
        rows = schema.connection.execute(
            "select repeat('x', 300), 'y'::varchar from generate_series(1, 400)"
        )
        assert rows.description is not None
        assert [column.type_code for column in rows.description] == [1043, 1043]
        assert rows.fetchall() == [("x" * 300, "y")] * 400
        assert schema.run("select 1 where false") == []
        with pytest.raises(psycopg.errors.DivisionByZero):
            schema.run("select 1 / (1 - 1)")
        schema.run("call p()")
        assert schema.value("select 'é'") == "é"
    assert notices == ["seen"] * 3


@pytest.mark.slow
def test_portals_and_statements_stay_what_they_are(servers: Servers) -> None:
    sync = message("S")
    unnamed = parse("", "select generate_series(1, 3)") + bind("", "") + execute("") + sync
    with RawClient(servers) as client:
        for _ in range(3):
            client.send(unnamed)
            assert [kind for kind, _ in client.until("Z")] == [*"12DDDCZ"]
            client.send(query("select 1"))
            assert [kind for kind, _ in client.until("Z")] == [*"TDCZ"]
        # The unnamed statement is gone with a Query, also where the session remembers it.
        client.send(bind("", "") + execute("") + sync)
        assert client.until("Z")[0][0] == "E"
        client.send(unnamed)
        client.until("Z")
        client.send(bind("", "") + execute("", 2) + sync)
        assert [kind for kind, _ in client.until("Z")] == [*"2DDsZ"]
        client.send(bind("", "") + execute("") + sync)
        assert [kind for kind, _ in client.until("Z")] == [*"2DDDCZ"]
        # A message in two pieces, and two exchanges in one.
        client.send(unnamed[:20])
        client.send(unnamed[20:] + unnamed)
        assert [kind for kind, _ in client.until("Z") + client.until("Z")] == [*"12DDDCZ"] * 2
