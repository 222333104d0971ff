"""Who has paused a queue, when and why; sealed where it is kept, since a reason may name a customer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from envoy_plugin.engine.clock import moment, stamp_of
from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import SealError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pausing:
    """One pause. None: it can't be read."""

    who: str | None
    why: str | None
    at: datetime | None

    def encode(self) -> bytes:
        """As it is kept, before it is sealed."""
        return json.dumps({"who": self.who, "why": self.why, "at": self.at and stamp_of(self.at)}).encode()

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """From what `encode` made; from anything else, as far as it can be read."""
        try:
            facts = json.loads(content)
            return cls(who=str(facts["who"]), why=str(facts["why"]), at=moment(int(facts["at"])))
        except (ValueError, KeyError, TypeError):
            return cls(who=None, why=content.decode(errors="replace") or None, at=None)


UNREADABLE: Final = Pausing(who=None, why=None, at=None)


async def read_pauses(engine: Engine, queues: Sequence[str]) -> dict[str, Pausing]:
    """Those of these queues that are paused, with who and why."""
    kept = await engine.redis.mget([engine.keys.paused(queue) for queue in queues]) if queues else []
    return {queue: _opened(engine, content) for queue, content in zip(queues, kept, strict=True) if content is not None}


def _opened(engine: Engine, content: bytes | str) -> Pausing:
    try:
        return Pausing.parse(engine.open(content if isinstance(content, bytes) else content.encode()))
    except SealError:
        return UNREADABLE
