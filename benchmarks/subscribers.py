"""Clients of a websocket: many that read what they are told, and some that read nothing."""

import asyncio
import base64
import re
import socket
import struct
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from pydantic_core import to_json

TOLD: Final = re.compile(rb'"jobId":"([^"]+)","comment":"(\d+) (\d+)')
STATE: Final = b'{"msgType":"JobState"'
KEY: Final = base64.b64encode(b"0123456789abcdef").decode()
NO_MASK: Final = b"\0\0\0\0"
SHORT, LONG = 126, 127
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SMALL_BUFFER: Final = 4096


@dataclass(slots=True, kw_only=True)
class Heard:
    """What one was told: the last number of each job; numbers that came twice, late or never; delays in ms."""

    last: dict[bytes, int] = field(default_factory=dict)
    messages: int = 0
    faults: int = 0
    delays: "array[float]" = field(default_factory=lambda: array("d"))

    def take(self, job: bytes, number: int, sent: int) -> None:
        """Remember a message; numbers begin at 1, and are without gaps."""
        self.messages += 1
        self.faults += number != self.last.get(job, 0) + 1
        self.last[job] = number
        self.delays.append((time.perf_counter_ns() - sent) / 1e6)


class Subscriber(asyncio.Protocol):
    """One who subscribes to jobs. `ready` is done once all were answered, `over` once the server is gone.

    Without `reads` it reads nothing after that.
    """

    def __init__(self, path: str, job_ids: Sequence[str], *, reads: bool) -> None:
        loop = asyncio.get_running_loop()
        self.ready, self.over = loop.create_future(), loop.create_future()
        self._goal, self._reached = 0, asyncio.Event()
        self.heard = Heard()
        self._path, self._job_ids, self._reads = path, job_ids, reads
        self._states = 0
        self._received = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the websocket."""
        self.transport = cast("asyncio.Transport", transport)
        upgrade = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}"
        self.transport.write(f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Read frames, once the websocket is open."""
        self._received += data
        if not self._is_open:
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._is_open, self._received = True, rest
            self._send(TEXT, to_json({"msgType": "subscribe", "jobIds": self._job_ids}))
        self._read_frames()

    def connection_lost(self, error: Exception | None) -> None:
        """Remember that it is over."""
        self.over.set_result(None)

    async def told(self, messages: int) -> None:
        """Return once so many messages have come in all."""
        self._goal = messages
        self._reached.clear()
        if self.heard.messages < messages:
            await self._reached.wait()

    def _read_frames(self) -> None:
        received, at, size = self._received, 0, len(self._received)
        while size - at >= 2:
            start, length = at + 2, received[at + 1]
            if length == SHORT:
                start, length = at + 4, int.from_bytes(received[at + 2 : at + 4], "big")
            elif length == LONG:
                start, length = at + 10, int.from_bytes(received[at + 2 : at + 10], "big")
            if size < start + length:
                break
            self._take(received[at] & 15, received[start : start + length])
            at = start + length
        self._received = received[at:]

    def _take(self, opcode: int, content: bytes) -> None:
        if opcode == PING:
            self._send(PONG, content)
        elif opcode == CLOSE:
            self._send(CLOSE, content)
        elif content.startswith(STATE):
            self._states += 1
            if self._states == len(self._job_ids):
                self.ready.set_result(None)
                if not self._reads:
                    self.transport.pause_reading()
        elif found := TOLD.search(content):
            self.heard.take(found[1], int(found[2]), int(found[3]))
            if self.heard.messages == self._goal:
                self._reached.set()

    def _send(self, opcode: int, content: bytes) -> None:
        size = len(content)
        if size < SHORT:
            head = bytes([0x80 | opcode, 0x80 | size])
        else:
            head = bytes([0x80 | opcode, 0x80 | SHORT]) + struct.pack(">H", size)
        self.transport.write(head + NO_MASK + content)


async def subscribe(port: int, path: str, job_ids: Sequence[str], *, reads: bool) -> Subscriber:
    """Somebody who is told of these jobs; without `reads`, one who reads nothing after how they stand."""
    loop = asyncio.get_running_loop()
    plain = socket.socket()
    if not reads:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    plain.setblocking(False)  # noqa: FBT003 - the standard library's
    await loop.sock_connect(plain, ("127.0.0.1", port))
    _, made = await loop.create_connection(lambda: Subscriber(path, job_ids, reads=reads), sock=plain)
    await made.ready
    return made
