"""The one state machine: states, reasons, and which verb may act on which state. The scripts get their part of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a job is."""

    SCHEDULED = "scheduled"
    """Waits for its time: a delay, or the backoff after a failed attempt."""
    AVAILABLE = "available"
    """Can be claimed."""
    RUNNING = "running"
    """Claimed, until its lease or its limit ends."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether the job is over: only `retry` gets it out of this state."""
        return self in ENDED


ENDED: Final = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

FROM: Final[Mapping[str, frozenset[State]]] = {
    "touch": frozenset({State.RUNNING}),
    "note": frozenset({State.RUNNING}),
    "succeed": frozenset({State.RUNNING}),
    "fail": frozenset({State.RUNNING}),
    "release": frozenset({State.RUNNING}),
    "cancel": frozenset({State.SCHEDULED, State.AVAILABLE, State.RUNNING}),
    "retry": ENDED,
}
"""From which states a verb that names a job may act. `claim`, `promote`, `expire` and `retire` use an index."""


class Reason(StrEnum):
    """Why a job is in its state, where the state alone doesn't say it."""

    ERROR = "error"
    """The attempt raised something that nobody caught."""
    TIMEOUT = "timeout"
    """The attempt ran into its limit."""
    CRASHED = "crashed"
    """The lease ran out `max_crashes` times in one attempt."""
    REJECTED = "rejected"
    """The attempt decided that the job has failed."""
    IGNORED = "ignored"
    """The attempt decided that there was nothing to do."""
    UNREADABLE = "unreadable"
    """The payload can't be opened or understood by this release."""
    UNREPORTED = "unreported"
    """Envoy could not be told the end."""
    REFUSED = "refused_by_envoy"
    """Envoy does not take the report: the job is unknown there, or over."""
    OPERATOR = "operator"
    """Somebody cancelled it."""
    SUPERSEDED = "superseded"
    """A report whose job was tried again."""


NEVER_RETRIED: Final = frozenset({Reason.REJECTED, Reason.REFUSED})
"""Reasons after which an attempt is the last one, whatever retries are left."""
