"""What an open step waits for."""

from datetime import datetime
from enum import StrEnum

from envoy_plugin.engine.model import Job
from envoy_plugin.engine.states import State
from envoy_plugin.workflows.running.record import OWN_HOLDS, RUN


class Phase(StrEnum):
    """What an open step waits for."""

    READY = "ready"
    HELD = "held"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    """Over, and not gone on from."""


def phase_of(job: Job, now: datetime) -> Phase:
    """What the job of an open step waits for; a hold that is due by now holds nothing."""
    if job.state.ended:
        return Phase.DONE
    if job.state is State.RUNNING:
        return Phase.RUNNING
    if is_held(job, now):
        return Phase.HELD
    return Phase.READY if RUN in job.gates.holds else Phase.QUEUED


def is_held(job: Job, now: datetime) -> bool:
    """Whether a step is held, or waits for another job."""
    shut = [until for name, until in job.gates.holds.items() if name not in OWN_HOLDS]
    return any(until is None or until > now for until in shut) or bool(job.gates.upstreams or job.gates.before)
