"""Envoy's own record of an event's job: what the plugin said of it, and what the dashboard shows.

Sources: developers.envoy.com, "Jobs"; Node SDK 2.5.2, src/sdk/EnvoyPluginJob.ts and EnvoyPluginJobAttachment.ts. Where
nothing is documented: attachments add up, the last word on a job that is over wins (unless jobs are `final`), and an
answer to the webhook never overrides what the plugin said through the API.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from envoy_plugin.simulator.answers import Outcome, read_outcome
from envoy_plugin.simulator.times import Clock, iso
from envoy_plugin.simulator.wire import Json, JsonObject

MAX_JOBS: Final = 100_000
MAX_ATTACHMENTS: Final = 1_000
MAX_TIMELINE: Final = 1_000


class JobStatus(StrEnum):
    """The state of a job in Envoy's dashboard."""

    IN_PROGRESS = "in_progress"
    DONE = "done"
    IGNORED = "ignored"
    FAILED = "failed"


STATUS_OF_OUTCOME: Final = {
    Outcome.DONE: JobStatus.DONE,
    Outcome.ONGOING: JobStatus.IN_PROGRESS,
    Outcome.IGNORED: JobStatus.IGNORED,
    Outcome.FAILED: JobStatus.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as Envoy holds it; `told_status` and `told_message` say whether the plugin set these through the API."""

    id: str
    name: str = "simulated"
    identifier: str = ""
    status: JobStatus = JobStatus.IN_PROGRESS
    status_message: str | None = None
    failure_reason: str | None = None
    attachments: tuple[JsonObject, ...] = ()
    told_status: bool = False
    told_message: bool = False

    def as_shown(self) -> JsonObject:
        """What the dashboard shows."""
        return {
            "status": self.status,
            "status_message": self.status_message,
            "failure_reason": self.failure_reason,
            "attachments": list(self.attachments),
        }

    def as_resource(self) -> JsonObject:
        """What the API answers, which has no status in it."""
        return {"id": self.id, "name": self.name, "identifier": self.identifier or f"sim:{self.id}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened to a job, and the status it had afterwards."""

    time: datetime
    what: str
    status: JobStatus
    detail: JsonObject

    def as_json(self) -> JsonObject:
        """The row as `GET /_sim/jobs/{id}/timeline` shows it."""
        return {"time": iso(self.time), "what": self.what, "status": self.status, **self.detail}


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What the plugin says through the API; None leaves a field as it is."""

    status: JobStatus | None = None
    status_message: str | None = None
    failure_reason: str | None = None
    attachments: tuple[JsonObject, ...] = ()

    def applied_to(self, job: Job) -> Job:
        """The job afterwards."""
        return replace(
            job,
            status=self.status or job.status,
            status_message=job.status_message if self.status_message is None else self.status_message,
            failure_reason=job.failure_reason if self.failure_reason is None else self.failure_reason,
            attachments=job.attachments + self.attachments,
            told_status=job.told_status or self.status is not None,
            told_message=job.told_message or self.status_message is not None,
        )

    def as_detail(self) -> JsonObject:
        """What of it the timeline keeps: the words, and the labels of attachments."""
        said = {
            "set_status": self.status,
            "status_message": self.status_message,
            "failure_reason": self.failure_reason,
            "attachments": [attachment.get("label") for attachment in self.attachments] or None,
        }
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAnswer:
    """The plugin's answer to the webhook; `status` is None where none came, after which Envoy would send again."""

    status: int | None
    body: Json = None

    @property
    def message(self) -> str | None:
        """The sentence meant for the dashboard; a finished job's body is for debugging alone."""
        said = self.body.get("message") if isinstance(self.body, dict) else None
        read = None if self.status is None else read_outcome(self.status)
        return said if isinstance(said, str) and read is not Outcome.DONE else None

    @property
    def attachments(self) -> tuple[JsonObject, ...]:
        """What an ignored or failed answer carries."""
        items = self.body.get("attachments") if isinstance(self.body, dict) else None
        if self.status not in {400, 412} or not isinstance(items, list):
            return ()
        return tuple(item for item in items if isinstance(item, dict))

    def applied_to(self, job: Job) -> Job:
        """The job afterwards: a state that the plugin set through the API stays, and so does a message."""
        if self.status is None or job.told_status:
            return job
        message = job.status_message if job.told_message or self.message is None else self.message
        status = STATUS_OF_OUTCOME[read_outcome(self.status)]
        attachments = (job.attachments + self.attachments)[:MAX_ATTACHMENTS]
        return replace(job, status=status, status_message=message, attachments=attachments)


class Jobs:
    """Every job that the simulated Envoy knows; beyond `MAX_JOBS` the oldest are forgotten."""

    def __init__(self, clock: Clock, *, final: bool = False) -> None:
        """With `final`, the plugin's word on a job that is over is refused."""
        self._clock = clock
        self._final = final
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._timelines: dict[str, deque[Moment]] = {}

    def know(self, job_id: str, *, name: str | None = None, identifier: str | None = None) -> Job:
        """Make a job known; one that is known already keeps its state."""
        known = self._jobs.get(job_id)
        job = known or Job(id=job_id)
        job = replace(job, name=name or job.name, identifier=identifier or job.identifier)
        self._jobs[job_id] = job
        if known is None:
            self._timelines[job_id] = deque(maxlen=MAX_TIMELINE)
            self._note(job, "created", {})
            self._forget_oldest()
        return job

    def know_all(self, job_ids: Sequence[str]) -> None:
        """Make many jobs known."""
        for job_id in job_ids:
            self.know(job_id)

    def get(self, job_id: str) -> Job | None:
        """The job, if it is known."""
        return self._jobs.get(job_id)

    def timeline(self, job_id: str) -> tuple[Moment, ...]:
        """What happened to a job, oldest first."""
        return tuple(self._timelines.get(job_id, ()))

    def takes_updates(self, job: Job) -> bool:
        """Whether the plugin may still say something of the job."""
        return not self._final or job.status is JobStatus.IN_PROGRESS

    def update(self, job: Job, update: Update) -> Job:
        """Apply what the plugin said through the API."""
        return self._store(update.applied_to(job), "updated", update.as_detail())

    def answer(self, job: Job, answer: WebhookAnswer) -> Job:
        """Apply the plugin's answer to the webhook."""
        detail: JsonObject = {"http_status": answer.status}
        return self._store(
            answer.applied_to(job), "answered", detail | ({"message": answer.message} if answer.message else {})
        )

    def _store(self, job: Job, what: str, detail: JsonObject) -> Job:
        self._jobs[job.id] = job
        self._note(job, what, detail)
        return job

    def _note(self, job: Job, what: str, detail: JsonObject) -> None:
        self._timelines[job.id].append(Moment(time=self._clock(), what=what, status=job.status, detail=detail))

    def _forget_oldest(self) -> None:
        while len(self._jobs) > MAX_JOBS:
            del self._timelines[self._jobs.popitem(last=False)[0]]
