"""What Airflow's components install: resolved under constraints, and packed as one zip of wheels.

With ``Egress = "endpoints"`` MWAA reaches no index. It unpacks ``plugins.zip`` to
``/usr/local/airflow/plugins`` before it installs requirements, so that they can be found there
(docs.aws.amazon.com/mwaa/latest/userguide/best-practices-dependencies.html, "Using the plugins.zip
file on a private web server"). Machines of one's own get theirs in the same way.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.aws.archive import PYTHON, Archive, pack, run_uv
from infra.aws.errors import DeployError

PLUGINS = "/usr/local/airflow/plugins"
CONSTRAINTS = "constraints.txt"
WANTED = "wanted.txt"
PINS = "pins.txt"
"""Every package in the zip with its version and hash, for installing exactly these."""
GLIBC = range(34, 4, -1)
"""Minor versions of glibc 2 whose wheels run on Amazon Linux 2023, the newest first (PEP 600)."""
OLDER = ("manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64")
CONSTRAINT_LINE = re.compile(r'^--constraint\s+"?([^"\n]+)"?\s*$', re.MULTILINE)
CONSTRAINTS_OF = re.compile(r"constraints-(?P<airflow>[\d.]+)/constraints-(?P<python>[\d.]+)\.txt")
"""In the address of Airflow's constraints: the versions of Airflow and Python."""
FETCH_SECONDS = 60


def build(
    project: Path,
    folder: Path,
    requirements: Sequence[str],
    constraints: str,
    more: Mapping[str, bytes] | None = None,
) -> Archive:
    """Download wheels of requirements, and all that they need, into a zip file below ``folder``.

    ``constraints`` is the text of a constraints file, which is put into the zip as well, and so are
    the files of ``more``. Raises DeployError with the installer's words.
    """
    with tempfile.TemporaryDirectory(prefix="starlift-wheels-", dir=folder) as name:
        content = Path(name)
        download(resolve(project, content, requirements, constraints), content)
        (content / WANTED).unlink()
        for inside, body in (more or {}).items():
            path = content / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        path = folder / "wheels.zip"
        pack(content, path)
    return Archive(path, hashlib.sha256(path.read_bytes()).hexdigest())


def resolve(project: Path, folder: Path, requirements: Sequence[str], constraints: str) -> Path:
    """Write a file of pins for requirements and all that they need, by the package index.

    For MWAA's Python and platform, wheels only. Raises DeployError with the installer's words,
    which name the packages that don't agree.
    """
    (folder / CONSTRAINTS).write_text(constraints, encoding="utf-8")
    (folder / WANTED).write_text("\n".join(requirements) + "\n", encoding="utf-8")
    run_uv(
        project,
        "pip", "compile", "--quiet", str(folder / WANTED),
        "--constraint", str(folder / CONSTRAINTS),
        "--generate-hashes", "--no-emit-index-url", "--python-version", PYTHON,
        "--python-platform", "x86_64-manylinux_2_34", "--only-binary", ":all:",
        "--no-header", "--no-annotate", "--output-file", str(folder / PINS),
    )  # fmt: skip
    return folder / PINS


def download(pins: Path, target: Path) -> None:
    """Download the wheel of every pin for MWAA's Python; each must have the hash of its pin."""
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in GLIBC] + list(OLDER)
    with tempfile.TemporaryDirectory(prefix="starlift-pip-") as home:
        pip = Path(home, "bin", "python")
        _run([sys.executable, "-m", "venv", home])
        _run(
            [
                *(str(pip), "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", str(target)),
                *("--implementation", "cp", "--python-version", PYTHON),
                *("--abi", f"cp{PYTHON.replace('.', '')}", "--abi", "abi3", "--abi", "none"),
                *(text for platform in platforms for text in ("--platform", platform)),
                *("--requirement", str(pins)),
            ]
        )


def offline(requirements: str) -> str:
    """A requirements file that installs from the unpacked plugins and from nowhere else."""
    lines = [f"--find-links {PLUGINS}", "--no-index"]
    text = CONSTRAINT_LINE.sub(f'--constraint "{PLUGINS}/{CONSTRAINTS}"', requirements)
    return "\n".join([*lines, text])


def names(requirements: str) -> list[str]:
    """The packages that a requirements file names, without options and comments.

    With them Airflow itself, in the version whose constraints it names: MWAA's image has it, and
    the constraints don't name it.
    """
    lines = [line.split("#")[0].strip() for line in requirements.splitlines()]
    named = [line for line in lines if line and not line.startswith("-")]
    version = CONSTRAINTS_OF.search(requirements)
    return [*named, f"apache-airflow=={version['airflow']}"] if version else named


def constraints_of(requirements: str, file: Path | None) -> str:
    """The text of the constraints: of ``file``, else of the address that the requirements name.

    Raises DeployError when it can't be read.
    """
    if file is not None:
        try:
            return file.read_text(encoding="utf-8")
        except OSError as error:
            raise DeployError(f"The constraints can't be read: {error}.") from None
    found = CONSTRAINT_LINE.search(requirements)
    if found is None:
        raise DeployError("The requirements name no constraints.")
    try:
        with urllib.request.urlopen(found[1], timeout=FETCH_SECONDS) as answer:  # noqa: S310
            text: str = answer.read().decode("utf-8")
    except (urllib.error.URLError, TimeoutError) as error:
        raise DeployError(
            f"{found[1]} can't be read ({error}). Save it where it can be reached, and name the "
            "copy: python -m infra.aws --constraints FILE …"
        ) from error
    return text


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeployError(f"Packages could not be downloaded:\n{done.stderr.strip()}")
