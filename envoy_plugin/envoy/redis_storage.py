"""Storage in the plugin's own Redis: a pipeline is one script, values are sealed, and what is unique stays so.

Keys and times are in the clear. What is unique is known by a keyed digest, one under each secret: while a secret is
replaced, processes with the old one and with both see each other's values.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Any, Final, Self, TypeAlias, cast

from pydantic import JsonValue
from pydantic_core import from_json, to_json
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from envoy_plugin.connection import call_once
from envoy_plugin.envoy.storage import GlobalStorage, Item, Items, Pipeline, Result, Storage, Storages
from envoy_plugin.envoy.storage_commands import (
    PAGE_ITEMS,
    Command,
    Get,
    List,
    Set,
    SetIfAbsent,
    SetUnique,
    SetUniqueNum,
    Storable,
    Unique,
    Unset,
    candidates,
    set_if_absent_of,
)
from envoy_plugin.sealing import Sealer

FEW: Final = 4
MORE: Final = 64
MOST: Final = 1000
"""How many values are tried for a `set_unique`: few at first, more where all of them are taken."""
MOST_OF_ALL: Final = 32_000
"""How many are tried by those commands of a pipeline together that want `MOST`."""

UNIQUE: Final = (SetUnique, SetUniqueNum)

Keys: TypeAlias = tuple[str, str, str, str]
Clock: TypeAlias = Callable[[], int]
Words: TypeAlias = list[bytes | str | int]


class RedisPipeline(Pipeline):
    """A pipeline with one command more."""

    __slots__ = ()

    def set_if_absent(self, key: str, value: Storable, ttl: timedelta) -> Self:
        """Store a value for `ttl` where there is no item. Its result: the item, or None where there was one."""
        return self._add(set_if_absent_of(key, value, ttl))


class RedisStorage(Storage):
    """What is stored for one install, with STORAGE=redis: `Storage`, and `set_if_absent`."""

    __slots__ = ()

    def pipeline(self) -> RedisPipeline:
        """A pipeline without commands."""
        return RedisPipeline(self._storages, self._install_id)

    async def set_if_absent(self, key: str, value: Storable, ttl: timedelta) -> Item[JsonValue] | None:
        """Store a value for `ttl` (1 ms to 365 days) where there is no item, and return it; None where there was one.

        Of many at once one gets the item. It ends by itself after `ttl`; `set` in its place has no end.
        """
        (item,) = await self.pipeline().set_if_absent(key, value, ttl).execute()
        return cast("Item[JsonValue] | None", item)


class RedisGlobalStorage(RedisStorage, GlobalStorage):
    """What is stored for the whole plugin, with STORAGE=redis."""

    __slots__ = ()


class RedisStorages(Storages):
    """The scopes of a plugin in its Redis."""

    def __init__(
        self, redis: Redis, sealer: Sealer, *, keys_of: Callable[[str | None], Keys], clock: Clock | None = None
    ) -> None:
        """Use `redis`, which is made to repeat nothing here: a second run would answer otherwise.

        `keys_of` names the four keys of an install's scope, or (None) the plugin's, in one slot of a cluster. `clock`
        (ms since 1970) stands in for Redis' own.
        """
        self._redis = redis
        self._sealer = sealer
        self._keys_of = keys_of
        self._clock = clock

    async def run(self, commands: Sequence[Command], install_id: str | None) -> list[Result]:
        """Run the commands as one script. Where it finds no free unique value it has changed nothing, and gets more."""
        draws = {place: FEW for place, command in enumerate(commands) if isinstance(command, UNIQUE)}
        while True:
            call = _Call(commands, draws, self._sealer, salt=f"storage {install_id!r}")
            done, *answers = await self._eval(install_id, call.words)
            if done:
                return call.read(answers)
            draws |= {place: MORE if draws[place] == FEW else MOST for place in answers[0]}

    def of_install(self, install_id: str) -> RedisStorage:
        """What is stored for an install."""
        return RedisStorage(self, install_id)

    def of_plugin(self) -> RedisGlobalStorage:
        """What is stored for the whole plugin."""
        return RedisGlobalStorage(self, None)

    async def _eval(self, install_id: str | None, words: Words) -> list[Any]:
        text, digest = _script()
        keys = self._keys_of(install_id)
        now = "" if self._clock is None else self._clock()
        arguments = (len(keys), *keys, now, self._sealer.generations, *words)
        try:
            answer = await call_once(self._redis, "EVALSHA", digest, *arguments)
        except NoScriptError:
            answer = await call_once(self._redis, "EVAL", text, *arguments)
        return cast("list[Any]", answer)


class _Call:
    """One run of the script: what it is given, and what its answers mean."""

    def __init__(self, commands: Sequence[Command], draws: Mapping[int, int], sealer: Sealer, *, salt: str) -> None:
        """`draws` says how many values each command tries that wants a unique one; `salt` sets scopes apart."""
        self._commands = commands
        self._sealer = sealer
        self._salt = salt
        self._most = max(MORE, min(MOST, MOST_OF_ALL // max(1, list(draws.values()).count(MOST))))
        self._drawn: dict[int, Sequence[JsonValue]] = {}
        self._words: Words = []
        self._unsealed: list[int] = []
        for place, command in enumerate(commands):
            if place in draws:
                self._add_unique(place, cast("Unique", command), draws[place])
            else:
                self._add(command)

    @property
    def words(self) -> Words:
        """What the script is given: the commands, their values sealed all at once."""
        words = list(self._words)
        sealed = self._sealer.seal_all([cast("bytes", words[place]) for place in self._unsealed])
        for place, value in zip(self._unsealed, sealed, strict=True):
            words[place] = value
        return words

    def read(self, answers: Sequence[Any]) -> list[Result]:
        """One result for each command."""
        return [
            None if answer is None else self._read(place, command, answer)
            for place, (command, answer) in enumerate(zip(self._commands, answers, strict=True))
        ]

    def _add(self, command: Command) -> None:
        if isinstance(command, Get):
            self._words += ("g", command.key)
        elif isinstance(command, Set):
            self._add_value("s", command)
        elif isinstance(command, Unset):
            self._words += ("u", command.key)
        elif isinstance(command, List):
            self._words += ("l", (command.page - 1) * PAGE_ITEMS, command.page * PAGE_ITEMS - 1)
        elif isinstance(command, SetIfAbsent):
            self._add_value("a", command)
            self._words.append(command.ttl_ms)

    def _add_unique(self, place: int, command: Unique, draw: int) -> None:
        values = self._drawn[place] = candidates(command, min(draw, self._most))
        complete = draw == MOST or command.possible <= draw
        self._words += ("q", command.key, int(complete), len(values))
        for value in values:
            text = to_json(value)
            self._unsealed.append(len(self._words))
            self._words.append(text)
            self._words += self._sealer.digests(f"{self._salt} {text.decode()}")

    def _add_value(self, verb: str, command: Set | SetIfAbsent) -> None:
        self._words += (verb, command.key, command.json)
        self._unsealed.append(len(self._words) - 1)

    def _read(self, place: int, command: Command, answer: Any) -> Result:
        if isinstance(command, (Set, SetIfAbsent)):
            return Item(command.key, command.value)
        if isinstance(command, List):
            return self._page(answer)
        value = self._drawn[place][answer] if place in self._drawn else from_json(self._sealer.open(answer))
        return Item(command.key, value)

    def _page(self, answer: Sequence[bytes]) -> Items:
        opened = self._sealer.open
        return [
            Item(key.decode(), from_json(opened(sealed))) for key, sealed in zip(answer[::2], answer[1::2], strict=True)
        ]


@cache
def _script() -> tuple[str, str]:
    """The script, and its SHA-1."""
    text = (resources.files("envoy_plugin.envoy") / "storage.lua").read_text(encoding="utf-8")
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


async def forget_storage(redis: Redis, keys: Sequence[str]) -> None:
    """Drop what Redis holds of a scope, given its keys, in one step; the memory is freed in the background."""
    await redis.unlink(*keys)
