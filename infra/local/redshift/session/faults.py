"""The faults that the gateway's sessions are to meet: one list, looked at before each statement."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from infra.local.redshift.commands.fault_statement import Action, Fault, FaultStatement
from infra.local.redshift.errors import GatewayError, concurrent_transaction, isolation_violation


@dataclass
class Rule:
    """A fault for the next statements that match."""

    fault: Fault
    statement: re.Pattern[str]
    remaining: int
    hits: int = 0


class Faults:
    """The rules of one gateway, oldest first; kept until they are cleared, spent ones too."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def apply(self, call: FaultStatement) -> str:
        """Do what a call says; returns all rules as JSON."""
        if call.action is Action.CLEAR:
            self._rules.clear()
        elif call.fault is not None:
            pattern = re.compile(call.statement, re.IGNORECASE)
            self._rules.append(Rule(call.fault, pattern, call.times))
        return json.dumps(
            [
                {
                    "kind": rule.fault.value,
                    "statement": rule.statement.pattern,
                    "remaining": rule.remaining,
                    "hits": rule.hits,
                }
                for rule in self._rules
            ]
        )

    @property
    def waiting(self) -> bool:
        """Whether a rule waits for a statement."""
        return any(rule.remaining for rule in self._rules)

    def take(self, statement: str) -> Fault | None:
        """The fault that this statement is to meet, counted as used."""
        for rule in self._rules:
            if rule.remaining and rule.statement.search(statement):
                rule.remaining -= 1
                rule.hits += 1
                return rule.fault
        return None


def fault_error(fault: Fault, pid: int) -> GatewayError:
    """The error of those faults that are errors."""
    if fault is Fault.SERIALIZABLE_ISOLATION:
        return isolation_violation("table - 0", f"1, 2 (pid:{pid})")
    return concurrent_transaction()
