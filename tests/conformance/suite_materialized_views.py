"""Materialized views: created, refreshed, altered, replaced, as dbt-redshift does it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dbt.tests.adapter.materialized_view.basic import MaterializedViewBasic
from dbt.tests.adapter.materialized_view.changes import (
    MaterializedViewChanges,
    MaterializedViewChangesApplyMixin,
    MaterializedViewChangesContinueMixin,
    MaterializedViewChangesFailMixin,
)
from dbt.tests.adapter.materialized_view.files import MY_TABLE, MY_VIEW
from dbt.tests.util import get_model_file, set_model_file

MODEL = (
    "{{ config(materialized='materialized_view', dist='id', sort=['id'], auto_refresh=False) }} "
    "select * from {{ ref('my_seed') }}"
)
KIND = """
select case
    when definition ilike 'create materialized view%%' then 'materialized_view' else 'view'
end
from pg_views where schemaname = '{relation.schema}' and viewname = '{relation.identifier}'
union all
select 'table' from pg_tables
where schemaname = '{relation.schema}' and tablename = '{relation.identifier}'
"""
SETTINGS = """
select t.diststyle, t.sortkey1, m.autorefresh
from svv_table_info as t
join svv_mv_info as m on m.schema_name = t."schema" and m.name = t."table"
where t."schema" = '{relation.schema}' and t."table" = '{relation.identifier}'
"""


def _kind(project: Any, relation: Any) -> str | None:
    found = project.run_sql(KIND.replace("%%", "%").format(relation=relation), fetch="all")
    assert len(found) <= 1
    return found[0][0] if found else None


def _settings(project: Any, relation: Any) -> tuple[str, str, str]:
    return tuple(project.run_sql(SETTINGS.format(relation=relation), fetch="one"))  # type: ignore[return-value]


class _Models:
    @pytest.fixture(scope="class", autouse=True)
    def models(self) -> Iterator[dict[str, str]]:
        yield {
            "my_materialized_view.sql": MODEL, "my_table.sql": MY_TABLE, "my_view.sql": MY_VIEW,
        }  # fmt: skip

    @staticmethod
    def query_relation_type(project: Any, relation: Any) -> str | None:
        return _kind(project, relation)


class TestBasic(_Models, MaterializedViewBasic):
    @staticmethod
    def insert_record(project: Any, table: Any, record: tuple[int, int]) -> None:
        project.run_sql(f"insert into {table} (id, value) values ({record[0]}, {record[1]})")

    @staticmethod
    def refresh_materialized_view(project: Any, materialized_view: Any) -> None:
        project.run_sql(f"refresh materialized view {materialized_view}")

    @staticmethod
    def query_row_count(project: Any, relation: Any) -> int:
        return int(project.run_sql(f"select count(*) from {relation}", fetch="one")[0])


def _edit(project: Any, relation: Any, old: str, new: str) -> None:
    model = get_model_file(project, relation)
    assert old in model
    set_model_file(project, relation, model.replace(old, new))


class _Changes(_Models, MaterializedViewChanges):
    @staticmethod
    def check_start_state(project: Any, materialized_view: Any) -> None:
        assert _settings(project, materialized_view) == ("KEY(id)", "id", "f")

    @staticmethod
    def change_config_via_alter(project: Any, materialized_view: Any) -> None:
        _edit(project, materialized_view, "auto_refresh=False", "auto_refresh=True")

    @staticmethod
    def check_state_alter_change_is_applied(project: Any, materialized_view: Any) -> None:
        assert _settings(project, materialized_view)[2] == "t"

    @staticmethod
    def change_config_via_replace(project: Any, materialized_view: Any) -> None:
        _edit(project, materialized_view, "dist='id', sort=['id']", "sort=['value']")

    @staticmethod
    def check_state_replace_change_is_applied(project: Any, materialized_view: Any) -> None:
        assert _settings(project, materialized_view)[:2] == ("EVEN", "value")


class TestChangesApply(_Changes, MaterializedViewChangesApplyMixin):
    pass


class TestChangesContinue(_Changes, MaterializedViewChangesContinueMixin):
    pass


class TestChangesFail(_Changes, MaterializedViewChangesFailMixin):
    pass
