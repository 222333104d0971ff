"""The HTTP of jobs: what the plugin calls, and what people and tests look at.

`PATCH /api/v2/plugin-services/jobs/{id}`, and PUT as early releases of Envoy's SDK sent it.
"""

from typing import Annotated, Final, Self

from aiohttp import web
from pydantic import BaseModel, Field, TypeAdapter, model_validator

from envoy_plugin.simulator.jobs import MAX_ATTACHMENTS, Job, Jobs, JobStatus, Update, WebhookAnswer
from envoy_plugin.simulator.wire import Json, StrictModel, api_answer, api_error, not_found, read_json

MAX_JOBS_AT_ONCE: Final = 10_000
REQUIRED_FIELDS: Final = {
    "text": {"value"},
    "password": {"value"},
    "json": {"value"},
    "link": {"value", "url"},
    "credential_image": {"value", "image"},
}

JOBS: Final = web.AppKey("jobs", Jobs)
JobId = Annotated[str, Field(min_length=1, max_length=200)]
routes = web.RouteTableDef()


class AttachmentBody(BaseModel):
    """An attachment as the API takes it; a type that isn't known here needs a label alone."""

    model_config = {"extra": "allow", "frozen": True}

    type: str
    label: str = Field(min_length=1)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        missing = REQUIRED_FIELDS.get(self.type, set()) - set(self.model_extra or {})
        if missing:
            raise ValueError(f"an attachment of type {self.type} needs {', '.join(sorted(missing))}")
        return self


class UpdateBody(BaseModel):
    """What the plugin sends. `in_progress` isn't a status that it may set."""

    model_config = {"frozen": True}

    attachments: list[AttachmentBody] = Field(default_factory=list, max_length=MAX_ATTACHMENTS)
    status: JobStatus | None = None
    status_message: str | None = None
    failure_reason: str | None = None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.status is JobStatus.IN_PROGRESS:
            raise ValueError("status must be done, ignored or failed")
        return self

    def as_update(self) -> Update:
        """The same as a value."""
        return Update(
            status=self.status,
            status_message=self.status_message,
            failure_reason=self.failure_reason,
            attachments=tuple(attachment.model_dump() for attachment in self.attachments),
        )


class KnownJob(StrictModel):
    """What `PUT /_sim/jobs/{id}` may say of a job."""

    name: str | None = None
    identifier: str | None = None


class AnswerBody(StrictModel):
    """An answer to a webhook; status null: none came."""

    status: Annotated[int, Field(ge=100, le=999)] | None
    body: Json = None


UPDATE: Final = TypeAdapter(UpdateBody)
KNOWN_JOB: Final = TypeAdapter(KnownJob)
JOB_ID: Final = TypeAdapter(JobId)
JOB_IDS: Final = TypeAdapter(Annotated[list[JobId], Field(max_length=MAX_JOBS_AT_ONCE)])
ANSWER: Final = TypeAdapter(AnswerBody)


def _job_of(request: web.Request) -> Job:
    job = request.app[JOBS].get(request.match_info["id"])
    if job is None:
        raise not_found("There is no such job.")
    return job


@routes.patch("/api/v2/plugin-services/jobs/{id}")
@routes.put("/api/v2/plugin-services/jobs/{id}")
async def update_job(request: web.Request) -> web.Response:
    """Apply what the plugin says of its job."""
    update = (await read_json(request, UPDATE)).as_update()
    job = _job_of(request)
    if not request.app[JOBS].takes_updates(job):
        raise api_error(409, "Conflict", "The job is over.")
    if len(job.attachments) + len(update.attachments) > MAX_ATTACHMENTS:
        raise api_error(422, "Unprocessable", f"A job has at most {MAX_ATTACHMENTS} attachments.")
    return api_answer(request.app[JOBS].update(job, update).as_resource())


@routes.get("/_sim/jobs/{id}")
async def show_job(request: web.Request) -> web.Response:
    """What the dashboard shows of a job."""
    return web.json_response(_job_of(request).as_shown())


@routes.get("/_sim/jobs/{id}/timeline")
async def show_timeline(request: web.Request) -> web.Response:
    """What happened to a job, oldest first."""
    moments = request.app[JOBS].timeline(_job_of(request).id)
    return web.json_response([moment.as_json() for moment in moments])


@routes.put("/_sim/jobs")
async def know_jobs(request: web.Request) -> web.Response:
    """Make many jobs known: an array of ids."""
    job_ids = await read_json(request, JOB_IDS)
    request.app[JOBS].know_all(job_ids)
    return web.json_response({"known": len(job_ids)})


@routes.put("/_sim/jobs/{id}")
async def know_job(request: web.Request) -> web.Response:
    """Make a job known; a body is optional."""
    told = await read_json(request, KNOWN_JOB) if request.can_read_body else KnownJob()
    job = request.app[JOBS].know(request.match_info["id"], name=told.name, identifier=told.identifier)
    return web.json_response(job.as_shown())


@routes.post("/_sim/jobs/{id}/answer")
async def answer_job(request: web.Request) -> web.Response:
    """Tell the simulated Envoy how the plugin answered the job's webhook."""
    told = await read_json(request, ANSWER)
    answer = WebhookAnswer(status=told.status, body=told.body)
    return web.json_response(request.app[JOBS].answer(_job_of(request), answer).as_shown())
