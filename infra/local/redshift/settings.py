"""What the gateway is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Addresses and credentials; `user` is the superuser of its database, as in AWS.

    TLS is offered with the certificate in `tls_folder`, which is made when it is missing.
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
        return None
