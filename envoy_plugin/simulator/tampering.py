"""What goes wrong on the way to the plugin, on demand: forged signatures, cut bodies, slow senders."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from envoy_plugin.envoy.signature import HEADER, sign

PIECES: Final = 10


class SignatureFault(StrEnum):
    """What is wrong with a signature."""

    WRONG = "wrong"
    MISSING = "missing"
    SHORT = "short"
    HEX = "hex"
    LOWER = "lower"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampering:
    """How a delivery differs from what Envoy would send."""

    signature: SignatureFault | None = None
    truncated: bool = False
    """Only the first half arrives, under the signature of the whole."""
    slow: timedelta = timedelta(0)
    """How long the body takes."""

    def headers(self, body: bytes, secret: str) -> dict[str, str]:
        """The headers of the delivery."""
        signature = self._signature(body, secret)
        return {"Content-Type": "application/json"} | ({} if signature is None else {HEADER: signature})

    def sent(self, body: bytes) -> bytes:
        """The bytes that go out."""
        return body[: len(body) // 2] if self.truncated else body

    def _signature(self, body: bytes, secret: str) -> str | None:
        right = sign(body, secret)
        match self.signature:
            case None:
                return right
            case SignatureFault.WRONG:
                return sign(body, f"not {secret}")
            case SignatureFault.SHORT:
                return right[:-2]
            case SignatureFault.HEX:
                return hmac.digest(secret.encode(), body, "sha256").hex()
            case SignatureFault.LOWER:
                return right.lower()
            case SignatureFault.MISSING:
                return None


UNTOUCHED: Final = Tampering()


def pieces_of(body: bytes) -> list[bytes]:
    """The body in about ten pieces, as a slow sender gives them out."""
    size = max(1, -(-len(body) // PIECES))
    return [body[start : start + size] for start in range(0, len(body), size)]


async def dribble(body: bytes, duration: timedelta) -> AsyncIterator[bytes]:
    """The pieces of a body, spread evenly over `duration`."""
    pieces = pieces_of(body)
    for piece in pieces:
        await asyncio.sleep(duration.total_seconds() / len(pieces))
        yield piece
