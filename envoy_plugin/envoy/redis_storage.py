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

ROUNDS: Final = (4, 64, 1000)
"""How many values are tried for a `set_unique`: few at first, more where all of them are taken."""

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
        """Use `redis`, which should not repeat commands: what ran twice would answer otherwise the second time.

        `keys_of` names the four keys of an install's scope, or (None) the plugin's, in one slot of a cluster. `clock`
        (ms since 1970) stands in for Redis' own.
        """
        self._redis = redis
        self._sealer = sealer
        self._keys_of = keys_of
        self._clock = clock

    async def run(self, commands: Sequence[Command], install_id: str | None) -> list[Result]:
        """Run the commands as one script. Where it finds no free unique value it has changed nothing, and gets more."""
        draws = {place: 0 for place, command in enumerate(commands) if isinstance(command, Unique)}
        while True:
            call = _Call(commands, draws, self._sealer, salt=f"storage {install_id!r}")
            done, *answers = await self._eval(install_id, call.words)
            if done:
                return call.read(answers)
            for place in answers[0]:
                draws[place] += 1

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
            answer = await self._redis.execute_command("EVALSHA", digest, *arguments)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        except NoScriptError:
            answer = await self._redis.execute_command("EVAL", text, *arguments)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        return cast("list[Any]", answer)


class _Call:
    """One run of the script: what it is given, and what its answers mean."""

    def __init__(self, commands: Sequence[Command], draws: Mapping[int, int], sealer: Sealer, *, salt: str) -> None:
        """`draws` says at which round each command is that wants a unique value; `salt` sets scopes' digests apart."""
        self._commands = commands
        self._sealer = sealer
        self._salt = salt
        self._drawn: dict[int, Sequence[JsonValue]] = {}
        self.words: Words = []
        for place, command in enumerate(commands):
            if isinstance(command, Unique):
                self._add_unique(place, command, draws[place])
            else:
                self._add(command)

    def read(self, answers: Sequence[Any]) -> list[Result]:
        """One result for each command."""
        return [self._read(place, command, answers[place]) for place, command in enumerate(self._commands)]

    def _add(self, command: Command) -> None:
        match command:
            case Get():
                self.words += ("g", command.key)
            case Set():
                self.words += ("s", command.key, self._sealer.seal(command.json))
            case SetIfAbsent():
                self.words += ("a", command.key, self._sealer.seal(command.json), command.ttl_ms)
            case Unset():
                self.words += ("u", command.key)
            case List():
                self.words += ("l", (command.page - 1) * PAGE_ITEMS, command.page * PAGE_ITEMS - 1)

    def _add_unique(self, place: int, command: Unique, draw: int) -> None:
        most = ROUNDS[draw]
        complete = command.possible <= most or most == ROUNDS[-1]
        values = self._drawn[place] = candidates(command, most)
        self.words += ("q", command.key, int(complete), len(values))
        for value in values:
            text = to_json(value)
            self.words.append(self._sealer.seal(text))
            self.words += self._sealer.digests(f"{self._salt} {text.decode()}")

    def _read(self, place: int, command: Command, answer: Any) -> Result:
        if answer is None:
            return None
        match command:
            case Get() | Unset():
                return self._item(command.key, answer)
            case Set() | SetIfAbsent():
                return Item(command.key, command.value)
            case SetUnique() | SetUniqueNum():
                return Item(command.key, self._drawn[place][answer])
            case List():
                return self._page(answer)

    def _item(self, key: str, sealed: bytes) -> Item[JsonValue]:
        return Item(key, from_json(self._sealer.open(sealed)))

    def _page(self, answer: Sequence[bytes]) -> Items:
        return [self._item(key.decode(), sealed) for key, sealed in zip(answer[::2], answer[1::2], strict=True)]


@cache
def _script() -> tuple[str, str]:
    """The script, and its SHA-1."""
    text = (resources.files("envoy_plugin.envoy") / "storage.lua").read_text(encoding="utf-8")
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


async def forget_storage(redis: Redis, keys: Sequence[str]) -> None:
    """Drop what Redis holds of a scope, given its keys, in one step; the memory is freed in the background."""
    await redis.unlink(*keys)
