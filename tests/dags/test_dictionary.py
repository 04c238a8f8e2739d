"""What the data dictionary shows."""

import json
import shutil

from elt_lib.__main__ import main
from elt_lib.dictionary import show_own_only


def test_only_the_projects_own_macros_are_shown(manifest, tmp_path, capsys):
    copy = tmp_path / "manifest.json"
    shutil.copy(manifest, copy)
    before = json.loads(copy.read_text())
    hidden = show_own_only(copy)
    after = json.loads(copy.read_text())
    shown = {macro["package_name"] for macro in after["macros"].values() if macro["docs"]["show"]}
    assert shown == {"starlift"}
    assert hidden == sum(m["package_name"] != "starlift" for m in before["macros"].values()) > 0
    assert {**after, "macros": None} == {**before, "macros": None}
    assert after["macros"].keys() == before["macros"].keys()
    assert list(tmp_path.iterdir()) == [copy]
    assert main(["dictionary", "--manifest", str(copy)]) == 0
    assert capsys.readouterr().out == f"dictionary: {hidden} macros of other packages hidden\n"
