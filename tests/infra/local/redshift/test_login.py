"""TLS in every mode, and who may log in with which password."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import struct
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from infra.local.redshift.protocol.tls import AUTHORITY, CERTIFICATE, server_context

from .conftest import DATABASE, PASSWORD, USER, Schema, Servers

pytestmark = pytest.mark.slow


def encrypted(connection: psycopg.Connection[object]) -> bool:
    assert connection.execute("select 1").fetchone() == (1,)
    return connection.pgconn.ssl_in_use


def test_every_sslmode_of_libpq(servers: Servers, tmp_path: Path) -> None:
    authority = str(servers.tls / AUTHORITY)
    modes = {
        ("disable", ""): False,
        ("prefer", ""): True,
        ("require", ""): True,
        ("verify-ca", authority): True,
        ("verify-full", authority): True,
    }
    for (mode, root), expected in modes.items():
        with servers.psycopg(sslmode=mode, sslrootcert=root) as connection:
            assert encrypted(connection) is expected, mode
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        server_context(tmp_path)  # another authority
        servers.psycopg(sslmode="verify-ca", sslrootcert=str(tmp_path / AUTHORITY))


def test_redshift_connector_and_dbts_default_verify(servers: Servers) -> None:
    """Python's ssl takes SSL_CERT_FILE; ssl=True, verify-ca is what dbt's sslmode prefer means."""
    program = (
        "import sys, redshift_connector\n"
        "for mode in ('verify-ca', 'verify-full'):\n"
        "    c = redshift_connector.connect(host='localhost', port=int(sys.argv[1]), ssl=True,\n"
        "        sslmode=mode, user=sys.argv[2], password=sys.argv[3], database=sys.argv[4])\n"
        "    print(c.cursor().execute('select 1').fetchone(), type(c._usock).__name__)\n"
    )
    command = [sys.executable, "-c", program, str(servers.port), USER, PASSWORD, DATABASE]
    trusting = {**os.environ, "SSL_CERT_FILE": str(servers.tls / AUTHORITY)}
    done = subprocess.run(command, env=trusting, capture_output=True, text=True, check=False)
    assert done.stdout == "[1] SSLSocket\n" * 2, done.stderr
    doubting = {k: v for k, v in os.environ.items() if k != "SSL_CERT_FILE"}
    done = subprocess.run(command, env=doubting, capture_output=True, text=True, check=False)
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr


def test_bytes_before_the_handshake_are_refused(servers: Servers) -> None:
    """What comes in clear text after the request must not be taken as sent encrypted."""
    with socket.create_connection(("127.0.0.1", servers.port), timeout=10) as sock:
        sock.sendall(struct.pack("!II", 8, 80877103) + b"Q\0\0\0\x0dselect 1\0")
        received = b""
        while chunk := sock.recv(4096):
            received += chunk
    assert received.startswith(b"S")
    assert b"08P01" in received


def test_a_client_that_drops_the_handshake_leaves_the_gateway_alone(servers: Servers) -> None:
    with servers.psycopg() as bystander:
        for data in (b"", b"not tls at all", b"\x16\x03\x01\x00\x05hello"):
            with socket.create_connection(("127.0.0.1", servers.port), timeout=10) as sock:
                sock.sendall(struct.pack("!II", 8, 80877103))
                assert sock.recv(1) == b"S"
                sock.sendall(data)
        assert bystander.execute("select 1").fetchone() == (1,)


def test_the_certificate_is_kept_and_made_anew_when_it_is_gone(tmp_path: Path) -> None:
    assert isinstance(server_context(tmp_path), ssl.SSLContext)
    first = (tmp_path / CERTIFICATE).read_bytes()
    server_context(tmp_path)
    assert (tmp_path / CERTIFICATE).read_bytes() == first
    (tmp_path / CERTIFICATE).unlink()
    server_context(tmp_path)
    assert (tmp_path / CERTIFICATE).read_bytes() != first
    assert (tmp_path / "server.key").stat().st_mode & 0o077 == 0


def sha256(password: str, salt: bytes) -> str:
    return f"sha256|{hashlib.sha256(password.encode() + salt).hexdigest()}|{salt.hex()}"


def test_users_log_in_with_each_kind_of_password(servers: Servers, schema: Schema) -> None:
    schema.run("create table t (a int)")
    schema.run("insert into t values (7)")
    password = "Secret-1zé"
    encoded = f"{password}login_md5".encode()
    kinds = {
        "login_plain": password,
        "login_md5": "md5" + hashlib.md5(encoded, usedforsecurity=False).hexdigest(),
        "login_sha": f"sha256|{password}",
        "login_salted": sha256(password, b"\1\2\3\4"),
    }
    try:
        for user, given in kinds.items():
            schema.run(f"create user {user} password '{given}'")
            schema.run(f"grant usage on schema {schema.name} to {user}")
            schema.run(f"grant select on {schema.name}.t to {user}")
            with servers.psycopg(user=user, password=password) as own:
                found = own.execute(f"select current_user, a from {schema.name}.t").fetchall()
                assert found == [(user, 7)]
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    own.execute(f"insert into {schema.name}.t values (8)")
            connector = servers.redshift(user=user, password=password)
            assert connector.cursor().execute("select current_user").fetchall() == ([user],)
            connector.close()
            for wrong in ("Secret-2z", "", given if given != password else "x"):
                with pytest.raises(
                    psycopg.OperationalError, match="password authentication failed"
                ):
                    servers.psycopg(user=user, password=wrong or "-")
    finally:
        for user in kinds:
            schema.run(f"revoke all on schema {schema.name} from {user}")
            schema.run(f"revoke all on {schema.name}.t from {user}")
            schema.run(f"drop user {user}")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        servers.psycopg(user="login_plain", password=password)


def test_passwords_are_changed_disabled_and_renamed(servers: Servers, schema: Schema) -> None:
    schema.run("create user login_a password disable")
    try:
        for password in ("null", "", "Secret-1z"):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                servers.psycopg(user="login_a", password=password or "-")
        schema.run("alter user login_a password 'Secret-1z' connection limit 5")
        with servers.psycopg(user="login_a", password="Secret-1z") as own:
            own.execute("alter user login_a password 'Secret-2z'")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(f"alter user {USER} password 'Secret-3z'")
        servers.psycopg(user="login_a", password="Secret-2z").close()
        with pytest.raises(psycopg.OperationalError):
            servers.psycopg(user="login_a", password="Secret-1z")
        schema.run("alter user login_a valid until '2001-01-01'")
        with pytest.raises(psycopg.OperationalError):
            servers.psycopg(user="login_a", password="Secret-2z")
        for weak in ("short1A", "alllowercase1", "NoDigitsHere", "With Space1"):
            with pytest.raises(psycopg.errors.InvalidParameterValue, match="8 to 64 characters"):
                schema.run(f"alter user login_a password '{weak}'")
    finally:
        schema.run("drop user login_a")


def test_a_failed_create_user_leaves_no_password(servers: Servers, schema: Schema) -> None:
    with pytest.raises(psycopg.errors.UndefinedObject):
        schema.run("create user login_b password 'Secret-1z' in group nobody_has_made")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        servers.psycopg(user="login_b", password="Secret-1z")


def test_settings_of_users_hold_from_their_login_on(servers: Servers, schema: Schema) -> None:
    schema.run("create user settled password 'Secret-99'")
    schema.run("alter user settled set search_path to public")
    schema.run("alter user settled set enable_numeric_rounding to on")
    with servers.psycopg(user="settled", password="Secret-99") as session:
        assert session.execute("show search_path").fetchone() == ("public",)
        assert session.execute("show enable_numeric_rounding").fetchone() == ("on",)
    schema.run("alter user settled reset enable_numeric_rounding")
    with servers.psycopg(user="settled", password="Secret-99") as session:
        assert session.execute("show enable_numeric_rounding").fetchone() == ("off",)
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        schema.run("alter user settled set work_mem to '1MB'")
    schema.run("drop user settled")


def test_sessions_read_their_users_settings(servers: Servers, schema: Schema) -> None:
    """RESET gives them back, and forgets what the session has SET meanwhile."""
    names = 'select "AbC" from (select 1 as "AbC") as t'
    schema.run("create user cased password 'Secret-99'")
    schema.run("alter user cased set enable_case_sensitive_identifier to true")
    schema.run("alter user cased set query_group to 'nightly'")
    with servers.psycopg(user="cased", password="Secret-99") as session:

        def column() -> str:
            return str((session.execute(names).description or [])[0].name)

        assert column() == "AbC"
        assert session.execute("show query_group").fetchone() == ("nightly",)
        session.execute("set enable_case_sensitive_identifier to off")
        session.execute("set query_group to 'mine'")
        assert column() == "abc"
        session.execute("reset enable_case_sensitive_identifier")
        assert column() == "AbC"
        session.execute("set enable_case_sensitive_identifier to off")
        session.execute("select 'of mine'")
        session.execute("reset all")
        assert column() == "AbC"
        assert session.execute("show query_group").fetchone() == ("nightly",)
        session.execute("select 'of the night'")
        told = session.execute(
            "select query_label, query_text from sys_query_history "
            "where query_text like 'select ''of %%' order by query_id"
        ).fetchall()
    assert told == [("mine", "select 'of mine'"), ("nightly", "select 'of the night'")]
    schema.run("alter user cased reset all")
    with servers.psycopg(user="cased", password="Secret-99") as session:
        assert [c.name for c in session.execute(names).description or []] == ["abc"]
        assert session.execute("show query_group").fetchone() == ("default",)
    schema.run("drop user cased")
