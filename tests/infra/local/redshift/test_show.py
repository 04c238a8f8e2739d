from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from .conftest import Schema

pytestmark = pytest.mark.slow


def test_show_table_makes_the_same_table_again(schema: Schema) -> None:
    schema.run(
        "create table t (id bigint identity(1, 2) not null encode raw, b varchar(70) distkey, "
        'c timestamp default getdate() encode az64, d decimal(9, 2) not null, "e f" char(3), '
        "g super, primary key (id, b), foreign key (b) references other(x)) sortkey (c, d)"
    )
    shown = schema.value("show table t")
    assert shown == (
        f"CREATE TABLE {schema.name}.t (\n"
        "    id bigint identity(1,2) NOT NULL ENCODE raw,\n"
        "    b character varying(70) NOT NULL distkey,\n"
        "    c timestamp without time zone DEFAULT getdate() ENCODE az64,\n"
        "    d numeric(9,2) NOT NULL,\n"
        '    "e f" character(3),\n'
        "    g super,\n"
        "    PRIMARY KEY (id, b),\n"
        "    FOREIGN KEY (b) REFERENCES other(x)\n"
        ")\nDISTSTYLE KEY\nSORTKEY ( c, d );"
    )
    schema.run("drop table t")
    schema.run(shown)
    assert schema.value(f"show table warehouse.{schema.name}.t") == shown
    cursor = schema.connection.execute("show table t")
    assert [column.name for column in cursor.description or ()] == ["Show Table DDL statement"]


@pytest.mark.parametrize(
    ("clause", "shown"),
    [
        ("", "DISTSTYLE AUTO;"),
        ("diststyle even", "DISTSTYLE EVEN;"),
        ("diststyle all interleaved sortkey (a)", "DISTSTYLE ALL\nINTERLEAVED SORTKEY ( a );"),
    ],
)
def test_show_table_tells_distribution_and_order(schema: Schema, clause: str, shown: str) -> None:
    schema.run(f"create table t (a int) {clause}")
    assert schema.value("show table t").endswith(f"\n{shown}")


def test_external_tables_have_their_columns(schema: Schema) -> None:
    # https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_EXTERNAL_TABLES.html
    columns = (
        "redshift_database_name, schemaname, tablename, tabletype, location, input_format, "
        "output_format, serialization_lib, serde_parameters, compressed, parameters"
    )
    assert schema.run(f"select {columns} from svv_external_tables") == []


def test_another_distribution_takes_the_key_away(schema: Schema) -> None:
    schema.run("create table t (a int, b int) distkey (a)")
    assert "a integer distkey" in schema.value("show table t")
    schema.run("alter table t alter diststyle all")
    assert "distkey" not in schema.value("show table t")
    assert schema.value("select count(*) from pg_table_def where tablename = 't' and distkey") == 0


def test_show_view_tells_what_was_written(schema: Schema) -> None:
    schema.run("create table t (a int)")
    schema.run("create view v as select a as b from t")
    assert schema.value("show view v") == (
        f"CREATE VIEW {schema.name}.v AS SELECT a AS b\n   FROM t;"
    )
    late = f"create view {schema.name}.w as select nvl(a, 1) from nowhere.t with no schema binding"
    schema.run(late)
    assert schema.value(f"show view {schema.name}.w") == late + ";"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("show table missing", 'relation "missing" does not exist'),
        ("show table a_view", '"a_view" is not a table'),
        ("show view a_table", '"a_view" is not a view'.replace("a_view", "a_table")),
        ("show grants on function f", "SHOW GRANTS ON FUNCTION"),
    ],
)
def test_what_cannot_be_shown(schema: Schema, sql: str, message: str) -> None:
    schema.run("create table a_table (a int)")
    schema.run("create view a_view as select 1 as a")
    with pytest.raises(psycopg.Error, match=message):
        schema.run(sql)


@pytest.fixture
def guests(schema: Schema) -> Iterator[Schema]:
    schema.run("create user s_ann password disable")
    schema.run("create role s_reader")
    schema.run("create table t (a int)")
    yield schema
    schema.run(f"drop schema {schema.name} cascade")
    schema.run("drop user s_ann")
    schema.run("drop role s_reader")


def test_show_grants(guests: Schema) -> None:
    guests.run(f"grant usage on schema {guests.name} to s_ann")
    guests.run(f"grant create on schema {guests.name} to role s_reader with grant option")
    guests.run("grant select, insert on t to s_ann")

    def shown(sql: str) -> list[tuple[object, ...]]:
        cursor = guests.connection.execute(sql)
        names = [column.name for column in cursor.description or ()]
        wanted = ("object_type", "object_name", "privilege_type", "identity_name", "identity_type")
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        assert {row["database_name"] for row in rows} == {"warehouse"}
        return [tuple(row[name] for name in wanted) for row in rows]

    ann = ("s_ann", "user")
    assert [
        row for row in shown(f"show grants on schema {guests.name}") if row[3] != "starlift"
    ] == [
        ("SCHEMA", guests.name, "USAGE", *ann),
        ("SCHEMA", guests.name, "CREATE", "s_reader", "role"),
    ]
    assert shown(f"show grants on table {guests.name}.t for s_ann") == [
        ("TABLE", "t", "INSERT", *ann),
        ("TABLE", "t", "SELECT", *ann),
    ]
    assert shown("show grants on t for s_ann limit 1") == [("TABLE", "t", "INSERT", *ann)]
    assert shown("show grants for s_ann") == [
        ("SCHEMA", guests.name, "USAGE", *ann),
        ("TABLE", "t", "INSERT", *ann),
        ("TABLE", "t", "SELECT", *ann),
    ]
    assert guests.run(f"show grants on schema {guests.name} for role s_reader")[0][7:9] == (
        "role",
        True,
    )
    assert guests.run("show grants on database warehouse for public") == [
        ("warehouse", privilege, 0, "public", "public", False, "DATABASE", "starlift")
        for privilege in ("TEMP", "USAGE")
    ]


def test_all_columns_with_lengths_apart(schema: Schema) -> None:
    schema.run("create table t (a int not null, b varchar(9), c numeric(7, 3))")
    schema.run(
        f"create view {schema.name}.v as select b from {schema.name}.t with no schema binding"
    )
    assert schema.run(
        "select table_name, column_name, ordinal_position, is_nullable, data_type, "
        "character_maximum_length, numeric_precision, numeric_scale from svv_all_columns "
        "where schema_name = %s order by 1, 3",
        schema.name,
    ) == [
        ("t", "a", 1, "NO", "integer", None, 32, 0),
        ("t", "b", 2, "YES", "character varying", 9, None, None),
        ("t", "c", 3, "YES", "numeric", None, 7, 3),
        ("v", "b", 1, "YES", "character varying", 9, None, None),
    ]
