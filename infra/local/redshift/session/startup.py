"""From the first byte to ReadyForQuery: TLS request, parameters, PostgreSQL."""

from __future__ import annotations

import shlex
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from infra.local.redshift.protocol import messages
from infra.local.redshift.protocol.backend import Backend, connect
from infra.local.redshift.protocol.channel import Channel
from infra.local.redshift.session.login import Login
from infra.local.redshift.settings import Settings

# What Redshift tells its clients; the version is PostgreSQL 8's, which drivers look for. asyncpg
# knows Redshift by `padb_revision` (_detect_server_capabilities, github.com/MagicStack/asyncpg).
REPORTED = {
    "server_version": "8.0.2",
    "padb_version": "1.0.117891",
    "padb_revision": "1.0.117891",
    # Redshift's own drivers ask for metadata by SHOW commands (get_show_discovery_version,
    # github.com/aws/amazon-redshift-python-driver); 5 would be those of a whole database.
    "show_discovery": "4",
    # The same drivers look into other databases then (is_single_database_metadata there).
    "datashare_enabled": "on",
}
# What Redshift does not know, and so does not tell. libpq escapes backslashes in literals unless a
# server tells that they mean themselves, which in Redshift they do not
# (github.com/sqlalchemy/sqlalchemy/issues/9494).
_UNKNOWN = ("standard_conforming_strings", "in_hot_standby", "scram_iterations")
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


async def first_message(
    client: Channel, tls: ssl.SSLContext | None
) -> dict[str, str] | CancelRequest:
    """The start-up parameters, or a cancel request; TLS is begun where the client asks for it."""
    while True:
        code, payload = await client.startup_message()
        if code == messages.SSL_REQUEST and tls is not None and not client.encrypted:
            client.write(b"S")
            await client.start_tls(tls)
        elif code in (messages.SSL_REQUEST, messages.GSS_REQUEST):
            client.write(b"N")
        elif code == messages.CANCEL_REQUEST:
            return CancelRequest(int.from_bytes(payload[:4], "big"), payload[4:])
        elif code >> 16 == 3:
            if code & 0xFFFF:
                client.write(messages.message(b"v", bytes(8)))
            return messages.read_startup(payload)
        else:
            raise messages.ProtocolError(f"protocol {code >> 16}.{code & 0xFFFF} is not supported")


async def open_backend(
    parameters: dict[str, str], login: Login, settings: Settings, on_lost: Callable[[], None]
) -> Backend:
    """The session's own connection to PostgreSQL, as the client's user."""
    wanted = {**_DEFAULTS, "user": login.role, "database": settings.database}
    for name, value in {**parameters, **_options(parameters.get("options", ""))}.items():
        if name.lower() in _PASSED:
            wanted[name.lower()] = value
    if login.database != settings.database:
        wanted["redshift.database"] = login.database
    return await connect(
        settings.postgres_host, settings.postgres_port, wanted, login.password, on_lost
    )


def _options(text: str) -> dict[str, str]:
    """Settings in libpq's `options`: `-c name=value …`."""
    found: dict[str, str] = {}
    try:
        words = shlex.split(text.replace("\\ ", "\0"))
    except ValueError as error:
        raise messages.ProtocolError(f"the start-up parameter options: {error}") from error
    for index, word in enumerate(words):
        pair = words[index + 1] if word == "-c" and index + 1 < len(words) else word[2:]
        if (word == "-c" or word.startswith("--")) and "=" in pair:
            name, value = pair.split("=", 1)
            found[name] = value.replace("\0", " ")
    return found


def welcome(backend: Backend) -> bytes:
    """Everything from AuthenticationOk to ReadyForQuery."""
    told = {**backend.parameters, **REPORTED}
    for name in _UNKNOWN:
        told.pop(name, None)
    return (
        messages.message(b"R", bytes(4))
        + b"".join(messages.parameter_status(name, value) for name, value in told.items())
        + messages.message(b"K", backend.pid.to_bytes(4, "big") + backend.key)
        + messages.ready(b"I")
    )
