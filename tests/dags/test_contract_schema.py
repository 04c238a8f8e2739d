"""Editors complete a contract by a schema that says what the reader of contracts says."""

import json
import re
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest
import yaml

from elt_lib import contract_schema
from elt_lib.contract import Column, Files
from elt_lib.contract_yaml import COLUMN_KEYS, FEED_KEYS

PROJECT = Path(__file__).parents[2]
STORED = PROJECT / "dbt_project" / "contract.schema.json"


def test_the_stored_schema_is_the_codes():
    assert json.loads(STORED.read_text()) == contract_schema.schema(), (
        "PYTHONPATH=dags python -m elt_lib schema > dbt_project/contract.schema.json"
    )


def test_the_schema_has_every_key_that_is_read():
    assert set(contract_schema.FILES) == {field.name for field in fields(Files)}
    assert set(contract_schema.COLUMN) == COLUMN_KEYS
    properties = {"name", "data_type", "description"}  # dbt's own, beside config.meta
    assert set(contract_schema.COLUMN) | properties == {f.name for f in fields(Column)}
    assert set(contract_schema.FEED) | set(contract_schema.SOURCE) == FEED_KEYS


CONTRACTS = sorted(PROJECT.glob("dbt_project/models/**/*__sources.yml"))


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_the_projects_own_contracts_keep_it(path):
    jsonschema.validate(yaml.safe_load(path.read_text()), contract_schema.schema())


@pytest.mark.parametrize(
    "meta",
    [
        {"files": {"pattern": "*", "sep": ";"}},
        {"files": {"delimiter": ";"}},
        {"extra_columns": "drop"},
        {"reject_limit": 2},
        {"reject_limit": "many"},
        {"arrival": {"wait": "soon"}},
        {"batches": "upsert"},
        {"batches": "replace", "keep_batches": 0},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(meta):
    document = {"sources": [{"name": "s", "tables": [{"name": "t", "config": {"meta": meta}}]}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, contract_schema.schema())


def test_every_key_is_explained_for_people():
    guide = (PROJECT / "CONTRIBUTING.md").read_text()
    keys = [*contract_schema.COLUMN, *contract_schema.FILES, *contract_schema.FEED]
    assert [key for key in keys if not re.search(f"[`.]{key}[`.]", guide)] == []


def test_each_contract_names_its_schema():
    for path in PROJECT.glob("dbt_project/models/**/*__sources.yml"):
        if "files:" in path.read_text():
            first = path.read_text().splitlines()[0]
            named = first.removeprefix("# yaml-language-server: $schema=")
            assert (path.parent / named).resolve() == STORED.resolve(), path
