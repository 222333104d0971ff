"""The one state machine: states, reasons, and which verb may act on which state. The scripts get their part of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a job is."""

    BLOCKED = "blocked"
    """Waits for a gate: a hold, another job's end, its turn in a lane."""
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

WAITING: Final = frozenset({State.BLOCKED, State.SCHEDULED, State.AVAILABLE})
UNENDED: Final = WAITING | {State.RUNNING}

FROM: Final[Mapping[str, frozenset[State]]] = {
    "claim_job": frozenset({State.AVAILABLE}),
    "touch": frozenset({State.RUNNING}),
    "note": frozenset({State.RUNNING}),
    "succeed": frozenset({State.RUNNING}),
    "fail": frozenset({State.RUNNING}),
    "release": frozenset({State.RUNNING}),
    "pass_debt": frozenset({State.RUNNING}),
    "cancel": UNENDED,
    "retry": ENDED,
    "delete": ENDED,
    "hold": UNENDED,
    "unhold": UNENDED,
    "depend": UNENDED,
    "undepend": UNENDED,
    "assign": UNENDED,
    "reschedule": UNENDED,
    "expect": frozenset(State),
    "describe": frozenset(State),
}
"""From which states a verb that names a job may act. Those that aren't here use an index.

A skippable job may also succeed or fail from `available`, and from `blocked` by the hold `run` alone.
"""

OF_ENVELOPES: Final = frozenset(
    {"note", "hold", "unhold", "succeed", "fail", "cancel", "retry", "delete", "expect", "assign", "describe"}
)
"""Verbs that an envelope takes; to every other it is in the wrong state. Any job may wait for one."""

SKIPPABLE: Final = frozenset({"succeed", "fail"})

CLOSING: Final = "closing"
"""The hold of an envelope that closes by itself, under which none of its children is tried again."""
RESERVED_HOLDS: Final = frozenset({"path", "run", CLOSING})
"""Holds that say something else than that somebody must give his word, and that nobody sees as holds."""


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
    UPSTREAM = "upstream"
    """A job that it waited for failed or was cancelled."""
    BAD_EXIT = "bad_exit"
    """A worker of another system says that the job has failed."""
    KILLED = "killed"
    """A worker of another system was stopped from outside."""
    CLIENT_REQUEST = "client_request"
    """A client of another system cancelled it."""
    REMOVED = "removed"
    """A device was taken away from what it was for."""


NEVER_RETRIED: Final = frozenset({Reason.REJECTED, Reason.REFUSED})
"""Reasons after which an attempt is the last one, whatever retries are left."""
