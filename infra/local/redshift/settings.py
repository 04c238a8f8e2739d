"""What the gateway is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Those of a cluster's parameter group (or a workgroup's configuration) that sessions start with:
# https://docs.aws.amazon.com/redshift/latest/mgmt/working-with-parameter-groups.html
PARAMETERS = (
    "auto_mv",
    "enable_case_sensitive_identifier",
    "extra_float_digits",
    "max_cursor_result_set_size",
    "query_group",
    "search_path",
    "statement_timeout",
)


@dataclass(frozen=True)
class Settings:
    """Addresses and credentials; `user` is the superuser of its database, as in AWS.

    TLS is offered with the certificate in `tls_folder`, which is made when it is missing. Sessions
    start with `parameters`, some of PARAMETERS.
    """

    host: str
    port: int
    postgres_host: str
    postgres_port: int
    postgres_password: str
    database: str
    user: str
    password: str
    tls_folder: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    def problem(self) -> str | None:
        """What is wrong with the settings, in words, or None."""
        if not self.password:
            return "Set REDSHIFT_PASSWORD to the password that clients must send."
        if not self.postgres_password:
            return "Set STARLIFT_POSTGRES_PASSWORD to the password of PostgreSQL's `postgres`."
        if self.user in {"postgres", ""} or self.user.startswith("pg_"):
            return f"REDSHIFT_USER={self.user!r} is reserved: choose another name."
        if self.database in {"postgres", "template0", "template1", ""}:
            return f"Database {self.database!r} is reserved: choose another name."
        for name in self.parameters:
            if name not in PARAMETERS:
                return f"Parameter {name!r} is not known; there are {', '.join(PARAMETERS)}."
        return None
