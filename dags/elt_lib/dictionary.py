"""What the data dictionary shows of dbt's manifest: the project, not the adapters below it."""

from __future__ import annotations

import json
from pathlib import Path


def show_own_only(manifest: Path) -> int:
    """Hide the macros of other packages from the site's navigation; returns how many.

    dbt's site leaves out dbt's own package and the adapter's, but not what that adapter builds on:
    dbt-redshift's ``dbt_postgres`` would stand there as a project without a table.
    """
    content = json.loads(manifest.read_text(encoding="utf-8"))
    own = content["metadata"]["project_name"]
    others = [macro for macro in content["macros"].values() if macro["package_name"] != own]
    for macro in others:
        macro["docs"]["show"] = False
    draft = manifest.with_name(f"{manifest.name}.new")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(manifest)
    return len(others)
