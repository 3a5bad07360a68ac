"""A FIX client that shares no code with the server: simplefix, over TCP and over TLS of the ssl module."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from typing import Any

import simplefix  # type: ignore[import-untyped]

PATIENCE_S = 300
HEARTBEAT_S = 120
TIME = "%Y%m%d-%H:%M:%S"


class FixClient:
    """A session of FIX 4.4 that has logged on."""

    def __init__(self, address: tuple[str, int], name: str, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.number = 0
        self.socket = socket.create_connection(address, timeout=PATIENCE_S)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.parser = simplefix.FixParser()
        self.send("A", {98: 0, 108: HEARTBEAT_S})
        assert self.receive().get(35) == b"A"

    def send(self, kind: str, fields: dict[int, object]) -> None:
        """Send a message; one of the application has the time that it needs."""
        self.number += 1
        now = datetime.now(UTC).strftime(TIME)
        message = simplefix.FixMessage()
        head = {8: "FIX.4.4", 35: kind, 34: self.number, 49: self.name, 52: now, 56: "EXCHANGE"}
        body = fields if kind in ("A", "0") else {**fields, 60: now}
        for tag, value in (head | body).items():
            message.append_pair(tag, value)
        self.socket.sendall(message.encode())

    def receive(self) -> Any:
        """Give the next message that tells more than that the server is there, which it says when little happens."""
        while True:
            while (message := self.parser.get_message()) is None:
                received = self.socket.recv(65_536)
                assert received, "the server goes on"
                self.parser.append_buffer(received)
            if message.get(35) not in (b"0", b"1"):
                return message
            if (test := message.get(112)) is not None:
                self.send("0", {112: test.decode()})

    def expect(self, **fields: str) -> Any:
        """Give the next message, which has these fields: ``t35="8"``."""
        message = self.receive()
        expected = {int(tag[1:]): value.encode() for tag, value in fields.items()}
        assert {tag: message.get(tag) for tag in expected} == expected
        return message
