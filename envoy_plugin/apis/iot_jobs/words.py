"""The words of the wire for what the engine knows: (state, reason) to status, and back."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from envoy_plugin.engine.states import Reason, State


class Status(StrEnum):
    """The status of an execution. Source: JobExecutionStatus."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    REJECTED = "REJECTED"
    REMOVED = "REMOVED"
    CANCELED = "CANCELED"

    @property
    def terminal(self) -> bool:
        """Whether nothing comes after it."""
        return self not in {Status.QUEUED, Status.IN_PROGRESS}


class JobStatus(StrEnum):
    """The status of a job. Source: JobStatus; the last two don't happen here."""

    IN_PROGRESS = "IN_PROGRESS"
    CANCELED = "CANCELED"
    COMPLETED = "COMPLETED"
    DELETION_IN_PROGRESS = "DELETION_IN_PROGRESS"
    SCHEDULED = "SCHEDULED"


BY_DEVICE: Final = frozenset({Status.IN_PROGRESS, Status.SUCCEEDED, Status.FAILED, Status.REJECTED})
"""What a device may set; the others are the service's. Source: developer guide, "Job execution states"."""

REASONS: Final[Mapping[Status, str]] = MappingProxyType(
    {Status.FAILED: Reason.BAD_EXIT, Status.REJECTED: Reason.REJECTED, Status.TIMED_OUT: Reason.TIMEOUT}
)
"""Why an attempt has failed, by the status that says so."""

_PLAIN: Final[Mapping[State, Status]] = MappingProxyType(
    {
        State.BLOCKED: Status.QUEUED,
        State.SCHEDULED: Status.QUEUED,
        State.AVAILABLE: Status.QUEUED,
        State.RUNNING: Status.IN_PROGRESS,
        State.SUCCEEDED: Status.SUCCEEDED,
        State.FAILED: Status.FAILED,
        State.CANCELLED: Status.CANCELED,
    }
)
_BY_REASON: Final[Mapping[tuple[State, str], Status]] = MappingProxyType(
    {
        (State.FAILED, Reason.TIMEOUT): Status.TIMED_OUT,
        (State.FAILED, Reason.REJECTED): Status.REJECTED,
        (State.CANCELLED, Reason.REMOVED): Status.REMOVED,
    }
)


def status_of(state: State, reason: str | None) -> Status:
    """The status of an execution whose attempt is in this state, for this reason."""
    return _BY_REASON.get((state, reason or ""), _PLAIN[state])


def states_of(status: Status) -> frozenset[State]:
    """The states in which an execution can have this status."""
    rare = {state for (state, _), word in _BY_REASON.items() if word is status}
    return frozenset(rare or {state for state, word in _PLAIN.items() if word is status})
