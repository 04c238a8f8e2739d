"""The data dictionary: dbt's documentation site, shown inside Airflow by Cosmos's plugin."""

from __future__ import annotations

from infra.local import storage
from infra.local.airflow import DOCS_PREFIX, DOCS_SLUG, docs_folder
from infra.local.config import Config
from infra.local.tools import run_module

# What Cosmos's plugin serves (cosmos/plugin/airflow3.py) and what its DbtDocsS3Operator uploads.
FILES = ("index.html", "manifest.json", "catalog.json")
# As the DAG's publish task has it.
WITHOUT_TESTS = ("--exclude", "resource_type:test", "resource_type:unit_test")


def url(config: Config) -> str:
    """Return the dictionary's address."""
    return f"{config.airflow_url}/cosmos/{DOCS_SLUG}/dbt_docs_index.html"


def place(config: Config) -> str:
    """Return the dictionary's address, and how to make it when there is none yet."""
    made = (docs_folder(config) / FILES[0]).exists()
    return url(config) if made else f"{url(config)} (not yet: `make docs`, or a source's run)"


def build(config: Config) -> None:
    """Generate the site from the warehouse and put it where the DAG's publish task puts it."""
    folder = config.state / "dbt" / "docs"
    folder.mkdir(parents=True, exist_ok=True)
    generate = ("docs", "generate", *WITHOUT_TESTS, "--target-path", str(folder))
    run_module(config, "dbt.cli.main", "--quiet", *generate)
    run_module(config, "elt_lib", "dictionary", "--manifest", str(folder / "manifest.json"))
    files = {f"{DOCS_PREFIX}/{name}": folder / name for name in FILES}
    storage.upload(config, config.artifacts_bucket, files)
