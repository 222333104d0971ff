"""The token of the user behind an event, kept apart from it, sealed, until it ends."""

from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis

from envoy_plugin.envoy.meta import Auth
from envoy_plugin.envoy.token_store import Seals
from envoy_plugin.errors import AuthFailed

UNSAID: Final = 86_400
"""Seconds that a token lives whose delivery doesn't say so. Source: developers.envoy.com, "Authentication"."""


class UserTokens:
    """The tokens that background handlers act with as a user; by the id of their job."""

    def __init__(self, redis: Redis, sealer: Seals, *, key_of: Callable[[str], str]) -> None:
        """Keep a job's token under `key_of(job_id)`."""
        self._redis = redis
        self._sealer = sealer
        self._key_of = key_of

    async def keep(self, job_id: str, auth: Auth) -> None:
        """Keep the token of a delivery until it ends."""
        seconds = min(max(1, auth.expires_in or UNSAID), UNSAID)
        await self._redis.set(self._key_of(job_id), self._sealer.seal(auth.access_token.encode()), ex=seconds)

    async def get(self, job_id: str) -> str:
        """The token of a job.

        Raises:
            AuthFailed: it has ended.
        """
        sealed = await self._redis.get(self._key_of(job_id))
        if not isinstance(sealed, bytes):
            raise AuthFailed("The user's token has ended.")
        return self._sealer.open(sealed).decode()
