"""Jobs to be made: checked, defaults filled in, and turned into what the engine is asked.

Source: Titan JobsApi 0.2.5, models `NewJobsWrapper` and `NewJob`; the go-swagger client for lengths and numbers. A
client sends only what it has set, so that the defaults are the server's to fill in.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import from_json, to_json

from envoy_plugin.apis.titan.refusals import Refused, bad_request
from envoy_plugin.apis.titan.words import KIND, QUEUE, engine_priority
from envoy_plugin.engine.engine import MOST_ITEMS, Engine
from envoy_plugin.engine.retries import Backoff
from envoy_plugin.engine.verbs import Enqueue, Listing

MOST_SECONDS: Final = 2**31 - 1
MOST_PAYLOAD: Final = 1024 * 1024
"""In bytes of UTF-8."""
MOST_IMAGE: Final = 1024
MOST_HEAD: Final = 16 * 1024
HEAD: Final = ("image", "delay", "timeout", "priority", "retries_delay", "request")
MOST_FAULTS: Final = 8
SOME_INVALID: Final = "One or more of the jobs were invalid due to parameters being missing or invalid."

Seconds = Annotated[int, Field(ge=0, le=MOST_SECONDS)]


class NewJob(BaseModel):
    """What a client sends for a job. Durations are in seconds; null counts as left out."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    image: Annotated[str, Field(max_length=MOST_IMAGE)] | None = None
    """Who shall do it: workers agree on what these names mean."""
    payload: str | None = Field(default=None, repr=False)
    """What it is about: at most 1 MiB in UTF-8."""
    delay: Seconds = 0
    """How long it waits before it is queued for the first time."""
    timeout: Annotated[int, Field(ge=1, le=MOST_SECONDS)] = 60
    """How long a worker that says nothing may have it."""
    priority: Annotated[int, Field(ge=0, le=2)] = 0
    """The higher, the sooner."""
    max_retries: Annotated[int, Field(ge=0, le=25)] = 3
    """How often it is tried again by itself after a failure."""
    retries_delay: Seconds = 60
    """How long an automatic retry waits."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, given: Any) -> Any:
        return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else given

    @field_validator("payload", mode="after")
    @classmethod
    def _is_short_enough(cls, payload: str | None) -> str | None:
        if payload is not None and len(payload.encode()) > MOST_PAYLOAD:
            raise ValueError(f"must have at most {MOST_PAYLOAD} bytes in UTF-8")
        return payload


class NewJobs(BaseModel):
    """The body of `POST /jobs`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    jobs: Annotated[list[NewJob], Field(max_length=MOST_ITEMS)]

    @property
    def digest(self) -> str:
        """The same for every body that asks for the same jobs."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the engine holds of a job, sealed: a line of JSON, then the payload as it came.

    `request` is the digest of the request that made it, where it had an Idempotency-Key.
    """

    image: str | None = None
    delay: int = 0
    timeout: int = 60
    priority: int = 0
    retries_delay: int = 60
    request: str | None = None
    payload: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, job: NewJob, request: str | None = None) -> Self:
        """What is held of a new job."""
        return cls(
            image=job.image,
            delay=job.delay,
            timeout=job.timeout,
            priority=job.priority,
            retries_delay=job.retries_delay,
            request=request,
            payload=job.payload,
        )

    def encode(self) -> bytes:
        """As it is sealed."""
        head = {name: getattr(self, name) for name in HEAD} | {"has_payload": self.payload is not None}
        return to_json(head) + b"\n" + (self.payload or "").encode()

    @classmethod
    def decode(cls, plain: bytes) -> Self:
        """From what was sealed."""
        line, _, rest = plain.partition(b"\n")
        head = from_json(line)
        payload = rest.decode() if head.pop("has_payload") else None
        return cls(**head, payload=payload)


def parse(body: bytes) -> NewJobs:
    """The jobs that a body asks for.

    Raises:
        Refused: 400, with what is wrong and where; no value is quoted.
    """
    try:
        return NewJobs.model_validate(from_json(body, allow_inf_nan=False))
    except ValidationError as error:
        raise _invalid(error) from None
    except ValueError:
        raise bad_request("The body is no JSON.", "body") from None


def _invalid(error: ValidationError) -> Refused:
    faults = error.errors(include_url=False, include_input=False, include_context=False)[:MOST_FAULTS]
    named = [(".".join(map(str, fault["loc"])) or "body", fault["msg"]) for fault in faults]
    told = " ".join(f"{name}: {message}." for name, message in named)
    return bad_request(f"{SOME_INVALID} {told}", ", ".join(name for name, _ in named))


def enqueue_of(engine: Engine, job: NewJob, *, request: str | None = None, **facts: Any) -> Enqueue:
    """What the engine is asked for a job; `facts` are further ones of `Enqueue`."""
    again = timedelta(seconds=job.retries_delay)
    return Enqueue(
        queue=QUEUE,
        kind=KIND,
        payload=engine.seal(Work.of(job, request).encode()),
        most_payload=MOST_PAYLOAD + MOST_HEAD,
        priority=engine_priority(job.priority),
        delay=timedelta(seconds=job.delay),
        retries=job.max_retries,
        backoff=Backoff(base=again, factor=1, cap=again),
        lease=timedelta(seconds=job.timeout),
        fails_on_lost_lease=True,
        listed=(Listing.QUEUE,),
        **facts,
    )
