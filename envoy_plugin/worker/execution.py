"""What a worker does for a job: it runs an event's handler or a task, or sends a report, and answers how it ends."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeAlias

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from envoy_plugin.context import Context, Entered
from envoy_plugin.deadline import Overdue, within
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.states import Reason
from envoy_plugin.engine.verbs import MOST_PAYLOAD, Fail, PassDebt, Release, Succeed, Verb
from envoy_plugin.envoy.events import parse_event
from envoy_plugin.errors import (
    ApiUnavailable,
    BadPayload,
    ConfigMismatch,
    EngineError,
    SealError,
    TooLarge,
    WorkflowError,
)
from envoy_plugin.injection.handlers import gather_arguments
from envoy_plugin.injection.sources import Subject, TaskSubject
from envoy_plugin.invocation import HandlerFailed, call_handler, watched
from envoy_plugin.logs import get_logger
from envoy_plugin.outcomes import Done, Failed, Ignored, Ongoing, Outcome, Retry, Snooze, to_outcome
from envoy_plugin.plugin import Plugin
from envoy_plugin.reports import QUEUE as REPORTS
from envoy_plugin.reports import REDIS_AWAY, Report, deliver, enqueue_report
from envoy_plugin.run import Run
from envoy_plugin.runtime import Runtime
from envoy_plugin.tasks.task import PREFIX, Payload
from envoy_plugin.worker.ending import NO_HEIR, Ending, Together
from envoy_plugin.worker.steps import advance, go_on, read_step
from envoy_plugin.worker.work import Work
from envoy_plugin.workflows.running.work import ADVANCE, OVERDUE, STEP

LOST_HEIR: Final = "The job in which the work should go on doesn't exist"
ENVOY_AWAY: Final = timedelta(seconds=10)
"""When a handler that could not reach Envoy runs again, if Envoy didn't say. Its being away spends nobody's retries."""

log = get_logger(__name__)


def is_known(plugin: Plugin, kind: str) -> bool:
    """Whether the plugin has something that does jobs of this kind."""
    if kind.startswith(PREFIX):
        return plugin.find_task(kind.removeprefix(PREFIX)) is not None
    return kind in {REPORTS, STEP, ADVANCE.kind, OVERDUE} or plugin.find(kind) is not None


async def execute(runtime: Runtime, held: Claimed) -> Ending:
    """Do what a claimed job is for."""
    if held.kind == REPORTS:
        return await deliver(runtime.engine, runtime.api, held)
    if held.kind in {ADVANCE.kind, OVERDUE}:
        return advance(runtime, held)
    try:
        work = await read_step(runtime, held) if held.kind == STEP else _read(runtime, held)
    except RedisError as error:
        log.warning("redis.unavailable", error=type(error).__name__)
        return Release.of(held, delay=REDIS_AWAY)
    except (SealError, BadPayload, WorkflowError, EngineError, ValueError) as error:
        log.error("job.unreadable", why=type(error).__name__)
        return Fail.of(held, reason=Reason.UNREADABLE)
    if work is None:
        log.error("job.unreadable", why="no handler")
        return Fail.of(held, reason=Reason.UNREADABLE)
    try:
        with Entered(work.context):
            outcome = await _run(work)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        log.exception("handler.raised")  # the handler cancelled itself, or awaited what was cancelled
        outcome = Reason.ERROR
    ending = _end(work, held, outcome)
    return go_on(runtime, work, ending) if held.kind == STEP else ending


def _read(runtime: Runtime, held: Claimed) -> Work | None:
    return _task(runtime, held) if held.kind.startswith(PREFIX) else _event(runtime, held)


def _event(runtime: Runtime, held: Claimed) -> Work | None:
    """The call of an event's handler; None: there is none."""
    event = parse_event(runtime.engine.open(held.payload or b""))
    handler = runtime.plugin.find(event.name)
    if handler is None:
        return None
    subject, timeout = Subject(event, Run(runtime.engine, held, runtime)), runtime.timeout_of(handler)
    return Work(
        call=partial(call_handler, runtime.plugin, handler, subject, runtime.background_sources, timeout),
        timeout=timeout,
        context=runtime.context(held.install, envoy_job=subject.envoy_job, job=held.id),
    )


def _task(runtime: Runtime, held: Claimed) -> Work | None:
    """The call of a task; None: there is none of this name."""
    ready = runtime.plugin.find_task(held.kind.removeprefix(PREFIX))
    if ready is None:
        return None
    payload, content = Payload.read(runtime.engine.open(held.payload or b""))
    given = ready.arguments.decode(content)
    run = Run(runtime.engine, held, runtime)
    subject = TaskSubject(install_id=held.install, envoy_job=payload.envoy_job, run=run)

    async def call() -> Outcome:
        made = await gather_arguments(ready.needs, runtime.task_sources, subject)
        return to_outcome(await ready.task.function(**given, **made), handler=ready.task)

    return Work(
        call=lambda: within(ready.task.timeout, watched(runtime.plugin, run, call)),
        timeout=ready.task.timeout,
        context=runtime.context(held.install, envoy_job=payload.envoy_job, job=held.id),
    )


async def _run(work: Work) -> Outcome | Reason:
    """The function's outcome, or why it has none."""
    try:
        return await work.call()
    except Overdue:
        log.error("handler.timed_out", seconds=work.timeout.total_seconds())
        return Reason.TIMEOUT
    except ApiUnavailable as error:
        log.warning("envoy.unavailable", status=error.status)
        return Snooze(timedelta(seconds=error.retry_after) if error.retry_after else ENVOY_AWAY)
    except (RedisConnectionError, RedisTimeoutError) as error:
        log.warning("redis.unavailable", error=type(error).__name__)
        return Snooze(REDIS_AWAY)
    except (BadPayload, ConfigMismatch) as error:
        return Failed(str(error))
    except HandlerFailed:
        return Reason.ERROR


def _end(work: Work, held: Claimed, outcome: Outcome | Reason) -> Ending:
    context = work.context
    if isinstance(outcome, Reason):
        return Fail.of(held, reason=outcome)
    try:
        content = _encode(work, outcome)
    except (TooLarge, ValueError, TypeError, AttributeError) as error:  # a handler may have put anything into it
        log.error("outcome.refused", why=type(error).__name__)
        return Fail.of(held, reason=Reason.ERROR)
    sealed = context.engine.seal(content)
    if isinstance(outcome, Ongoing) and outcome.heir:
        return _go_on(context, held, outcome, sealed)
    return _end_of(outcome)(held, outcome, sealed)


def _go_on(context: Context, held: Claimed, outcome: Ongoing, sealed: bytes) -> Ending:
    """End well, and let Envoy hear the end of the job in which the work goes on.

    That job owes Envoy the end from now on. Where it owes one already, a report waits for its end.
    """
    engine, envoy_job, heir = context.engine, context.envoy_job, outcome.heir or ""
    succeed = Succeed.of(held, outcome=sealed)
    lost = Report.of(Failed(LOST_HEIR)).encode()
    fail = Fail.of(held, reason=Reason.REJECTED, outcome=engine.seal(lost))
    said: tuple[Verb[Any], ...] = ()
    waiting: Ending = fail
    if envoy_job is not None:
        if outcome.message is not None:
            note = Report(job_id=envoy_job, message=outcome.message, before=heir)
            said = (enqueue_report(engine, note, context.install),)
        report = enqueue_report(engine, Report(job_id=envoy_job, end_of=heir), context.install)
        waiting = Together(verbs=(report, succeed), heir=heir)
    return Together(
        verbs=(PassDebt.of(held, heir=heir), *said, succeed),
        heir=heir,
        instead={"owes_nothing": succeed, "owes_already": waiting, NO_HEIR: fail},
    )


def _end_of(outcome: Outcome) -> "End":
    """How an outcome, or one of the plugin's own made of it, ends its job; a bare one has failed."""
    return next((end for kind, end in ENDS.items() if isinstance(outcome, kind)), _retry)


def _encode(work: Work, outcome: Outcome) -> bytes:
    content = work.encode(outcome)
    if len(content) > MOST_PAYLOAD:
        raise TooLarge("An outcome", size=len(content), limit=MOST_PAYLOAD)
    return content


def _succeed(held: Claimed, _: Outcome, content: bytes) -> Verb[Any]:
    return Succeed.of(held, outcome=content)


def _ignore(held: Claimed, _: Outcome, content: bytes) -> Verb[Any]:
    return Succeed.of(held, reason=Reason.IGNORED, outcome=content)


def _reject(held: Claimed, _: Outcome, content: bytes) -> Verb[Any]:
    return Fail.of(held, reason=Reason.REJECTED, outcome=content)


def _retry(held: Claimed, outcome: Outcome, content: bytes) -> Verb[Any]:
    return Fail.of(held, reason=Reason.ERROR, delay=outcome.after, outcome=content)


def _snooze(held: Claimed, outcome: Outcome, _: bytes) -> Verb[Any]:
    return Release.of(held, delay=outcome.after or timedelta())


End: TypeAlias = Callable[[Claimed, Outcome, bytes], Verb[Any]]
ENDS: Final[Mapping[type[Outcome], End]] = {
    Done: _succeed,
    Ongoing: _succeed,
    Ignored: _ignore,
    Failed: _reject,
    Retry: _retry,
    Snooze: _snooze,
}
"""How each outcome ends its job."""
