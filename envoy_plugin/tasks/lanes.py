"""Lanes of tasks: `door:{door_id}` names one for each value of an argument, whose jobs run one after the other."""

import hashlib
from collections.abc import Mapping
from enum import Enum
from string import Formatter
from typing import Any, Final
from uuid import UUID

from envoy_plugin.errors import DeclarationError

IN_NAMES: Final = (str, int, UUID, Enum)
"""What has a short text of its own."""
LONGEST_PLAIN: Final = 64


def check_lane(lane: str, hints: Mapping[str, Any], whose: str) -> None:
    """Refuse a lane that can't be named after arguments with these annotations.

    Raises:
        DeclarationError: naming what is wrong with it.
    """
    for name in _fields_of(lane, whose):
        hint = hints.get(name)
        if not isinstance(hint, type) or not issubclass(hint, IN_NAMES):
            what = "isn't an argument of the task's own" if hint is None else "is neither str, int, UUID nor an Enum"
            raise DeclarationError(f"{whose}: the lane {lane!r} is named after {name!r}, which {what}.")


def lane_of(lane: str, arguments: Mapping[str, object]) -> str:
    """The lane of a job with these arguments."""
    return lane.format(**{name: one.value if isinstance(one, Enum) else one for name, one in arguments.items()})


def plain(name: str) -> str:
    """A name for a key in Redis: itself, or its hash where it is long or has characters that don't print."""
    return name if len(name) <= LONGEST_PLAIN and name.isprintable() else hashlib.sha256(name.encode()).hexdigest()


def _fields_of(lane: str, whose: str) -> list[str]:
    """The arguments that a lane is named after: of `door:{door_id}`, door_id."""
    try:
        parts = list(Formatter().parse(lane))
    except ValueError as error:
        raise DeclarationError(f"{whose}: lane {lane!r} can't be read: {error}.") from None
    fields = [name for _, name, *_ in parts if name is not None]
    odd = [True for _, name, spec, conversion in parts if name is not None and (spec or conversion)]
    if not lane or odd or not all(name.isidentifier() for name in fields):
        raise DeclarationError(
            f"{whose}: a lane is named as in 'door:{{door_id}}', after arguments alone, not {lane!r}."
        )
    return fields
