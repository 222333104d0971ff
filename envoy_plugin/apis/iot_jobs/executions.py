"""Executions, as devices know them: an attempt of an engine's job in the queue of a thing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Self

from pydantic_core import from_json, to_json

from envoy_plugin.apis.iot_jobs.refusals import no_execution
from envoy_plugin.apis.iot_jobs.registry import queue_of, words
from envoy_plugin.apis.iot_jobs.words import Status, status_of
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Attempt, Job
from envoy_plugin.engine.queries import find_attempts, find_details, find_each_details, load_jobs
from envoy_plugin.engine.standing import Standing, find_holder_standing, find_standing
from envoy_plugin.engine.states import State

KIND: Final = "device"
UNSEEN: Final = frozenset({State.BLOCKED, State.SCHEDULED})
"""Waits for something else than its device, which doesn't see it yet."""


def key_of_job(job_id: str) -> str:
    """The unique key of a job: its envelope holds it."""
    return f"iot:{job_id}"


def key_of_execution(job_id: str, thing: str) -> str:
    """The unique key of a job's execution on a thing. No job's id has a colon in it."""
    return f"iot:{job_id}:{thing}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One try of a job on a thing. `number` counts the tries, `version` what has happened to this one.

    `read_at` is when it was read, by the engine's clock, and `document` the job's, where they were asked for.
    """

    id: str
    fleet: str
    job_id: str
    thing: str
    number: int
    version: int
    state: State
    status: Status
    queued_at: datetime
    started_at: datetime | None
    updated_at: datetime
    expires: datetime | None = None
    read_at: datetime | None = None
    details: Mapping[str, str] | None = field(default=None, repr=False)
    document: str | None = field(default=None, repr=False)

    @property
    def seen(self) -> bool:
        """Whether it is there for its device."""
        return self.state not in UNSEEN

    @property
    def force_canceled(self) -> bool:
        """Whether it was canceled while it was IN_PROGRESS, which takes force."""
        return self.status is Status.CANCELED and self.started_at is not None

    @classmethod
    def of(cls, job: Job) -> Self:
        """The latest one of an engine's job, without its details."""
        _, job_id, thing = (job.unique or "").split(":", 2)
        return cls(
            id=job.id,
            fleet=job.parent or "",
            job_id=job_id,
            thing=thing,
            number=job.attempt,
            version=job.revision,
            state=job.state,
            status=status_of(job.state, job.reason),
            queued_at=job.created,
            started_at=job.started,
            updated_at=job.changed,
            expires=job.expires,
        )

    def earlier(self, attempt: Attempt) -> Self:
        """An earlier one of the same job on the same thing."""
        return replace(
            self,
            number=attempt.number,
            version=attempt.revision,
            state=attempt.state,
            status=status_of(attempt.state, attempt.reason),
            queued_at=attempt.created,
            started_at=attempt.started,
            updated_at=attempt.ended,
            expires=None,
        )


async def find_execution(
    engine: Engine, thing: str, job_id: str, number: int | None = None, *, document: bool = False
) -> Execution:
    """The execution of a job on a thing with this number; None: the latest.

    Raises:
        ThingRefused: there is none.
    """
    standing = await find_holder_standing(engine, key_of_execution(job_id, thing), payload=document)
    found = None if standing is None else await _execution(engine, standing, number)
    if found is None:
        raise no_execution(job_id, thing)
    return found


async def load_execution(engine: Engine, id: str, *, document: bool = False) -> Execution | None:  # noqa: A002 - as the verbs call it
    """The latest execution that an engine's job is; None: there is none, or it was deleted."""
    standing = await find_standing(engine, id, payload=document)
    return None if standing is None else await _execution(engine, standing, None)


async def read_executions(engine: Engine, jobs: Sequence[Job]) -> list[Execution]:
    """The latest executions that these jobs of the engine are, without those that were deleted."""
    found = [Execution.of(job) for job in jobs if not job.deleted]
    told = await find_each_details(engine, [(execution.id, execution.number) for execution in found])
    return [replace(one, details=_read_details(said)) for one, said in zip(found, told, strict=True)]


def _read_details(said: bytes | None) -> Mapping[str, str] | None:
    return None if said is None else from_json(said)


async def _execution(engine: Engine, standing: Standing, number: int | None) -> Execution | None:
    job, details = standing.job, standing.details
    if job.kind != KIND:
        return None
    found = Execution.of(job)
    if number is not None and number != found.number:
        attempts = {attempt.number: attempt for attempt in await find_attempts(engine, job.id)}
        if number not in attempts:
            return None
        found, details = found.earlier(attempts[number]), await find_details(engine, job.id, number)
    elif job.deleted:
        return None
    return replace(
        found,
        read_at=standing.at,
        details=_read_details(details),
        document=None if standing.payload is None else standing.payload.decode(),
    )


async def find_pending(engine: Engine, thing: str, most: int) -> list[Execution]:
    """What a thing has to do: first what is IN_PROGRESS, then what is QUEUED, each in the order of creation."""
    async with engine.redis.pipeline(transaction=True) as pipe:  # at one moment: what is just started is in one of them
        for state in (State.RUNNING, State.AVAILABLE):
            pipe.zrange(engine.keys.index(state, queue_of(thing)), 0, most - 1)
        running, queued = await pipe.execute()
    ids = words((*running, *queued))[:most]
    jobs = [job for job in await load_jobs(engine, ids) if job.kind == KIND]
    seen = [Execution.of(job) for job in jobs if job.state in {State.RUNNING, State.AVAILABLE}]
    return sorted(seen, key=lambda execution: execution.status is Status.QUEUED)


def encode_details(engine: Engine, details: Mapping[str, str] | None) -> bytes:
    """Details as verbs take them; nothing where they stay as they are."""
    return b"" if details is None else engine.seal(to_json(details))
