"""The commands of a storage pipeline: checked when they are made, so that a pipeline is sent whole or not at all.

Source: Envoy's plugin guide, "The Plugin API", Storage Pipeline; names and defaults as in Node SDK 2.5.2,
src/base/EnvoyPluginStoragePipeline.ts. Envoy documents no limits on keys, values or commands; those here are ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from secrets import SystemRandom
from typing import Final, TypeAlias

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from envoy_plugin.errors import StorageRefused
from envoy_plugin.texts import has_utf8

PAGE_ITEMS: Final = 100
MOST_COMMANDS: Final = 500
"""How many commands a pipeline has at most."""
KEY_BYTES: Final = 512
VALUE_BYTES: Final = 32 * 1024
PIPELINE_BYTES: Final = 1024 * 1024
"""The bytes that all values of a pipeline have at most, as JSON."""
LARGEST_NUMBER: Final = 2**53 - 1
"""The largest integer that every JSON reader holds exactly: 9007199254740991."""
DIGITS: Final = "0123456789"
MOST_CHARS: Final = 256
MOST_SIZE: Final = 256
LAST_PAGE: Final = 10_000_000
LONGEST_TTL: Final = timedelta(days=365)

Storable: TypeAlias = "bool | int | float | str | Sequence[Storable] | Mapping[str, Storable] | None"
"""What can be stored: JSON. A tuple and bytes pass a type checker here, but are refused."""

_random: Final = SystemRandom()


@dataclass(frozen=True, slots=True)
class Get:
    """Read an item."""

    key: str

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy's API takes it."""
        return {"action": "get", "key": self.key}


@dataclass(frozen=True, slots=True)
class Set:
    """Put a value, `json` and what that reads as, in place of whatever is there."""

    key: str
    json: bytes = field(repr=False)
    value: JsonValue = field(repr=False)

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy's API takes it."""
        return {"action": "set", "key": self.key, "value": self.value}


@dataclass(frozen=True, slots=True)
class SetIfAbsent:
    """Put a value for a time, in milliseconds, where there is no item."""

    key: str
    json: bytes = field(repr=False)
    value: JsonValue = field(repr=False)
    ttl_ms: int

    def to_wire(self) -> dict[str, JsonValue]:
        """Never: Envoy's API has no such command."""
        raise StorageRefused("Envoy's storage has no set_if_absent; STORAGE=redis has.")


@dataclass(frozen=True, slots=True)
class Unset:
    """Remove an item."""

    key: str

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy's API takes it."""
        return {"action": "unset", "key": self.key}


@dataclass(frozen=True, slots=True)
class List:
    """Read a page of items, sorted by key; pages count from 1."""

    page: int

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy's API takes it."""
        return {"action": "list", "page": self.page}


@dataclass(frozen=True, slots=True)
class SetUnique:
    """Put a text of `size` of `chars` that no other item of the scope was given."""

    key: str
    chars: str
    size: int

    @property
    def possible(self) -> int:
        """How many values there are."""
        return int(len(frozenset(self.chars)) ** self.size)

    def every(self) -> Iterable[str]:
        """All of them."""
        return ("".join(letters) for letters in product(dict.fromkeys(self.chars), repeat=self.size))

    def draw(self) -> str:
        """One of them."""
        return "".join(_random.choices(self.chars, k=self.size))

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy's API takes it."""
        return {"action": "set_unique", "key": self.key, "chars": self.chars, "size": self.size}


@dataclass(frozen=True, slots=True)
class SetUniqueNum:
    """Put an integer from `min` to `max` that no other item of the scope was given."""

    key: str
    min: int
    max: int

    @property
    def possible(self) -> int:
        """How many values there are."""
        return self.max - self.min + 1

    def every(self) -> Iterable[int]:
        """All of them."""
        return range(self.min, self.max + 1)

    def draw(self) -> int:
        """One of them."""
        return self.min + _random.randrange(self.possible)

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy's API takes it."""
        return {"action": "set_unique_num", "key": self.key, "min": self.min, "max": self.max}


Unique: TypeAlias = SetUnique | SetUniqueNum
Command: TypeAlias = Get | Set | SetIfAbsent | SetUnique | SetUniqueNum | Unset | List


def candidates(command: Unique, most: int) -> list[str] | list[int]:
    """At most `most` values to try: all there are in any order, or so many at random if there are more."""
    if command.possible > most:
        return [command.draw() for _ in range(most)]  # type: ignore[return-value]  # all of one kind
    values = list(command.every())
    _random.shuffle(values)
    return values  # type: ignore[return-value]  # all of one kind


def bytes_of(command: Command) -> int:
    """The bytes of JSON that a command brings."""
    return len(command.json) if isinstance(command, (Set, SetIfAbsent)) else 0


def set_of(key: str, value: Storable) -> Set:
    """The command that stores a value. No message quotes one.

    Raises:
        StorageRefused: it is no JSON, or too large; or the key can't be one.
    """
    return Set(check_key(key), *_as_json(value))


def set_if_absent_of(key: str, value: Storable, ttl: timedelta) -> SetIfAbsent:
    """The command that stores a value for a time.

    Raises:
        StorageRefused: as `set_of`, or `ttl` is out of bounds.
    """
    if not timedelta() < ttl <= LONGEST_TTL:
        raise StorageRefused(f"A ttl is longer than nothing, and at most {LONGEST_TTL.days} days.")
    return SetIfAbsent(check_key(key), *_as_json(value), max(1, ttl // timedelta(milliseconds=1)))


def set_unique_of(key: str, chars: str, size: int) -> SetUnique:
    """The command that stores a generated text.

    Raises:
        StorageRefused: no such text can be made.
    """
    if not isinstance(chars, str) or not 0 < len(chars) <= MOST_CHARS or not has_utf8(chars):
        raise StorageRefused(f"chars is a text of 1 to {MOST_CHARS} characters.")
    if not _is_within(size, 1, MOST_SIZE):
        raise StorageRefused(f"size is a whole number from 1 to {MOST_SIZE}.")
    return SetUnique(check_key(key), chars, size)


def set_unique_num_of(key: str, least: int, most: int) -> SetUniqueNum:
    """The command that stores a generated integer.

    Raises:
        StorageRefused: there is no such integer, or not every reader of JSON would hold it exactly.
    """
    if not all(_is_within(bound, -LARGEST_NUMBER, LARGEST_NUMBER) for bound in (least, most)):
        raise StorageRefused(f"min and max are whole numbers from -{LARGEST_NUMBER} to {LARGEST_NUMBER}.")
    if least > most:
        raise StorageRefused("min is greater than max.")
    return SetUniqueNum(check_key(key), least, most)


def list_of(page: int) -> List:
    """The command that reads a page.

    Raises:
        StorageRefused: there is no such page.
    """
    if not _is_within(page, 1, LAST_PAGE):
        raise StorageRefused(f"A page is a whole number from 1 to {LAST_PAGE}.")
    return List(page)


def check_key(key: str) -> str:
    """The key itself.

    Raises:
        StorageRefused: it is no text, empty, or too long.
    """
    if not isinstance(key, str) or not key or not has_utf8(key):
        raise StorageRefused("A key is a text of at least one character.")
    if len(key.encode()) > KEY_BYTES:
        raise StorageRefused(f"A key has at most {KEY_BYTES} bytes of UTF-8.")
    return key


def _as_json(value: Storable) -> tuple[bytes, JsonValue]:
    """A value as JSON, and what that reads as; refused where that differs, as for a set, a date, NaN, a key of 1."""
    try:
        text = to_json(value)
        copy: JsonValue = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise StorageRefused("A value is not JSON, or is nested too deeply.") from None
    if len(text) > VALUE_BYTES:
        raise StorageRefused(f"A value of {len(text)} bytes of JSON is over the limit of {VALUE_BYTES}.")
    if copy != value:
        raise StorageRefused("A value is not JSON: it would not read back as it is.")
    return text, copy


def _is_within(number: int, least: int, most: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most
