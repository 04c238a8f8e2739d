"""Building what DAG parsing reads: dbt's manifest, checked against the contract's rules."""

from __future__ import annotations

import shutil
from importlib.metadata import version

from infra.local.config import Config
from infra.local.environment import environment
from infra.local.tools import digest, is_current, remember, run_module


def build(config: Config) -> bool:
    """Parse the dbt project and check its contract; tells whether there was anything to do.

    A manifest that breaks the contract never replaces one that keeps it. Raises StackError with
    dbt's or the check's own words.
    """
    stamp = config.state / "dbt" / "manifest.inputs"
    inputs = _inputs(config)
    if config.manifest.exists() and is_current(stamp, inputs):
        return False
    folder = config.state / "dbt" / "parse"  # apart from DBT_TARGET_PATH, where people's dbt works
    folder.mkdir(parents=True, exist_ok=True)
    run_module(config, "dbt.cli.main", "--quiet", "parse", "--target-path", str(folder))
    run_module(config, "elt_lib", "check", "--manifest", str(folder / "manifest.json"))
    draft = config.manifest.with_suffix(".new")
    shutil.copyfile(folder / "manifest.json", draft)
    draft.replace(config.manifest)
    remember(stamp, inputs)
    return True


def _inputs(config: Config) -> str:
    """Return a checksum of all that the manifest and its check depend on."""
    seen = sorted(
        f"{name}={value}"
        for name, value in environment(config).items()
        if name.startswith(("DBT_", "REDSHIFT_", "STARLIFT_"))
    )
    roots = [config.project / "dbt_project", config.project / "profiles"]
    return digest(
        [*roots, config.project / "dags" / "elt_lib"],
        version("dbt-core"),
        version("dbt-redshift"),
        *seen,
    )
