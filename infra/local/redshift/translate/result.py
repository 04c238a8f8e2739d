"""What translating one statement gives."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from infra.local.redshift.commands.fault_statement import FaultStatement
from infra.local.redshift.commands.statements import Command
from infra.local.redshift.translate.relations import Relation


class TransactionVerb(enum.Enum):
    """What a statement does to the transaction."""

    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Context:
    """What translation depends on besides the statement."""

    database: str = "dev"  # the one that the session has logged in to
    first: str = ""  # PostgreSQL's own database, whose schemas have their names alone; "" for that
    denied: frozenset[str] = frozenset()
    case_sensitive: bool = False
    used: str = ""  # the database that USE has named, when it is another
    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()  # asked from PostgreSQL, by query
    rows: frozenset[str] = frozenset()  # variables of the procedure around the statement

    @property
    def away(self) -> str:
        """The database that names without one are in, empty for PostgreSQL's own."""
        here = self.used or self.database
        return "" if here == (self.first or self.database) else here


@dataclass(frozen=True)
class Plan:
    """One client statement for PostgreSQL.

    `after` are statements that follow unseen by the client (TRUNCATE's commit). `tag` replaces
    the completion tag. `command` is what the gateway executes itself instead of `sql`.
    """

    sql: str
    original: str
    tag: str | None = None
    after: tuple[str, ...] = ()
    verb: TransactionVerb | None = None
    command: Command | None = None
    fault: FaultStatement | None = None  # a call of the gateway's own functions
    # What makes the statement of the query in `sql`, once that has been looked up (DO blocks).
    wrap: Callable[[str], str] | None = field(default=None, compare=False)
    bound: str = ""  # what late-binding views may not stand in, in words
    looks_up: bool = False  # names relations: late-binding views are looked up and put in
    relations: tuple[Relation, ...] = ()  # that it names, when it looks them up
    long_names: tuple[str, ...] = ()  # in it, over PostgreSQL's 63 bytes
    lateral: bool = False  # a select item may use the alias of one before it
    alone: str | None = None  # what cannot run inside a transaction, for its error
    opens_cursor: bool = False  # of which a session has one at a time
    used: str | None = None  # what USE says: a database, or "" for the session's own
    label: str | None = None  # what SET query_group says
    case_sensitive: bool | None = None  # what SET enable_case_sensitive_identifier says
    resets: str = ""  # the setting that gets back its value of the login, or "all"
    to_original: Callable[[int], int] | None = field(default=None, compare=False)

    @property
    def commits(self) -> bool:
        """Whether the statement is COMMIT (TRUNCATE does something else first)."""
        return self.verb is TransactionVerb.COMMIT and not self.after

    def moved(self, start: int) -> Plan:
        """The same plan for a statement that starts at a position of a longer text."""
        inner = self.to_original
        if start == 0 or inner is None:
            return self
        return replace(self, to_original=lambda position: inner(position) + start)

    def with_sql(self, sql: str) -> Plan:
        """The same plan with other SQL, whose positions no longer lead back."""
        return replace(self, sql=sql, to_original=None)
