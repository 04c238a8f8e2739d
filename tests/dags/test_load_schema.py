"""Staging tables whose contract changed: a column is added, all else asks for a migration."""

from dataclasses import replace

import pytest

from elt_lib.contract import Column
from elt_lib.warehouse import SchemaDrift

pytestmark = pytest.mark.slow


def test_a_column_that_the_contract_gained_is_added(lake):
    lake.load("b1", lake.write("b1", [(1, "a")]))
    first, second = lake.feed.columns
    wider = replace(lake.feed, columns=(first, Column("extra", "varchar(9)"), second))
    lake.load("b2", lake.write("b2", [(2, "new", "b")], feed=wider), feed=wider)
    rows = lake.query(f"select order_id, extra, note from staging.{lake.feed.table} order by 1")
    assert rows == [(1, None, "a"), (2, "new", "b")]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            (Column("order_id", "integer", required=True), Column("note", "varchar(5)")),
            "column order_id is bigint in the table, integer in the contract",
        ),
        (
            (Column("order_id", "bigint", required=True), Column("note", "varchar(9)")),
            "column note is varchar(5) in the table, varchar(9) in the contract",
        ),
        (
            (Column("order_id", "bigint", required=True),),
            "column note is in the table but no longer in the contract",
        ),
    ],
)
def test_what_takes_a_migration_stops_the_load_with_the_migration(lake, columns, message):
    lake.load("b1", lake.write("b1", [(1, "old"), (2, None)]))
    before = (lake.rows(), lake.ledger())
    changed = replace(lake.feed, columns=columns)
    report = lake.write("b2", [row[: len(columns)] for row in [(3, "new")]], feed=changed)
    with pytest.raises(SchemaDrift) as caught:
        lake.load("b2", report, feed=changed)
    assert message in str(caught.value)
    assert "_shop__sources.yml" in str(caught.value)
    assert (lake.rows(), lake.ledger()) == before
    # Its own words are the migration: the rows stay, and the load goes through.
    migration = str(caught.value).split("\n\n")[1]
    lake.change(*filter(None, (each.strip() for each in migration.split(";"))))
    assert lake.load("b2", report, feed=changed) == 1
    names = ", ".join(column.name for column in columns)
    rows = lake.query(f"select {names} from staging.{lake.feed.table} order by 1")
    assert rows == [row[: len(columns)] for row in [(1, "old"), (2, None), (3, "new")]]
    lake.change(f"drop table staging.{lake.feed.table}__before")
