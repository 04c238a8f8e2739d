"""A client that says whatever a test wants, byte by byte."""

from __future__ import annotations

import hashlib
import socket
import struct

from .conftest import DATABASE, PASSWORD, USER, Servers

PROTOCOL_3 = 196608


def message(kind: str, payload: bytes = b"") -> bytes:
    return kind.encode() + struct.pack("!I", len(payload) + 4) + payload


def parse(name: str, sql: str) -> bytes:
    return message("P", name.encode() + b"\0" + sql.encode() + b"\0\0\0")


def bind(portal: str, name: str) -> bytes:
    return message("B", portal.encode() + b"\0" + name.encode() + b"\0" + bytes(6))


def execute(portal: str, rows: int = 0) -> bytes:
    return message("E", portal.encode() + b"\0" + struct.pack("!I", rows))


def query(sql: str) -> bytes:
    return message("Q", sql.encode() + b"\0")


SYNC = message("S")


class RawClient:
    """A logged-in connection; `received` holds what came and was not taken."""

    def __init__(self, servers: Servers, **parameters: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", servers.port), timeout=20)
        self.received = b""
        wanted = {"user": USER, "database": DATABASE, **parameters}
        body = b"".join(f"{k}\0{v}\0".encode() for k, v in wanted.items()) + b"\0"
        self.send(struct.pack("!II", len(body) + 8, PROTOCOL_3) + body)
        kind, payload = self.take()
        if kind == "R":
            inner = hashlib.md5((PASSWORD + USER).encode(), usedforsecurity=False).hexdigest()
            salted = hashlib.md5(inner.encode() + payload[4:], usedforsecurity=False).hexdigest()
            self.send(message("p", f"md5{salted}".encode() + b"\0"))
            self.until("Z")

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def take(self) -> tuple[str, bytes]:
        """The next message; the kind is empty at the end."""
        while len(self.received) < 5 or len(self.received) < self._size():
            chunk = self.sock.recv(65536)
            if not chunk:
                assert not self.received, "the gateway left in the middle of a message"
                return "", b""
            self.received += chunk
        size = self._size()
        found, self.received = self.received[:size], self.received[size:]
        return chr(found[0]), found[5:]

    def _size(self) -> int:
        return int(struct.unpack_from("!I", self.received, 1)[0]) + 1

    def until(self, wanted: str) -> list[tuple[str, bytes]]:
        """Messages up to one of a kind, or up to the end of the connection."""
        found = []
        while True:
            kind, payload = self.take()
            found.append((kind, payload))
            if kind in (wanted, ""):
                return found
