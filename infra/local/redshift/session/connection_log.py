"""Who connected, for `stl_connection_log` and `sys_connection_log`: a line for each event."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.local.redshift.protocol.backend import Backend
from infra.local.redshift.protocol.channel import Channel
from infra.local.redshift.translate.parser import literal

# Lines that are kept in memory.
_GATHERED = 10_000
# What a client tells of itself, and the characters that are kept of each.
_TOLD = {"application_name": 250, "os_version": 64, "driver_version": 64, "plugin_name": 32}

_INSERT = """
insert into pg_internal.connection_log
select
    r ->> 0, to_timestamp((r ->> 1)::float8) at time zone 'utc', r ->> 2, r ->> 3,
    (r ->> 4)::integer, r ->> 5, r ->> 6, (r ->> 7)::bigint, r ->> 8, r ->> 9, r ->> 10, r ->> 11,
    r ->> 12, r ->> 13
from jsonb_array_elements({rows}::jsonb) as r
"""
_FORGET = (
    "delete from pg_internal.connection_log "
    "where record_time < (now() at time zone 'utc') - interval '7 days'"
)


@dataclass
class ConnectionLog:
    """The connections of one gateway; what is gathered is written by `write`."""

    gathered: deque[list[object]] = field(default_factory=lambda: deque(maxlen=_GATHERED))

    def opened(self, client: Channel, parameters: Mapping[str, str]) -> Connection:
        """A client with its start-up parameters."""
        return Connection(self, client.peer, client.cipher, dict(parameters))

    async def write(self, database: Backend) -> None:
        """Let PostgreSQL have what has gathered; what is older than a week goes, as in Redshift."""
        rows = [self.gathered.popleft() for _ in range(len(self.gathered))]
        if rows:
            text = json.dumps(rows, ensure_ascii=False)
            await database.query(_INSERT.format(rows=literal(text)))
            await database.query(_FORGET)


@dataclass
class Connection:
    """One connection, whose events are noted."""

    log: ConnectionLog
    peer: tuple[str, int]
    cipher: tuple[str, str]  # TLS's version and cipher, empty without TLS
    parameters: dict[str, str]
    began: float = field(default_factory=time.time)

    def note(self, event: str, session_id: int = 0) -> None:
        """Note an event of `stl_connection_log`: "authenticated", "disconnecting session", …"""
        now = time.time()
        user = self.parameters.get("user", "")
        told = [self.parameters.get(name, "")[:most] for name, most in _TOLD.items()]
        self.log.gathered.append(
            [
                *(event, now, self.peer[0], str(self.peer[1]), session_id),
                *(self.parameters.get("database", user)[:50], user[:50]),
                *(int((now - self.began) * 1_000_000), *self.cipher, *told),
            ]
        )
