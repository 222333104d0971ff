"""Answers of the APIs as they come over the wire, and what is expected of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer over HTTP."""

    status: int
    content: bytes
    headers: Mapping[str, str]

    @property
    def body(self) -> Any:
        """The JSON of it."""
        return from_json(self.content)

    @property
    def error(self) -> Any:
        """What is in the shape of errors."""
        return self.body["error"]


def holds(told: Any, expected: Any) -> bool:
    """Whether everything that is expected is there; what else is there doesn't matter."""
    if isinstance(expected, dict):
        return all(name in told and holds(told[name], value) for name, value in expected.items())
    if isinstance(expected, list):
        return len(told) == len(expected) and all(holds(*pair) for pair in zip(told, expected, strict=True))
    return bool(told == expected)
