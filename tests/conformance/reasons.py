"""Which classes of dbt's adapter suite are not run, each with its reason.

Everything else is run: as it is (suite_unchanged.py), or with the fixtures that Redshift needs
(the other files). suite_unchanged.py checks that no class of the suite is forgotten.
"""

from __future__ import annotations

# Nothing to run by themselves: their subclasses in the suite bring models and expectations.
ABSTRACT = {
    "caching.test_caching.BaseCachingTest": "its subclasses bring the models",
    "constraints.test_constraints.BaseConstraintsColumnsEqual": "its subclasses bring the models",
    "constraints.test_constraints.BaseContractSqlHeader": "its subclasses bring the models",
    "functions.test_udafs.UDAFBase": "its subclasses bring the function",
    "store_test_failures_tests.test_store_test_failures.StoreTestFailuresBase": (
        "its subclasses bring the tests"
    ),
    "utils.base_array_utils.BaseArrayUtils": "its subclasses bring the models",
    "utils.base_utils.BaseUtils": "its subclasses bring the models",
    "utils.data_types.base_data_type_macro.BaseDataTypeMacro": "its subclasses bring the types",
    "utils.test_current_timestamp.BaseCurrentTimestamp": "its subclasses bring the expected type",
}

_PYTHON = "dbt-redshift has no Python models"
_PYTHON_UDF = "Redshift has no Python UDFs any more, and dbt-redshift no macro for them"
_JS = "Redshift has no JavaScript functions"
_AGGREGATE = "Redshift has no user-defined aggregates"

_CLONE = "Redshift cannot clone tables: dbt makes views"

# For adapters with other abilities: counted as skipped.
NOT_APPLICABLE = {
    "basic.test_get_catalog_for_single_relation.BaseGetCatalogForSingleRelation": (
        "dbt-redshift has no get_catalog_for_single_relation"
    ),
    "dbt_clone.test_dbt_clone.BaseClonePossible": _CLONE,
    "dbt_clone.test_dbt_clone.BaseCloneSameSourceAndTarget": _CLONE,
    "functions.test_js_udfs.BasicJSAggregateUDF": _JS,
    "functions.test_js_udfs.BasicJSUDF": _JS,
    "functions.test_js_udfs.JSAggregateUDFVolatilityIgnored": _JS,
    "functions.test_js_udfs.JSUDFDefaultArgSupport": _JS,
    "functions.test_js_udfs.JSUDFDeterministicVolatility": _JS,
    "functions.test_js_udfs.JSUDFMultiLineBody": _JS,
    "functions.test_js_udfs.JSUDFNonDeterministicVolatility": _JS,
    "functions.test_js_udfs.JSUDFStableVolatilityWarns": _JS,
    "functions.test_udafs.BasicPythonUDAF": _AGGREGATE,
    "functions.test_udafs.BasicSQLUDAF": _AGGREGATE,
    "functions.test_udafs.PythonUDAFDefaultArgSupport": _AGGREGATE,
    "functions.test_udfs.PythonUDFDefaultArgSupport": _PYTHON_UDF,
    "functions.test_udfs.PythonUDFEntryPointRequired": _PYTHON_UDF,
    "functions.test_udfs.PythonUDFRuntimeVersionRequired": _PYTHON_UDF,
    "functions.test_udfs.PythonUDFSupported": _PYTHON_UDF,
    "functions.test_udfs.PythonUDFVolatilitySupport": _PYTHON_UDF,
    "functions.test_udfs.PythonUDFWithPackagesSupported": _PYTHON_UDF,
    "persist_docs.test_persist_docs.BasePersistDocsQuotedDescriptionNotAppliedOnMismatch": (
        "Redshift folds quoted names to lower case: the two columns do not differ"
    ),
    "python_model.test_python_model.BasePythonEmptyTests": _PYTHON,
    "python_model.test_python_model.BasePythonIncrementalTests": _PYTHON,
    "python_model.test_python_model.BasePythonMetaGetTests": _PYTHON,
    "python_model.test_python_model.BasePythonModelTests": _PYTHON,
    "python_model.test_python_model.BasePythonSampleTests": _PYTHON,
    "python_model.test_spark.BasePySparkTests": _PYTHON,
    "utils.test_current_timestamp.BaseCurrentTimestampAware": (
        "getdate() has no time zone; the naive class is run"
    ),
    "utils.test_escape_single_quotes.BaseEscapeSingleQuotesBackslash": (
        "dbt-redshift doubles quotes; that class is run"
    ),
}

_NO_EMPTY_SEED = "dbt-core 1.11 has no `--empty` for seeds"

# Tests of classes whose other tests are run.
METHODS_NOT_APPLICABLE = {
    "empty.test_empty.BaseTestEmptySeedFlag": {
        "test_build_empty_with_seed": _NO_EMPTY_SEED,
        "test_seed_empty_creates_table_with_zero_rows": _NO_EMPTY_SEED,
        "test_seed_empty_preserves_column_types": _NO_EMPTY_SEED,
    },
}
