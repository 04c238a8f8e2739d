"""CREATE USER and ALTER USER as blocks for PostgreSQL."""

from __future__ import annotations

import pytest

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.lexer import tokenize
from infra.local.redshift.translate.result import Context
from infra.local.redshift.translate.statement import translate
from infra.local.redshift.translate.users import md5_verifier

SET = "perform pg_internal.set_password"


def translated(sql: str) -> str:
    plan = translate(sql, tokenize(sql), Context())
    return plan.sql.removeprefix("do $rs$begin ").removesuffix("; end$rs$")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "create user Ann with password 'Secret-1z' createdb nocreateuser",
            'create user "ann" createdb nosuperuser; '
            f"{SET}('ann', '{md5_verifier('Secret-1z', 'ann')}')",
        ),
        (
            "create user a password disable syslog access unrestricted session timeout 60 "
            "in group g, h connection limit unlimited valid until '2030-01-01'",
            'create user "a" in group "g", "h" connection limit -1 valid until \'2030-01-01\'; '
            f"{SET}('a', null)",
        ),
        (f"alter user a password 'md5{'0' * 32}'", f"{SET}('a', 'md5{'0' * 32}')"),
        (
            f"alter user a password 'sha256|{'a' * 64}|0b'",
            f"{SET}('a', 'sha256|{'a' * 64}|0b')",
        ),
        ("alter user a createuser", 'alter user "a" superuser'),
        (
            "alter user a rename to b",
            'perform pg_internal.forget_md5(\'a\'); alter user "a" rename to "b"',
        ),
        ("alter user a set search_path to x", 'alter user "a" set search_path to x'),
    ],
)
def test_translation(sql: str, expected: str) -> None:
    assert translated(sql) == expected


def test_a_salt_is_made_for_a_sha256_password() -> None:
    sql = translated("create user a password 'sha256|Secret-1z'")
    verifier = sql.split("'")[-2]
    kind, digest, salt = verifier.split("|")
    assert (kind, len(digest), len(salt)) == ("sha256", 64, 64)
    assert "Secret" not in sql


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("create user a", "syntax error at end of input"),
        ("create user a password 'Secret-1z' bogus", 'at or near "bogus"'),
        ("create user a password 'weak'", "8 to 64 characters"),
        ("create user a password disable externalid 'x'", "EXTERNALID is not supported"),
    ],
)
def test_what_is_refused(sql: str, message: str) -> None:
    with pytest.raises(GatewayError, match=message):
        translated(sql)
