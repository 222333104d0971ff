"""What waits to be sent to one socket: so much, and no more."""

import asyncio
from collections import deque
from typing import Final

MOST_WAITING: Final = 1_000
MOST_CHARACTERS: Final = 1024 * 1024


class Outbox:
    """Messages in order, for one who sends them."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, text: str) -> bool:
        """Let a message wait. False: there is no room."""
        if len(self._waiting) >= MOST_WAITING or (self._waiting and self._size + len(text) > MOST_CHARACTERS):
            return False
        self._waiting.append(text)
        self._size += len(text)
        self._news.set()
        if self._is_half_full:
            self._room.clear()
        return True

    async def next(self) -> str:
        """The next message, once there is one."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        text = self._waiting.popleft()
        self._size -= len(text)
        if not self._is_half_full:
            self._room.set()
        return text

    async def room(self) -> None:
        """Return once it is less than half full: for whoever has much to say, and can wait."""
        await self._room.wait()

    @property
    def _is_half_full(self) -> bool:
        return 2 * len(self._waiting) >= MOST_WAITING or 2 * self._size >= MOST_CHARACTERS
