"""Somebody who is told of jobs, and remembers."""

import asyncio
from collections.abc import Mapping
from typing import Any

from envoy_plugin.workflows.notifications import NotificationManager
from envoy_plugin.workflows.telling.messages import NotificationMessage


class Ear:
    """Hears what a manager tells."""

    def __init__(self, manager: NotificationManager) -> None:
        self.manager = manager
        self.heard: list[NotificationMessage] = []
        self._news = asyncio.Event()

    async def __call__(self, message: NotificationMessage) -> None:
        self.heard.append(message)
        self._news.set()

    async def next(self) -> str:
        """The kinds of what is new, in one line."""
        self.heard.clear()
        await self.manager.check()
        return " ".join(one.msg_type for one in self.heard)

    async def hears(self) -> None:
        """Return once something has been told by itself."""
        self._news.clear()
        if not self.heard:
            await self._news.wait()

    async def state(self, job_id: str) -> Mapping[str, Any]:
        """How a job stands, as whoever subscribes is told."""
        number = await self.manager.subscribe_to_job(job_id, self)
        assert self.manager.unsubscribe(number)
        return self.heard[-1].message
