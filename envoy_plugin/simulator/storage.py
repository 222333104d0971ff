"""The plugin's key/value storage at the simulated Envoy, kept in a Redis inside this process.

Sources: Node SDK 2.5.2, src/base/EnvoyPluginStoragePipeline.ts and src/mocks/EnvoyPluginStoragePipelineMock.ts; Envoy's
guide, "Storage". Where nothing is documented: a generated value is unique among those of the same scope; a stored null
is an item whose value is null; `update` of a missing key changes nothing and gives null.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, Field, JsonValue, model_validator

from envoy_plugin.simulator.wire import Json, JsonObject, api_error

PAGE_SIZE: Final = 100
MAX_ITEMS: Final = 100_000
MAX_SAFE_INTEGER: Final = 2**53 - 1
RANDOM_TRIES: Final = 64
MAX_ENUMERATED: Final = 100_000

Key = Annotated[str, Field(min_length=1)]


class Command(BaseModel):
    """What all commands have in common."""

    model_config = {"frozen": True}


class Get(Command):
    """Read an item."""

    action: Literal["get"]
    key: Key


class Set(Command):
    """Put a value in place of whatever is there; frees the unique value that was."""

    action: Literal["set", "update"]
    key: Key
    value: JsonValue


class SetUnique(Command):
    """Put a generated text that no other item of the scope has."""

    action: Literal["set_unique"]
    key: Key
    chars: str = Field("0123456789", min_length=1)
    size: int = Field(12, ge=1, le=1024)


class SetUniqueNum(Command):
    """Put a generated integer that no other item of the scope has."""

    action: Literal["set_unique_num"]
    key: Key
    min: int = Field(0, ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)
    max: int = Field(MAX_SAFE_INTEGER, ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)

    @model_validator(mode="after")
    def _is_a_range(self) -> "SetUniqueNum":
        if self.min > self.max:
            raise ValueError("min is greater than max")
        return self


class Unset(Command):
    """Remove an item."""

    action: Literal["unset"]
    key: Key


class List(Command):
    """Read a page of 100 items, sorted by key; pages count from 1."""

    action: Literal["list"]
    page: int = Field(1, ge=1)


AnyCommand: TypeAlias = Annotated[Get | Set | SetUnique | SetUniqueNum | Unset | List, Field(discriminator="action")]


class Storage:
    """The items of every scope: an install's own, and the plugin's, whose install is None."""

    @cached_property
    def _redis(self) -> Any:
        """A Redis of this process alone, made when it is first needed."""
        try:
            from fakeredis import FakeServer, FakeStrictRedis  # noqa: PLC0415 - an extra, and slow to import
        except ImportError:
            detail = "Storage needs fakeredis: pip install 'envoy_plugin[dev]'."
            raise api_error(501, "Not implemented", detail) from None
        return FakeStrictRedis(server=FakeServer(), decode_responses=True)

    def run(self, install_id: str | None, commands: Sequence[AnyCommand]) -> list[Json]:
        """Run commands in order, and give one result for each.

        Raises:
            WireError: 422, there would be too many items; nothing was run.
        """
        scope = Scope(self._redis, install_id)
        writes = sum(isinstance(command, Set | SetUnique | SetUniqueNum) for command in commands)
        if scope.size() + writes > MAX_ITEMS:
            raise api_error(422, "Unprocessable", f"A scope has at most {MAX_ITEMS} items here.")
        return [scope.run(command) for command in commands]

    def items(self) -> list[JsonObject]:
        """Every item with its install, sorted; the plugin's own come first."""
        rows: list[JsonObject] = []
        for name in sorted(self._redis.smembers("scopes")):
            scope = Scope(self._redis, json.loads(name))
            rows += [{"install_id": scope.install_id, **item} for item in scope.items()]
        return sorted(rows, key=lambda row: (row["install_id"] is not None, row["install_id"] or "", row["key"]))

    def clear(self) -> None:
        """Remove every item."""
        self._redis.flushall()


class Scope:
    """The items of one install, or of the plugin.

    Values are JSON in the hash `items:…`; `unique:…` maps a generated value to the key that has it.
    """

    def __init__(self, redis: Any, install_id: str | None) -> None:
        self.install_id = install_id
        self._redis = redis
        self._name = json.dumps(install_id)
        self._items, self._unique = f"items:{self._name}", f"unique:{self._name}"

    def run(self, command: AnyCommand) -> Json:
        """The result of one command."""
        match command:
            case Get():
                result: Json = self._item(command.key)
            case Set():
                missing = command.action == "update" and self._item(command.key) is None
                result = None if missing else self._put(command.key, command.value)
            case SetUnique():
                result = self._put_unique(command.key, _texts(command), len(command.chars) ** command.size)
            case SetUniqueNum():
                result = self._put_unique(command.key, _numbers(command), command.max - command.min + 1)
            case Unset():
                result = self._remove(command.key)
            case List():
                result = self.items()[(command.page - 1) * PAGE_SIZE : command.page * PAGE_SIZE]
        return result

    def size(self) -> int:
        """How many items there are."""
        return int(self._redis.hlen(self._items))

    def items(self) -> list[JsonObject]:
        """Every item, sorted by key."""
        stored: dict[str, str] = self._redis.hgetall(self._items)
        return [{"key": key, "value": json.loads(stored[key])} for key in sorted(stored)]

    def _item(self, key: str) -> JsonObject | None:
        stored = self._redis.hget(self._items, key)
        return None if stored is None else {"key": key, "value": json.loads(stored)}

    def _remove(self, key: str) -> JsonObject | None:
        item = self._item(key)
        if item is not None:
            self._redis.hdel(self._items, key)
            value = json.dumps(item["value"])
            if self._redis.hget(self._unique, value) == key:
                self._redis.hdel(self._unique, value)
        return item

    def _put(self, key: str, value: Json) -> JsonObject:
        self._remove(key)
        self._redis.sadd("scopes", self._name)
        self._redis.hset(self._items, key, json.dumps(value))
        return {"key": key, "value": value}

    def _put_unique(self, key: str, candidates: "Candidates", how_many: int) -> JsonObject | None:
        """The item with a value that is free; None, and nothing changed, where every one is taken."""
        value = next(filter(self._is_free, candidates(how_many)), None)
        if value is None:
            return None
        item = self._put(key, value)
        self._redis.hset(self._unique, json.dumps(value), key)
        return item

    def _is_free(self, value: Json) -> bool:
        return not self._redis.hexists(self._unique, json.dumps(value))


Candidates: TypeAlias = Callable[[int], Iterable[Json]]
"""Values to try, given how many there are: some at random, then, where they are few, all of them."""


def _texts(command: SetUnique) -> Candidates:
    def candidates(how_many: int) -> Iterable[str]:
        for _ in range(RANDOM_TRIES):
            yield "".join(secrets.choice(command.chars) for _ in range(command.size))
        if how_many <= MAX_ENUMERATED:
            yield from ("".join(letters) for letters in product(command.chars, repeat=command.size))

    return candidates


def _numbers(command: SetUniqueNum) -> Candidates:
    def candidates(how_many: int) -> Iterable[int]:
        for _ in range(RANDOM_TRIES):
            yield command.min + secrets.randbelow(how_many)
        if how_many <= MAX_ENUMERATED:
            yield from range(command.min, command.max + 1)

    return candidates
