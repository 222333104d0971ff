"""Commands about jobs, run in a thread of the test's process against a real Redis."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.states import Reason
from envoy_plugin.engine.verbs import Enqueue
from envoy_plugin.sealing import Sealer
from tests.framework.cli.project import CREDENTIALS
from tests.framework.recording_plugin import Ended, invoke

PREFIX = "shop-doors"
LEASE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Here:
    """A terminal whose environment names a Redis and a prefix; `engine` sees the same jobs."""

    engine: Engine
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def sealer(self) -> Sealer:
        """What the terminal's settings seal with."""
        return Sealer([CREDENTIALS["JWT_SECRET"]])

    async def run(self, command: str, *arguments: str, **environment: str) -> Ended:
        """How the command ended."""
        settings = {**CREDENTIALS, "REDIS_PREFIX": PREFIX, **self.settings, **environment}
        return await asyncio.to_thread(invoke, command, arguments, b"", settings)

    async def make(self, count: int = 1, **facts: Any) -> list[str]:
        """The ids of new jobs, in order."""
        usual = {"queue": "events", "kind": "entry_sign_in", "install": "1001", "payload": b"{}"}
        return [made.id for made in await self.engine.call([Enqueue(**{**usual, **facts}) for _ in range(count)])]

    async def fail(self, queue: str = "events", count: int = 1) -> None:
        """Let the next jobs of a queue fail."""
        for held in await self.engine.claim(queue, count, who="tests", lease=LEASE):
            await self.engine.fail(held, reason=Reason.ERROR)
