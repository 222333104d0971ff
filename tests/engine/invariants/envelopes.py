"""An envelope runs until it ends, and knows each child and its state."""

from collections.abc import Iterator
from typing import Final

from envoy_plugin.engine.states import State
from tests.engine.invariants.view import View


def children(view: View) -> Iterator[str]:
    """What an envelope keeps of its children is what they are."""
    states: dict[str, dict[str, str]] = {}
    for job_id, job in view.jobs.items():
        if job.parent:
            states.setdefault(job.parent, {})[job_id] = job.state
    for parent in states.keys() - view.jobs.keys():
        yield f"{sorted(states[parent])} are children of {parent}, which is gone"
    for job_id, job in view.jobs.items():
        named = states.get(job_id, {})
        if job.children != named:
            yield f"{job_id} has the children {job.children}, which are {named}"
        if job.alive != sum(not State(state).ended for state in named.values()):
            yield f"{job_id} has {job.alive} children left, of {named}"


def envelopes(view: View) -> Iterator[str]:
    """An envelope runs or is over; while it is over, so are its children."""
    for job_id, job in view.jobs.items():
        if job.envelope and job.state != State.RUNNING and not job.ended:
            yield f"{job_id} is an envelope and {job.state}"
        if job.envelope and job.ended and job.alive:
            yield f"{job_id} is over and has {job.alive} children left"
        if job.children and not job.envelope:
            yield f"{job_id} is no envelope and has children"


ALL: Final = (children, envelopes)
