"""VARBYTE, with the examples of r_VARBYTE_type, r_VARBYTE_OPERATORS and varbyte-functions."""

from __future__ import annotations

import psycopg
import pytest

from .conftest import ROLE, Lake, Schema, Servers

pytestmark = pytest.mark.slow

VARBYTE = 6551  # utils/oids.py, github.com/aws/amazon-redshift-python-driver


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("from_hex('6162')", "6162"),
        ("'abc'::varbyte", "616263"),
        ("cast('é' as varbinary)", "c3a9"),
        ("5::smallint::varbyte", "0005"),
        ("5::int::varbyte", "00000005"),
        ("5::bigint::varbyte", "0000000000000005"),
        ("to_varbyte('6162', 'hex')", "6162"),
        ("to_varbyte('01001101', 'binary')", "4d"),
        ("to_varbyte('a', 'UTF8')", "61"),
        ("to_varbyte('4', 'hex')", "04"),
        ("'a'::varbyte || 'b'::varbyte", "6162"),
        ("'a'::varbyte + 'b'::varbyte", "6162"),
        ("concat('a'::varbyte, 'b'::varbyte)", "6162"),
        ("substring('abc'::varbyte, 2, 1)", "62"),
        ("substr('abc'::varbyte, 2)", "6263"),
        ("max(from_hex('ff')) over ()", "ff"),
        ("null::varbyte", None),
    ],
)
def test_values(schema: Schema, expression: str, value: str | None) -> None:
    cursor = schema.connection.execute(f"select {expression} as found")
    assert [column.type_code for column in cursor.description or []] == [VARBYTE]
    assert cursor.fetchall() == [(value,)]


def test_redshift_connector_reads_characters(servers: Servers) -> None:
    """As where the text protocol is spoken (varbytehex_recv); over the binary one, digits."""
    with servers.redshift() as connection:
        cursor = connection.cursor()
        cursor.execute("select 'aé'::varbyte as a, null::varbyte as b")
        assert [column[1] for column in cursor.description] == [VARBYTE, VARBYTE]
        assert cursor.fetchall() == (["aé", None],)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("to_varbyte('6162', 'hex')::varchar", "ab"),
        ("from_varbyte('ab', 'hex')", "6162"),
        ("from_varbyte(from_hex('4d'), 'binary')", "01001101"),
        ("from_varbyte('ab'::varbyte, 'base64')", "YWI="),
        ("from_varbyte(~'a'::varbyte, 'binary')", "10011110"),
        ("from_varbyte('a'::varbyte & 'b'::varbyte, 'binary')", "01100000"),
        ("from_varbyte('a'::varbyte | 'b'::varbyte, 'binary')", "01100011"),
        ("getbit(from_hex('4d'), 2)", 1),
        ("getbit(from_hex('4d'), 7)", 0),
        ("'a'::varbyte < 'b'::varbyte", True),
        ("'a'::varbyte = 'b'::varbyte", False),
        ("len('é'::varbyte)", 2),
        ("length(from_hex('ff00ff'))", 3),
        ("octet_length('abc'::varbyte)", 3),
        ("to_hex('abc'::varbyte)", "616263"),
        ("to_hex(2147676847)", "8002f2af"),
    ],
)
def test_results(schema: Schema, expression: str, value: object) -> None:
    assert schema.value(f"select {expression}") == value


def test_columns(schema: Schema) -> None:
    schema.run("create table t (a varbyte, b varbinary(3), c binary varying(2), d char(10))")
    schema.run("insert into t values ('abc'::varbyte, from_hex('ff'), null, 'aa')")
    schema.run("insert into t values ('abd'::varbyte, from_hex('00'), from_hex('0102'), null)")
    schema.run("insert into t select a, b, c, d from t where a = 'abc'::varbyte")
    assert schema.run("select a, max(b), count(*) from t group by a order by a desc") == [
        ("616264", "00", 1),
        ("616263", "ff", 2),
    ]
    assert schema.value("select count(distinct x.a) from t x join t y on x.a = y.a") == 2
    assert schema.value("select d::varbyte from t where d is not null limit 1") == (
        "61612020202020202020"
    )
    with pytest.raises(psycopg.errors.StringDataRightTruncation, match=r"binary varying\(3\)"):
        schema.run("insert into t (b) values ('abcd'::varbyte)")
    shown = "select \"column\", type from pg_table_def where tablename = 't' and schemaname = %s"
    assert schema.run(f"{shown} order by 1", schema.name)[:3] == [
        ("a", "binary varying(64000)"),
        ("b", "binary varying(3)"),
        ("c", "binary varying(2)"),
    ]
    kinds = "select data_type from information_schema.columns where table_schema = %s"
    assert schema.run(f"{kinds} and column_name = 'a'", schema.name) == [("binary varying",)]
    ddl = str(schema.value("show table t"))
    schema.run("drop table t")
    schema.run(ddl)
    assert schema.value("show table t") == ddl


@pytest.mark.parametrize(
    ("statement", "state", "message"),
    [
        ("insert into t values ('abcd')", "0A000", "A literal as VARBYTE without a cast"),
        ("select a from t where a = 'abcd'", "0A000", "A literal as VARBYTE without a cast"),
        ("select upper(a) from t", "42883", "function upper"),
        ("select a like 'x' from t", "42883", "operator does not exist"),
        ("select a::int from t", "42846", "cannot cast type varbyte to integer"),
        ("select a & from_hex('0102') from t", "0A000", "Bitwise operators on VARBYTE values of"),
        ("select to_varbyte('a', 'latin1')", "22023", "invalid format of VARBYTE: latin1"),
        ("select to_varbyte('0101', 'binary')", "0A000", "TO_VARBYTE of binary digits"),
        ("select getbit(from_hex('4d'), 8)", "22023", "GETBIT: index 8"),
        ("create table s (a varbyte sortkey)", "0A000", "a VARBYTE column cannot be a sort key"),
        ("create table s (a varbyte distkey)", "0A000", "a VARBYTE column cannot be a sort key"),
        ("select from_hex('ff')::varchar", "22021", "invalid byte sequence"),
    ],
)
def test_errors(schema: Schema, statement: str, state: str, message: str) -> None:
    schema.run("create table t (a varbyte)")
    schema.run("insert into t values ('a'::varbyte)")
    with pytest.raises(psycopg.Error) as caught:
        schema.run(statement)
    assert caught.value.sqlstate == state
    assert str(caught.value.diag.message_primary).startswith(message)


def test_copy_and_unload_are_refused_and_the_session_goes_on(schema: Schema, lake: Lake) -> None:
    lake.put("in/part-0", "6162\n")
    schema.run("create table t (a varbyte)")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="COPY of VARBYTE"):
        schema.run(f"copy t from '{lake.url}/in/' {ROLE} csv")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="UNLOAD of column a"):
        schema.run(f"unload ('select a from t') to '{lake.url}/out/' {ROLE}")
    assert schema.run("select 1") == [(1,)]
    assert schema.run("select 2") == [(2,)]


def test_procedures_and_parameters(schema: Schema) -> None:
    schema.run(
        "create procedure p(a varbyte, b out varbyte) as "
        "$$ begin b := a || 'x'::varbyte; end $$ language plpgsql"
    )
    assert schema.value("call p('abc'::varbyte)") == "61626378"
    assert schema.value("select %s::varbyte", "ab") == "6162"
