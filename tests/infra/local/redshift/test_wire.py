"""The protocol with real clients: login, simple and extended protocol."""

from __future__ import annotations

import datetime
from decimal import Decimal

import psycopg
import pytest
import redshift_connector

from .conftest import Schema, Servers

pytestmark = pytest.mark.slow


def test_redshift_connector_reads_every_type(servers: Servers) -> None:
    connection = servers.redshift(application_name="x")
    cursor = connection.cursor()
    cursor.execute(
        "select 1::smallint, 2, 3::bigint, 1.5::real, 2.5::double precision, 1.25::numeric(5,2), "
        "true, 'é'::varchar(5), 'c'::char(3), date '2020-02-29', "
        "timestamp '2020-01-02 03:04:05.678901', timestamptz '2020-01-02 03:04:05+02', null"
    )
    assert cursor.fetchall() == (
        [
            1, 2, 3, 1.5, 2.5, Decimal("1.25"), True, "é", "c  ", datetime.date(2020, 2, 29),
            datetime.datetime(2020, 1, 2, 3, 4, 5, 678901),
            datetime.datetime(2020, 1, 2, 1, 4, 5, tzinfo=datetime.UTC), None,
        ],
    )  # fmt: skip
    connection.close()


def test_prepared_parameters_are_inferred_and_reused(servers: Servers) -> None:
    connection = servers.redshift()
    cursor = connection.cursor()
    cursor.execute("create temp table p (a integer, b varchar(9), c numeric(9,2), d timestamp)")
    values = [
        (1, "x", Decimal("1.50"), datetime.datetime(2020, 1, 1)),
        (None, None, None, None),
        (70000, "ü", 3, datetime.datetime(2021, 1, 1)),
    ]
    cursor.executemany("insert into p values (%s, %s, %s, %s)", values)
    cursor.execute("select a from p where b = %s and d > %s", ("x", datetime.datetime(2019, 1, 1)))
    assert cursor.fetchall() == ([1],)
    cursor.execute("select a from p where b = %s and d > %s", ("ü", datetime.datetime(2019, 1, 1)))
    assert cursor.fetchall() == ([70000],)
    assert cursor.execute("select count(*) from p").fetchall() == ([3],)
    connection.close()


def test_text_is_character_varying_on_the_wire(servers: Servers) -> None:
    connection = servers.redshift()
    cursor = connection.cursor()
    cursor.execute("select 'a', md5('a'), 'b'::text, 1 || 'c'")
    assert [column[1] for column in cursor.description] == [1043] * 4
    connection.close()


def test_wrong_password_user_and_database_are_refused(servers: Servers) -> None:
    for wrong in ({"password": "no"}, {"user": "postgres", "password": "pg-secret"}):
        with pytest.raises(
            redshift_connector.InterfaceError, match="password authentication failed"
        ):
            servers.redshift(**wrong)
    with pytest.raises(redshift_connector.Error, match='database "nope" does not exist'):
        servers.redshift(database="nope")


def test_the_server_says_it_is_redshift(servers: Servers) -> None:
    with servers.psycopg() as connection:
        assert connection.info.parameter_status("server_version") == "8.0.2"
        row = connection.execute("select version()").fetchone()
        assert row is not None
        assert "Redshift 1.0." in row[0]
        assert row[0].startswith("PostgreSQL 8.0.2 ")


def test_start_up_settings_are_taken(servers: Servers) -> None:
    with servers.psycopg(options="-c search_path=pg_catalog -c geqo=off") as connection:
        assert connection.execute("show search_path").fetchone() == ("pg_catalog",)


def test_several_statements_are_one_transaction(schema: Schema) -> None:
    schema.run("create table t (a int)")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        schema.connection.execute("insert into t values (1); select bogus")
    assert schema.value("select count(*) from t") == 0
    schema.connection.execute("insert into t values (1); insert into t values (2)")
    assert schema.value("select count(*) from t") == 2


def test_several_statements_give_several_results(servers: Servers) -> None:
    with servers.psycopg() as connection:
        cursor = connection.execute("select 1; select 2 where false; create temp table z (a int)")
        assert cursor.fetchall() == [(1,)]
        assert cursor.nextset()
        assert cursor.fetchall() == []
        assert cursor.nextset()
        assert cursor.statusmessage == "CREATE TABLE"
        assert not cursor.nextset()


def test_an_empty_query_is_answered(servers: Servers) -> None:
    with servers.psycopg() as connection:
        connection.execute(" ; -- nothing")
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("select nvl(1, 2), bogus", "bogus"),
        ("select 1; select getdate(), datediff(day, bogus, getdate())", "bogus"),
        ("select 1 from nowhere.nothing", "nowhere.nothing"),
        ("select 1, to_json(1)", "to_json"),
        ("select a::geometry from (select 1 as a) x", "geometry"),
    ],
)
def test_error_positions_are_the_clients(servers: Servers, sql: str, place: str) -> None:
    with servers.psycopg() as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(sql)
    assert caught.value.diag.statement_position == str(sql.index(place) + 1)
    assert caught.value.diag.severity == "ERROR"


def test_a_refusal_fails_the_transaction_in_both_protocols(servers: Servers) -> None:
    with servers.psycopg(autocommit=False) as connection:
        connection.execute("create temp table r (a int)")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            connection.execute("create index i on r (a)")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("select 1")
        connection.rollback()
        assert connection.execute("select 1").fetchone() == (1,)
    extended = servers.redshift()
    cursor = extended.cursor()
    with pytest.raises(redshift_connector.ProgrammingError, match="CREATE INDEX is not supported"):
        cursor.execute("create index i on r (a)")
    with pytest.raises(redshift_connector.ProgrammingError, match="current transaction is aborted"):
        cursor.execute("select 1")
    extended.rollback()
    assert cursor.execute("select 1").fetchall() == ([1],)
    extended.close()


def test_binary_and_text_results(servers: Servers) -> None:
    with servers.psycopg() as connection:
        for binary in (True, False):
            cursor = connection.cursor(binary=binary)
            cursor.execute("select 7::bigint, 1.5::numeric(3,1), date '2020-01-01', 'x'")
            assert cursor.fetchone() == (7, Decimal("1.5"), datetime.date(2020, 1, 1), "x")


def test_pipelines_and_named_statements(servers: Servers) -> None:
    with servers.psycopg() as connection:
        connection.execute("create temp table n (a int)")
        with connection.pipeline():
            for number in range(50):
                connection.execute("insert into n values (%s)", (number,), prepare=True)
            cursor = connection.execute("select sum(a) from n")
        assert cursor.fetchone() == (sum(range(50)),)


def test_cursors_fetch_in_pieces(servers: Servers) -> None:
    with servers.psycopg(autocommit=False) as connection:
        connection.execute("declare c cursor for select 1 union all select 2 union all select 3")
        assert connection.execute("fetch forward 2 from c").fetchall() == [(1,), (2,)]
        assert connection.execute("fetch 2 from c").fetchall() == [(3,)]
        connection.execute("close c")


def test_one_cursor_at_a_time_is_open(servers: Servers) -> None:
    with servers.psycopg(autocommit=False) as connection:
        for _ in range(2):  # also in the transaction after one that left a cursor open
            with connection.cursor("first") as first:
                first.execute("select %s::int as a union all select 2 order by a", (1,))
                assert first.fetchall() == [(1,), (2,)]
            connection.execute("declare second cursor for select 1")
            connection.execute("close second")
            connection.execute("/* of this query */ declare open cursor for select 1")
            with pytest.raises(psycopg.errors.InvalidCursorState, match="opening multiple cursors"):
                connection.execute("declare second cursor for select 1")
            connection.rollback()


def test_one_cursor_at_a_time_is_open_by_prepared_statements(servers: Servers) -> None:
    with servers.psycopg(autocommit=False) as connection:
        connection.execute("declare again cursor for select 1", prepare=True)
        connection.execute("close again")
        connection.execute("declare other cursor for select 1")
        with pytest.raises(psycopg.errors.InvalidCursorState, match="opening multiple cursors"):
            connection.execute("declare again cursor for select 1", prepare=True)
        connection.rollback()
        connection.execute("declare again cursor for select 1", prepare=True)
        assert connection.execute("fetch all from again").fetchall() == [(1,)]


def test_a_result_larger_than_all_buffers(schema: Schema) -> None:
    schema.run("create table big (a varchar(1000))")
    schema.run(f"insert into big values ('{'x' * 1000}')")
    for _ in range(14):
        schema.run("insert into big select a from big")
    rows = schema.run("select a from big")
    assert len(rows) == 2**14
    assert all(row == ("x" * 1000,) for row in rows)


def test_client_copy_is_refused(servers: Servers) -> None:
    with servers.psycopg() as connection, pytest.raises(psycopg.errors.FeatureNotSupported):
        connection.execute("copy t from stdin")
