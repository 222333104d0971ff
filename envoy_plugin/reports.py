"""Reports: what is owed to Envoy, and telling it.

The end of a job and its report are one script of the engine. The report is a job of its own, with its own retries; it
sends the outcome that was stored and never runs the handler again. Of a job that has an event's debt, or that a report
waits for, the end is told whoever worked on it.
"""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json
from redis.exceptions import RedisError

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Claimed, Job
from envoy_plugin.engine.queries import Record, find_job, find_record
from envoy_plugin.engine.retries import REPORT_DEBT, FollowUp
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.engine.verbs import Cancel, Enqueue, Fail, Policy, Release, Succeed, Verb
from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.attachments import Attachment
from envoy_plugin.envoy.events import parse_event
from envoy_plugin.envoy.job import EnvoyPluginJob, JobStatus
from envoy_plugin.errors import ApiRefused, BadPayload, EnvoyError, JobNotFound, SealError
from envoy_plugin.logs import get_logger
from envoy_plugin.outcomes import Done, Failed, Ignored, Ongoing, Outcome
from envoy_plugin.tasks.task import OTHERS_QUEUES
from envoy_plugin.workflows.running.record import KIND as WORKFLOW

QUEUE: Final = REPORT_DEBT.kind
OVER_AT_ENVOY: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Answers after which Envoy won't take the report, however often it is sent."""
LOOK_AGAIN: Final = timedelta(minutes=1)
"""When a report looks again at a job that was over and is tried again."""
REDIS_AWAY: Final = timedelta(seconds=1)
"""When a report that could not be read is tried again. Redis' being away spends none of its tries."""

STATUSES: Final[Mapping[type[Outcome], JobStatus]] = {
    Done: JobStatus.DONE,
    Ignored: JobStatus.IGNORED,
    Failed: JobStatus.FAILED,
}
"""What Envoy is told of an outcome; of any other, that the job has failed, but for `Ongoing`: nothing."""

ENDS: Final[Mapping[State, JobStatus]] = {
    State.SUCCEEDED: JobStatus.DONE,
    State.FAILED: JobStatus.FAILED,
    State.CANCELLED: JobStatus.FAILED,
}
DELETED: Final = "The work was deleted"
DELETED_REASON: Final = "deleted"
MESSAGES: Final[Mapping[str, str]] = {
    Reason.CRASHED: "The plugin stopped unexpectedly",
    Reason.OPERATOR: "Cancelled by an operator",
    Reason.TIMEOUT: "Timed out",
    Reason.UNREADABLE: "The plugin can't read this event any more",
    Reason.UPSTREAM: "What it waited for failed",
    Reason.BAD_EXIT: "The work failed",
    Reason.KILLED: "The work was stopped",
    Reason.CLIENT_REQUEST: "The work was cancelled",
    Reason.REMOVED: "The device was removed",
    DELETED_REASON: DELETED,
}
"""What people read of an end that isn't a handler's own, by its reason; these go before what the handler said last."""
UNEXPECTED: Final = "The plugin failed unexpectedly"
ELSEWHERE: Final = "The work failed"
"""The same for a reason that isn't here, of a job that somebody else worked on: a pull-worker, a device, people."""

log = get_logger(__name__)


class NotOver(Exception):
    """The job whose end is to be told isn't over."""


class Report(BaseModel):
    """What is said to Envoy. `status` None: nothing but what else is here.

    `end_of` names a job whose end is to be said; with `before`, nothing is said any more once that job is over.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    job_id: str | None = None
    status: JobStatus | None = None
    message: str | None = None
    reason: str | None = None
    attachments: tuple[dict[str, Any], ...] = ()
    end_of: str | None = None
    before: str | None = None

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Of what is said, the status alone; `str` shows no more."""
        return [("job_id", self.job_id), ("status", self.status)]

    @classmethod
    def of(cls, outcome: Outcome, job_id: str | None = None) -> "Report":
        """What an outcome says."""
        status = None if isinstance(outcome, Ongoing) else _status_of(outcome)
        attachments = tuple(attachment.to_wire() for attachment in outcome.attachments)
        return cls(
            job_id=job_id, status=status, message=outcome.message, reason=outcome.reason, attachments=attachments
        )

    def encode(self) -> bytes:
        """As it is kept until it is sent."""
        return to_json(self.model_dump(exclude_defaults=True))


def _status_of(outcome: Outcome) -> JobStatus:
    return next((status for kind, status in STATUSES.items() if isinstance(outcome, kind)), JobStatus.FAILED)


def enqueue_report(engine: Engine, report: Report, install: str) -> Enqueue:
    """A report that no job owes. That of another job's end waits for it, whatever the end."""
    return Enqueue(
        queue=QUEUE,
        kind=QUEUE,
        install=install,
        payload=engine.seal(report.encode()),
        retries=REPORT_DEBT.retries,
        backoff=REPORT_DEBT.backoff,
        after={report.end_of: Policy.RUN} if report.end_of else {},
    )


def inline_report(outcome: Outcome, envoy_job: str | None) -> Report | None:
    """What an inline handler's outcome says beyond the answer to the delivery; None: nothing."""
    if envoy_job is None:
        return None
    if isinstance(outcome, Ongoing) and outcome.heir:
        return Report(job_id=envoy_job, end_of=outcome.heir)
    says_more = isinstance(outcome, Done) and (outcome.message or outcome.attachments)
    return Report.of(outcome, envoy_job) if says_more else None


async def deliver(engine: Engine, api: EnvoyPluginAPI, held: Claimed) -> Verb[Any]:
    """Send a claimed report; answers how its job ends."""
    try:
        report = await _read(engine, held)
        if report is None:
            return Cancel(id=held.id, reason=Reason.SUPERSEDED)
        await _send(api, report)
    except ApiRefused as error:
        reason = Reason.REFUSED if error.status in OVER_AT_ENVOY else Reason.UNREPORTED
        return Fail.of(held, reason=reason)
    except EnvoyError as error:
        delay = timedelta(seconds=error.retry_after) if error.retry_after else None
        return Fail.of(held, reason=Reason.UNREPORTED, delay=delay)
    except (SealError, BadPayload, ValueError, JobNotFound) as error:
        log.error("report.unreadable", id=held.id, error=type(error).__name__)
        return Fail.of(held, reason=Reason.UNREADABLE)
    except (RedisError, NotOver) as error:
        log.warning("report.postponed", id=held.id, error=type(error).__name__)
        return Release.of(held, delay=LOOK_AGAIN if isinstance(error, NotOver) else REDIS_AWAY)
    return Succeed.of(held)


async def _read(engine: Engine, held: Claimed) -> Report | None:
    """What to say; None where the end it speaks of is none any more."""
    debt = FollowUp.parse(held.id)
    if debt is None:
        return await _resolve(engine, Report.model_validate_json(engine.open(held.payload or b"")))
    try:
        debtor = await find_record(engine, debt.job_id, debt.attempt)
    except JobNotFound:
        return None
    if debtor.job.attempt != debt.attempt or not debtor.job.state.ended:
        return None
    owner = await find_record(engine, debtor.job.root, 1) if debtor.job.root else debtor
    event = parse_event(owner.payload or b"")
    return _said(debtor).model_copy(update={"job_id": event.meta.job.id if event.meta.job else None})


async def _resolve(engine: Engine, report: Report) -> Report | None:
    """The report itself, or what it says of another job."""
    if report.before and await _is_over(engine, report.before):
        return None
    if report.end_of is None:
        return report
    try:
        said = await _said_of(engine, report.end_of)
    except JobNotFound:  # somebody has deleted it since its end
        said = Report(status=JobStatus.FAILED, message=DELETED, reason=DELETED_REASON)
    return said.model_copy(update={"job_id": report.job_id})


async def _is_over(engine: Engine, job_id: str) -> bool:
    try:
        return (await find_job(engine, job_id)).state.ended
    except JobNotFound:
        return True


async def _said_of(engine: Engine, job_id: str) -> Report:
    job = await find_job(engine, job_id)
    if not job.state.ended:  # somebody has tried it again since its end
        raise NotOver(job.id)
    return _said(await find_record(engine, job.id, job.attempt))


def _said(ended: Record) -> Report:
    """What a job's end says: an operator's or the engine's goes before what the handler said last."""
    job, stored = ended.job, _stored(ended)
    if job.state is State.SUCCEEDED:
        return stored or Report(status=ENDS[job.state])
    unnamed = UNEXPECTED if _is_ours(job) else ELSEWHERE
    message = MESSAGES.get(job.reason or "") or (stored and stored.message) or unnamed
    reason = (stored and stored.reason) or job.reason
    attachments = stored.attachments if stored else ()
    return Report(status=ENDS[job.state], message=message, reason=reason, attachments=attachments)


def _stored(ended: Record) -> Report | None:
    """What one of the plugin's own functions said at its end. What others say is theirs."""
    has_said = _is_ours(ended.job) or ended.job.kind == WORKFLOW  # whose outcome is that of its last step
    return Report.model_validate_json(ended.outcome) if ended.outcome and has_said else None


def _is_ours(job: Job) -> bool:
    """Whether the plugin's workers run it: events and tasks."""
    return not (job.envelope or ":" in job.queue or job.queue in OTHERS_QUEUES)


async def _send(api: EnvoyPluginAPI, report: Report) -> None:
    if report.job_id is None or report == Report(job_id=report.job_id):
        return
    attachments = [Attachment.from_wire(wire) for wire in report.attachments]
    await EnvoyPluginJob(api, report.job_id).execute(report.status, report.message, report.reason, attachments)
