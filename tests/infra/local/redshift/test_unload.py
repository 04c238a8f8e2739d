"""UNLOAD to a real S3 server from the client's own session."""

from __future__ import annotations

import bz2
import datetime
import gzip
import json
from decimal import Decimal

import psutil
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import ROLE, Lake, Schema, Servers

pytestmark = pytest.mark.slow

COLUMNS = (
    "a smallint, b integer, c bigint, d real, e double precision, f numeric(9,2), g boolean, "
    "h date, i timestamp, j varchar(30), k char(3)"
)
ROW = "1, 2, 3, 1.5, 2.5, -1.25, true, '2020-02-29', '2020-01-02 03:04:05.67', 'né|\"x\"\\\\y', 'x'"


@pytest.fixture
def full(schema: Schema) -> Schema:
    """A schema with a table of every type: a full row and one of NULLs."""
    schema.run(f"create table t ({COLUMNS})")
    schema.run(f"insert into t values ({ROW}), ({', '.join(['null'] * 11)})")
    return schema


def unload(schema: Schema, lake: Lake, to: str, options: str = "", query: str = "") -> None:
    query = (query or "select * from t order by a").replace("'", "''")
    schema.run(f"unload ('{query}') to '{lake.url}/{to}' {ROLE} {options}")


def test_delimited_text_is_the_default(full: Schema, lake: Lake) -> None:
    unload(full, lake, "plain_")
    assert lake.get("plain_0000_part_00").decode().splitlines() == [
        '1|2|3|1.5|2.5|-1.25|t|2020-02-29|2020-01-02 03:04:05.67|né|"x"\\y|x  ',
        "||||||||||",
    ]
    assert full.value("select pg_last_unload_count()") == 2
    assert full.run(
        "select path, line_count, transfer_size from stl_unload_log "
        "where query = pg_last_unload_id()"
    ) == [(f"{lake.url}/plain_0000_part_00", 2, len(lake.get("plain_0000_part_00")))]
    query = "select j, null::int as n, 'é' as u, b from t where a = 1"
    unload(
        full, lake, "o/", "header escape addquotes delimiter ',' null as '@' parallel off", query
    )
    assert lake.get("o/000").decode().splitlines() == [
        '"j","n","u","b"', '"né|\\"x\\"\\\\y",@,"é","2"',
    ]  # fmt: skip
    unload(full, lake, "f/", "fixedwidth 'j:12,n:2,u:3,b:2' null 'abc'", query.replace("'é'", "1"))
    assert lake.get("f/0000_part_00").decode() == 'né|"x"\\y      1  2 \n'
    with pytest.raises(psycopg.Error, match="column j is longer than its FIXEDWIDTH 3"):
        unload(full, lake, "g/", "fixedwidth 'j:3'", "select j from t where a = 1")


def test_csv_and_json(full: Schema, lake: Lake) -> None:
    query = "select a, f, g, h, i, j || chr(10) as j from t order by a"
    unload(full, lake, "c/", "format as csv header extension 'csv'", query)
    assert lake.get("c/0000_part_00.csv").decode() == (
        'a,f,g,h,i,j\n1,-1.25,t,2020-02-29,2020-01-02 03:04:05.67,"né|""x""\\y\n"\n,,,,,\n'
    )
    unload(full, lake, "j/", "json", query)
    lines = lake.get("j/0000_part_00").decode().splitlines()
    assert lines[0].startswith('{"a":1,"f":-1.25,"g":"t","h":"2020-02-29","i":"2020-01-02 03:04')
    assert [json.loads(line)["j"] for line in lines] == ['né|"x"\\y\n', None]
    with pytest.raises(psycopg.Error, match="needs unique column names"):
        unload(full, lake, "k/", "json", "select a, a from t")


def test_parquet(full: Schema, lake: Lake) -> None:
    unload(full, lake, "p/", "parquet manifest", "select *, a / 3.0 as q from t order by a")
    found = pq.read_table(lake.root / "p" / "0000_part_00.parquet")
    assert found.schema.types[:11] == [
        pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.decimal128(9, 2),
        pa.bool_(), pa.date32(), pa.timestamp("us"), pa.string(), pa.string(),
    ]  # fmt: skip
    first = found.to_pylist()[0]
    assert list(first.values())[:11] == [
        1, 2, 3, 1.5, 2.5, Decimal("-1.25"), True, datetime.date(2020, 2, 29),
        datetime.datetime(2020, 1, 2, 3, 4, 5, 670000), 'né|"x"\\y', "x  ",
    ]  # fmt: skip
    assert str(first["q"]) == "0.3333"
    assert all(value is None for value in found.to_pylist()[1].values())
    size = len(lake.get("p/0000_part_00.parquet"))
    assert json.loads(lake.get("p/manifest")) == {
        "entries": [{"url": f"{lake.url}/p/0000_part_00.parquet", "meta": {"content_length": size}}]
    }
    unload(full, lake, "back/", "parquet manifest")
    full.run("create table back (like t)")
    full.run(f"copy back from '{lake.url}/back/manifest' {ROLE} parquet manifest")
    assert full.run("select * from back order by a") == full.run("select * from t order by a")
    unload(full, lake, "none/", "parquet", "select a, j from t where a = 99")
    assert pq.read_table(lake.root / "none" / "0000_part_00.parquet").num_rows == 0


@pytest.mark.parametrize(("name", "suffix"), [("gzip", "gz"), ("bzip2", "bz2"), ("zstd", "zst")])
def test_compressed_text_loads_again(full: Schema, lake: Lake, name: str, suffix: str) -> None:
    unload(full, lake, "z/", f"escape {name} manifest verbose header")
    raw = lake.get(f"z/0000_part_00.{suffix}")
    opened = {"gzip": gzip.decompress, "bzip2": bz2.decompress}.get(name)
    if opened is not None:
        assert opened(raw).decode().splitlines()[0] == "a|b|c|d|e|f|g|h|i|j|k"
    manifest = json.loads(lake.get("z/manifest"))
    assert manifest["entries"][0]["meta"] == {"content_length": len(raw), "record_count": 3}
    assert manifest["schema"]["elements"][5] == {
        "name": "f", "type": {"base": "numeric", "precision": 9, "scale": 2},
    }  # fmt: skip
    assert manifest["meta"]["record_count"] == 3
    full.run("create table back (like t)")
    full.run(f"copy back from '{lake.url}/z/0000' {ROLE} escape {name} ignoreheader 1")
    rows = "select * from {} where a = 1"
    assert full.run(rows.format("back")) == full.run(rows.format("t"))


def test_partitions(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (id int, day date, name varchar(20))")
    schema.run(
        "insert into t values (1, '2020-01-01', 'a/b'), (2, '2020-01-02', null), "
        "(3, '2020-01-01', 'a/b'), (4, '2020-01-01', 'c')"
    )
    query = "select * from t order by id desc"
    unload(schema, lake, "p", "csv partition by (day, name) manifest", query)
    files = {
        "day=2020-01-01/name=a%2Fb/0000_part_00": "3\n1\n",
        "day=2020-01-01/name=c/0000_part_00": "4\n",
        "day=2020-01-02/name=__HIVE_DEFAULT_PARTITION__/0000_part_00": "2\n",
    }
    assert lake.names("p") == [*files, "manifest"]
    assert {name: lake.get(f"p/{name}").decode() for name in files} == files
    lake.put("p/day=2020-01-01/old", "x")
    lake.put("p/day=2020-01-03/old", "x")
    unload(schema, lake, "p/", "parquet partition by (day) include cleanpath", query)
    assert "day=2020-01-01/old" not in lake.names("p")
    assert "day=2020-01-03/old" in lake.names("p")
    found = pq.ParquetFile(lake.root / "p/day=2020-01-01/0000_part_00.parquet").read()
    assert found.column_names == ["id", "day", "name"]
    assert found["id"].to_pylist() == [4, 3, 1]
    for columns, message in (("nope", "is not in the query"), ("id, day, name", "at least one")):
        with pytest.raises(psycopg.Error, match=message):
            unload(schema, lake, "q/", f"partition by ({columns})", query)


def test_what_is_there_is_kept_unless_allowed(schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a int)")
    schema.run("insert into t values (1)")
    lake.put("u/0000_part_00", "old and longer")
    lake.put("u/other", "old")
    with pytest.raises(psycopg.Error, match="Specified unload destination on S3 is not empty"):
        unload(schema, lake, "u/")
    assert lake.get("u/0000_part_00") == b"old and longer"
    unload(schema, lake, "u/", "allowoverwrite")
    assert (lake.get("u/0000_part_00"), lake.get("u/other")) == (b"1\n", b"old")
    unload(schema, lake, "u/", "cleanpath", "select a from t where a = 2")
    assert lake.names("u") == ["0000_part_00"]
    assert lake.get("u/0000_part_00") == b""


def test_files_of_a_maximal_size(servers: Servers, schema: Schema, lake: Lake) -> None:
    query = (
        "with d as (select 0 as x union all select 1 union all select 2 union all select 3) "
        "select row_number() over () as n, md5(a.x::varchar) || repeat('y', 200) as v "
        "from d as a, d as b, d as c, d as e, d as f, d as g, d as h, d as i"
    )
    gateway = psutil.Process(servers.pid)
    before = gateway.memory_info().rss
    unload(schema, lake, "m/", "maxfilesize 6 mb manifest verbose", query)
    names = lake.names("m")
    assert names == ["0000_part_00", "0000_part_01", "0000_part_02", "manifest"]
    sizes = [len(lake.get(f"m/{name}")) for name in names[:-1]]
    assert max(sizes) <= 6 * 1024 * 1024
    assert min(sizes[:-1]) > 5.9 * 1024 * 1024
    rows = [
        int(line.split(b"|")[0]) for n in names[:-1] for line in lake.get(f"m/{n}").splitlines()
    ]
    assert rows == list(range(1, 4**8 + 1))
    counts = [
        entry["meta"]["record_count"] for entry in json.loads(lake.get("m/manifest"))["entries"]
    ]
    assert sum(counts) == 4**8
    assert gateway.memory_info().rss - before < 150 * 1024 * 1024


def test_the_query_is_translated_and_runs_in_the_session(schema: Schema, lake: Lake) -> None:
    with schema.connection.transaction():
        schema.run("create temp table #own (a int, s varchar(9))")
        schema.run("insert into #own values (7, 'it''s')")
        schema.run("create view v as select a from public.later with no schema binding")
        query = (
            "select dateadd(day, 1, '2020-02-28'::date)::date as d, a + 1 as b, b + 1 as c, s "
            "from #own"
        )
        schema.run(
            f"unload ($${query} where s = 'it''s'$$) to '{lake.url}/t' credentials "
            "'aws_access_key_id=a;aws_secret_access_key=b'"
        )
    assert lake.get("t0000_part_00") == b"2020-02-29|8|9|it's\n"
    for query, message in (
        ("select 1 / 0 as a", "division by zero"),
        ("select * from absent", 'relation "absent" does not exist'),
        ("select a from t limit 1", "Limit clause is not supported"),
        ("delete from t", "UNLOAD of anything but a SELECT is not supported"),
        ("select 1; select 2", "exactly one SELECT"),
        ("select to_json(1)", "to_json"),
    ):
        with pytest.raises(psycopg.Error, match=message):
            unload(schema, lake, "e/", "", query)
    assert lake.names("e") == []
    assert schema.run(
        "select status, unloaded_rows from sys_unload_history where unloaded_location like %s "
        "order by query_id",
        f"{lake.url}%",
    )[:2] == [("completed", 1), ("aborted", 0)]


def test_drivers_and_transactions(servers: Servers, schema: Schema, lake: Lake) -> None:
    schema.run("create table t (a int)")
    connection = servers.redshift()
    cursor = connection.cursor()
    cursor.execute(f"insert into {schema.name}.t values (5)")
    cursor.execute(f"unload ('select * from {schema.name}.t') to '{lake.url}/d/' {ROLE} csv")
    cursor.execute("select pg_last_unload_count()")
    assert cursor.fetchall() == ([1],)
    with pytest.raises(Exception, match="division by zero"):
        cursor.execute(f"unload ('select 1/0 as a') to '{lake.url}/x/' {ROLE} csv")
    with pytest.raises(Exception, match="current transaction is aborted"):
        cursor.execute("select 1")
    connection.rollback()
    connection.close()
    assert lake.get("d/0000_part_00") == b"5\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("parquet header", "HEADER argument is not supported for PARQUET based UNLOAD"),
        ("parquet gzip", "GZIP argument is not supported for PARQUET based UNLOAD"),
        ("json delimiter ','", "DELIMITER argument is not supported for JSON based UNLOAD"),
        ("csv addquotes", "ADDQUOTES argument is not supported for CSV based UNLOAD"),
        ("cleanpath allowoverwrite", "CLEANPATH and ALLOWOVERWRITE cannot be specified"),
        ("maxfilesize 4 mb", "MAXFILESIZE must be between 5 MB and 6.2 GB"),
        ("parquet rowgroupsize 1 gb", "ROWGROUPSIZE must be between 32 MB and 128 MB"),
        ("master_symmetric_key 'k' encrypted", "UNLOAD parameter MASTER_SYMMETRIC_KEY is not"),
        ("kms_key_id 'k'", "KMS_KEY_ID can be used only with ENCRYPTED"),
        ("format orc", "UNLOAD FORMAT ORC is not supported by the local Redshift gateway"),
    ],
)
def test_refusals(schema: Schema, lake: Lake, options: str, message: str) -> None:
    with pytest.raises(psycopg.Error, match=message):
        unload(schema, lake, "r/", options, "select 1 as a")


def test_encryption_is_the_servers(schema: Schema, lake: Lake) -> None:
    for number, options in enumerate(("encrypted", "kms_key_id 'k' encrypted", "encrypted auto")):
        unload(schema, lake, f"e{number}/", options, "select 1 as a")
        assert lake.get(f"e{number}/0000_part_00") == b"1\n"


def test_a_query_that_needs_no_role_is_refused(schema: Schema, lake: Lake) -> None:
    with pytest.raises(psycopg.Error, match="UNLOAD needs an IAM_ROLE"):
        schema.run(f"unload ('select 1 as a') to '{lake.url}/r/'")


@pytest.mark.parametrize(
    ("options", "load"),
    [
        ("format parquet", "format parquet serializetojson"),
        ("format json", "format json 'auto'"),
        ("format csv", "format csv"),
        ("delimiter '|' escape", "delimiter '|' escape"),
    ],
)
def test_super_values_come_back_from_every_format(
    schema: Schema, lake: Lake, options: str, load: str
) -> None:
    schema.run("create table s (k int, v super)")
    document = {"a": [1, 2.5, 'x|y\\n"z"\n,'], "b": {"C": None}}
    for number, value in enumerate([document, "text, é", [], 12.3, True], 1):
        schema.run(
            f"insert into s select {number}, json_parse(%s)", json.dumps(value, ensure_ascii=False)
        )
    schema.run("insert into s values (9, null)")
    schema.run("create table back (k int, v super)")
    schema.run(f"unload ('select k, v from s') to '{lake.url}/{options[-4:]}_' {ROLE} {options}")
    schema.run(f"copy back from '{lake.url}/{options[-4:]}_' {ROLE} {load}")
    rows = "select k, json_serialize(v), json_typeof(v) from {} order by k"
    if "parquet" in options:  # a string column of JSON texts
        schema.run("update back set v = json_parse(v::varchar)")
    assert schema.run(rows.format("back")) == schema.run(rows.format("s"))
