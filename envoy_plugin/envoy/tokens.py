"""The plugin's token: one for all its processes, got when a call needs it, replaced before it ends.

* One login at a time, across processes; the others wait for its token.
* The usual `get` is answered from this process's copy.
* At three quarters of its life or later (each process at a moment of its own) one process gets the next token in the
  background, by the refresh token where there is one, while the old one still serves.
* A failed login is remembered in Redis for 1 s, 2 s, 4 s … 60 s (± 20 %): until then callers get its error at once.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from envoy_plugin.envoy.flights import Flights
from envoy_plugin.envoy.oauth import Clock, OAuthClient, Token
from envoy_plugin.envoy.token_store import LOCK_SECONDS, Failure, Seals, Shared, TokenStore, silence_after
from envoy_plugin.errors import ApiUnavailable, AuthFailed, EnvoyError
from envoy_plugin.logs import get_logger

__all__ = ["OAuthClient", "Token", "TokenCache"]

RENEWAL: Final = (0.75, 0.85)
"""The part of its life after which a token is replaced: somewhere between."""
MARGIN: Final = 30.0
MARGIN_PART: Final = 0.1
AGAIN: Final = 5.0
"""Seconds after which a process looks again, when it couldn't replace a token that still serves."""
SOON: Final = 60.0
POLLS: Final = (0.02, 0.25)
AHEAD: Final = "ahead"

log = get_logger(__name__)


class TokenCache:
    """Gives tokens to `EnvoyPluginAPI`; may raise `AuthFailed`, `ApiUnavailable` and Redis' own errors."""

    def __init__(self, redis: Redis, sealer: Seals, oauth: OAuthClient, *, key: str, clock: Clock = time.time) -> None:
        """Share the token under `key`, which on a Redis Cluster has a hash tag, as `{visitor-doors}:token`."""
        self._store = TokenStore(redis, sealer, key=key)
        self._oauth = oauth
        self._clock = clock
        self._held: Token | None = None
        self._renew_at = 0.0
        self._flights: Flights[Token] = Flights()

    async def get(self) -> str:
        """A token that should work."""
        held, now = self._held, self._clock()
        if held is None or not _serves(held, now):
            return (await self._flights.join("get", self._obtain)).access_token
        if now >= self._renew_at:
            self._renew_at = now + AGAIN
            self._flights.start(AHEAD, self._replace)
        return held.access_token

    async def renew(self, rejected: str) -> str:
        """Another token than `rejected`, which Envoy has just refused; other processes learn of it."""
        held = self._held
        if held is not None and held.access_token != rejected and _serves(held, self._clock()):
            return held.access_token
        return (await self._flights.join(f"renew {rejected}", lambda: self._obtain(rejected))).access_token

    async def close(self) -> None:
        """Stop what goes on in the background."""
        await self._flights.close()

    async def _obtain(self, rejected: str | None = None) -> Token:
        """A token that serves and isn't `rejected`: from Redis, else by logging in, else from who logs in now."""
        token = self._usable(await self._store.read(), rejected)
        for pause in _pauses():
            if token is not None:
                return self._hold(token)
            token = await self._log_in_first(rejected)
            if token is None:
                await asyncio.sleep(pause)
                token = self._usable(await self._store.read(), rejected)
        raise ApiUnavailable("Another process has been logging in at Envoy for too long.")

    async def _log_in_first(self, rejected: str | None) -> Token | None:
        """A new token, unless another process is about to get one."""
        async with self._store.lock() as won:
            if not won:
                return None
            shared = await self._store.read()
            return self._usable(shared, rejected) or await self._log_in(shared, rejected)

    async def _replace(self) -> Token:
        """Get the next token while the old one serves; without success the old one goes on."""
        held = self._held
        assert held is not None  # noqa: S101 - `get` starts this for a token that it holds
        try:
            shared = await self._store.read()
            async with self._store.lock() as won:
                shared = await self._store.read() if won else shared
                fresh = shared.token
                if fresh is not None and fresh.issued_at > held.issued_at:
                    return self._hold(fresh)
                if won and not _is_silent(shared.failure, self._clock()):
                    return self._hold(await self._log_in(shared, None))
        except (EnvoyError, RedisError) as error:
            log.warning("login.failed", error=type(error).__name__, status=getattr(error, "status", None))
        return held

    async def _log_in(self, shared: Shared, rejected: str | None) -> Token:
        """Ask Envoy, under the lock; what comes of it is shared."""
        try:
            token = await self._grant(shared.token, rejected)
        except (AuthFailed, ApiUnavailable) as error:
            now = self._clock()
            await self._store.remember(Failure.of(error, shared.failure, now), now=now)
            raise
        await self._store.save(token, now=self._clock())
        return token

    async def _grant(self, old: Token | None, rejected: str | None) -> Token:
        if old is not None and old.access_token == rejected:
            hasty = old.rejections if self._clock() < old.issued_at + SOON else 0
            return replace(await self._oauth.login(), rejections=hasty + 1)
        if old is None or old.refresh_token is None or self._clock() >= old.refresh_expires_at:
            return await self._oauth.login()
        try:
            new = await self._oauth.refresh(old.refresh_token)
        except AuthFailed:
            return await self._oauth.login()
        if new.refresh_token is not None:
            return new
        return replace(new, refresh_token=old.refresh_token, refresh_expires_at=old.refresh_expires_at)

    def _usable(self, shared: Shared, rejected: str | None) -> Token | None:
        """The shared token, if it serves; None if one must be got; the error if that must wait."""
        now, token = self._clock(), shared.token
        if token is not None and _serves(token, now) and token.access_token != rejected:
            return token
        if shared.failure is not None and _is_silent(shared.failure, now):
            raise shared.failure.error(now)
        if token is not None and token.access_token == rejected and token.rejections:
            left = token.issued_at + silence_after(token.rejections) - now
            if left > 0:
                raise AuthFailed("Envoy refuses the tokens that it issues.", retry_after=left)
        return None

    def _hold(self, token: Token) -> Token:
        life = token.expires_at - token.issued_at
        self._held = token
        self._renew_at = token.issued_at + life * random.uniform(*RENEWAL)  # noqa: S311 - jitter, not a secret
        return token


def _serves(token: Token, now: float) -> bool:
    """Whether the token outlives a call that is made now."""
    return now < token.expires_at - min(MARGIN, MARGIN_PART * (token.expires_at - token.issued_at))


def _is_silent(failure: Failure | None, now: float) -> bool:
    return failure is not None and now < failure.until


def _pauses() -> Iterator[float]:
    """Pauses between looks for another's token: growing, jittered, together a little longer than a lock."""
    first, longest = POLLS
    waited, pause = 0.0, first
    while waited < LOCK_SECONDS + 1:
        jittered = pause * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
        yield jittered
        waited, pause = waited + jittered, min(longest, pause * 1.5)
