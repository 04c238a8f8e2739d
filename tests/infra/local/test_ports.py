import os
import socket

import psutil
import pytest

from infra.local.ports import LOOPBACK, accepts, command_of, free_ports, is_taken, owner_of


@pytest.fixture
def listener():
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server


def test_free_ports_are_different_and_free():
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert not any(is_taken(port) for port in ports)
    assert free_ports(0) == ()


def test_a_listener_takes_its_port_and_is_named(listener):
    port = listener.getsockname()[1]
    assert is_taken(port)
    owner = owner_of(port)
    assert owner.pid == os.getpid()
    assert str(owner).startswith(f"pid {os.getpid()} (")
    assert owner.command == " ".join(psutil.Process().cmdline())


def test_a_listener_on_all_interfaces_takes_the_port_too():
    with socket.socket() as server:
        server.bind(("", 0))
        server.listen()
        assert is_taken(server.getsockname()[1])


def test_a_closed_connection_does_not_take_a_port():
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((LOOPBACK, 0))
        server.listen()
        port = server.getsockname()[1]
        client = socket.create_connection((LOOPBACK, port))
        connection, _ = server.accept()
        connection.close()  # the server's side closes first and waits (TIME_WAIT)
        client.close()
    assert not is_taken(port)


def test_nobody_owns_a_free_port():
    (port,) = free_ports(1)
    assert not accepts(port)
    assert owner_of(port).pid is None
    assert "may not look at" in str(owner_of(port))


def test_long_command_lines_are_cut(monkeypatch):
    monkeypatch.setattr("psutil.Process.cmdline", lambda _: ["x" * 300])
    assert command_of(os.getpid()) == "x" * 99 + "…"
