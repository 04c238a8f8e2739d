"""Constraints: Redshift takes keys for information, has no CHECK, and names a NULL's column."""

from __future__ import annotations

import pytest
from dbt.tests.adapter.constraints.test_constraints import (
    BaseConstraintQuotedColumn,
    BaseConstraintsRollback,
    BaseConstraintsRuntimeDdlEnforcement,
    BaseIncrementalConstraintsColumnsEqual,
    BaseIncrementalConstraintsRollback,
    BaseIncrementalConstraintsRuntimeDdlEnforcement,
    BaseModelConstraintsRuntimeEnforcement,
    BaseTableConstraintsColumnsEqual,
    BaseViewConstraintsColumnsEqual,
)


class _Types:
    @pytest.fixture
    def data_types(self, schema_int_type: str, int_type: str, string_type: str) -> list[list[str]]:
        """A value, its type in the contract, its name in the error; no json and no arrays."""
        zoned = "'2013-11-03 00:00:00-07'"
        return [
            ["1", schema_int_type, int_type],
            ["'1'", string_type, string_type],
            ["true", "bool", "BOOL"],
            [f"{zoned}::timestamptz", "timestamptz", "TIMESTAMPTZ"],
            [f"{zoned}::timestamp", "timestamp", "TIMESTAMP"],
            ["'1'::numeric", "numeric", "NUMERIC"],
            ["cast('2019-01-01' as date)", "date", "DATE"],
        ]


class TestTableColumns(_Types, BaseTableConstraintsColumnsEqual):
    pass


class TestViewColumns(_Types, BaseViewConstraintsColumnsEqual):
    pass


class TestIncrementalColumns(_Types, BaseIncrementalConstraintsColumnsEqual):
    pass


class _NullError:
    @pytest.fixture(scope="class")
    def expected_error_messages(self) -> list[str]:
        return ["Cannot insert a NULL value into column id"]


class TestTableRollback(_NullError, BaseConstraintsRollback):
    pass


class TestIncrementalRollback(_NullError, BaseIncrementalConstraintsRollback):
    pass


class _Ddl:
    """dbt-redshift writes CREATE TABLE with the constraints, then INSERT."""

    COLUMNS = (
        "id integer not null primary key references <foreign_key_model_identifier> (id) unique, "
        "color text, date_day text"
    )
    QUERY = (
        "select id, color, date_day from ( -- depends_on: <foreign_key_model_identifier>\n"
        "select 'blue' as color, 1 as id, '2019-01-01' as date_day ) as model_subq"
    )

    @pytest.fixture(scope="class")
    def expected_sql(self) -> str:
        return (
            f"create table <model_identifier> ( {self.COLUMNS} ) ; "
            f"insert into <model_identifier> ( {self.QUERY} ) ;"
        )


class TestTableDdl(_Ddl, BaseConstraintsRuntimeDdlEnforcement):
    pass


class TestIncrementalDdl(_Ddl, BaseIncrementalConstraintsRuntimeDdlEnforcement):
    pass


class TestModelDdl(_Ddl, BaseModelConstraintsRuntimeEnforcement):
    COLUMNS = (
        "id integer not null, color text, date_day text, primary key (id), "
        "constraint strange_uniqueness_requirement unique (color, date_day), "
        "foreign key (id) references <foreign_key_model_identifier> (id)"
    )


class TestQuotedColumnDdl(_Ddl, BaseConstraintQuotedColumn):
    COLUMNS = 'id integer not null, "from" text not null, date_day text'
    QUERY = (
        'select id, "from", date_day from ( '
        "select 'blue' as \"from\", 1 as id, '2019-01-01' as date_day ) as model_subq"
    )
