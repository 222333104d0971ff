"""How a task is enqueued: its key, its time, what it waits for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from envoy_plugin.engine.states import RESERVED_HOLDS
from envoy_plugin.engine.verbs import Policy
from envoy_plugin.errors import BadArguments
from envoy_plugin.outcomes import JobLike, id_of

Word: TypeAlias = Literal["run", "hold", "cancel"]
After: TypeAlias = Sequence[JobLike | str] | Mapping[JobLike | str, Word]
"""Jobs to wait for; as a mapping, with what each one's failure means. Without, the task stays held."""

MOST_PRIORITY: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a task is enqueued, see `Task.enqueue`."""

    key: str | None = None
    delay: timedelta | None = None
    at: datetime | None = None
    after: After = ()
    hold: str | None = None
    priority: int = 4
    install: str | None = None

    def check(self) -> None:
        """Refuse what can't be.

        Raises:
            BadArguments: naming the option.
        """
        faults = {
            "key is a text": self.key == "" or not isinstance(self.key, str | None),
            "delay is a timedelta, not below zero": not _is_span(self.delay),
            "at is a datetime with a time zone": not _is_moment(self.at),
            "delay and at exclude each other": self.delay is not None and self.at is not None,
            "hold is a name, and path, run and closing are taken": self.hold in {"", *RESERVED_HOLDS},
            "after is a list of jobs": isinstance(self.after, str),
            "priority is a whole number from 0 to 9": self.priority not in range(MOST_PRIORITY + 1),
        }
        for rule, broken in faults.items():
            if broken:
                raise BadArguments(f"A task can't be enqueued like that: {rule}.")

    def upstreams(self) -> dict[str, Policy]:
        """What is waited for, by id."""
        after = self.after if isinstance(self.after, Mapping) else dict.fromkeys(self.after, "hold")
        try:
            return {id_of(job): Policy(policy) for job, policy in after.items()}
        except (ValueError, AttributeError):
            raise BadArguments(
                "A task can't be enqueued like that: after names jobs, each by what enqueue returned or by an id, with"
                f" {', '.join(Policy)} for its failure."
            ) from None


OPTIONS: Final = frozenset(Options.__dataclass_fields__)


def _is_span(delay: object) -> bool:
    return delay is None or (isinstance(delay, timedelta) and delay >= timedelta(0))


def _is_moment(at: object) -> bool:
    return at is None or (isinstance(at, datetime) and at.utcoffset() is not None)
