"""Reading attempts: of one job or of many, each with all that belongs to it, in one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Attempt, Job
from envoy_plugin.engine.queries import text_of
from envoy_plugin.engine.states import WAITING, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One attempt of `job`, whether it is the latest or not. `ended` is None while it isn't over.

    `payload` and `details` are sealed; `Engine.open` opens them. None: there are none, or they are gone.
    """

    job: Job
    number: int
    state: State
    reason: str | None
    retries_left: int
    created: datetime
    started: datetime | None
    ended: datetime | None
    payload: bytes | None = field(repr=False)
    details: bytes | None = field(repr=False)

    @property
    def is_latest(self) -> bool:
        """Whether no other attempt followed."""
        return self.number == self.job.attempt

    @classmethod
    def of_latest(cls, job: Job, payload: bytes | None, details: bytes | None = None) -> Self:
        """The latest attempt, which the job itself tells of."""
        return cls(
            job=job,
            number=job.attempt,
            state=job.state,
            reason=job.reason,
            retries_left=job.retries_left,
            created=job.created,
            started=None if job.state in WAITING else job.started,
            ended=job.changed if job.state.ended else None,
            payload=payload,
            details=details,
        )

    @classmethod
    def of_record(cls, job: Job, record: Attempt, payload: bytes | None, details: bytes | None) -> Self:
        """An earlier one, of which there is a record."""
        return cls(
            job=job,
            number=record.number,
            state=record.state,
            reason=record.reason,
            retries_left=record.retries_left,
            created=record.created,
            started=record.started,
            ended=record.ended,
            payload=payload,
            details=details,
        )


async def find_lives(engine: Engine, attempts: Sequence[tuple[str, int]]) -> list[Life | None]:
    """These attempts, each a job's id and a number, in the same order; None where there is none, or it was deleted."""
    keys = engine.keys
    async with engine.redis.pipeline(transaction=False) as pipe:
        for job_id, number in attempts:
            pipe.hgetall(keys.job(job_id))
            pipe.hget(keys.attempts(job_id), str(number))
            pipe.get(keys.payload(job_id))
            pipe.hget(keys.blobs(job_id), f"details:{number}")
        answers = await pipe.execute()
    rows = zip(*[iter(answers)] * 4, strict=True)
    return [_life(job_id, number, *row) for (job_id, number), row in zip(attempts, rows, strict=True)]


def _life(
    job_id: str,
    number: int,
    facts: dict[bytes, bytes],
    record: bytes | None,
    payload: bytes | None,
    details: bytes | None,
) -> Life | None:
    if not facts:
        return None
    job = Job.parse(job_id, {text_of(name): text_of(value) for name, value in facts.items()})
    if number == job.attempt:
        return None if job.deleted else Life.of_latest(job, payload, details)
    return Life.of_record(job, Attempt.parse(str(number), record.decode()), payload, details) if record else None
