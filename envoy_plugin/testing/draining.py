"""Running a plugin's background work in a test: one job after another, in the test's own task, until nothing is due.

Nothing waits and nothing runs beside the test, so that the same test does the same every time.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from math import ceil
from typing import Final

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.model import Claimed, Job
from envoy_plugin.engine.queries import MOST_LISTED, list_jobs
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import BATCH, MAX_CRASHES
from envoy_plugin.engine.verbs import Claim, Expire, Promote
from envoy_plugin.errors import EngineError
from envoy_plugin.logs import Bound
from envoy_plugin.reports import QUEUE as REPORTS
from envoy_plugin.runtime import Runtime
from envoy_plugin.serving import queues_of
from envoy_plugin.worker.ending import end_job
from envoy_plugin.worker.execution import execute
from envoy_plugin.workflows.drawing.mermaid import states_of
from envoy_plugin.workflows.running.record import KIND as WORKFLOW
from envoy_plugin.workflows.running.record import load

MOST_RUNS: Final = 100
"""How often a job runs without time passing, before it is taken for one that never ends."""
OPEN: Final = tuple(state for state in State if not state.ended)


class Unfinished(AssertionError):
    """There is background work that isn't over; the message has a line for each piece."""


async def work(runtime: Runtime) -> None:
    """Run everything that is due, and what becomes due by it; one at a time, events before tasks before reports.

    Raises:
        Unfinished: it doesn't end.
    """
    runs: Counter[str] = Counter()
    while claimed := await _claim(runtime.engine, queues_of(runtime.plugin)):
        for held in claimed:
            runs[held.id] += 1
            if runs[held.id] > MOST_RUNS:
                raise Unfinished(f"{held.kind} ran {MOST_RUNS} times and is due again: does it snooze for no time?")
            await _run(runtime, held)


async def check_finished(runtime: Runtime, now: datetime) -> None:
    """Make sure that nothing is left; of a workflow its current steps are told, which is what it waits for.

    Raises:
        Unfinished: something is.
    """
    jobs = sorted(await list_jobs(runtime.engine, OPEN, limit=MOST_LISTED), key=lambda job: job.id)
    steps = {job.id: await _steps(runtime, job.id, now) for job in jobs if job.kind == WORKFLOW}
    told = [job for job in jobs if job.parent not in steps or _due(job, now)]
    if told:
        raise Unfinished("\n".join([f"{len(told)} not finished:", *(_told(job, steps, now) for job in told)]))


async def _claim(engine: Engine, queues: Iterable[str]) -> list[Claimed]:
    """The next job of each queue, once whatever is due has been made available."""
    due = (Promote(limit=BATCH), Expire(limit=BATCH, max_crashes=MAX_CRASHES))
    claims = [Claim(queue=queue, n=1, who="test", lease=None) for queue in queues]
    answers = await engine.call([*due, *claims], Mode.EACH)
    return [held for claimed in answers[len(due) :] for held in claimed]


async def _run(runtime: Runtime, held: Claimed) -> None:
    with Bound(job=held.id, install=held.install, attempt=held.attempt):
        end = await execute(runtime, held)
        with suppress(EngineError):  # the handler, or the test, has ended the job otherwise
            await end_job(runtime.engine, runtime.batcher, end)


async def _steps(runtime: Runtime, workflow_id: str, now: datetime) -> str:
    """The current steps of a workflow, each with who does it and how it stands."""
    workflow = await load(runtime.workflows, workflow_id)
    states = states_of(workflow, now)
    current = (workflow.diagram[step_id] for step_id in workflow.current)
    return ", ".join(f"{step.id} ({step.kind}, {states[step.id]})" for step in current)


def _told(job: Job, steps: Mapping[str, str], now: datetime) -> str:
    if steps.get(job.id):
        return f"  workflow, install {job.install}: waits at {steps[job.id]}"
    what = "the report to Envoy" if job.queue == REPORTS else job.kind
    why = f" (before: {job.history[-1].detail})" if job.history[-1].detail else ""
    return f"  {what}, install {job.install}: {job.state}, attempt {job.attempt}{why}{_due(job, now)}"


def _due(job: Job, now: datetime) -> str:
    if job.due is None or job.state is not State.SCHEDULED:
        return ""
    seconds = max(0, ceil((job.due - now).total_seconds()))
    return f", due in {seconds} s: envoy.tick(timedelta(seconds={seconds})), then drain again"
