"""profiles.yml: names of environment variables only, and credentials that the adapter accepts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt.adapters.redshift.connections import RedshiftCredentials, get_connection_method

PROFILES = Path(__file__).parents[2] / "profiles" / "profiles.yml"


def outputs(environment: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Render the file as dbt does: `env_var`, a default, `as_number`; a number stays a number."""

    def fill(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if name not in environment and default is None:
            raise KeyError(name)
        return environment.get(name, default or "")

    text = PROFILES.read_text(encoding="utf-8")
    text = re.sub(
        r'"\{\{ env_var\(\'(\w+)\', \'\'\) or none \}\}"', empty_is_null(environment), text
    )
    pattern = r"\"\{\{ env_var\('(\w+)'(?:, '([^']*)')?\)(?: \| as_number)? \}\}\""
    text = re.sub(pattern, lambda match: fill(match) or '""', text)
    assert "{{" not in text
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["starlift"]["outputs"]
    return found


def empty_is_null(environment: dict[str, str]) -> Any:
    return lambda match: environment.get(match[1]) or "null"


def credentials(target: dict[str, Any]) -> RedshiftCredentials:
    values = {key: value for key, value in target.items() if key not in {"type", "threads"}}
    values["database"] = values.pop("dbname")
    RedshiftCredentials.validate(values)
    made: RedshiftCredentials = RedshiftCredentials.from_dict(values)
    return made


def test_the_targets_are_these_and_local_is_the_default() -> None:
    assert sorted(outputs({})) == ["dev", "local", "prod"]
    assert "env_var('STARLIFT_DBT_TARGET', 'local')" in PROFILES.read_text(encoding="utf-8")


def test_local_follows_the_environment() -> None:
    local = credentials(
        outputs({"REDSHIFT_HOST": "127.0.0.1", "REDSHIFT_PORT": "6000", "REDSHIFT_PASSWORD": "x1"})[
            "local"
        ]
    )
    assert (local.host, local.port, local.user, local.password, local.database) == (
        "127.0.0.1",
        6000,
        "starlift",
        "x1",
        "starlift",
    )


@pytest.mark.parametrize("target", ["dev", "prod"])
@pytest.mark.parametrize(
    ("host", "cluster"),
    [
        ("starlift.123456789012.us-east-1.redshift-serverless.amazonaws.com", ""),
        ("starlift.abc123.us-east-1.redshift.amazonaws.com", "starlift"),
    ],
)
def test_aws_targets_use_iam_without_a_password(target: str, host: str, cluster: str) -> None:
    output = outputs({"REDSHIFT_HOST": host, "STARLIFT_CLUSTER_ID": cluster})[target]
    assert not {"user", "password", "access_key_id", "secret_access_key"} & output.keys()
    made = credentials(output)
    assert made.method == "iam_role"
    assert made.sslmode == "verify-full"
    assert callable(get_connection_method(made))  # it checks that the fields fit together
    assert made.retry_all is False


def test_a_retry_never_repeats_a_statement_of_a_lost_transaction() -> None:
    assert {output["retry_all"] for output in outputs({}).values()} == {False}


def test_a_model_may_take_long_and_a_dead_server_is_noticed() -> None:
    """The adapter hands `connect_timeout` to the driver, for which it is every read's."""
    for output in outputs({}).values():
        assert "connect_timeout" not in output
        made = credentials(output)
        assert made.connect_timeout is None
        assert made.tcp_keepalive is True
