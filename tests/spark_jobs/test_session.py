"""What the jobs set for their session."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from elt_lib.emr import SPARK_DEFAULTS
from spark_jobs import session

LIMIT = "spark.sql.codegen.hugeMethodLimit"


@pytest.mark.slow
def test_loops_are_as_long_as_java_compiles_them(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert session.build_session("long").conf.get(LIMIT) == "65535"
    with monkeypatch.context() as patch:
        patch.setattr(session, "COMPILES_ALL", "-XX:-NotGiven")
        assert session.build_session("short").conf.get(LIMIT) == "8000"
    session.build_session("long")
    assert spark.conf.get(LIMIT) == "65535"


def test_clusters_compile_long_methods() -> None:
    assert SPARK_DEFAULTS == {
        "spark.driver.extraJavaOptions": session.COMPILES_ALL,
        "spark.executor.extraJavaOptions": session.COMPILES_ALL,
    }
