"""Columns that no contract names: from Parquet through COPY into SUPER, and out of a view."""

from dataclasses import replace

import pyarrow as pa
import pytest
from jinja2 import Template

from elt_lib.contract import Column, ExtraColumns
from elt_lib.preflight import PreflightError
from elt_lib.warehouse import ensure_tables
from tests.dags import lake as lakes
from tests.dbt_project.warehouse import PROJECT

pytestmark = pytest.mark.slow


def test_captured_columns_are_loaded_and_navigated(lake, monkeypatch):
    columns = (*lake.feed.columns, Column("rest", "super", extra=True))
    lake.feed = replace(
        lake.feed,
        name=f"{lake.feed.name}_super",
        columns=columns,
        extra_columns=ExtraColumns.CAPTURE,
    )
    ensure_tables(lake.connect(), [lake.feed])
    rows = [(1, "a", '{"promo":"TEN","Łódź":""}'), (2, "b", None), (3, "c", "{}")]

    monkeypatch.setitem(lakes.TYPES, "super", pa.string())  # as the Spark job writes it
    assert lake.load("b1", lake.write("b1", rows)) == 3
    nested = [(4, "d", {"promo": "TWO"})]
    monkeypatch.setitem(lakes.TYPES, "super", pa.map_(pa.string(), pa.string()))
    assert lake.load("b2", lake.write("b2", nested)) == 1

    macro = (PROJECT / "dbt_project" / "macros" / "captured.sql").read_text(encoding="utf-8")
    table = f"staging.{lake.feed.table}"
    select = f"select order_id, {Template(macro).module.captured('rest')} as rest from {table}"
    connection = lake.connect()
    cursor = connection.cursor()
    cursor.execute(f"create view staging.stg_{lake.feed.table} as {select} with no schema binding")
    connection.commit()
    found = lake.query(
        "select order_id, cast(v.rest.promo as varchar(9)), json_serialize(v.rest) "
        f"from staging.stg_{lake.feed.table} as v order by 1"
    )
    assert found == [
        (1, "TEN", '{"promo":"TEN","Łódź":""}'),
        (2, None, None),
        (3, None, "{}"),
        (4, "TWO", '{"promo":"TWO"}'),
    ]


def test_a_number_where_captured_columns_belong_is_caught_before_copy(lake, monkeypatch):
    columns = (*lake.feed.columns, Column("rest", "super", extra=True))
    lake.feed = replace(lake.feed, name=f"{lake.feed.name}_number", columns=columns)
    ensure_tables(lake.connect(), [lake.feed])
    monkeypatch.setitem(lakes.TYPES, "super", pa.int64())
    with pytest.raises(PreflightError, match="column rest is int64 in the file, super in the"):
        lake.load("b1", lake.write("b1", [(1, "a", 7)]))
    assert lake.copies() == []
