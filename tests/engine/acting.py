"""Short ways to say what tests of the engine say often."""

from datetime import timedelta
from typing import Any, Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Cancel, ClaimJob, Enqueue, Fail, Succeed, Verb
from envoy_plugin.errors import WrongState

MINUTE: Final = timedelta(minutes=1)


def job(job_id: str, **facts: Any) -> Enqueue:
    """A job of this id in the queue `q`."""
    return Enqueue(**{"id": job_id, "queue": "q", "kind": "k"} | facts)


async def make(engine: Engine, *ids: str, **facts: Any) -> None:
    """A job for each id, in one call."""
    await engine.call([job(job_id, **facts) for job_id in ids])


async def begin(engine: Engine, job_id: str, lease: timedelta | None = None) -> Claimed:
    """Claim this job."""
    [held] = await engine.run(ClaimJob(id=job_id, who="w", lease=lease))
    return held


async def end(engine: Engine, job_id: str, state: State = State.SUCCEEDED) -> None:
    """Bring a job that is available, running or an envelope to this end."""
    if state is State.CANCELLED:
        await engine.cancel(job_id, reason="operator")
        return
    found = await find_job(engine, job_id)
    if found.state is State.AVAILABLE:
        await begin(engine, job_id)
    await engine.run(Succeed(id=job_id) if state is State.SUCCEEDED else Fail(id=job_id, reason="error"))


async def state_of(engine: Engine, job_id: str) -> State:
    """Where a job is."""
    return (await find_job(engine, job_id)).state


async def events_of(engine: Engine, job_id: str) -> list[str]:
    """What has happened to a job."""
    return [row.event for row in (await find_job(engine, job_id)).history]


async def why_not(engine: Engine, verb: Verb[Any]) -> str:
    """Why `verb` is refused."""
    with pytest.raises(WrongState) as refused:
        await engine.run(verb)
    return refused.value.why


def ended(job_id: str) -> list[Verb[Any]]:
    """What makes a job that has been cancelled."""
    return [job(job_id), Cancel(id=job_id, reason="operator")]
