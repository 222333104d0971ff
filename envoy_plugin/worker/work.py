"""What a worker is to do for a job."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from envoy_plugin.context import Context
from envoy_plugin.outcomes import Outcome
from envoy_plugin.reports import Report


def encode(outcome: Outcome) -> bytes:
    """An outcome as it is kept for the report of it."""
    return Report.of(outcome).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a job asks for: a call of one of the plugin's functions, how long it may take, and for whom it is.

    `encode` says how the outcome is kept. `tries` counts this one among those that the job is given now, None: they are
    all that it has had.
    """

    call: Callable[[], Coroutine[Any, Any, Outcome]]
    timeout: timedelta
    context: Context
    encode: Callable[[Outcome], bytes] = encode
    tries: int | None = None
