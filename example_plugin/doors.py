"""The door system that the plugin talks to: it expects visitors, issues badges, and opens doors to them.

It stands in for the access control of a real building and knows nothing of Envoy. It lives in the memory of the
process that uses it: `web` and `worker` have one each, and it forgets everything when its process ends. A real one is a
service that all of them call; put its client in this file's place.
"""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

DEMO_KEY: Final = "demo-key"
GROUPS: Final = ("Deliveries", "Staff", "Visitors")
MOST_KEPT: Final = 10_000

Value = TypeVar("Value")


class KeyRejected(Exception):
    """The door system doesn't know the API key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A badge that was issued: the number printed on it, and the PIN that goes with it."""

    number: str
    pin: str = field(repr=False)


class Doors:
    """The doors of one building. Every call takes an API key, and raises `KeyRejected` if it isn't a known one."""

    def __init__(self, known_keys: frozenset[str] = frozenset({DEMO_KEY})) -> None:
        self._known_keys = known_keys
        self._expected: OrderedDict[str, datetime | None] = OrderedDict()
        self._groups: OrderedDict[str, str] = OrderedDict()

    async def groups(self, key: str) -> tuple[str, ...]:
        """The groups of doors that the building has. Whoever asks with a key learns whether it is known."""
        self._check(key)
        return GROUPS

    async def expect(self, key: str, visit: str, arrival: datetime | None) -> None:
        """Have the front desk expect a visit. The same visit again replaces what was known of it."""
        self._check(key)
        _keep(self._expected, visit, arrival)

    async def stop_expecting(self, key: str, visit: str) -> None:
        """Take a visit off the list; it need not be on it."""
        self._check(key)
        self._expected.pop(visit, None)

    async def issue(self, key: str) -> Badge:
        """Issue a badge. Every call issues another one."""
        self._check(key)
        return Badge(number=f"B-{secrets.token_hex(4).upper()}", pin=f"{secrets.randbelow(10_000):04d}")

    async def open_to(self, key: str, visit: str, *, group: str, takes: timedelta) -> None:
        """Open a group of doors to a visit's badge, which takes a while. The same again changes nothing."""
        self._check(key)
        await asyncio.sleep(takes.total_seconds())
        _keep(self._groups, visit, group)

    async def close_to(self, key: str, visit: str) -> None:
        """Open no door to a visit's badge any more; none need be open."""
        self._check(key)
        self._groups.pop(visit, None)

    def is_expected(self, visit: str) -> bool:
        """Whether the front desk expects a visit."""
        return visit in self._expected

    def group_of(self, visit: str) -> str | None:
        """The group of doors that is open to a visit's badge."""
        return self._groups.get(visit)

    def _check(self, key: str) -> None:
        if not any(hmac.compare_digest(key.encode(), known.encode()) for known in self._known_keys):
            raise KeyRejected("The door system doesn't know this API key.")


def _keep(held: OrderedDict[str, Value], visit: str, value: Value) -> None:
    """Keep the newest; who forgets to sign out is forgotten in the end."""
    held[visit] = value
    held.move_to_end(visit)
    while len(held) > MOST_KEPT:
        held.popitem(last=False)
