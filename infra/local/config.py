"""Where the laptop stack lives, which ports it uses, and its secrets.

A `Config` is resolved once from the environment. Ports come from `STARLIFT_PORT_<NAME>`, from the
checkout's `.env`, from what this state folder used before, or from the defaults, in this order;
`0` picks a free one. Ports and secrets are kept in `<state>/stack.json`, so that another shell
finds the same stack and data that were written with a password can be read again.
"""

from __future__ import annotations

import json
import os
import secrets as random_secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from infra.local.errors import StackError
from infra.local.ports import free_ports

CHECKOUT = Path(__file__).resolve().parents[2]
MAX_PORT = 65535


@dataclass(frozen=True)
class Ports:
    """One TCP port per server, all on 127.0.0.1."""

    airflow: int = 8080
    s3: int = 9000
    redshift: int = 5439
    livy: int = 8998
    aws: int = 5555
    postgres: int = 5440
    supervisor: int = 9001
    broker: int = 6390

    @staticmethod
    def variable(name: str) -> str:
        """Return the environment variable that overrides one port."""
        return f"STARLIFT_PORT_{name.upper()}"


@dataclass(frozen=True)
class Secrets:
    """Generated once per state folder; nothing here is shared with any other machine."""

    aws_secret_access_key: str
    redshift_password: str
    postgres_password: str
    supervisor_password: str
    airflow_jwt_secret: str
    airflow_secret_key: str
    airflow_fernet_key: str
    broker_password: str

    @classmethod
    def generate(cls) -> Secrets:
        """Draw new secrets; letters and digits only, so that they fit into URLs and files."""
        made = {each.name: random_secrets.token_hex(20) for each in fields(cls)}
        # Airflow's key is 32 bytes in URL-safe base64 (cryptography.fernet.Fernet).
        made["airflow_fernet_key"] = urlsafe_b64encode(os.urandom(32)).decode()
        # Redshift asks for an upper-case letter, a lower-case letter and a digit in passwords.
        made["redshift_password"] = f"S1{made['redshift_password']}"
        return cls(**made)


@dataclass(frozen=True)
class Config:
    """Everything that the parts of one stack have to agree on."""

    project: Path
    state: Path
    ports: Ports
    secrets: Secrets
    lake_bucket: str = "starlift-lake"
    artifacts_bucket: str = "starlift-artifacts"
    spark_batches: int = 2
    celery_workers: int = 0
    """Celery workers that run Airflow's tasks; 0: the scheduler runs them (LocalExecutor)."""

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Resolve the configuration; reads files, writes none.

        Without `environ`, the process's environment over the checkout's `.env`.
        Raises StackError for a value that cannot be used.
        """
        if environ is None:
            environ = {**_dotenv(CHECKOUT / ".env"), **os.environ}
        settings = environ
        state = Path(settings.get("STARLIFT_STATE") or CHECKOUT / ".local").expanduser().resolve()
        recorded = _recorded(state)
        ports = _ports(settings, recorded.get("ports", {}))
        known = recorded.get("secrets", {})
        secrets = Secrets(**{**asdict(Secrets.generate()), **known})
        return cls(
            project=CHECKOUT,
            state=state,
            ports=ports,
            secrets=secrets,
            lake_bucket=settings.get("STARLIFT_LAKE_BUCKET") or cls.lake_bucket,
            artifacts_bucket=settings.get("STARLIFT_ARTIFACTS_BUCKET") or cls.artifacts_bucket,
            spark_batches=_whole(settings, "STARLIFT_SPARK_BATCHES", cls.spark_batches, 1, 16),
            celery_workers=_whole(settings, "STARLIFT_CELERY_WORKERS", cls.celery_workers, 0, 8),
        )

    def recorded(self) -> Config:
        """Return this configuration with the ports that the state folder's stack was given.

        For all that talks to a stack that is there, whatever the shell says now.
        """
        return replace(self, ports=replace(self.ports, **_recorded(self.state).get("ports", {})))

    def save(self) -> None:
        """Write ports and secrets to the state folder, readable by its owner only."""
        record = {
            "project": str(self.project),
            "ports": asdict(self.ports),
            "secrets": asdict(self.secrets),
        }
        write_private(self.record_file, json.dumps(record, indent=2) + "\n")

    @property
    def record_file(self) -> Path:
        """Ports and secrets of this state folder."""
        return self.state / "stack.json"

    @property
    def env_file(self) -> Path:
        """What a shell reads: `set -a; . .local/env`."""
        return self.state / "env"

    @property
    def logs(self) -> Path:
        """One log file per service."""
        return self.state / "logs"

    @property
    def s3(self) -> Path:
        """The folder that the S3 server serves: one directory per bucket."""
        return self.state / "s3"

    @property
    def supervisor(self) -> Path:
        """What the process manager needs and leaves behind."""
        return self.state / "supervisor"

    @property
    def airflow_home(self) -> Path:
        """Airflow's home folder: task logs and caches."""
        return self.state / "airflow"

    @property
    def manifest(self) -> Path:
        """The dbt manifest that DAG parsing reads."""
        return self.state / "dbt" / "manifest.json"

    @property
    def airflow_url(self) -> str:
        """Airflow's user interface and API."""
        return f"http://127.0.0.1:{self.ports.airflow}"


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _recorded(state: Path) -> dict[str, dict[str, int]]:
    """Read what `Config.save` left, or nothing."""
    path = state / "stack.json"
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        message = f"{path} is damaged ({error}). `make reset` starts from an empty state folder."
        raise StackError(message) from error
    if record["project"] != str(CHECKOUT):
        message = (
            f"The state folder {state} belongs to the checkout {record['project']}, not to "
            f"{CHECKOUT}. Unset STARLIFT_STATE, or set it to another folder."
        )
        raise StackError(message)
    return {
        "ports": {name: port for name, port in record["ports"].items() if name in _names(Ports)},
        "secrets": {name: it for name, it in record["secrets"].items() if name in _names(Secrets)},
    }


def _names(of: type[Ports] | type[Secrets]) -> set[str]:
    return {each.name for each in fields(of)}


def _ports(settings: Mapping[str, str], recorded: Mapping[str, int]) -> Ports:
    """Resolve the ports; those asked for as 0 keep the recorded one or get a free one."""
    chosen: dict[str, int] = {}
    for name, default in {**asdict(Ports()), **recorded}.items():
        asked = _whole(settings, Ports.variable(name), default, 0, MAX_PORT)
        chosen[name] = asked or recorded.get(name, 0)
    open_names = [name for name, port in chosen.items() if port == 0]
    chosen.update(zip(open_names, free_ports(len(open_names)), strict=True))
    for name, port in chosen.items():
        twin = next((other for other in chosen if other != name and chosen[other] == port), None)
        if twin:
            message = (
                f"{Ports.variable(name)} and {Ports.variable(twin)} are both {port}: "
                "give each server its own port."
            )
            raise StackError(message)
    return Ports(**chosen)


def _whole(settings: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """Read a whole number from the settings; empty counts as not set."""
    text = settings.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        message = f"{name} is {text!r}: write a whole number from {least} to {most}."
        raise StackError(message)
    return int(text)


def _dotenv(path: Path) -> dict[str, str]:
    """Read `KEY=value` lines; a shell is not involved, quotes around the value are dropped."""
    if not path.exists():
        return {}
    pairs = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            pairs[key.strip().removeprefix("export ")] = value.strip().strip("'\"")
    return pairs
