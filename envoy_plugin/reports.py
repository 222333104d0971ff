"""Reports: what is owed to Envoy, and telling it.

The end of a job and its report are one script of the engine. The report is a job of its own, with its own retries; it
sends the outcome that was stored and never runs the handler again.
"""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json
from redis.exceptions import RedisError

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Claimed, Job
from envoy_plugin.engine.queries import Record, find_record
from envoy_plugin.engine.retries import REPORT_DEBT, FollowUp
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.engine.verbs import Cancel, Enqueue, Fail, Release, Succeed, Verb
from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.attachments import Attachment
from envoy_plugin.envoy.events import parse_event
from envoy_plugin.envoy.job import EnvoyPluginJob, JobStatus
from envoy_plugin.errors import ApiRefused, BadPayload, EnvoyError, JobNotFound, SealError
from envoy_plugin.logs import get_logger
from envoy_plugin.outcomes import Done, Failed, Ignored, Ongoing, Outcome

QUEUE: Final = REPORT_DEBT.kind
OVER_AT_ENVOY: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Answers after which Envoy won't take the report, however often it is sent."""
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
MESSAGES: Final[Mapping[str, str]] = {
    Reason.CRASHED: "The plugin stopped unexpectedly",
    Reason.OPERATOR: "Cancelled by an operator",
    Reason.TIMEOUT: "Timed out",
    Reason.UNREADABLE: "The plugin can't read this event any more",
}
UNEXPECTED: Final = "The plugin failed unexpectedly"

log = get_logger(__name__)


class Report(BaseModel):
    """What is said to Envoy. `status` None: nothing but what else is here."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    job_id: str | None = None
    status: JobStatus | None = None
    message: str | None = None
    reason: str | None = None
    attachments: tuple[dict[str, Any], ...] = ()

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
    """A report that no job owes: what an inline handler's outcome says beyond its status."""
    return Enqueue(
        queue=QUEUE,
        kind=QUEUE,
        install=install,
        payload=engine.seal(report.encode()),
        retries=REPORT_DEBT.retries,
        backoff=REPORT_DEBT.backoff,
    )


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
    except (SealError, BadPayload, ValidationError, ValueError) as error:
        log.error("report.unreadable", id=held.id, error=type(error).__name__)
        return Fail.of(held, reason=Reason.UNREADABLE)
    except RedisError as error:
        log.warning("report.postponed", id=held.id, error=type(error).__name__)
        return Release.of(held, delay=REDIS_AWAY)
    return Succeed.of(held)


async def _read(engine: Engine, held: Claimed) -> Report | None:
    """What to say; None where the end it speaks of is none any more."""
    debt = FollowUp.parse(held.id)
    if debt is None:
        return Report.model_validate_json(engine.open(held.payload or b""))
    try:
        debtor = await find_record(engine, debt.job_id, debt.attempt)
    except JobNotFound:
        return None
    if debtor.job.attempt != debt.attempt or not debtor.job.state.ended:
        return None
    return _of_debtor(debtor)


def _of_debtor(debtor: Record) -> Report:
    event = parse_event(debtor.payload or b"")
    stored = Report.model_validate_json(debtor.outcome) if debtor.outcome else Report(status=ENDS[debtor.job.state])
    job_id = event.meta.job.id if event.meta.job else None
    return stored.model_copy(update={"job_id": job_id, **_explained(debtor.job, stored)})


def _explained(job: Job, stored: Report) -> dict[str, Any]:
    """What an end says for itself: an operator's or the engine's goes before what the handler said last."""
    if job.state is State.SUCCEEDED:
        return {}
    by_itself = job.reason in MESSAGES or stored.message is None
    message = MESSAGES.get(job.reason or "", UNEXPECTED) if by_itself else stored.message
    return {"status": ENDS[job.state], "message": message, "reason": stored.reason or job.reason}


async def _send(api: EnvoyPluginAPI, report: Report) -> None:
    if report.job_id is None or report == Report(job_id=report.job_id):
        return
    attachments = [Attachment.from_wire(wire) for wire in report.attachments]
    await EnvoyPluginJob(api, report.job_id).execute(report.status, report.message, report.reason, attachments)
