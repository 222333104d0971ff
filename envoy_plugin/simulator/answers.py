"""How Envoy reads a plugin's answer to an event.

Source: Envoy's plugin guide, "Plugin Responses"; Node SDK 2.5.2, src/internal/HttpStatus.ts.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Outcome(StrEnum):
    """What an answer says of the event's job."""

    DONE = "done"
    ONGOING = "ongoing"
    IGNORED = "ignored"
    FAILED = "failed"


OUTCOMES: Final[Mapping[int, Outcome]] = MappingProxyType(
    {
        200: Outcome.DONE,
        201: Outcome.DONE,
        202: Outcome.ONGOING,
        400: Outcome.IGNORED,
        412: Outcome.FAILED,
    }
)


def read_outcome(status: int) -> Outcome:
    """The outcome that Envoy reads from an HTTP status; one without a meaning is assumed to be a failure."""
    return OUTCOMES.get(status, Outcome.FAILED)
