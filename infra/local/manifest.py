"""Building what DAG parsing reads: dbt's manifest, checked against the contract's rules."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path

from infra.local.config import Config
from infra.local.environment import environment
from infra.local.tools import digest, is_current, remember, run_module

# The options that Cosmos gives to dbt: with others its partial parse is not taken.
COSMOS_OPTIONS = ("--profile", "starlift", "--target", "local")
# Below the state folder; apart from DBT_TARGET_PATH, where people's dbt works.
PARSED = Path("dbt", "parse")
PARTIAL_PARSE = PARSED / "partial_parse.msgpack"


def build(config: Config) -> bool:
    """Parse the dbt project and check its contract; tells whether there was anything to do.

    A manifest that breaks the contract never replaces one that keeps it. Raises StackError with
    dbt's or the check's own words.
    """
    made_of = inputs(config)
    if config.manifest.exists() and is_current(stamp(config), made_of):
        return False
    folder = config.state / PARSED
    folder.mkdir(parents=True, exist_ok=True)
    parse = ("--quiet", "parse", "--target-path", str(folder), *COSMOS_OPTIONS)
    run_module(config, "dbt.cli.main", *parse)
    run_module(config, "elt_lib", "check", "--manifest", str(folder / "manifest.json"))
    _replace(folder / "manifest.json", config.manifest)
    _spare_cosmos_a_parse(config, folder)
    remember(stamp(config), made_of)
    return True


def stamp(config: Config) -> Path:
    """Return where it is noted what the manifest was made of."""
    return config.state / "dbt" / "manifest.inputs"


def _spare_cosmos_a_parse(config: Config, parsed: Path) -> None:
    """Put dbt's partial parse where Cosmos keeps its own, per DAG and task group.

    Else the first tasks of a DAG each parse the whole project (cosmos/cache.py).
    """
    sources = json.loads(config.manifest.read_text(encoding="utf-8"))["sources"].values()
    for source in {each["source_name"] for each in sources if "files" in each["config"]["meta"]}:
        cache = config.airflow_home / "cosmos" / f"{source}__transform" / "target"
        for name in (PARTIAL_PARSE.name, "manifest.json"):
            _replace(parsed / name, cache / name)


def _replace(source: Path, target: Path) -> None:
    """Copy a file in one step: whoever reads the target sees the old one or the new one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.new")
    shutil.copyfile(source, draft)
    draft.replace(target)


def inputs(config: Config) -> str:
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
