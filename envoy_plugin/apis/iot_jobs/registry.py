"""The things that are known: whose they are, where they stand, and when they were last heard of."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self, TypeAlias, cast

from pydantic_core import from_json, to_json
from redis.exceptions import WatchError

from envoy_plugin.apis.iot_jobs.refusals import Refusal, no_thing
from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import SealError, ThingRefused

NO_INSTALL: Final = "-"
HEARD_TO_MS: Final = 1000

Clock: TypeAlias = Callable[[], float]
"""Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A device: a badge printer, a door controller, a kiosk.

    `install` is whose jobs may be sent to it, `-` for every install's. A key of its `location` reaches it, too.
    """

    name: str
    install: str = NO_INSTALL
    location: str = ""
    created: datetime
    heard: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def queue(self) -> str:
        """The engine's queue of its work."""
        return queue_of(self.name)

    def takes_from(self, install: str) -> bool:
        """Whether this install may send it work."""
        return self.install in {NO_INSTALL, install}

    @classmethod
    def parse(cls, name: str, facts: Mapping[str, bytes], open_: Callable[[bytes], bytes]) -> Self:
        """From the fields of its hash. Attributes that were sealed with a root secret that is gone are none."""
        sealed, heard = facts.get("attributes"), facts.get("heard")
        attributes: Mapping[str, str] = {}
        if sealed:
            with suppress(SealError):
                attributes = from_json(open_(sealed))
        return cls(
            name=name,
            install=facts["install"].decode(),
            location=facts["location"].decode(),
            created=moment(facts["created"]),
            heard=moment(heard) if heard else None,
            attributes=attributes,
        )


def queue_of(name: str) -> str:
    """The engine's queue of a thing's work."""
    return f"thing:{name}"


def moment(milliseconds: bytes) -> datetime:
    """The time of a field."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def fields(found: Mapping[Any, Any]) -> dict[str, bytes]:
    """The fields of a hash; the client's types allow for more than ours answers."""
    return {name.decode(): value for name, value in cast("Mapping[bytes, bytes]", found).items()}


def words(found: Iterable[Any]) -> list[str]:
    """The members of a set or of an index."""
    return [member.decode() for member in cast("Iterable[bytes]", found)]


class Registry:
    """Keeps things in Redis, beside the engine's jobs."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._redis = engine.redis
        self._keys = engine.keys
        self._clock = clock

    async def add(
        self, name: str, *, install: str = NO_INSTALL, location: str = "", attributes: Mapping[str, str] | None = None
    ) -> Thing:
        """Make a thing.

        Raises:
            ThingRefused: there is one of this name.
        """
        facts: dict[str, Any] = {"install": install, "location": location, "created": self._now()}
        if attributes:
            facts["attributes"] = self._engine.seal(to_json(attributes))
        if not await self._put_new(name, facts):
            raise ThingRefused(Refusal.EXISTS, f"Thing {name} already exists.")
        return await self.get(name)

    async def _put_new(self, name: str, facts: Mapping[Any, Any]) -> bool:
        """Keep the facts of a new thing, all of them or, where there is one of this name, none."""
        key = self._keys.thing(name)
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(key)
            if await cast("Awaitable[Any]", pipe.hexists(key, "created")):
                return False
            pipe.multi()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
            pipe.hset(key, mapping=dict(facts))
            pipe.hdel(key, "heard")
            pipe.zadd(self._keys.things, {name: 0})
            try:
                await pipe.execute()
            except WatchError:
                return False
        return True

    async def find(self, name: str) -> Thing | None:
        """The thing of this name."""
        return self._parse(name, await cast("Awaitable[Any]", self._redis.hgetall(self._keys.thing(name))))

    async def get(self, name: str) -> Thing:
        """The thing of this name.

        Raises:
            ThingRefused: there is none.
        """
        thing = await self.find(name)
        if thing is None:
            raise no_thing(name)
        return thing

    async def find_many(self, names: Sequence[str]) -> list[Thing]:
        """The things of these names, in their order.

        Raises:
            ThingRefused: there is none of one of these names.
        """
        found = {thing.name: thing for thing in await self._load(names)}
        missing = [name for name in names if name not in found]
        if missing:
            raise no_thing(missing[0])
        return [found[name] for name in names]

    async def page(self, after: str, most: int) -> tuple[list[Thing], str]:
        """Up to `most` things after a name, by name, and the name to go on after: empty where there are no more."""
        start = f"({after}" if after else "-"
        names = words(await self._redis.zrangebylex(self._keys.things, start, "+", start=0, num=most + 1))
        return await self._load(names[:most]), names[most - 1] if len(names) > most else ""

    async def hear(self, thing: Thing) -> None:
        """Remember that a thing has called: to the second, so that whoever asks often costs no write each time."""
        now = self._now()
        if thing.heard is None or now - thing.heard.timestamp() * 1000 >= HEARD_TO_MS:
            await cast("Awaitable[Any]", self._redis.hset(self._keys.thing(thing.name), "heard", str(now)))

    async def remove(self, name: str) -> None:
        """Forget a thing; there need be none."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.unlink(self._keys.thing(name))
            pipe.zrem(self._keys.things, name)
            await pipe.execute()

    async def _load(self, names: Sequence[str]) -> list[Thing]:
        """Those of these things that there are."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(self._keys.thing(name))
            found = map(self._parse, names, await pipe.execute())
        return [thing for thing in found if thing is not None]

    def _parse(self, name: str, found: Mapping[Any, Any]) -> Thing | None:
        facts = fields(found)
        return Thing.parse(name, facts, self._engine.open) if "created" in facts else None

    def _now(self) -> int:
        return int(self._clock() * 1000)
