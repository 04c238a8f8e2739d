"""Every source that has a sample compares its incremental facts with their full refresh.

Each does it in the file whose sample is in the warehouse already, after batches came out of order.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from infra.local.samples import registry
from tests.dbt_project.full_refresh import assert_equal_to_full_refresh

FILES = {
    "bikeshare": "test_build.py",
    "immigration": "test_immigration.py",
    "movies": "test_movies.py",
    "taxi": "test_taxi.py",
}


def test_every_source_has_its_file() -> None:
    assert FILES.keys() == registry.SOURCES.keys()


@pytest.mark.parametrize("source", FILES)
def test_a_sources_file_compares_its_facts(source: str) -> None:
    tree = ast.parse(Path(__file__).with_name(FILES[source]).read_text(encoding="utf-8"))
    compared = [
        ast.literal_eval(call.args[-1])
        for test in tree.body
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
        for call in ast.walk(test)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == assert_equal_to_full_refresh.__name__
    ]
    assert compared == [source]
