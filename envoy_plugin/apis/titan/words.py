"""The words of the Titan jobs API and those of the engine: the only place where one is put for the other.

Sources: Titan JobsApi 0.2.5, models `IdStatus` (statuses), `Reason`, `Job`, `NewJob`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, Self

from envoy_plugin.engine.states import UNENDED, Reason, State

QUEUE: Final = "default"
KIND: Final = "titan"
LEAST_ENGINE_PRIORITY: Final = 3
"""The engine's priorities are 0 to 9, and 4 is usual: Titan's 0, 1 and 2 are 3, 4 and 5."""


class Status(StrEnum):
    """Where a job is. Source: `IdStatus.status`."""

    DELAYED = "delayed"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Why(StrEnum):
    """Why a job failed (the first three) or was cancelled (the last). Source: model `Reason`."""

    TIMEOUT = "timeout"
    KILLED = "killed"
    BAD_EXIT = "bad_exit"
    CLIENT_REQUEST = "client_request"


FAILURES: Final = (Why.TIMEOUT, Why.KILLED, Why.BAD_EXIT)
"""What a worker may give as the reason of a failure."""

STATUS: Final[Mapping[State, Status]] = {
    State.BLOCKED: Status.DELAYED,
    State.SCHEDULED: Status.DELAYED,
    State.AVAILABLE: Status.QUEUED,
    State.RUNNING: Status.RUNNING,
    State.SUCCEEDED: Status.SUCCEEDED,
    State.FAILED: Status.FAILED,
    State.CANCELLED: Status.CANCELLED,
}
ACTIVE: Final = frozenset(STATUS[state] for state in UNENDED)
"""The statuses of jobs that aren't over. Source: `GET /jobs`, "Get a list of active jobs"."""

ENGINE_REASON: Final[Mapping[Why, Reason]] = {
    Why.TIMEOUT: Reason.TIMEOUT,
    Why.KILLED: Reason.KILLED,
    Why.BAD_EXIT: Reason.BAD_EXIT,
    Why.CLIENT_REQUEST: Reason.CLIENT_REQUEST,
}
_WHY: Final = {reason.value: why for why, reason in ENGINE_REASON.items()}


def states_of(statuses: frozenset[Status]) -> frozenset[State]:
    """The engine's states that these statuses stand for."""
    return frozenset(state for state, status in STATUS.items() if status in statuses)


def why(state: State, reason: str | None) -> Why | None:
    """The reason as clients read it: one of three where the job failed, `client_request` where it was cancelled."""
    if state is State.CANCELLED:
        return Why.CLIENT_REQUEST
    if state is not State.FAILED:
        return None
    found = _WHY.get(reason or "")
    return found if found in FAILURES else Why.BAD_EXIT


def engine_priority(priority: int) -> int:
    """The engine's priority for one of Titan's, 0 to 2."""
    return LEAST_ENGINE_PRIORITY + priority


@lru_cache(maxsize=1024)
def timestamp(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z`: without a zone, a JavaScript client would read local time."""
    return f"{instant.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


PUBLIC_ID: Final = re.compile(r"([a-z0-9]{1,32})-([1-9][0-9]{0,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PublicId:
    """What a client knows a job by: `<job>-<attempt>`. A retry is a new attempt, and so a new id."""

    job: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.job}-{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The job and its attempt; None: no id of ours looks like this."""
        found = PUBLIC_ID.fullmatch(text)
        return cls(found[1], int(found[2])) if found else None
