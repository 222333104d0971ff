"""Tokens of pull-workers and their clients: named, scoped, revocable, of which Redis holds digests alone.

One hash holds them, by name; a name is part of its token, so that it is found without a second index. A token has 256
random bits: its SHA-256 can't be guessed from, needs no secret, and outlives a change of the root secret.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Self

from pydantic import TypeAdapter
from redis.asyncio import Redis

PREFIX: Final = "titan"
NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
SHAPE: Final = re.compile(rf"{PREFIX}\.({NAME.pattern})\.[\w-]{{1,64}}", re.ASCII)
SECRET_BYTES: Final = 32
NO_DIGEST: Final = hashlib.sha256(b"").hexdigest()


class Scope(StrEnum):
    """What a token is good for."""

    ENQUEUE = "enqueue"
    """Make jobs; see, cancel and retry those whose id one knows."""
    CONSUME = "consume"
    """Take jobs, work on them, end them; list and see jobs."""
    ADMIN = "admin"
    """Everything."""


class TokenRefused(ValueError):
    """A token can't be made: its name is unusable or taken, or it would be good for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token; `digest` is the SHA-256 of its text."""

    name: str
    scopes: frozenset[Scope]
    created: datetime
    digest: str = field(repr=False)

    def is_for(self, scopes: Collection[Scope]) -> bool:
        """Whether it is good for something that needs one of these scopes."""
        return Scope.ADMIN in self.scopes or not self.scopes.isdisjoint(scopes)

    def encode(self) -> bytes:
        """As Redis holds it."""
        return _TOKEN.dump_json(self)

    @classmethod
    def decode(cls, held: bytes | str) -> Self:
        """From what Redis holds."""
        return _TOKEN.validate_json(held)  # type: ignore[return-value]  # nobody derives from it


_TOKEN: Final = TypeAdapter(Token)


class Tokens:
    """The tokens of a plugin, in the hash `key`."""

    def __init__(self, redis: Redis, key: str) -> None:
        self._redis = redis
        self._key = key

    async def add(self, name: str, scopes: Collection[Scope]) -> tuple[Token, str]:
        """Make a token; its text is told this once.

        Raises:
            TokenRefused: the name is unusable or taken, or there are no scopes.
        """
        if not NAME.fullmatch(name):
            raise TokenRefused("A token's name has 1 to 40 of the characters a-z, 0-9 and -, and no - at its ends.")
        if not scopes:
            raise TokenRefused(f"A token needs at least one scope of: {', '.join(Scope)}.")
        text = f"{PREFIX}.{name}.{secrets.token_urlsafe(SECRET_BYTES)}"
        made = Token(name=name, scopes=frozenset(scopes), created=datetime.now(UTC), digest=_digest(text))
        if not await self._redis.hsetnx(self._key, name, made.encode()):
            raise TokenRefused(f"There is a token {name!r} already. Revoke it first, or take another name.")
        return made, text

    async def list(self) -> list[Token]:
        """All of them, by name."""
        held = await self._redis.hgetall(self._key)
        return sorted((Token.decode(value) for value in held.values()), key=lambda token: token.name)

    async def revoke(self, name: str) -> bool:
        """Make a token good for nothing from now on, and say whether there was one."""
        return bool(await self._redis.hdel(self._key, name))

    async def find(self, text: str) -> Token | None:
        """The token with this text; None: there is none, or it was revoked. It takes the same time for any text."""
        shape = SHAPE.fullmatch(text)
        held = await self._redis.hget(self._key, shape[1] if shape else "")
        found = None if held is None else Token.decode(held)
        is_it = hmac.compare_digest(_digest(text), found.digest if found else NO_DIGEST)
        return found if is_it else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
