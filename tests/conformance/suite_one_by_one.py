"""Classes that send several statements at once to set their tables up: here they go one by one.

redshift_connector prepares each text that it is given, and a prepared statement is one statement.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import sqlparse
from dbt.tests.adapter.simple_seed import test_seed
from dbt.tests.adapter.simple_snapshot import test_various_configs as test_snapshot


class _OneByOne:
    @pytest.fixture(scope="class")
    def project(self, project: Any) -> Any:
        send = project.run_sql

        def run_sql(sql: str, fetch: str | None = None) -> Any:
            return [send(statement, fetch) for statement in sqlparse.split(sql)][-1]

        project.run_sql = run_sql
        project.test_dir = Path(inspect.getfile(test_seed)).parent  # the file with a BOM is there
        return project


class TestSeed(_OneByOne, test_seed.BaseBasicSeedTests):
    pass


class TestSeedFullRefreshOn(_OneByOne, test_seed.BaseSeedConfigFullRefreshOn):
    pass


class TestSeedFullRefreshOff(_OneByOne, test_seed.BaseSeedConfigFullRefreshOff):
    pass


class TestSeedCustomSchema(_OneByOne, test_seed.BaseSeedCustomSchema):
    pass


class TestSeedUniqueDelimiter(_OneByOne, test_seed.BaseSeedWithUniqueDelimiter):
    pass


class TestSeedWrongDelimiter(_OneByOne, test_seed.BaseSeedWithWrongDelimiter):
    pass


class TestSeedEmptyDelimiter(_OneByOne, test_seed.BaseSeedWithEmptyDelimiter):
    pass


class TestSeedParsing(_OneByOne, test_seed.BaseSeedParsing):
    pass


class TestSeedByteOrderMark(_OneByOne, test_seed.BaseSimpleSeedWithBOM):
    pass


class TestSnapshotColumnNames(_OneByOne, test_snapshot.BaseSnapshotColumnNames):
    pass


class TestSnapshotColumnNamesFromDbtProject(
    _OneByOne, test_snapshot.BaseSnapshotColumnNamesFromDbtProject
):
    pass


class TestSnapshotDbtValidToCurrent(_OneByOne, test_snapshot.BaseSnapshotDbtValidToCurrent):
    pass


class TestSnapshotInvalidColumnNames(_OneByOne, test_snapshot.BaseSnapshotInvalidColumnNames):
    pass


class TestSnapshotMultiUniqueKey(_OneByOne, test_snapshot.BaseSnapshotMultiUniqueKey):
    pass
