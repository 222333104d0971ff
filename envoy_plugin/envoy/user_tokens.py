"""The token of the user behind an event, kept apart from it, sealed, until it ends."""

import contextlib
from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis

from envoy_plugin.envoy.meta import WebhookMeta
from envoy_plugin.envoy.token_store import Seals
from envoy_plugin.errors import AuthFailed, SealError

UNSAID: Final = 86_400
"""Seconds that a token lives whose delivery doesn't say so. Source: developers.envoy.com, "Authentication"."""


class UserTokens:
    """The tokens that background handlers act with as a user; by the id of their job."""

    def __init__(self, redis: Redis, sealer: Seals, *, key_of: Callable[[str], str]) -> None:
        """Keep a job's token under `key_of(job_id)`."""
        self._redis = redis
        self._sealer = sealer
        self._key_of = key_of

    async def keep(self, job_id: str, meta: WebhookMeta) -> None:
        """Keep the token of a delivery until it ends.

        Raises:
            AuthFailed: the delivery carries none.
        """
        token, said = meta.user_token(), meta.auth and meta.auth.expires_in
        seconds = min(max(1, said or UNSAID), UNSAID)
        await self._redis.set(self._key_of(job_id), self._sealer.seal(token.encode()), ex=seconds)

    async def forget(self, job_id: str) -> None:
        """Drop the token of a job."""
        await self._redis.delete(self._key_of(job_id))

    async def get(self, job_id: str) -> str:
        """The token of a job.

        Raises:
            AuthFailed: it has ended, or no key of ours opens it.
        """
        sealed = await self._redis.get(self._key_of(job_id))
        with contextlib.suppress(SealError):
            if isinstance(sealed, bytes):
                return self._sealer.open(sealed).decode()
        raise AuthFailed("The token of the user who set the plugin up has ended; a later event brings another.")
