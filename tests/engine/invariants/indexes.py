"""Every job is in exactly the indexes that its state and its facts name, at its place."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from envoy_plugin.engine.queues import is_fair, is_owned
from envoy_plugin.engine.states import State
from tests.engine.invariants.view import View
from tests.engine.seen import NAMESPACE, Seen, hash_of


def homes(view: View) -> Iterator[str]:
    """A job is in the index of its state, and in no other."""
    states = [*(state for state in State if view.there(state)), *(f"available:{q}" for q in view.names("available"))]
    found = Counter((job_id, name) for name in states for job_id in view.scores(name))
    named = Counter((job_id, job.home) for job_id, job in view.jobs.items())
    if found != named:
        yield f"the indexes have {sorted(found - named)} too many and {sorted(named - found)} too few"


def places(view: View) -> Iterator[str]:
    """Its place there is what its state says."""
    for job_id, job in view.jobs.items():
        if job.place is not None and not well_placed(job):
            yield f"{job_id} is {job.state} and has the place {job.place}"


def well_placed(job: Seen) -> bool:
    """Whether a job's place fits its state."""
    at = next(int(row.split(" ")[2]) for _, row in sorted(job.history.items(), reverse=True) if is_a_move(row))
    match job.state:
        case State.AVAILABLE:
            return job.place == job.rank
        case State.SCHEDULED:
            return job.place == job.due
        case State.BLOCKED:
            return job.place == at
        case State.RUNNING:
            latest = float("inf") if job.envelope or not job.limit_at else job.limit_at
            return job.place == latest if job.envelope else float(job.place or 0) <= latest
        case _:
            return float(job.place or 0) >= at or job.kept == 0


def is_a_move(row: str) -> bool:
    """Whether what a row tells gave the job a place."""
    return not row.startswith("described")


def sides(view: View) -> Iterator[str]:
    """What runs of an owned queue, and the lists, are what the jobs say, no more and no less."""
    named = {(name, job_id) for job_id, job in view.jobs.items() for name in side_names(job)}
    kinds = [f"{kind}:{name}" for kind in ("running", "by", "tag") for name in view.names(kind)]
    found = {(name, job_id) for name in kinds for job_id in view.scores(name)}
    if found != named:
        yield f"the lists have {sorted(found - named)} too many and {sorted(named - found)} too few"


def side_names(job: Seen) -> Iterator[str]:
    """The lists that hold a job, by its state and its facts."""
    if job.state == State.RUNNING and is_owned(job.queue) and not job.envelope:
        yield f"running:{job.queue}"
    for fact in job.listed:
        if value := getattr(job, fact):
            yield f"by:{fact}:{value}:{job.state}"
    for tag in job.tags:
        yield f"tag:{tag}"


def queues(view: View) -> Iterator[str]:
    """A queue that a job waits in is known."""
    known = view.members("queues")
    for job_id, job in view.jobs.items():
        if job.state == State.AVAILABLE and job.queue not in known:
            yield f"{job_id} waits in a queue that nobody knows"


def turns(view: View) -> Iterator[str]:
    """Whatever waits in a fair queue has a turn that the queue remembers."""
    for job_id, job in view.jobs.items():
        if job.state == State.AVAILABLE and is_fair(job.queue):
            priority, turn = divmod(job.rank, 10**15)
            last = hash_of(view.picture, "turns", job.queue).get(f"{priority}{job.install}", b"0")
            if int(last) < turn:
                yield f"{job_id} has the turn {turn}, and the last of {job.install} is {int(last)}"


def alone(view: View) -> Iterator[str]:
    """No key is left of a job that is gone, and none is there that nobody knows."""
    for key in view.picture:
        kind, colon, name = key.removeprefix(NAMESPACE).partition(":")
        known = name in view.jobs if kind in BELONGING else kind in (NAMED if colon else SINGLE)
        if not key.startswith(NAMESPACE) or not known:
            yield f"the key {key} belongs to nobody"


BELONGING: Final = frozenset(
    {"job", "payload", "blobs", "refs", "attempts", "dependents", "children", "described", "tags"}
)
NAMED: Final = frozenset({"unique", "lane", "available", "running", "wake", "turns", "paused", "by", "blob", "tag"})
SINGLE: Final = frozenset({*State, "timers", "unsettled", "queues", "schema"} - {State.AVAILABLE})
ALL: Final = (homes, places, sides, queues, turns, alone)
