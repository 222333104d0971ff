"""Jobs, as operators know them: a document for one thing or several. In the engine, an envelope around executions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Self

from pydantic_core import from_json, to_json

from envoy_plugin.apis.iot_jobs.executions import KIND as EXECUTION
from envoy_plugin.apis.iot_jobs.executions import key_of_execution, key_of_job
from envoy_plugin.apis.iot_jobs.refusals import no_job
from envoy_plugin.apis.iot_jobs.registry import NO_INSTALL, Thing
from envoy_plugin.apis.iot_jobs.words import JobStatus
from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.listings import Filter, every_job
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import find_holder, find_record, load_jobs
from envoy_plugin.engine.retries import Backoff
from envoy_plugin.engine.states import CLOSING, Reason, State
from envoy_plugin.engine.verbs import Cancel, Enqueue, Listing, Policy, Unique
from envoy_plugin.errors import CallRefused, EngineError

KIND: Final = "fleet"
AT_ONCE: Final = Backoff(base=timedelta(), factor=1, cap=timedelta())


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a job is: which document for which things, how long an execution may take, how often it is tried again.

    `retries` is a number for every kind of failure, or numbers by the engine's reasons.
    """

    job_id: str
    document: str = field(repr=False)
    things: Sequence[str]
    description: str = field(default="", repr=False)
    limit: timedelta | None = None
    retries: int | Mapping[str, int] = 0

    def encode(self) -> bytes:
        """As it is kept with the envelope."""
        seconds = None if self.limit is None else self.limit.total_seconds()
        told = {"document": self.document, "things": list(self.things), "description": self.description}
        return to_json({**told, "limit": seconds, "retries": self.retries})

    @classmethod
    def parse(cls, job_id: str, text: bytes) -> Self:
        """What `encode` wrote."""
        told = from_json(text)
        seconds = told.pop("limit")
        return cls(job_id=job_id, limit=None if seconds is None else timedelta(seconds=seconds), **told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Where work for things is: `id` is what other work can wait for. `created` is False where it was there already."""

    id: str
    job_id: str
    created: bool


def status_of(envelope: Job) -> JobStatus:
    """The status of a job: it is COMPLETED as soon as all of its executions are over."""
    if envelope.state is State.CANCELLED or CLOSING in envelope.gates.holds:
        return JobStatus.CANCELED
    return JobStatus.IN_PROGRESS if envelope.alive else JobStatus.COMPLETED


async def create_fleet(
    engine: Engine,
    plan: Plan,
    things: Sequence[Thing],
    *,
    install: str | None = None,
    after: Mapping[str, Policy] | None = None,
) -> Sent:
    """Give out a plan: in one call, or not at all. A job of this id that is there already stays as it is.

    `Sent.id` is the execution's where there is one thing, else the envelope's. It is `install`'s work, or that of the
    things' own installs. `things` were looked up a moment ago: what is for one that is gone by now ends at once.

    Raises:
        EngineError: one of the jobs in `after` doesn't exist.
    """
    installs = [install or thing.install for thing in things]
    envelope = _envelope(engine, plan, install=installs[0] if len(set(installs)) == 1 else NO_INSTALL)
    children = [
        _execution(engine, plan, thing, install=its, parent=envelope.id, after=after or {})
        for thing, its in zip(things, installs, strict=True)
    ]
    try:
        made = await engine.call([envelope, *children])
    except CallRefused as refused:
        known = await find_holder(engine, key_of_job(plan.job_id))
        if known is None:
            raise _first(refused) from None
        return Sent(id=known, job_id=plan.job_id, created=False)  # it is for other things: of these, none was added
    await _end_of_deleted(engine, things, [child.id for child in made[1:]])
    return Sent(id=made[-1].id if len(things) == 1 else made[0].id, job_id=plan.job_id, created=made[0].created)


async def _end_of_deleted(engine: Engine, things: Sequence[Thing], executions: Sequence[str]) -> None:
    """Remove the work of things that were deleted after they had been looked up: nobody else would."""
    found = await engine.redis.zmscore(engine.keys.things, [thing.name for thing in things])
    left = [execution for execution, score in zip(executions, found, strict=True) if score is None]
    if left:
        await engine.call([Cancel(id=execution, reason=Reason.REMOVED) for execution in left], Mode.EACH)


async def find_fleet(engine: Engine, job_id: str) -> Job:
    """The envelope of a job.

    Raises:
        ThingRefused: there is no such job.
    """
    holder = await find_holder(engine, key_of_job(job_id))
    jobs = await load_jobs(engine, [holder] if holder else [])
    if not jobs or jobs[0].kind != KIND or jobs[0].deleted:
        raise no_job(job_id)
    return jobs[0]


async def find_plan(engine: Engine, envelope: Job) -> Plan | None:
    """What a job is; None once that is gone, a day after the job's end."""
    payload = (await find_record(engine, envelope.id, envelope.attempt)).payload
    return None if payload is None else Plan.parse(id_of(envelope), payload)


async def find_children(engine: Engine, envelope_id: str, *states: State) -> list[Job]:
    """The executions of a job, in these states or all, in the order in which they were made."""
    wanted = Filter(parent=envelope_id, states=frozenset(states or State))
    return sorted([job async for job in every_job(engine, wanted)], key=lambda job: job.id)


def id_of(envelope: Job) -> str:
    """The id of a job that its operator gave it."""
    return (envelope.unique or "").partition(":")[2]


def _envelope(engine: Engine, plan: Plan, *, install: str) -> Enqueue:
    return Enqueue(
        queue=KIND,
        kind=KIND,
        envelope=True,
        closes=True,
        payload=engine.seal(plan.encode()),
        install=install,
        unique=Unique(key=key_of_job(plan.job_id), kept=True),
        listed=(Listing.KIND,),
    )


def _execution(
    engine: Engine, plan: Plan, thing: Thing, *, install: str, parent: str, after: Mapping[str, Policy]
) -> Enqueue:
    return Enqueue(
        queue=thing.queue,
        kind=EXECUTION,
        parent=parent,
        payload=engine.seal(plan.document.encode()),
        install=install,
        limit=plan.limit,
        fails_on_lost_lease=True,
        retries=plan.retries,
        backoff=AT_ONCE,
        unique=Unique(key=key_of_execution(plan.job_id, thing.name), kept=True),
        skippable=True,
        after=after,
        listed=(Listing.QUEUE, Listing.PARENT),
    )


def _first(refused: CallRefused) -> EngineError:
    return next(iter(refused.refusals.values()))
