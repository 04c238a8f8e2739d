"""Making the warehouse ready for loads: the staging tables and the ledger."""

from __future__ import annotations

import psycopg

from infra.local.config import Config
from infra.local.environment import WAREHOUSE
from infra.local.health import connect
from infra.local.tools import digest, is_current, remember, run_module


def prepare(config: Config) -> bool:
    """Create or extend the contract's tables; tells whether there was anything to do."""
    stamp = config.state / "dbt" / "warehouse.inputs"
    inputs = digest([config.manifest, config.project / "dags" / "elt_lib"])
    if is_current(stamp, inputs) and _has_ledger(config):
        return False
    run_module(config, "elt_lib", "tables")
    remember(stamp, inputs)
    return True


def _has_ledger(config: Config) -> bool:
    """Tell whether the tables are there, whatever the stamp says: someone may have dropped them."""
    try:
        with connect(config, "redshift", WAREHOUSE) as connection:
            connection.execute("select 1 from ops.load_ledger limit 1")
    except psycopg.Error:
        return False
    return True
