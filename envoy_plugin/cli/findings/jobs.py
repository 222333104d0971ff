"""What `doctor` finds about jobs: those that are stuck, and why. Nothing is written, no payload is opened."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from envoy_plugin.cli.findings.finding import Finding, ok, warning
from envoy_plugin.cli.jobs.views import is_step_ahead, shown_holds
from envoy_plugin.engine.clock import stamp_of
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import load_jobs, queues_of, text_of
from envoy_plugin.engine.queues import is_owned
from envoy_plugin.engine.states import State
from envoy_plugin.worker.heartbeats import find_workers

LATE: Final = timedelta(minutes=1)
"""Every process sweeps each second: what is due for longer than this isn't swept."""
UNCLAIMED: Final = timedelta(minutes=10)
BLOCKED: Final = timedelta(days=1)
MOST_READ: Final = 1_000
OF_PEOPLE: Final = "unassigned"
"""A queue whose jobs wait for people, as those with a colon in their name wait for people and devices."""
SWEEP: Final = "Start web or worker: each sweeps. If one runs, its log says `sweep.failed`."
CLAIM: Final = "Start a worker for this queue, or the pull-workers whose queue it is."
RUN: Final = "Start `envoy-plugin worker`, or `run`."
UNPAUSE: Final = "`envoy-plugin queues list` says who paused it and why; `queues unpause QUEUE` ends it."
LOOK: Final = (
    "`envoy-plugin jobs list --state blocked` shows them, `jobs show ID` what each waits for; then `jobs unhold`, \
`retry` or `cancel`."
)


async def look_at_jobs(engine: Engine) -> list[Finding]:
    """Whether workers live, what is due is swept and what can be claimed is, and what has been blocked for long."""
    now = await engine.now()
    return [await _alive(engine), await _swept(engine, now), *await _claimed(engine, now), await _blocked(engine, now)]


async def _alive(engine: Engine) -> Finding:
    count = len(await find_workers(engine))
    return (
        ok("workers", f"{count} live")
        if count
        else warning("workers", "none lives: what is in the background waits", RUN)
    )


async def _swept(engine: Engine, now: datetime) -> Finding:
    async with engine.redis.pipeline(transaction=False) as pipe:
        for index in (State.RUNNING, State.SCHEDULED):
            pipe.zcount(engine.keys.index(index), "-inf", stamp_of(now - LATE))
        running, scheduled = await pipe.execute()
    if not running and not scheduled:
        return ok("jobs on time", "none is past its lease, its limit or its time")
    text = f"{running} running past lease or limit and {scheduled} past their time for over a minute: nobody sweeps"
    return warning("jobs on time", text, SWEEP)


async def _claimed(engine: Engine, now: datetime) -> list[Finding]:
    """What waits for long in the queues that workers serve: judged by the job that is next in each."""
    queues = [queue for queue in await queues_of(engine) if not is_owned(queue) and queue != OF_PEOPLE]
    async with engine.redis.pipeline(transaction=False) as pipe:
        for queue in queues:
            pipe.exists(engine.keys.paused(queue))
            pipe.zrange(engine.keys.index(State.AVAILABLE, queue), 0, 0)
        answers = await pipe.execute()
    paused = [queue for queue, is_paused in zip(queues, answers[::2], strict=True) if is_paused]
    first = [
        text_of(job_id)
        for queue, ids in zip(queues, answers[1::2], strict=True)
        if queue not in paused
        for job_id in ids
    ]
    late = [job for job in await load_jobs(engine, first) if now - job.changed > UNCLAIMED]
    findings = [warning("queues", f"{queue} is paused: nobody gets its jobs", UNPAUSE) for queue in paused]
    findings += [
        warning("jobs claimed", f"the next job of {job.queue} has waited for {_minutes(now - job.changed)}", CLAIM)
        for job in late
    ]
    return findings or [ok("jobs claimed", "none has waited for long where workers look")]


async def _blocked(engine: Engine, now: datetime) -> Finding:
    """What the longest blocked jobs wait for; steps that a workflow hasn't come to are as they should be."""
    index, until = engine.keys.index(State.BLOCKED), stamp_of(now - BLOCKED)
    found: Any = await engine.redis.zrange(index, "-inf", until, byscore=True, offset=0, num=MOST_READ)
    jobs = [job for job in await load_jobs(engine, [text_of(job_id) for job_id in found]) if not is_step_ahead(job)]
    if not jobs:
        return ok("jobs blocked", "none for over a day")
    causes = Counter(await _causes(engine, jobs))
    named = ", ".join(f"{count} by {cause}" for cause, count in causes.most_common())
    more = "or more " if len(found) == MOST_READ else ""
    return warning("jobs blocked", f"{len(jobs)} {more}for over a day: {named}", LOOK)


async def _causes(engine: Engine, jobs: Sequence[Job]) -> list[str]:
    """For each job one thing that it waits for: a hold before another job, another job before its lane."""
    upstreams = sorted({upstream for job in jobs for upstream in job.gates.upstreams})
    states = {job.id: job.state for job in await load_jobs(engine, upstreams)}
    return [_cause(job, states) for job in jobs]


def _cause(job: Job, states: dict[str, State]) -> str:
    if holds := sorted(shown_holds(job)):
        return f"hold {holds[0]!r}"
    ended = [states[upstream] for upstream in job.gates.upstreams if upstream in states and states[upstream].ended]
    if ended:
        return f"a job that is {ended[0]}"
    return "a job that isn't over" if job.gates.upstreams else "the job before in its lane"


def _minutes(span: timedelta) -> str:
    return f"{span // timedelta(minutes=1):,} minutes"
