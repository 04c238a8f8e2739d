"""From the first byte to ReadyForQuery: TLS request, parameters, password, PostgreSQL."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from infra.local.redshift.errors import (
    INVALID_PASSWORD,
    UNDEFINED_DATABASE,
    GatewayError,
)
from infra.local.redshift.protocol import messages
from infra.local.redshift.protocol.backend import Backend, connect
from infra.local.redshift.protocol.channel import Channel
from infra.local.redshift.settings import Settings

# What Redshift tells its clients; the version is PostgreSQL 8's, which drivers look for.
REPORTED = {"server_version": "8.0.2", "padb_version": "1.0.117891"}
# Start-up parameters that PostgreSQL understands as well; drivers send many more.
_PASSED = frozenset(
    {"application_name", "datestyle", "timezone", "extra_float_digits", "search_path"}
)
# Set for every session: Redshift's defaults.
_DEFAULTS = {
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
}


@dataclass(frozen=True)
class CancelRequest:
    """A client asks to cancel what another connection runs."""

    pid: int
    key: bytes


async def first_message(client: Channel) -> dict[str, str] | CancelRequest:
    """The start-up parameters, or a cancel request; TLS is declined."""
    while True:
        code, payload = await client.startup_message()
        if code in (messages.SSL_REQUEST, messages.GSS_REQUEST):
            client.write(b"N")
        elif code == messages.CANCEL_REQUEST:
            return CancelRequest(int.from_bytes(payload[:4], "big"), payload[4:])
        elif code >> 16 == 3:
            if code & 0xFFFF:
                client.write(messages.message(b"v", bytes(8)))
            return messages.read_startup(payload)
        else:
            raise messages.ProtocolError(f"protocol {code >> 16}.{code & 0xFFFF} is not supported")


async def authenticate(client: Channel, parameters: dict[str, str], settings: Settings) -> None:
    """Check user, password and database; raises GatewayError when they do not fit."""
    user = parameters.get("user", "")
    salt = secrets.token_bytes(4)
    client.write(messages.message(b"R", (5).to_bytes(4, "big") + salt))
    kind, payload = await client.message()
    if kind != ord("p"):
        raise messages.ProtocolError("expected a password message")
    inner = _md5((settings.password + settings.user).encode())
    expected = b"md5" + _md5(inner + salt) + b"\0"
    right = hmac.compare_digest(payload, expected)
    if not right or user.lower() != settings.user.lower():
        raise GatewayError(INVALID_PASSWORD, f'password authentication failed for user "{user}"')
    database = parameters.get("database") or user
    if database.lower() != settings.database.lower():
        raise GatewayError(
            UNDEFINED_DATABASE,
            f'database "{database}" does not exist',
            hint=f'This local gateway serves the database "{settings.database}".',
        )


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()


async def open_backend(
    parameters: dict[str, str], settings: Settings, on_lost: Callable[[], None]
) -> Backend:
    """The session's own connection to PostgreSQL, as the client's user."""
    wanted = {**_DEFAULTS, "user": settings.user, "database": settings.database}
    for name, value in {**parameters, **_options(parameters.get("options", ""))}.items():
        if name.lower() in _PASSED:
            wanted[name.lower()] = value
    return await connect(
        settings.postgres_host, settings.postgres_port, wanted, settings.password, on_lost
    )


def _options(text: str) -> dict[str, str]:
    """Settings in libpq's `options`: `-c name=value …`."""
    found: dict[str, str] = {}
    words = shlex.split(text.replace("\\ ", "\0"))
    for index, word in enumerate(words):
        pair = words[index + 1] if word == "-c" and index + 1 < len(words) else word[2:]
        if (word == "-c" or word.startswith("--")) and "=" in pair:
            name, value = pair.split("=", 1)
            found[name] = value.replace("\0", " ")
    return found


def welcome(backend: Backend) -> bytes:
    """Everything from AuthenticationOk to ReadyForQuery."""
    told = {**backend.parameters, **REPORTED}
    return (
        messages.message(b"R", bytes(4))
        + b"".join(messages.parameter_status(name, value) for name, value in told.items())
        + messages.message(b"K", backend.pid.to_bytes(4, "big") + backend.key)
        + messages.ready(b"I")
    )
