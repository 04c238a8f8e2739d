"""A small dbt project through the real dbt-redshift: build, build again, full refresh, docs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dbt.cli.main import dbtRunner

from .conftest import DATABASE, PASSWORD, USER, Schema, Servers

pytestmark = pytest.mark.slow

OTHER = "other_database"
FILES = {
    "dbt_project.yml": """
name: small
profile: small
version: "1.0"
models: {+persist_docs: {relation: true, columns: true}}
""",
    "seeds/people.csv": "id,name,born\n1,Ann,2001-01-02\n2,José,1999-05-06\n",
    "models/stg_people.sql": """
{{ config(materialized='view', bind=false) }}
select id, name, born from {{ ref('people') }}
""",
    "models/dim_people.sql": """
{{ config(materialized='table', dist='id', sort=['id'], grants={'select': ['dbt_reader']}) }}
select id, name, datediff(year, born, '2020-01-01'::date) as age, age * 2 as twice
from {{ ref('stg_people') }}
""",
    "models/fct_people.sql": """
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='id',
    contract={'enforced': true}, on_schema_change='append_new_columns', sort='id',
) }}
select id::integer as id, name::varchar(64) as name, getdate()::timestamp as made_at,
    md5(name)::varchar(32) as hash
from {{ ref('dim_people') }}
{% if is_incremental() %} where id >= (select max(id) from {{ this }}) {% endif %}
""",
    "models/models.yml": """
models:
  - name: dim_people
    description: "People; it's a \\\\ test"
    columns:
      - {name: id, description: the key, data_tests: [unique, not_null]}
  - name: fct_people
    description: facts
    columns:
      - name: id
        data_type: integer
        description: the key
        constraints: [{type: not_null}, {type: primary_key, warn_unenforced: false}]
        data_tests: [unique]
      - {name: name, data_type: varchar(64)}
      - {name: made_at, data_type: timestamp}
      - {name: hash, data_type: varchar(32)}
unit_tests:
  - name: doubles
    model: dim_people
    given: [{input: ref('stg_people'), rows: [{id: 1, name: x, born: 2000-01-01}]}]
    expect: {rows: [{id: 1, age: 20, twice: 40}]}
""",
    "snapshots/snap.sql": """
{% snapshot snap %}
{{ config(unique_key='id', strategy='check', check_cols=['name']) }}
select * from {{ ref('people') }}
{% endsnapshot %}
""",
}


class Project:
    def __init__(self, root: Path, servers: Servers, schema: str) -> None:
        self.root = root
        for name, text in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        profile = {
            "type": "redshift", "host": "127.0.0.1", "port": servers.port, "user": USER,
            "password": PASSWORD, "dbname": DATABASE, "schema": schema, "sslmode": "disable",
            "threads": 4,
        }  # fmt: skip
        outputs = {
            "local": profile,
            "show": {**profile, "datasharing": True, "ra3_node": True},
            "other": {**profile, "dbname": OTHER},
        }
        (root / "profiles.yml").write_text(
            json.dumps({"small": {"target": "local", "outputs": outputs}})
        )

    def dbt(self, *arguments: str) -> list[str]:
        """Run dbt in this process, which must go well; returns the status of each node."""
        done = dbtRunner().invoke(
            [
                *("--no-send-anonymous-usage-stats", *arguments),
                *("--project-dir", str(self.root), "--profiles-dir", str(self.root)),
            ]
        )
        results = getattr(done.result, "results", [])
        assert done.success, (done.exception, [each.message for each in results])
        return [str(each.status) for each in results]

    def catalog(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.root / "target" / "catalog.json").read_text())
        assert loaded["errors"] is None
        return loaded["nodes"]  # type: ignore[no-any-return]


# The second target asks by other queries, the third one is in a database of CREATE DATABASE.
@pytest.mark.parametrize(
    ("target", "builds"),
    [("local", ([], [], ["--full-refresh"])), ("show", ([],)), ("other", ([], []))],
)
def test_build_again_refresh_and_docs(
    servers: Servers,
    schema: Schema,
    tmp_path: Path,
    target: str,
    builds: tuple[list[str], ...],
) -> None:
    if not schema.run("select 1 from pg_user where usename = 'dbt_reader'"):
        schema.run("create user dbt_reader password disable")
    if target == "other":
        schema.run(f"create database {OTHER}")
        schema = Schema(servers, schema.name, OTHER)
    project = Project(tmp_path, servers, schema.name)
    if target == "local":
        project.dbt("debug")
    for arguments in builds:
        statuses = project.dbt("build", "--target", target, *arguments)
        assert sorted(statuses) == ["pass"] * 4 + ["success"] * 5
    assert schema.run("select id, name, age, twice from dim_people order by id") == [
        (1, "Ann", 19, 38),
        (2, "José", 21, 42),
    ]
    assert schema.value("select count(*) from fct_people") == 2
    assert schema.value("select count(*) from snap") == 2
    table = f"'{schema.name}.dim_people'"
    assert schema.value(f"select has_table_privilege('dbt_reader', {table}, 'select')") is True

    project.dbt("docs", "generate", "--target", target)
    nodes = project.catalog()
    dim = nodes["model.small.dim_people"]
    assert (dim["metadata"]["type"], dim["metadata"]["comment"]) == (
        "BASE TABLE", "People; it's a \\ test",
    )  # fmt: skip
    assert dim["columns"]["id"]["comment"] == "the key"
    assert dim["stats"]["diststyle"]["value"] == "KEY(id)"
    view = nodes["model.small.stg_people"]
    assert view["metadata"]["type"] == "LATE BINDING VIEW"
    assert {name: column["type"] for name, column in view["columns"].items()} == {
        "id": "integer",
        "name": "character varying(5)",
        "born": "date",
    }
    fct = nodes["model.small.fct_people"]
    assert fct["columns"]["name"]["type"] == "character varying(64)"
