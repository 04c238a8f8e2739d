"""Who may log in: the gateway's own user, and the users that CREATE USER gave a password.

A user's verifier is what Redshift keeps: `md5` and the MD5 of password and name, or
`sha256|digest|salt` with the SHA-256 of password and salt
(https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html). PostgreSQL's role has another
password, which only the gateway knows.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace

from infra.local.redshift.catalog.install import admin_connection
from infra.local.redshift.errors import INVALID_PASSWORD, UNDEFINED_DATABASE, GatewayError
from infra.local.redshift.protocol import messages
from infra.local.redshift.protocol.channel import Channel
from infra.local.redshift.settings import Settings
from infra.local.redshift.translate.long_names import stored
from infra.local.redshift.translate.parser import literal, quote
from infra.local.redshift.translate.users import md5_verifier

_CLEARTEXT, _MD5 = 3, 5
_VERIFIER = (
    "select l.verifier from pg_internal.login as l join pg_catalog.pg_roles as r "
    "on r.oid = l.role_id where r.rolname = {user}"
)


@dataclass(frozen=True)
class Login:
    """PostgreSQL's role and password for an authenticated client, and its database."""

    role: str
    password: str
    database: str


async def authenticate(client: Channel, parameters: dict[str, str], settings: Settings) -> Login:
    """Check user, password and database; raises GatewayError when they do not fit."""
    user = parameters.get("user", "").lower()
    if user == settings.user.lower():
        verifier: str | None = md5_verifier(settings.password, settings.user)
        login = Login(settings.user, settings.password, settings.database)
    else:
        user = stored(user)
        login = Login(user, _role_password(user, settings), settings.database)
        verifier = await _known_verifier(login, settings)
    right = await (
        _sha256(client, verifier)
        if verifier is not None and verifier.startswith("sha256|")
        else _md5(client, verifier)
    )
    if not right:
        raise GatewayError(INVALID_PASSWORD, f'password authentication failed for user "{user}"')
    database = parameters.get("database") or user
    if database.lower() == settings.database.lower():
        return login
    return replace(login, database=await _other_database(database, settings))


async def _other_database(wanted: str, settings: Settings) -> str:
    """The name of a database that CREATE DATABASE has made; raises GatewayError for none."""
    first = await admin_connection(settings, settings.database)
    try:
        rows = await first.query(
            f"select name from pg_internal.database where name in ({literal(wanted)}, "  # noqa: S608 literals
            f"{literal(wanted.lower())}) order by name = {literal(wanted)} desc limit 1"
        )
    finally:
        first.close()
    if not rows:
        raise GatewayError(UNDEFINED_DATABASE, f'database "{wanted}" does not exist')
    return str(rows[0][0])


async def _md5(client: Channel, verifier: str | None) -> bool:
    """Ask for the salted MD5; a user without a verifier is asked too, and fails."""
    salt = secrets.token_bytes(4)
    client.write(messages.message(b"R", _MD5.to_bytes(4, "big") + salt))
    given = await _answer(client)
    if verifier is None:
        return False
    digest = hashlib.md5(verifier[3:].encode() + salt, usedforsecurity=False).hexdigest()
    return hmac.compare_digest(given, f"md5{digest}".encode())


async def _sha256(client: Channel, verifier: str) -> bool:
    """Ask for the password itself: libpq does not know Redshift's own digest exchange."""
    _, digest, salt = verifier.split("|")
    client.write(messages.message(b"R", _CLEARTEXT.to_bytes(4, "big")))
    given = await _answer(client)
    found = hashlib.sha256(given + bytes.fromhex(salt)).hexdigest()
    return hmac.compare_digest(found, digest)


async def _answer(client: Channel) -> bytes:
    kind, payload = await client.message()
    if kind != ord("p") or payload[-1:] != b"\0":
        raise messages.ProtocolError("expected a password message")
    return payload[:-1]


def _role_password(user: str, settings: Settings) -> str:
    """What PostgreSQL's role of a user has as its password; never told to anyone."""
    return hmac.new(settings.postgres_password.encode(), user.encode(), "sha256").hexdigest()


async def _known_verifier(login: Login, settings: Settings) -> str | None:
    """A user's verifier, its role made ready for the login; None when there is none."""
    database = await admin_connection(settings, settings.database)
    try:
        rows = await database.query(_VERIFIER.format(user=literal(login.role)))
        if not rows:
            return None
        # Cheap hashing: the password is a random key, and each login pays for it twice.
        await database.query(
            "set scram_iterations = 16; "
            f"alter role {quote(login.role)} password {literal(login.password)}"
        )
        return rows[0][0]
    finally:
        database.close()
