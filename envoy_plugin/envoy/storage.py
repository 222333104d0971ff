"""Storage: what a plugin keeps for an install, or for itself, by key.

One interface, two places: Envoy's own storage, reached by its API, and the plugin's Redis (`redis_storage`). The
setting STORAGE says which. Source: Envoy's plugin guide, "The Plugin API", Storage Pipeline; Node SDK 2.5.2,
src/base/EnvoyPluginStoragePipeline.ts.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Self, TypeAlias, TypeVar, cast

from pydantic import JsonValue

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.storage_commands import (
    DIGITS,
    LARGEST_NUMBER,
    MOST_COMMANDS,
    PIPELINE_BYTES,
    Command,
    Get,
    List,
    SetUniqueNum,
    Storable,
    Unset,
    bytes_of,
    check_key,
    list_of,
    set_of,
    set_unique_num_of,
    set_unique_of,
)
from envoy_plugin.envoy.transport import Dropped
from envoy_plugin.errors import SealError, StorageRefused

Value_co = TypeVar("Value_co", covariant=True)

UNREADABLE: Final = "Envoy's answer to a storage command can't be read."


@dataclass(frozen=True, slots=True)
class Item(Generic[Value_co]):
    """A key and what is stored under it: any JSON. A stored null is an item whose value is None. `repr` has the key."""

    key: str
    value: Value_co = field(repr=False)


Items: TypeAlias = list[Item[JsonValue]]
Result: TypeAlias = Item[JsonValue] | Items | None
"""Of one command: an item, None where there is none, or a page of items."""


class Storages(ABC):
    """Where the scopes of a plugin are kept: each install has its own, and so has the plugin. One per process."""

    @abstractmethod
    async def run(self, commands: Sequence[Command], install_id: str | None) -> list[Result]:
        """Run commands in order, all or none of them, in an install's scope or (None) the plugin's."""

    def of_install(self, install_id: str) -> "Storage":
        """What is stored for an install."""
        return Storage(self, install_id)

    def of_plugin(self) -> "GlobalStorage":
        """What is stored for the whole plugin."""
        return GlobalStorage(self, None)


class EnvoyStorages(Storages):
    """Envoy's own storage."""

    def __init__(self, api: EnvoyPluginAPI) -> None:
        self._api = api

    async def run(self, commands: Sequence[Command], install_id: str | None) -> list[Result]:
        """Send the commands as one request."""
        answers = await self._api.storage([command.to_wire() for command in commands], install_id)
        return [_read(command, answer) for command, answer in zip(commands, answers, strict=True)]


class Pipeline:
    """Commands that run together, in order and in one round trip: `storage.pipeline().get("a").unset("b").execute()`.

    A command that can't be is refused when it is added: `StorageRefused`. Then the pipeline is as it was.
    """

    __slots__ = ("_bytes", "_commands", "_install_id", "_storages")

    def __init__(self, storages: Storages, install_id: str | None) -> None:
        self._storages = storages
        self._install_id = install_id
        self._commands: list[Command] = []
        self._bytes = 0

    def __len__(self) -> int:
        """How many commands the next `execute` runs."""
        return len(self._commands)

    def get(self, key: str) -> Self:
        """Read an item. Its result: the item, or None."""
        return self._add(Get(check_key(key)))

    def set(self, key: str, value: Storable) -> Self:
        """Store a value in place of whatever is there. Its result: the item."""
        return self._add(set_of(key, value))

    def set_unique(self, key: str, *, chars: str = DIGITS, size: int = 12) -> Self:
        """Store a generated text, as `Storage.set_unique`. Its result: the item, or None."""
        return self._add(set_unique_of(key, chars, size))

    def set_unique_num(self, key: str, *, min: int = 0, max: int = LARGEST_NUMBER) -> Self:  # noqa: A002 - Envoy's words
        """Store a generated integer, as `Storage.set_unique_num`. Its result: the item, or None."""
        return self._add(set_unique_num_of(key, min, max))

    def unset(self, key: str) -> Self:
        """Remove an item. Its result: the item that was there, or None."""
        return self._add(Unset(check_key(key)))

    def list(self, page: int = 1) -> Self:
        """Read a page of at most 100 items, sorted by key. Its result: a list of them."""
        return self._add(list_of(page))

    async def execute(self) -> "Results":
        """Run the commands that were added since the last time, and return one result for each.

        Where it raises they are still there, to be run again or not: they may have run, unless they were refused.

        Raises:
            ApiUnavailable, ApiRefused, AuthFailed: as `EnvoyPluginAPI.storage`.
            redis.exceptions.RedisError: with STORAGE=redis, Redis can't be reached or doesn't answer.
            SealError: with STORAGE=redis, they ran, but a value was sealed with a secret that is no longer there.
        """
        taken, self._commands = self._commands, []
        if not taken:
            return []
        try:
            results = await self._storages.run(taken, self._install_id)
        except SealError:
            raise
        except BaseException:
            self._commands[:0] = taken
            raise
        finally:
            self._bytes = sum(map(bytes_of, self._commands))
        return results

    def _add(self, command: Command) -> Self:
        if len(self._commands) >= MOST_COMMANDS:
            raise StorageRefused(f"A pipeline has at most {MOST_COMMANDS} commands.")
        size = self._bytes + bytes_of(command)
        if size > PIPELINE_BYTES:
            raise StorageRefused(f"The values of a pipeline have at most {PIPELINE_BYTES} bytes of JSON.")
        self._commands.append(command)
        self._bytes = size
        return self


class Storage:
    """What is stored for one install. A missing key is None, and never an error.

    Keys are text of at most 512 bytes, in the clear at either place: ids, not people. Values are any JSON of at most
    32 KiB. Each method may raise `StorageRefused` for what is not, and what `Pipeline.execute` raises.
    """

    __slots__ = ("_install_id", "_storages")

    def __init__(self, storages: Storages, install_id: str | None) -> None:
        self._storages = storages
        self._install_id = install_id

    def __repr__(self) -> str:
        return f"{type(self).__name__}(install_id={self._install_id!r})"

    def pipeline(self) -> Pipeline:
        """A pipeline without commands."""
        return Pipeline(self._storages, self._install_id)

    async def get(self, key: str) -> Item[JsonValue] | None:
        """The item, or None."""
        return await _one(self.pipeline().get(key))

    async def set(self, key: str, value: Storable) -> Item[JsonValue]:
        """Store a value in place of whatever is there, and return the item; a unique value that was there is free."""
        item = await _one(self.pipeline().set(key, value))
        if item is None:
            raise Dropped(UNREADABLE)
        return item

    async def set_unique(self, key: str, *, chars: str = DIGITS, size: int = 12) -> Item[str] | None:
        """Store a text of `size` of `chars`, at random, that no other key of this scope was given.

        None, and nothing has changed, where no free value was found. With Redis up to 1,000 are tried, all that there
        are or at random; by many commands of one pipeline fewer, 32,000 together.
        """
        return cast("Item[str] | None", await _one(self.pipeline().set_unique(key, chars=chars, size=size)))

    async def set_unique_num(
        self,
        key: str,
        *,
        min: int = 0,  # noqa: A002 - Envoy's word
        max: int = LARGEST_NUMBER,  # noqa: A002 - Envoy's word
    ) -> Item[int] | None:
        """The same with an integer from `min` to `max`, both included."""
        return cast("Item[int] | None", await _one(self.pipeline().set_unique_num(key, min=min, max=max)))

    async def unset(self, key: str) -> Item[JsonValue] | None:
        """Remove an item and return what was there; a unique value that was there is free."""
        return await _one(self.pipeline().unset(key))

    async def list(self, page: int = 1) -> "Items":
        """A page of items, sorted by key: 100, or fewer on the last. Pages count from 1; later ones are empty."""
        (found,) = await self.pipeline().list(page).execute()
        return cast("Items", found)


class GlobalStorage(Storage):
    """What is stored for the whole plugin, whatever the install: the methods of `Storage`, other items."""

    __slots__ = ()


Results: TypeAlias = list[Result]


async def _one(pipeline: Pipeline) -> Item[JsonValue] | None:
    (result,) = await pipeline.execute()
    return cast("Item[JsonValue] | None", result)


def _read(command: Command, answer: JsonValue) -> Result:
    """What Envoy answered to a command.

    Source: a null for a missing key, and numbers that are floats, as in Node SDK 2.5.2,
    src/mocks/EnvoyPluginStoragePipelineMock.ts.
    """
    if isinstance(command, List):
        if not isinstance(answer, list):
            raise Dropped(UNREADABLE)
        return [_item(one) for one in answer]
    if answer is None:
        return None
    item = _item(answer)
    if isinstance(command, SetUniqueNum):
        return Item(item.key, _whole(item.value))
    return item


def _item(answer: JsonValue) -> Item[JsonValue]:
    if not isinstance(answer, dict) or not isinstance(answer.get("key"), str):
        raise Dropped(UNREADABLE)
    return Item(str(answer["key"]), answer.get("value"))


def _whole(value: JsonValue) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Dropped(UNREADABLE)
    return value
