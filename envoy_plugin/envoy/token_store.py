"""What the processes of one plugin share in Redis about Envoy's token.

Three keys in one slot: `key` holds the token, sealed; `key:failure` the last failed login; `key:lock` who logs in now.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Protocol, cast

from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.asyncio.lock import Lock
from redis.exceptions import LockNotOwnedError

from envoy_plugin.envoy.oauth import Token
from envoy_plugin.errors import ApiUnavailable, AuthFailed, EnvoyError, SealError

LOCK_SECONDS: Final = 15.0
"""Longer than a login may take; a process that dies while it logs in holds up the others for so long at most."""
LONGEST_SILENCE: Final = 60.0
LONGEST_RETRY_AFTER: Final = 3_600.0
MEMORY: Final = 120.0
"""Seconds for which a failure is remembered beyond its silence, so that the next one is silent for longer."""


class Seals(Protocol):
    """Makes bytes unreadable for whoever reads Redis, and readable again."""

    def seal(self, plain: bytes) -> bytes: ...

    def open(self, sealed: bytes) -> bytes: ...


def silence_after(failures: int) -> float:
    """Seconds of waiting after so many failures in a row: 1, 2, 4 … 60, without jitter."""
    return min(LONGEST_SILENCE, 2.0 ** min(failures - 1, 10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Logins that failed, `count` in a row; until `until` (seconds since 1970) nobody tries again."""

    count: int
    until: float
    refused: bool
    status: int | None

    @classmethod
    def of(cls, error: EnvoyError, previous: "Failure | None", now: float) -> "Failure":
        """The failure that `error` was, after `previous`."""
        count = (previous.count if previous else 0) + 1
        silence = silence_after(count) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
        silence = max(silence, min(error.retry_after or 0.0, LONGEST_RETRY_AFTER))
        return cls(count=count, until=now + silence, refused=isinstance(error, AuthFailed), status=error.status)

    def error(self, now: float) -> EnvoyError:
        """What a caller gets instead of another login."""
        kind, what = (AuthFailed, "was refused") if self.refused else (ApiUnavailable, "failed")
        left = max(0.0, self.until - now)
        return kind(
            f"The last login at Envoy {what}; the next is in {left:.0f} s.", status=self.status, retry_after=left
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What Redis holds at one moment."""

    token: Token | None
    failure: Failure | None


TOKEN: Final = TypeAdapter(Token)
FAILURE: Final = TypeAdapter(Failure)


class TokenStore:
    """Reads and writes the shared state."""

    def __init__(self, redis: Redis, sealer: Seals, *, key: str) -> None:
        self._redis = redis
        self._sealer = sealer
        self._key, self._failure_key, self._lock_key = key, f"{key}:failure", f"{key}:lock"

    async def read(self) -> Shared:
        """The token and the failure. What no key opens, or is from another release, counts as absent."""
        sealed, failure = await self._redis.mget(self._key, self._failure_key)
        try:
            return Shared(
                token=None if sealed is None else TOKEN.validate_json(self._sealer.open(cast("bytes", sealed))),
                failure=None if failure is None else FAILURE.validate_json(failure),
            )
        except (SealError, ValidationError):
            return Shared(token=None, failure=None)

    async def save(self, token: Token, *, now: float) -> None:
        """Keep a token as long as it, or its refresh token, can be of use."""
        lifetime = max(token.expires_at, token.refresh_expires_at if token.refresh_token else 0.0) - now
        await self._redis.set(self._key, self._sealer.seal(TOKEN.dump_json(token)), px=max(1, int(lifetime * 1000)))
        await self._redis.delete(self._failure_key)

    async def remember(self, failure: Failure, *, now: float) -> None:
        """Keep a failure for its silence and a while."""
        lifetime = failure.until - now + MEMORY
        await self._redis.set(self._failure_key, FAILURE.dump_json(failure), px=int(lifetime * 1000))

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[bool]:
        """Whether this process is the one that may log in now; it is until the block ends, or for `LOCK_SECONDS`."""
        lock = Lock(self._redis, self._lock_key, timeout=LOCK_SECONDS, thread_local=False)
        won = await lock.acquire(blocking=False)
        try:
            yield won
        finally:
            if won:
                with suppress(LockNotOwnedError):  # it ran out; the next owner keeps it
                    await lock.release()
