"""Reading: one job, or the newest of a state. Nothing here changes anything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Attempt, Job
from envoy_plugin.engine.states import State
from envoy_plugin.errors import JobNotFound

MOST_LISTED: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A job with its bytes, opened: `payload`, and the `outcome` of its latest attempt; None where there is none."""

    job: Job
    payload: bytes | None = field(repr=False)
    outcome: bytes | None = field(repr=False)


def text_of(found: bytes | str) -> str:
    """The client's types allow for both; ours answers bytes."""
    return found if isinstance(found, str) else found.decode()


def _facts(found: Mapping[bytes | str, bytes | str]) -> dict[str, str]:
    return {text_of(name): text_of(value) for name, value in found.items()}


def _opened(engine: Engine, found: bytes | str | None) -> bytes | None:
    return engine.open(found) if isinstance(found, bytes) else None


async def find_job(engine: Engine, job_id: str) -> Job:
    """The job as it stands.

    Raises:
        JobNotFound: there is none.
    """
    found = await load_jobs(engine, [job_id])
    if not found:
        raise JobNotFound(job_id)
    return found[0]


async def find_attempts(engine: Engine, job_id: str) -> list[Attempt]:
    """The records of the attempts before the latest, in order."""
    found = _facts(await engine.redis.hgetall(engine.keys.attempts(job_id)))
    return sorted((Attempt.parse(number, text) for number, text in found.items()), key=lambda attempt: attempt.number)


async def find_memo(engine: Engine, job_id: str, name: str) -> bytes | None:
    """What a `Note` kept under this memo name, opened; None: nothing."""
    return _opened(engine, await engine.redis.hget(engine.keys.blobs(job_id), f"once:{name}"))


async def find_record(engine: Engine, job_id: str, attempt: int) -> Record:
    """The job, its payload, and the outcome of an attempt, in one round trip.

    Raises:
        JobNotFound: there is none.
    """
    async with engine.redis.pipeline(transaction=False) as pipe:
        pipe.hgetall(engine.keys.job(job_id))
        pipe.get(engine.keys.payload(job_id))
        pipe.hget(engine.keys.blobs(job_id), f"outcome:{attempt}")
        found, payload, outcome = await pipe.execute()
    if not found:
        raise JobNotFound(job_id)
    return Record(
        job=Job.parse(job_id, _facts(found)),
        payload=_opened(engine, payload),
        outcome=_opened(engine, outcome),
    )


async def find_details(engine: Engine, job_id: str, attempt: int) -> bytes | None:
    """What a claim, a note or an end said of an attempt, opened; None: nothing, or it is gone."""
    [found] = await find_each_details(engine, [(job_id, attempt)])
    return found


async def find_each_details(engine: Engine, attempts: Sequence[tuple[str, int]]) -> list[bytes | None]:
    """The same of each of these attempts, by the job's id and its number, in one round trip."""
    async with engine.redis.pipeline(transaction=False) as pipe:
        for job_id, attempt in attempts:
            pipe.hget(engine.keys.blobs(job_id), f"details:{attempt}")
        return [_opened(engine, found) for found in await pipe.execute()]


async def find_blobs(engine: Engine, job_id: str) -> dict[str, str]:
    """The kept blobs of a job: what names each in Redis, by its name. `log:N` is the log of attempt N."""
    return _facts(await engine.redis.hgetall(engine.keys.refs(job_id)))


async def find_blob(engine: Engine, job_id: str, name: str) -> bytes | None:
    """A kept blob of a job, opened; None: there is none of this name, or it is gone."""
    ref = await engine.redis.hget(engine.keys.refs(job_id), name)
    return None if ref is None else _opened(engine, await engine.redis.get(engine.keys.blob(text_of(ref))))


async def find_log(engine: Engine, job_id: str, attempt: int) -> bytes | None:
    """The log of an attempt, opened; None: there is none, or it is gone."""
    return await find_blob(engine, job_id, f"log:{attempt}")


async def find_described(engine: Engine, ids: Sequence[str]) -> list[dict[str, bytes]]:
    """What is kept with these jobs, in the same order, as it was given; nothing for a job that there isn't."""
    async with engine.redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hgetall(engine.keys.described(job_id))
        answers = await pipe.execute()
    return [{text_of(name): content for name, content in found.items()} for found in answers]


async def list_jobs(engine: Engine, states: Iterable[State] = tuple(State), *, limit: int = 50) -> list[Job]:
    """The jobs in these states whose last change is newest, newest first; at most `limit`, at most 1,000.

    What it reads grows with `limit` and the number of queues, not with the number of jobs.
    """
    limit = min(limit, MOST_LISTED)
    indexes = await _indexes(engine, states)
    async with engine.redis.pipeline(transaction=False) as pipe:
        for index in indexes:
            pipe.zrange(index, 0, limit - 1, desc=True)
        ids = {text_of(job_id) for page in await pipe.execute() for job_id in page}
    jobs = await load_jobs(engine, sorted(ids))
    return sorted(jobs, key=lambda job: (job.changed, job.id), reverse=True)[:limit]


async def queues_of(engine: Engine) -> list[str]:
    """The queues that have held a job, in order."""
    return sorted(map(text_of, await engine.redis.smembers(engine.keys.queues)))


async def find_pauses(engine: Engine, queues: Sequence[str]) -> dict[str, bytes]:
    """Why each of these queues is paused, opened; those that aren't are left out."""
    keys = [engine.keys.paused(queue) for queue in queues]
    found = await engine.redis.mget(keys) if keys else []
    return {queue: engine.open(why) for queue, why in zip(queues, found, strict=True) if isinstance(why, bytes)}


async def _indexes(engine: Engine, states: Iterable[State]) -> list[str]:
    wanted = set(states)
    queues = await queues_of(engine) if State.AVAILABLE in wanted else []
    plain = [engine.keys.index(state) for state in sorted(wanted - {State.AVAILABLE})]
    return plain + [engine.keys.index(State.AVAILABLE, queue) for queue in queues]


async def load_jobs(engine: Engine, ids: Sequence[str]) -> list[Job]:
    """These jobs as they stand, in the same order, without those that there aren't; when running ones expire, too."""
    running = engine.keys.index(State.RUNNING)
    async with engine.redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hgetall(engine.keys.job(job_id))
            pipe.zscore(running, job_id)
        answers = await pipe.execute()
    pairs = zip(ids, answers[::2], answers[1::2], strict=True)
    return [Job.parse(job_id, _facts(facts), expires) for job_id, facts, expires in pairs if facts]


async def count_jobs(engine: Engine) -> dict[State, int]:
    """How many jobs there are in each state."""
    counts = dict.fromkeys(State, 0)
    queues = await engine.redis.smembers(engine.keys.queues)
    async with engine.redis.pipeline(transaction=False) as pipe:
        plain = [state for state in State if state is not State.AVAILABLE]
        for state in plain:
            pipe.zcard(engine.keys.index(state))
        for queue in queues:
            pipe.zcard(engine.keys.index(State.AVAILABLE, text_of(queue)))
        sizes = await pipe.execute()
    counts.update(zip(plain, sizes[: len(plain)], strict=True))
    counts[State.AVAILABLE] = sum(sizes[len(plain) :])
    return counts


async def find_holder(engine: Engine, key: str) -> str | None:
    """The id of the job that holds a unique key; None: none does any more, or none ever did."""
    return next(iter(await find_holders(engine, [key])), None)


async def find_holders(engine: Engine, keys: Sequence[str]) -> list[str]:
    """The ids of the jobs that hold these unique keys, in the same order, without those that none holds."""
    found = await engine.redis.mget([engine.keys.of("unique", key) for key in keys]) if keys else []
    return [text_of(job_id) for job_id in found if job_id is not None]
