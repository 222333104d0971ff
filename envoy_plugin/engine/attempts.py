"""Reading attempts: many at once, each with all that belongs to it, in one round trip.

Only what tells of an attempt is read of a job's facts: a history of a hundred rows costs nothing here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Self

from envoy_plugin.engine.clock import moment
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Attempt, Claimed
from envoy_plugin.engine.side_scripts import run_side_script
from envoy_plugin.engine.states import WAITING, State


class Facts(NamedTuple):
    """What `read_jobs.lua` tells of a job's latest attempt, in its order; times in ms."""

    state: bytes
    queue: bytes
    kind: bytes
    attempt: bytes | None
    claim: bytes | None
    more: bytes | None
    reason: bytes | None
    left: bytes
    created: bytes
    started: bytes | None
    moved: bytes
    """When it came into its state."""

    @property
    def number(self) -> int:
        """The latest attempt's."""
        return int(self.attempt or 1)


class Life(NamedTuple):
    """One attempt of a job, whether it is the `latest` or not. `ended` is None while it isn't over.

    `payload` and `details` are sealed; `Engine.open` opens them. None: there are none, or they are gone.

    A tuple, since many are made: a frozen dataclass of so many fields takes several times as long.
    """

    job_id: str
    queue: str
    kind: str
    number: int
    latest: int
    state: State
    reason: str | None
    retries_left: int
    created: datetime
    started: datetime | None
    ended: datetime | None
    payload: bytes | None
    details: bytes | None

    def __repr__(self) -> str:
        return f"Life({self.job_id!r}, {self.number})"

    @property
    def is_latest(self) -> bool:
        """Whether no other attempt followed."""
        return self.number == self.latest

    @classmethod
    def of_latest(cls, job_id: str, facts: Facts, payload: bytes | None, details: bytes | None = None) -> Self:
        """The latest attempt, which the facts of the job tell of."""
        state, number = State(facts.state.decode()), facts.number
        return cls(
            job_id=job_id,
            queue=facts.queue.decode(),
            kind=facts.kind.decode(),
            number=number,
            latest=number,
            state=state,
            reason=_word(facts.reason),
            retries_left=int(facts.left),
            created=moment(int(facts.created)),
            started=None if state in WAITING else _moment(facts.started),
            ended=moment(int(facts.moved)) if state.ended else None,
            payload=payload,
            details=details,
        )

    @classmethod
    def of_record(
        cls, job_id: str, facts: Facts, record: Attempt, payload: bytes | None, details: bytes | None
    ) -> Self:
        """An earlier one, of which there is a record."""
        return cls(
            job_id=job_id,
            queue=facts.queue.decode(),
            kind=facts.kind.decode(),
            number=record.number,
            latest=facts.number,
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
    """These attempts, each a job's id and a number, in the same order; None where there is none, or it was deleted.

    What few attempts have, a record of their own or details, is asked for in a second round trip, where one may.
    """
    if not attempts:
        return []
    facts, payloads = await _read(engine, [job_id for job_id, _ in attempts], with_payloads=True)
    rare = await _find_rare(
        engine, [one for one, own in zip(attempts, facts, strict=True) if _may_be_rare(one[1], own)]
    )
    rows = zip(attempts, facts, payloads, strict=True)
    return [_life(*one, own, payload, *rare.get(one, (None, None))) for one, own, payload in rows]


async def _read(
    engine: Engine, ids: Sequence[str], *, with_payloads: bool
) -> tuple[list[Facts | None], list[bytes | None]]:
    """The facts of jobs, None where there is none, and their payloads."""
    keys = [engine.keys.job(job_id) for job_id in ids]
    if with_payloads:
        keys += [engine.keys.payload(job_id) for job_id in ids]
    *answers, payloads = await run_side_script(engine.redis, "read_jobs", keys, [len(ids)])
    return [answer and Facts._make(answer) for answer in answers], payloads


def _may_be_rare(number: int, facts: Facts | None) -> bool:
    return facts is not None and (number != facts.number or b"b" in (facts.more or b""))


async def _find_rare(
    engine: Engine, attempts: Sequence[tuple[str, int]]
) -> Mapping[tuple[str, int], tuple[bytes | None, bytes | None]]:
    """Details and record of each of these."""
    if not attempts:
        return {}
    async with engine.redis.pipeline(transaction=False) as pipe:
        for job_id, number in attempts:
            pipe.hget(engine.keys.blobs(job_id), f"details:{number}")
            pipe.hget(engine.keys.attempts(job_id), str(number))
        answers = await pipe.execute()
    return dict(zip(attempts, zip(answers[::2], answers[1::2], strict=True), strict=True))


async def find_held(engine: Engine, held: Sequence[Claimed]) -> list[Life | None]:
    """What was just claimed, in the same order; None for what has timed out or ended in the meantime."""
    answers, _ = await _read(engine, [one.id for one in held], with_payloads=False)
    return [
        Life.of_latest(one.id, facts, one.payload) if facts and _is_held(facts, one) else None
        for one, facts in zip(held, answers, strict=True)
    ]


def _life(
    job_id: str, number: int, facts: Facts | None, payload: bytes | None, details: bytes | None, record: bytes | None
) -> Life | None:
    if facts is None:
        return None
    if number == facts.number:
        return None if b"x" in (facts.more or b"") else Life.of_latest(job_id, facts, payload, details)
    if record is None:
        return None
    return Life.of_record(job_id, facts, Attempt.parse(str(number), record.decode()), payload, details)


def _is_held(facts: Facts, held: Claimed) -> bool:
    """Whether a job is still in the hands that have just taken it: its next attempt would be somebody else's."""
    is_running = facts.state == State.RUNNING.value.encode()
    return is_running and (facts.number, int(facts.claim or 0)) == (held.attempt, held.claim)


def _word(found: bytes | None) -> str | None:
    return None if found in {None, b"", b"-"} else str(found, "utf-8")


def _moment(found: bytes | None) -> datetime | None:
    return None if found in {None, b"", b"-"} else moment(int(found))
