"""Which faults are worth another try, and how often it is made."""

import struct

import pytest
from redshift_connector import InterfaceError, OperationalError, ProgrammingError

from elt_lib import sessions
from elt_lib.sessions import Fault, fault_of, in_session, pause, say


def server(state, message, detail=""):
    return ProgrammingError({"S": "ERROR", "C": state, "M": message, "D": detail})


SPECTRUM = "Spectrum Scan Error"
FAULTS = {
    Fault.TRANSIENT: [
        server("XX000", "1023", "Serializable isolation violation on table - 1, …"),
        server("XX000", "1023 DETAIL: Serializable isolation violation on table - 1"),
        server("XX000", "1018 DETAIL: Relation does not exist"),
        server("XX000", "could not complete because of conflict with concurrent transaction"),
        server("40P01", "deadlock detected"),
        server("57P01", "terminating connection due to administrator command"),
        server("08006", "connection to the database was lost"),
        server("42P07", "Relation already exists"),
        InterfaceError("BrokenPipe: server socket closed."),
        OperationalError("connection time out", TimeoutError()),
        ConnectionResetError(104, "Connection reset by peer"),
        struct.error("unpack requires a buffer of 5 bytes"),
    ],
    Fault.PERMANENT: [
        server("XX000", SPECTRUM, "code: 15007 context: has an incompatible Parquet schema"),
        server("XX000", SPECTRUM, "code: 15001 context: The length of the data column is longer"),
        server("XX000", SPECTRUM, "code: 15007 context: HTTP response error code: 403 Forbidden"),
        server("XX000", "Load into table 't' failed.  Check 'stl_load_errors' system table"),
        server("XX000", "The specified S3 prefix 'x.parquet' does not exist"),
        server("XX000", "Problem reading manifest file"),
        server("22001", "value too long for type character varying(5)"),
        server("42501", "permission denied for relation orders"),
        InterfaceError({"S": "FATAL", "C": "28000", "M": "password authentication failed"}),
    ],
    Fault.UNKNOWN: [
        server("XX000", SPECTRUM, "code: 15007 context: HTTP response error code: 503 SlowDown"),
        server("XX000", "internal error"),
        server("57014", "Query cancelled on user's request"),
        ValueError("a mistake of our own"),
    ],
}


@pytest.mark.parametrize(
    ("fault", "error"), [(fault, error) for fault, errors in FAULTS.items() for error in errors]
)
def test_faults_are_told_apart(fault, error):
    assert fault_of(error) is fault


class Session:
    def __init__(self, log):
        self.log = log

    def close(self):
        self.log.append("close")
        raise InterfaceError("connection is closed")


def run(*outcomes, tries=3):
    """What `in_session` does when the work has these outcomes in turn."""
    log, left = [], list(outcomes)

    def connect():
        log.append("open")
        return Session(log)

    def work(connection):
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def wait(attempt):
        log.append(attempt)

    try:
        return in_session(connect, work, tries=tries, wait=wait), log
    except Exception as error:  # noqa: BLE001 compared by the test
        return error, log


CONFLICT = FAULTS[Fault.TRANSIENT][0]
ONCE = ["open", "close"]


def test_a_fault_that_passes_is_tried_again_in_a_new_session():
    assert run(CONFLICT, CONFLICT, 7) == (7, [*ONCE, 1, *ONCE, 2, *ONCE])


def test_tries_are_bounded_and_the_last_error_is_raised():
    last = InterfaceError("the last")
    assert run(CONFLICT, CONFLICT, last, 7) == (last, [*ONCE, 1, *ONCE, 2, *ONCE])


@pytest.mark.parametrize("fault", [Fault.PERMANENT, Fault.UNKNOWN])
def test_what_does_not_pass_is_raised_at_once(fault):
    error = FAULTS[fault][0]
    assert run(error, 7) == (error, ONCE)


def test_a_server_error_is_said_without_the_protocols_fields():
    assert say(server("XX000", "1023", "Serializable\n  isolation")) == (
        "1023 Serializable isolation"
    )
    assert say(ValueError("a  b")) == "a b"
    assert say(ValueError()) == "ValueError"


def test_pauses_are_random_and_their_bound_doubles_up_to_a_limit(monkeypatch):
    slept = []
    monkeypatch.setattr(sessions.time, "sleep", slept.append)
    for attempt in range(1, 12):
        for _ in range(50):
            pause(attempt)
        most = min(sessions.FIRST_PAUSE * 2 ** (attempt - 1), sessions.LONGEST_PAUSE)
        tries, slept[:] = list(slept), []
        assert len(set(tries)) == 50
        assert most / 2 < max(tries) <= most
        assert min(tries) < most / 2
