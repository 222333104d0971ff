"""The keys that requests are signed with: each is for one thing, for the things of a location, or for all of them.

A secret is random and sealed. A key is replaced by making another for the same holder: both are good until the old one
ends, by the overlap that was asked for, or is revoked, which holds at once and everywhere.
"""

import secrets
import string
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self, cast

from redis.exceptions import WatchError

from envoy_plugin.apis.iot_jobs.refusals import Refusal
from envoy_plugin.apis.iot_jobs.registry import Clock, Thing, fields, moment, words
from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import SealError, ThingRefused
from envoy_plugin.logs import get_logger
from envoy_plugin.sealing import HEAD_BYTES

EVERYTHING: Final = "all"
ID_CHARACTERS: Final = string.ascii_uppercase + string.digits
SECRET_CHARACTERS: Final = string.ascii_letters + string.digits
ID_HEAD: Final = "EPTK"
ID_LENGTH: Final = 20
SECRET_LENGTH: Final = 40
MOST_KEYS: Final = 10
KEPT_AFTER: Final = timedelta(days=1)

log = get_logger(__name__)


def of_thing(name: str) -> str:
    """The holder that a thing is."""
    return f"thing:{name}"


def of_location(location: str) -> str:
    """The holder that a location is."""
    return f"location:{location}"


def is_key_id(text: str) -> bool:
    """Whether this can be the id of a key that was made here."""
    return len(text) == ID_LENGTH and text.startswith(ID_HEAD) and set(text) <= set(ID_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A key, its holder, and when it ends."""

    id: str
    holder: str
    generation: int
    created: datetime
    until: datetime | None = None
    secret: str = field(repr=False)

    @property
    def reaches_everything(self) -> bool:
        """Whether it is an operator's: for every thing, and the control plane."""
        return self.holder == EVERYTHING

    def reaches(self, name: str, thing: Thing | None) -> bool:
        """Whether it is good for the thing of this name; None: there is none."""
        if self.reaches_everything or self.holder == of_thing(name):
            return True
        return thing is not None and bool(thing.location) and self.holder == of_location(thing.location)

    @classmethod
    def parse(cls, key_id: str, facts: Mapping[str, bytes], secret: str) -> Self:
        """From the fields of its hash."""
        until = facts.get("until")
        return cls(
            id=key_id,
            holder=facts["holder"].decode(),
            generation=int(facts["generation"]),
            created=moment(facts["created"]),
            until=moment(until) if until else None,
            secret=secret,
        )


class AccessKeys:
    """Keeps the keys in Redis."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._redis = engine.redis
        self._keys = engine.keys
        self._clock = clock

    async def make(
        self, holder: str, *, lifetime: timedelta | None = None, overlap: timedelta | None = None
    ) -> AccessKey:
        """Make a key for a holder. It ends after `lifetime`, and with an `overlap` the earlier ones after that.

        Raises:
            ThingRefused: the holder has ten keys already.
        """
        earlier = await self.of(holder)
        if len(earlier) >= MOST_KEYS:
            raise ThingRefused(Refusal.LIMIT, f"There are {MOST_KEYS} keys for {holder} already: revoke one.")
        key_id = ID_HEAD + _random(ID_CHARACTERS, ID_LENGTH - len(ID_HEAD))
        generation = max((key.generation for key in earlier), default=0) + 1
        secret = _random(SECRET_CHARACTERS, SECRET_LENGTH)
        facts: dict[Any, Any] = {
            "holder": holder,
            "generation": generation,
            "created": self._now(),
            "secret": self._engine.seal(secret.encode()),
        }
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(self._keys.access_key(key_id), mapping=facts)
            pipe.zadd(self._keys.access_keys(holder), {key_id: generation})
            if lifetime is not None:
                self._end(pipe, key_id, self._now() + _milliseconds(lifetime))
            if overlap is not None:
                for key in earlier:
                    self._end(pipe, key.id, min(self._now() + _milliseconds(overlap), _stamp(key.until)))
            await pipe.execute()
        made = await self.find(key_id)
        assert made is not None  # noqa: S101 - it was made a moment ago, and its life is at least a second
        return made

    async def find(self, key_id: str) -> AccessKey | None:
        """The key with this id, unless it has ended, or its secret was sealed with a root secret that is gone."""
        found = await self._facts(key_id)
        if not found:
            return None
        try:
            secret = self._engine.open(found["secret"])
        except SealError:
            log.error("access_key.sealed_otherwise", id=key_id)
            return None
        fresh = self._engine.seal(secret)
        if fresh[:HEAD_BYTES] != found["secret"][:HEAD_BYTES]:
            await self._replace(key_id, found["secret"], fresh)
        return AccessKey.parse(key_id, found, secret.decode())

    async def _replace(self, key_id: str, sealed: bytes, fresh: bytes) -> None:
        """Keep a secret under the newest root secret, so that the old one can be taken away; unless it was revoked."""
        key = self._keys.access_key(key_id)
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(key)
            if await cast("Awaitable[Any]", pipe.hget(key, "secret")) == sealed:
                pipe.multi()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
                pipe.hset(key, "secret", fresh)
                with suppress(WatchError):
                    await pipe.execute()

    async def of(self, holder: str) -> list[AccessKey]:
        """The keys of a holder that are good, the oldest first."""
        index = self._keys.access_keys(holder)
        ids = words(await self._redis.zrange(index, 0, -1))
        ended = [key_id for key_id in ids if not await self._facts(key_id)]
        if ended:
            await self._redis.zrem(index, *ended)
        return [key for key_id in ids if (key := await self.find(key_id))]

    async def revoke(self, key_id: str) -> bool:
        """End a key now. False: there is none."""
        holder = await cast("Awaitable[Any]", self._redis.hget(self._keys.access_key(key_id), "holder"))
        if holder is None:
            return False
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.unlink(self._keys.access_key(key_id))
            pipe.zrem(self._keys.access_keys(holder.decode()), key_id)
            await pipe.execute()
        log.info("access_key.revoked", id=key_id)
        return True

    async def revoke_all(self, holder: str) -> list[str]:
        """End the keys of a holder now; answers their ids."""
        index = self._keys.access_keys(holder)
        ids = words(await self._redis.zrange(index, 0, -1))
        return [key_id for key_id in ids if await self.revoke(key_id)]

    async def _facts(self, key_id: str) -> dict[str, bytes]:
        """The fields of a key's hash; none where there is none, or it has ended."""
        found = fields(await cast("Awaitable[dict[Any, Any]]", self._redis.hgetall(self._keys.access_key(key_id))))
        has_ended = "secret" not in found or ("until" in found and int(found["until"]) <= self._now())
        return {} if has_ended else found

    def _end(self, pipe: Any, key_id: str, until: int) -> None:
        pipe.hset(self._keys.access_key(key_id), "until", until)
        pipe.pexpireat(self._keys.access_key(key_id), until + _milliseconds(KEPT_AFTER))

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _random(characters: str, length: int) -> str:
    return "".join(secrets.choice(characters) for _ in range(length))


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def _stamp(until: datetime | None) -> int:
    """When a key ends, in ms; far away where it doesn't."""
    return 2**53 if until is None else int(until.timestamp() * 1000)
