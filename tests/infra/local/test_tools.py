import pytest

from infra.local.config import Config
from infra.local.errors import StackError
from infra.local.tools import digest, is_current, remember, run_module


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "dbt_project"
    (root / "models").mkdir(parents=True)
    (root / "models" / "a.sql").write_text("select 1")
    (root / "dbt_project.yml").write_text("name: x")
    return root


def test_a_digest_sees_contents_names_and_settings(tree):
    before = digest([tree], "a=1")
    assert digest([tree], "a=1") == before
    assert digest([tree], "a=2") != before
    (tree / "models" / "a.sql").write_text("select 2")
    changed = digest([tree], "a=1")
    assert changed != before
    (tree / "models" / "a.sql").rename(tree / "models" / "b.sql")
    assert digest([tree], "a=1") not in {before, changed}


def test_a_digest_is_blind_to_what_tools_leave_behind(tree):
    before = digest([tree])
    for name in ("target/manifest.json", "logs/dbt.log", ".user.yml", "models/__pycache__/x.pyc"):
        path = tree / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("made by a tool")
    assert digest([tree]) == before


def test_a_single_file_can_be_part_of_a_digest(tree):
    path = tree / "dbt_project.yml"
    before = digest([path])
    path.write_text("name: y")
    assert digest([path]) != before


def test_a_stamp_holds_for_its_inputs_only(tmp_path):
    stamp = tmp_path / "new" / "stamp"
    assert not is_current(stamp, "one")
    remember(stamp, "one")
    assert is_current(stamp, "one")
    assert not is_current(stamp, "two")


def test_a_failed_tool_is_quoted(tmp_path):
    config = Config.load({"STARLIFT_STATE": str(tmp_path)})
    with pytest.raises(StackError, match=r"python -m this_is_no_module x` failed:\n.*No module"):
        run_module(config, "this_is_no_module", "x")


def test_a_tool_sees_the_stack(tmp_path):
    config = Config.load({"STARLIFT_STATE": str(tmp_path / "a state")})
    config.state.mkdir()
    folder = config.project / "dags"
    assert "USER_BASE" in run_module(config, "site")
    assert repr(str(folder)) in run_module(config, "site")
