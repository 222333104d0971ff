"""Load: so many connections that stay open, each with one request under way, no pipelining."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

CONNECTIONS = 32
PATIENCE = 60.0


@dataclass(slots=True, kw_only=True)
class Answers:
    """What came back: statuses, and seconds each."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0
    busy: float = 0.0  # share of a core that the generator itself needed

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure what the block takes."""
        start, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall = time.perf_counter() - start
        self.busy = (time.process_time() - cpu) / self.wall


class Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is complete."""

    def __init__(self, requests: Iterator[bytes], answers: Answers) -> None:
        self.over = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._answers = answers
        self.content = b""
        self._received = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop has one of its own kind
        self._send()

    def data_received(self, data: bytes) -> None:
        """Read on; the next request once the answer is whole."""
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._received.lower().find(b"content-length:", 0, head) + len(b"content-length:")
        length = int(self._received[at : self._received.index(b"\r\n", at)])
        if len(self._received) < head + 4 + length:
            return
        self._answers.statuses[int(self._received[9:12])] += 1
        self._answers.seconds.append(time.perf_counter() - self._sent)
        self.content = self._received[head + 4 :]
        self._received = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """The server must not hang up first."""
        if not self.over.done():
            self.over.set_exception(error or ConnectionError("The server closed the connection."))

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.over.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)


async def send(port: int, requests: list[bytes], connections: int = CONNECTIONS) -> Answers:
    """Send all; what came back."""
    loop, answers, left = asyncio.get_running_loop(), Answers(), iter(requests)
    with answers.measured():
        made = [
            await loop.create_connection(lambda: Connection(left, answers), "127.0.0.1", port)
            for _ in range(connections)
        ]
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(connection.over for _, connection in made))
    return answers
