"""Write the secrets of one Airflow process as an environment file, from Secrets Manager.

`secrets_env.py control|worker FILE`. Only the machine's role may read them. Runs on the machines,
with nothing of this project beside it.
"""

from __future__ import annotations

import hmac
import json
import os
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import boto3

USERS = "simple_auth_manager_passwords.json"


def environment(
    role: str, environ: Mapping[str, str], secret: Callable[[str], str]
) -> dict[str, str]:
    """The variables that hold secrets, for a role; ``secret`` reads one by its ARN.

    Tasks run on workers: these get the broker's address and nothing else. What only Airflow's own
    parts share is derived from one generated secret.
    """
    token = quote(secret(environ["STARLIFT_BROKER_SECRET"]), safe="")
    broker = f"rediss://:{token}@{environ['STARLIFT_BROKER']}/0?ssl_cert_reqs=CERT_REQUIRED"
    found = {
        "AIRFLOW__CELERY__BROKER_URL": broker,
        "AIRFLOW__CELERY__RESULT_BACKEND": broker,
    }
    if role == "worker":
        return found
    master = secret(environ["STARLIFT_MASTER_SECRET"])
    login = json.loads(secret(environ["STARLIFT_DATABASE_SECRET"]))
    user, password = (quote(login[key], safe="") for key in ("username", "password"))
    database = f"{user}:{password}@{environ['STARLIFT_DATABASE']}/airflow"
    return {
        **found,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}?sslmode=require",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{database}?ssl=require",
        "AIRFLOW__CORE__FERNET_KEY": urlsafe_b64encode(derived(master, "fernet")).decode(),
        "AIRFLOW__API__SECRET_KEY": derived(master, "api").hex(),
        "AIRFLOW__API_AUTH__JWT_SECRET": derived(master, "jwt").hex(),
    }


def derived(master: str, purpose: str) -> bytes:
    """32 bytes for one purpose; who has them learns nothing of the others."""
    return hmac.digest(master.encode(), purpose.encode(), "sha256")


def main() -> None:
    """Write the file, readable by this user only; for the control role also the UI's password."""
    role, file = sys.argv[1], Path(sys.argv[2])
    client = boto3.client("secretsmanager")

    def secret(arn: str) -> str:
        return str(client.get_secret_value(SecretId=arn)["SecretString"])

    lines = [f'{name}="{text}"' for name, text in environment(role, os.environ, secret).items()]
    _private(file, "\n".join(lines) + "\n")
    if role == "control":
        users = {"admin": secret(os.environ["STARLIFT_UI_SECRET"])}
        _private(file.with_name(USERS), json.dumps(users))


def _private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)


if __name__ == "__main__":
    main()
