"""Delivery records: the same inline delivery twice, also at the same instant on two machines, is handled once.

A record is first a marker, which dies with whoever handles the delivery, then the sealed answer. Only final answers are
kept: after anything else Envoy's next delivery is handled anew.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from http import HTTPStatus
from importlib import resources
from typing import Final, TypeAlias

from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from envoy_plugin.engine.batching import Gatherer
from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.model import Codec
from envoy_plugin.errors import SealError
from envoy_plugin.logs import get_logger
from envoy_plugin.outcomes import Answer

FINAL_STATUSES: Final = frozenset({200, 202, 400, 412})
"""What Envoy takes as an outcome; the rest it may deliver again. Source: Envoy's plugin guide, "Plugin Responses"."""
MOST_BYTES: Final = 16 * 1024
GRACE: Final = timedelta(seconds=2)
POLL_SECONDS: Final = 0.05
TAKE_TIME: Final = timedelta(seconds=8)
SETTLE_TIME: Final = timedelta(seconds=2)
MARKER: Final = b"?"
KEPT: Final = b"="
Change: TypeAlias = tuple[str, str, bytes, bytes, int]
"""A verb, its record, and what `change_records.lua` takes beside them."""
UNANSWERED: Final = Answer(
    status=HTTPStatus.SERVICE_UNAVAILABLE, body={"message": "This event is being handled"}, retry_after=1
)

_ANSWER: Final = TypeAdapter(Answer)

log = get_logger(__name__)


class DeliveryRecords:
    """The records of a plugin's inline deliveries, shared by its processes."""

    def __init__(self, redis: Redis, codec: Codec, *, key_of: Callable[[str], str], window: timedelta) -> None:
        """Keep the answer to delivery `name`, sealed, under `key_of(name)` for `window`."""
        self._redis = redis
        self._codec = codec
        self._key_of = key_of
        self._window = milliseconds(window)
        lua = (resources.files("envoy_plugin") / "change_records.lua").read_text(encoding="utf-8")
        self._script: AsyncScript = redis.register_script(lua)
        self._changes = Gatherer(self._change)

    async def once(self, name: str, handle: Callable[[], Awaitable[Answer]], *, timeout: timedelta) -> Answer:
        """The answer to this delivery: of `handle`, or of whoever has handled it already or is at it.

        `timeout` is how long `handle` may take, and how long somebody else's answer is waited for; then 503.

        Raises:
            RedisError, TimeoutError: Redis can't be reached, or says nothing; `handle` was not called.
        """
        key, marker = self._key_of(name), MARKER + secrets.token_bytes(12)
        deadline = asyncio.get_running_loop().time() + timeout.total_seconds()
        while not await self._take(key, marker, timeout):
            known = await self._wait(key, deadline)
            if known is not None:
                return known
        return await self._handle(key, marker, handle)

    async def _handle(self, key: str, marker: bytes, handle: Callable[[], Awaitable[Answer]]) -> Answer:
        kept = b""
        try:
            answer = await handle()
            kept = self._sealed(answer)
        finally:
            await self._settle_quietly(key, marker, kept)
        return answer

    async def _settle_quietly(self, key: str, marker: bytes, kept: bytes) -> None:
        """Turn the marker into the answer or into nothing. Without Redis it dies by itself, and the answer goes out."""
        try:
            await self._changes.run(("settle", key, marker, kept, self._window), limit=SETTLE_TIME)
        except (RedisError, TimeoutError) as error:
            log.warning("delivery.unrecorded", error=type(error).__name__)

    async def _take(self, key: str, marker: bytes, timeout: timedelta) -> bool:
        """Put the marker, unless there is one; ours may be there already, if its first answer was lost on the way."""
        taken = await self._changes.run(("take", key, marker, b"", milliseconds(timeout + GRACE)), limit=TAKE_TIME)
        return taken == 1

    async def _change(self, changes: Sequence[Change]) -> Sequence[int]:
        keys = [key for _, key, *_ in changes]
        arguments = [part for verb, _, marker, kept, span in changes for part in (verb, marker, kept, span)]
        changed: list[int] = await self._script(keys=keys, args=arguments)
        return changed

    async def _wait(self, key: str, deadline: float) -> Answer | None:
        """Somebody else's answer; None when they have given up, or have never been."""
        while True:
            found = await self._redis.get(key)
            if not isinstance(found, bytes):
                return None
            if found.startswith(KEPT):
                return self._opened(found.removeprefix(KEPT))
            if asyncio.get_running_loop().time() >= deadline:
                return UNANSWERED
            await asyncio.sleep(POLL_SECONDS)

    def _sealed(self, answer: Answer) -> bytes:
        if answer.status not in FINAL_STATUSES:
            return b""
        content = _ANSWER.dump_json(answer)
        if len(content) > MOST_BYTES:
            content = _ANSWER.dump_json(Answer(status=answer.status, body={}))
        return KEPT + self._codec.seal(content)

    def _opened(self, sealed: bytes) -> Answer:
        """The kept answer; where its key is gone, that there was one."""
        try:
            return _ANSWER.validate_json(self._codec.open(sealed))
        except SealError:
            return Answer(status=HTTPStatus.ACCEPTED, body={"message": "This event was handled before"})
