from pathlib import Path

from infra.local import docs
from infra.local.config import Config


def test_who_has_no_dictionary_yet_is_told_how_to_make_it(tmp_path: Path) -> None:
    config = Config.load({"STARLIFT_STATE": str(tmp_path)})
    assert docs.place(config) == f"{docs.url(config)} (not yet: `make docs`, or a source's run)"
    folder = config.s3 / config.artifacts_bucket / "docs"
    folder.mkdir(parents=True)
    (folder / "index.html").touch()
    assert docs.place(config) == docs.url(config)
