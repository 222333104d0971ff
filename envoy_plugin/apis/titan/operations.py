"""Every operation of the API: the one table that routes, access and the OpenAPI document are made from.

Sources: the customer's TitanJobsApi.md (names, methods, paths, what each does); the go-swagger client of Titan
(`jobs/*_responses.go`) for codes, bodies and texts. What is no part of Titan 0.2.5 says so in its description.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from envoy_plugin.apis.titan.bodies import JSON, MULTIPART, URLENCODED
from envoy_plugin.apis.titan.parameters import CONSUMED, IDEMPOTENCY_KEY, LISTED, MOST_LISTED, MOST_WAIT
from envoy_plugin.apis.titan.refusals import NO_SUCH_JOB
from envoy_plugin.apis.titan.tokens import Scope
from envoy_plugin.apis.titan.words import Status

BASE: Final = "/v1"
TEXT: Final = "text/plain"

Schema = Mapping[str, object]

ENQUEUING: Final = frozenset({Scope.ENQUEUE})
CONSUMING: Final = frozenset({Scope.CONSUME})
SEEING: Final = ENQUEUING | CONSUMING
ADMINISTERING: Final = frozenset({Scope.ADMIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What may be added to a request; `place` is `query` or `header`."""

    name: str
    about: str
    schema: Schema
    place: str = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What comes back: `schema` names a model, None is an empty body."""

    about: str
    schema: str | None = None
    media: str = JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation. `scopes`: a token needs one of them, or `admin`. `body` maps media types to names of models."""

    name: str
    method: str
    path: str
    about: str
    scopes: frozenset[Scope]
    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, str] = field(default_factory=dict)
    needs_body: bool = False


def _error(about: str) -> Answer:
    return Answer(about=about, schema="Error")


def _conflict(about: str) -> Answer:
    return Answer(about=about, schema="IdStatus")


ONE_JOB: Final = "JobWrapper"
JOBS: Final = "JobsWrapper"
BAD: Final = _error("Something in the request is missing or invalid.")
TOO_LARGE: Final = _error("The body is too large.")
GONE: Final = _error(NO_SUCH_JOB)
EVERYWHERE: Final[Mapping[int, Answer]] = {
    401: _error("A token is needed."),
    403: _error("The token isn't good for this."),
    500: _error("Something went wrong inside."),
    503: _error("Not available now; try again."),
}

NOT_RUNNING: Final = "Job was not in running state."
NOT_TOUCHABLE: Final = "Job is not in a valid state to touch. Check status."
NOT_RETRYABLE: Final = "Job is not in a valid state to retry. Check status."
NOT_DELETABLE: Final = "Job is not in a valid state to delete."
NOT_CANCELLABLE: Final = "Could not cancel job because it already succeeded or failed."
NOT_FINISHED: Final = "Job has not finished yet. Try again later."

FORM: Final = {MULTIPART: "Report", URLENCODED: "Report"}


def _count(default: int) -> Parameter:
    schema = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": default}
    return Parameter(name="n", about="Number of jobs to return; fewer may be.", schema=schema)


ANY_STATUS: Final = "|".join(Status)

WAIT: Final = Parameter(
    name="wait",
    about="Not in 0.2.5: how many seconds to wait for a job where there is none.",
    schema={"type": "integer", "minimum": 0, "maximum": MOST_WAIT, "default": 0},
)
STATUSES: Final = Parameter(
    name="status",
    about="Not in 0.2.5: statuses with commas between them; left out, those of jobs that aren't over.",
    schema={"type": "string", "pattern": f"^({ANY_STATUS})(,({ANY_STATUS}))*$"},
)
CREATED_AFTER: Final = Parameter(
    name="created_after",
    about="Not in 0.2.5: only jobs that were created after this.",
    schema={"type": "string", "format": "date-time"},
)
CURSOR: Final = Parameter(name="cursor", about="Not in 0.2.5: where the page before ended.", schema={"type": "string"})
KEY: Final = Parameter(
    name=IDEMPOTENCY_KEY,
    about="Not in 0.2.5: for 24 hours, the same request with the same key makes nothing new.",
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    place="header",
)

OPERATIONS: Final = (
    Operation(
        name="jobsPost",
        method="POST",
        path="/jobs",
        about="Enqueues jobs, in order. If any of them is invalid, none is enqueued.",
        scopes=ENQUEUING,
        parameters=(KEY,),
        body={JSON: "NewJobsWrapper"},
        needs_body=True,
        answers={
            201: Answer(about="The jobs, as posted.", schema=JOBS),
            400: BAD,
            413: TOO_LARGE,
            415: _error("The body must be JSON."),
            422: _error("The Idempotency-Key came with another body before."),
        },
    ),
    Operation(
        name="jobsGet",
        method="GET",
        path="/jobs",
        about="Peeks at jobs, the newest first: those that aren't over, unless `status` says otherwise.",
        scopes=CONSUMING,
        parameters=(_count(LISTED), STATUSES, CREATED_AFTER, CURSOR),
        answers={200: Answer(about="List of jobs.", schema=JOBS), 400: BAD},
    ),
    Operation(
        name="jobsConsumeGet",
        method="GET",
        path="/jobs/consume",
        about="Takes the next jobs: the highest priority first, then the oldest. Nobody else gets them.",
        scopes=CONSUMING,
        parameters=(_count(CONSUMED), WAIT),
        answers={200: Answer(about="Job information.", schema=JOBS), 400: BAD},
    ),
    Operation(
        name="jobIdGet",
        method="GET",
        path="/job/{id}",
        about="Gets a job.",
        scopes=SEEING,
        answers={200: Answer(about="The job.", schema=ONE_JOB), 404: GONE},
    ),
    Operation(
        name="jobIdDelete",
        method="DELETE",
        path="/job/{id}",
        about="Forgets a job that is over, with its log. Succeeds where there is none.",
        scopes=ADMINISTERING,
        answers={200: Answer(about="There is no such job now."), 409: _conflict(NOT_DELETABLE)},
    ),
    Operation(
        name="jobIdCancelPost",
        method="POST",
        path="/job/{id}/cancel",
        about="Cancels a job that isn't over. Whoever works on it may go on; its end changes nothing.",
        scopes=ENQUEUING,
        body={JSON: "Details"},
        answers={
            200: Answer(about="Job cancelled.", schema=ONE_JOB),
            400: BAD,
            404: GONE,
            409: _error(NOT_CANCELLABLE),
            413: TOO_LARGE,
        },
    ),
    Operation(
        name="jobIdSuccessPost",
        method="POST",
        path="/job/{id}/success",
        about="Says that a job has succeeded, with its log.",
        scopes=CONSUMING,
        body=FORM,
        answers={
            200: Answer(about="Job updated.", schema=ONE_JOB),
            400: BAD,
            404: GONE,
            409: _conflict(NOT_RUNNING),
            413: TOO_LARGE,
        },
    ),
    Operation(
        name="jobIdFailPost",
        method="POST",
        path="/job/{id}/fail",
        about="Says that a job has failed, why, and its log. It is tried again as often as `max_retries` says.",
        scopes=CONSUMING,
        body=FORM,
        answers={
            200: Answer(about="Job updated.", schema=ONE_JOB),
            400: BAD,
            404: GONE,
            409: _conflict(NOT_RUNNING),
            413: TOO_LARGE,
        },
    ),
    Operation(
        name="jobIdTouchPost",
        method="POST",
        path="/job/{id}/touch",
        about="Resets the time-out of a running job. Not in 0.2.5: a form may carry its log so far.",
        scopes=CONSUMING,
        body=FORM,
        answers={
            200: Answer(about="Job timeout was reset."),
            400: BAD,
            404: GONE,
            409: _conflict(NOT_TOUCHABLE),
            413: TOO_LARGE,
        },
    ),
    Operation(
        name="jobIdRetryPost",
        method="POST",
        path="/job/{id}/retry",
        about="Makes a new job of one that succeeded, was cancelled, or failed and won't be tried again by itself.",
        scopes=ENQUEUING,
        answers={
            200: Answer(about="Retrying job. The new Job is returned.", schema=ONE_JOB),
            404: GONE,
            409: _conflict(NOT_RETRYABLE),
        },
    ),
    Operation(
        name="jobIdLogGet",
        method="GET",
        path="/job/{id}/log",
        about="Gets the log of a job that is over. Not in 0.2.5: while it runs, what its worker has sent so far.",
        scopes=SEEING,
        answers={
            200: Answer(about="The log.", schema="Log", media=TEXT),
            404: GONE,
            428: _error(NOT_FINISHED),
        },
    ),
)
