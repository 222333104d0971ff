"""Sample requests, byte for byte: `api/` from a plugin to Envoy, `webhooks/` from Envoy to a plugin.

A file is two comment lines (where the request comes from, and what the answer is), a request line, headers, an empty
line, and the body, which ends where the file does.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

DIRECTORY = Path(__file__).parent
PATIENCE = 10
Answer: TypeAlias = tuple[int, dict[str, str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request."""

    name: str
    source: str
    answer: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """A header's value."""
        return next((value for given, value in self.headers if given.lower() == name.lower()), None)

    def as_bytes(self, host: str) -> bytes:
        """The request as it goes over the wire, with the headers that a connection needs."""
        headers = (*self.headers, ("Host", host), ("Content-Length", str(len(self.body))), ("Connection", "close"))
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode() + self.body


async def exchange(sample: Sample, host: str, port: int) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to the very bytes of a sample."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(sample.as_bytes(f"{host}:{port}"))
    received = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    await writer.wait_closed()
    head, _, content = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    return int(status.split()[1]), {name: value for name, _, value in pairs}, content


async def answer_to(sample: Sample, host: str, port: int) -> Answer:
    """The same, with names of headers in lower case, and of JSON what it says; None for no body."""
    status, headers, content = await exchange(sample, host, port)
    return status, {name.lower(): value for name, value in headers.items()}, json.loads(content) if content else None


def read_samples(folder: str) -> list[Sample]:
    """Every sample of `api` or `webhooks`, by name."""
    return [_read(path) for path in sorted((DIRECTORY / folder).glob("*.http"))]


def _read(path: Path) -> Sample:
    head, _, body = path.read_bytes().partition(b"\n\n")
    source, answer, request, *headers = head.decode().split("\n")
    method, target, _ = request.split(" ")
    return Sample(
        name=path.stem,
        source=source.removeprefix("# Source: "),
        answer=answer.removeprefix("# Answer: "),
        method=method,
        target=target,
        headers=tuple((name, value.strip()) for name, _, value in (header.partition(":") for header in headers)),
        body=body,
    )
