"""Statements that come again: sent on and answered without being read or planned anew.

Reading, planning and passing on a short statement takes longer than PostgreSQL needs for it, so a
session keeps what it has planned by the bytes of the message. A plan holds until names may mean
something else: whatever changes them passes through the gateway, which counts it (`Changes`). An
answer that is not simply rows, or does not come at once, is left to the relay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.local.redshift.protocol import messages
from infra.local.redshift.session.changes import keeps_names
from infra.local.redshift.session.expected import Exchange
from infra.local.redshift.translate.result import Context, Plan, TransactionVerb

if TYPE_CHECKING:
    from infra.local.redshift.session.session import Session

# Bytes of a message that is kept, and how many of them.
_LONGEST, _KEPT = 4_000, 256
_EXECUTE = messages.execute("") + messages.SYNC
# What may follow the Bind of the unnamed portal; whether it is described.
_ENDS = {_EXECUTE: False, messages.message(b"D", b"P\0") + _EXECUTE: True}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement that the client has prepared, or sent as a Query: its text and its plan."""

    plan: Plan
    text: str
    repeats: bool  # whether it may be executed without being looked at again
    changes: int  # of names, as they were counted before it was planned
    name: str = ""
    types: bytes = b"\0\0"
    lost: bool = False  # PostgreSQL has it no more: preparing it again has failed

    def holds(self, changes: int) -> bool:
        """Whether its names still mean what they meant, and nothing else must be looked up."""
        same = changes == self.changes or not self.plan.relations
        return same and not self.lost and not self.plan.opens_cursor


@dataclass(frozen=True, slots=True)
class Known:
    """A message's statement, the message for PostgreSQL, and what the plan was made in."""

    prepared: Prepared
    sent: bytes
    context: Context


class Quick:
    """What one session has planned and may send again."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._relay = session.relay
        self._changes = session.relay.changes
        self._known: dict[bytes, Known] = {}

    def prepared(self, plan: Plan, text: str, name: str = "", types: bytes = b"\0\0") -> Prepared:
        """What has just been planned."""
        return Prepared(plan, text, self._repeats(plan), self._session.planned_at, name, types)

    def keep(self, message: bytes, sent: bytes, prepared: Prepared) -> None:
        """Keep what has just been planned for a message: a Query, or the Parse of a statement."""
        if not prepared.repeats or len(message) > _LONGEST or self._relay.status == b"E":
            return
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[message] = Known(prepared, sent, self._session.context)

    def _repeats(self, plan: Plan) -> bool:
        """Whether a plan is one statement for PostgreSQL, with nothing to do before or after it."""
        return (
            keeps_names(plan.original)
            and not (plan.after or plan.command or plan.fault or plan.alone or plan.opens_cursor)
            and not self._session.planner.passing
        )

    def send(self) -> bool:
        """Send on what has just come, when it is known; False when nothing has been done."""
        data = bytes(self._session.client.buffer)
        if data[:1] == b"Q":
            known = self._find(data)
            if known is None:
                return False
            self._start(known.sent, "ES", known.prepared)
            return True
        kinds, sent, at, known = "", b"", 0, None
        if data[:1] == b"P":
            at = 1 + int.from_bytes(data[1:5], "big")
            known = self._find(data[:at])
            if known is None:
                return False
            kinds, sent = "P", known.sent
        return self._send_bound(data, at, kinds, sent, known)

    def _send_bound(
        self, data: bytes, at: int, kinds: str, sent: bytes, parsed: Known | None
    ) -> bool:
        """Send on the Bind of the unnamed portal that begins `at`, with what follows it."""
        if data[at : at + 1] != b"B" or data[at + 5 : at + 6] != b"\0":
            return False
        end = at + 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        described = _ENDS.get(data[end:])
        zero = data.find(b"\0", at + 6, end)
        if described is None or zero < 0:
            return False
        name = data[at + 6 : zero].decode(errors="replace")
        extended = self._session.extended
        if parsed is None:
            prepared = extended.statements.get(name)
        elif parsed.prepared.name == name:
            prepared = extended.statements[name] = parsed.prepared
        else:
            return False
        if prepared is None or not prepared.repeats or not prepared.holds(self._changes.count):
            return False
        extended.portals[""] = prepared
        self._start(sent + data[at:] if at else data, f"{kinds}B{'D' * described}ES", prepared)
        return True

    def _find(self, message: bytes) -> Known | None:
        """What is known of a message, if it still holds."""
        known = self._known.get(message)
        if known is None:
            return None
        holds = known.prepared.holds(self._changes.count)
        if not holds or known.context is not self._session.context:
            del self._known[message]
            return None
        return known

    def _start(self, data: bytes, kinds: str, prepared: Prepared) -> None:
        session, relay, plan = self._session, self._relay, prepared.plan
        relay.fresh = plan.verb is TransactionVerb.BEGIN
        session.client.buffer.clear()
        run = session.log.begin(
            session.caller, prepared.text, plan.original, in_transaction=relay.status != b"I"
        )
        relay.start(data, Exchange(kinds, plan, run))
