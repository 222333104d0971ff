"""Doing one thing to many jobs: which ones, in calls of up to 256, and what became of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from envoy_plugin.cli.progress import Progress
from envoy_plugin.engine.engine import MOST_ITEMS, Engine, Mode
from envoy_plugin.engine.listings import Filter, every_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Verb
from envoy_plugin.errors import EngineError, JobNotFound, StateError, WrongState

WHY: Final[Mapping[str, str]] = {
    "children_left": "has children that aren't over",
    "envelope": "is an envelope",
    "envelope_over": "is in an envelope that is over",
    "held": "is held by this name already",
    "key_taken": "had a unique key that another job has now",
    "not_held": "isn't held by this name",
    "payload_gone": "has no payload any more",
    "superseded": "reports an end that was tried again",
}
"""What stands in a verb's way, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What is done to each job: `make` gives the verb for an id, and for the time that the engine goes by.

    A filter without states means `states`. `idle` is what a refusal may say where nothing is left to do: a state, or
    why.
    """

    verb: str
    past: str
    make: Callable[[str, datetime], Verb[Any]]
    states: frozenset[State]
    idle: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of jobs, by id. What is in none of these wasn't tried."""

    done: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many were tried."""
        return len(self.done) + len(self.skipped) + len(self.refused)


async def matching(engine: Engine, wanted: Filter, most: int | None) -> list[str]:
    """The ids of the jobs that fit now, at most `most` of them."""
    ids: list[str] = []
    async for job in every_job(engine, wanted):
        if len(ids) == most:
            break
        ids.append(job.id)
    return ids


async def act(engine: Engine, deed: Deed, ids: Sequence[str], tally: Tally, *, named: bool, progress: Progress) -> None:
    """Do it to each of these jobs. What became of them is in `tally`, also where this is cut short.

    Jobs that a filter found (not `named`) are skipped where they have ended, or gone, since then.
    """
    now = await engine.now()
    for start in range(0, len(ids), MOST_ITEMS):
        some = ids[start : start + MOST_ITEMS]
        answers = await engine.call([deed.make(job_id, now) for job_id in some], Mode.EACH)
        for job_id, answer in zip(some, answers, strict=True):
            _note(deed, tally, job_id, answer, named=named)
        progress.say(f"{tally.count:,} of {len(ids):,}")
    progress.end()


def _note(deed: Deed, tally: Tally, job_id: str, answer: object, *, named: bool) -> None:
    if not isinstance(answer, EngineError):
        tally.done.append(job_id)
    elif _word(answer) in deed.idle or (not named and _is_stale(answer)):
        tally.skipped[job_id] = _reason(answer)
    else:
        tally.refused[job_id] = _reason(answer)


def _word(refusal: EngineError) -> str:
    """What a refusal says: why, or the state that forbids it."""
    if isinstance(refusal, WrongState) and refusal.why != "wrong_state":
        return refusal.why
    return refusal.state if isinstance(refusal, StateError) else ""


def _is_stale(refusal: EngineError) -> bool:
    return isinstance(refusal, JobNotFound) or (isinstance(refusal, WrongState) and refusal.why == "wrong_state")


def _reason(refusal: EngineError) -> str:
    if isinstance(refusal, JobNotFound):
        return "there is none"
    word = _word(refusal)
    return WHY.get(word, f"is {word}")
