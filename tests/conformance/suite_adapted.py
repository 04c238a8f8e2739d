"""Classes of dbt's adapter suite that need other fixtures on Redshift; all asserts are theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from dbt.tests.adapter.basic import expected_catalog, files
from dbt.tests.adapter.basic.test_docs_generate import BaseDocsGenerate, BaseDocsGenReferences
from dbt.tests.adapter.basic.test_snapshot_check_cols import BaseSnapshotCheckCols
from dbt.tests.adapter.basic.test_snapshot_timestamp import BaseSnapshotTimestamp
from dbt.tests.adapter.column_types.test_column_types import BasePostgresColumnTypes
from dbt.tests.adapter.dbt_clone.test_dbt_clone import BaseCloneNotPossible
from dbt.tests.adapter.dbt_debug.test_dbt_debug import BaseDebugPostgres
from dbt.tests.adapter.ephemeral.test_ephemeral import BaseEphemeralMulti, BaseEphemeralNested
from dbt.tests.adapter.functions import files as function_files
from dbt.tests.adapter.functions.test_udfs import (
    CanFindScalarFunctionRelation,
    DeterministicUDF,
    NonDeterministicUDF,
    SqlUDFDefaultArgSupport,
    StableUDF,
    UDFsBasic,
)
from dbt.tests.adapter.hooks import test_model_hooks, test_run_hooks
from dbt.tests.adapter.incremental.test_incremental_microbatch import BaseMicrobatch
from dbt.tests.adapter.simple_copy.test_copy_uppercase import BaseSimpleCopyUppercase
from dbt.tests.adapter.simple_seed.test_seed_type_override import BaseSimpleSeedColumnOverride
from dbt.tests.adapter.unit_testing.test_types import BaseUnitTestingTypes
from dbt.tests.adapter.utils.test_timestamps import BaseCurrentTimestamps
from dbt.tests.util import AnyFloat, AnyInteger, AnyString, AnyStringWith

from tests.conformance.conftest import Gateway, target

# dbt gives a seed's text column the length of its longest value, in bytes; the snapshots append.
WIDER_NAME = {"seeds": [{"name": "added", "config": {"column_types": {"name": "varchar(64)"}}}]}


class TestSnapshotCheckCols(BaseSnapshotCheckCols):
    @pytest.fixture(scope="class")
    def seeds(self) -> dict[str, Any]:
        return {
            "base.csv": files.seeds_base_csv, "added.csv": files.seeds_added_csv,
            "lengths.yml": WIDER_NAME,
        }  # fmt: skip


class TestSnapshotTimestamp(BaseSnapshotTimestamp):
    @pytest.fixture(scope="class")
    def seeds(self) -> dict[str, Any]:
        return {
            "base.csv": files.seeds_base_csv, "added.csv": files.seeds_added_csv,
            "newcolumns.csv": files.seeds_newcolumns_csv, "lengths.yml": WIDER_NAME,
        }  # fmt: skip


def _stats() -> dict[str, Any]:
    """What dbt-redshift reads from svv_table_info for a table without keys of its own."""
    shown = {
        "encoded": ("Encoded", AnyStringWith("Y"), "Indicates whether any column in the table "
                    "has compression encoding defined."),
        "diststyle": ("Dist Style", AnyStringWith("AUTO"), "Distribution style or distribution "
                      "key column, if key distribution is defined."),
        "max_varchar": ("Max Varchar", AnyInteger(), "Size of the largest column that uses a "
                        "VARCHAR data type."),
        "size": ("Approximate Size", AnyInteger(), "Approximate size of the table, calculated "
                 "from a count of 1MB blocks"),
        "sortkey1": ("Sort Key 1", AnyString(), "First column in the sort key."),
        "pct_used": ("Disk Utilization", AnyFloat(), "Percent of available space that is used by "
                     "the table."),
        "stats_off": ("Stats Off", AnyFloat(), "Number that indicates how stale the table "
                      "statistics are; 0 is current, 100 is out of date."),
        "rows": ("Approximate Row Count", AnyFloat(), "Approximate number of rows in the table. "
                 "This value includes rows marked for deletion, but not yet vacuumed."),
    }  # fmt: skip
    stats = {
        name: {"id": name, "label": label, "value": value, "description": text, "include": True}
        for name, (label, value, text) in shown.items()
    }
    stats["has_stats"] = {**expected_catalog.no_stats()["has_stats"], "value": True}
    return stats


class TestDocsGenerate(BaseDocsGenerate):
    @pytest.fixture(scope="class")
    def expected_catalog(self, project: Any, profile_user: str) -> dict[str, Any]:
        return expected_catalog.base_expected_catalog(
            project, role=profile_user, id_type="integer",
            text_type=AnyStringWith("character varying"),
            time_type="timestamp without time zone", view_type="VIEW", table_type="BASE TABLE",
            model_stats=expected_catalog.no_stats(), seed_stats=_stats(),
        )  # fmt: skip


class TestDocsGenReferences(BaseDocsGenReferences):
    @pytest.fixture(scope="class")
    def expected_catalog(self, project: Any, profile_user: str) -> dict[str, Any]:
        return expected_catalog.expected_references_catalog(
            project, role=profile_user, id_type="integer",
            text_type=AnyStringWith("character varying"),
            time_type="timestamp without time zone", bigint_type="bigint", view_type="VIEW",
            table_type="BASE TABLE", model_stats=_stats(), seed_stats=_stats(),
            view_summary_stats=expected_catalog.no_stats(),
        )  # fmt: skip


class _Hooks:
    """The hooks write down what dbt knows of its target; the suite knows the one of PostgreSQL."""

    def get_ctx_vars(self, *args: Any, **options: Any) -> Any:
        found = super().get_ctx_vars(*args, **options)  # type: ignore[misc]
        for values in found if isinstance(found, list) else [found]:
            assert values["target_type"] == "redshift"
            values["target_type"] = "postgres"
        return found


class TestModelHooks(_Hooks, test_model_hooks.BasePrePostModelHooks):
    pass


class TestModelHookRefs(_Hooks, test_model_hooks.BaseHookRefs):
    pass


class TestModelHooksInConfig(_Hooks, test_model_hooks.BasePrePostModelHooksInConfig):
    pass


class TestModelHooksCounted(_Hooks, test_model_hooks.BasePrePostModelHooksInConfigWithCount):
    pass


class TestModelHooksByKeyword(_Hooks, test_model_hooks.BasePrePostModelHooksInConfigKwargs):
    pass


class TestRunHooks(_Hooks, test_run_hooks.BasePrePostRunHooks):
    pass


class _OwnSchema:
    """The SQL that the suite expects has its own file's name in the schema's."""

    @pytest.fixture(scope="class")
    def unique_schema(self, prefix: str) -> str:
        return f"{prefix}_test_ephemeral"


class TestEphemeralMulti(_OwnSchema, BaseEphemeralMulti):
    pass


class TestEphemeralNested(_OwnSchema, BaseEphemeralNested):
    pass


class TestSimpleCopyUppercase(BaseSimpleCopyUppercase):
    """The suite names a target of PostgreSQL."""

    @pytest.fixture(scope="class")
    def dbt_profile_target(self, gateway: Gateway) -> dict[str, Any]:
        return target(gateway)


class TestColumnTypes(BasePostgresColumnTypes):
    """Redshift has no serial, money or uuid."""

    TYPES: ClassVar = {
        "number": ["smallint", "int", "bigint", "int2", "int4", "int8", "integer", "real",
                   "float4", "float8", "float", "double precision", "numeric", "decimal"],
        "string": ["varchar(20)", "text"],
    }  # fmt: skip

    @pytest.fixture(scope="class")
    def models(self) -> dict[str, Any]:
        columns = {
            f"c{number}": (name, kind)
            for kind, names in self.TYPES.items()
            for number, name in enumerate(names, start=len(kind) * 100)
        }
        items = ", ".join(f"'1'::{name} as {column}" for column, (name, _) in columns.items())
        expected = {
            column: [kind] if kind == "number" else ["string", "not number"]
            for column, (_, kind) in columns.items()
        }
        test = {"is_type": {"column_map": expected}}
        return {
            "model.sql": f"select {items}",
            "schema.yml": {"models": [{"name": "model", "data_tests": [test]}]},
        }


class TestCloneNotPossible(BaseCloneNotPossible):
    @pytest.fixture(autouse=True)
    def clean_up(self, project: Any) -> Iterator[None]:
        yield
        with project.adapter.connection_named("__test"):
            for schema in (f"{project.test_schema}_seeds", project.test_schema):
                relation = project.adapter.Relation.create(project.database, schema)
                project.adapter.drop_schema(relation)


class TestDebug(BaseDebugPostgres):
    """The suite names targets that its own profile has: without password, with a wrong user."""

    @pytest.fixture(scope="class")
    def dbt_profile_data(
        self, unique_schema: str, dbt_profile_target: dict[str, Any]
    ) -> dict[str, Any]:
        default = {**dbt_profile_target, "schema": unique_schema}
        outputs = {
            "default": default,
            "nopass": {name: value for name, value in default.items() if name != "password"},
            "wronguser": {**default, "user": "nobody", "retries": 0},
            "none_target": None,
        }
        return {"test": {"outputs": outputs, "target": "default"}}


class _RedshiftFunction:
    """Redshift's SQL functions name their arguments by position."""

    FUNCTION = "select $1 * 2"
    PROPERTIES = function_files.MY_UDF_YML

    @pytest.fixture(scope="class")
    def functions(self) -> dict[str, str]:
        return {"price_for_xlarge.sql": self.FUNCTION, "price_for_xlarge.yml": self.PROPERTIES}


class TestFunction(_RedshiftFunction, UDFsBasic):
    def check_function_volatility(self, sql: str) -> None:
        assert "VOLATILE" in sql  # Redshift wants it said; dbt-redshift's default


class TestDeterministicFunction(_RedshiftFunction, DeterministicUDF):
    pass


class TestStableFunction(_RedshiftFunction, StableUDF):
    pass


class TestNonDeterministicFunction(_RedshiftFunction, NonDeterministicUDF):
    pass


class TestFunctionDefaults(_RedshiftFunction, SqlUDFDefaultArgSupport):
    PROPERTIES = function_files.MY_UDF_WITH_DEFAULT_ARG_YML
    expect_default_arg_support = False


class TestFunctionIsListed(_RedshiftFunction, CanFindScalarFunctionRelation):
    pass


class TestMicrobatch(BaseMicrobatch):
    @pytest.fixture(scope="class")
    def microbatch_model_sql(self) -> str:
        """dbt-redshift deletes the batch by its time and wants no unique_key."""
        return (
            "{{ config(materialized='incremental', incremental_strategy='microbatch', "
            "event_time='event_time', batch_size='day', "
            "begin=modules.datetime.datetime(2020, 1, 1)) }} select * from {{ ref('input_model') }}"
        )


class TestSeedColumnOverride(BaseSimpleSeedColumnOverride):
    EXPECTED: ClassVar = {
        "seed_enabled": {"birthday": "date", "seed_id": "character varying(256)"},
        "seed_tricky": {
            "seed_id": "integer", "seed_id_str": "character varying(256)", "a_bool": "boolean",
            "looks_like_a_bool": "character varying(256)",
            "a_date": "timestamp without time zone",
            "looks_like_a_date": "character varying(256)", "relative": "character varying(9)",
            "weekday": "character varying(8)",
        },
    }  # fmt: skip

    @pytest.fixture(scope="class")
    def models(self) -> dict[str, Any]:
        seeds = [
            {"name": seed, "columns": [
                {"name": name, "data_tests": [{"column_type": {"type": kind}}]}
                for name, kind in columns.items()
            ]}
            for seed, columns in self.EXPECTED.items()
        ]  # fmt: skip
        return {"schema.yml": {"seeds": seeds}}


class TestUnitTestingTypes(BaseUnitTestingTypes):
    @pytest.fixture
    def data_types(self) -> list[list[str]]:
        """Redshift's types; it has no json."""
        return [
            ["1", "1"], ["'1'", "1"], ["true", "true"], ["1.0", "1.0"],
            ["'string'::varchar(10)", "string"], ["DATE '2020-01-02'", "2020-01-02"],
            ["TIMESTAMP '2013-11-03 00:00:00-0'", "2013-11-03 00:00:00-0"],
            ["TIMESTAMPTZ '2013-11-03 00:00:00-0'", "2013-11-03 00:00:00-0"],
            ["'1'::numeric", "1"], ["5::bigint", "5"], ["1.5::float8", "1.5"],
        ]  # fmt: skip


class TestCurrentTimestamps(BaseCurrentTimestamps):
    COLUMNS = (
        "current_timestamp", "current_timestamp_in_utc_backcompat",
        "current_timestamp_backcompat",
    )  # fmt: skip

    @pytest.fixture(scope="class")
    def expected_schema(self) -> dict[str, str]:
        return dict.fromkeys(self.COLUMNS, "timestamp without time zone")

    @pytest.fixture(scope="class")
    def expected_sql(self) -> str:
        return "select " + ", ".join(f"getdate() as {name}" for name in self.COLUMNS)
