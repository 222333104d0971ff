"""Jobs as clients see them: an attempt of the engine's is a job of Titan's, with an id of its own.

Source: Titan JobsApi 0.2.5, models `Job`, `JobWrapper`, `JobsWrapper`. Measured of its clients: a member that is null
breaks them, so that what there isn't is left out; numbers that are left out read as defaults, so that zeros are there.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final

from pydantic_core import from_json, to_json

from envoy_plugin.apis.titan.new_jobs import Work
from envoy_plugin.apis.titan.refusals import not_found
from envoy_plugin.apis.titan.words import KIND, QUEUE, STATUS, PublicId, timestamp, why
from envoy_plugin.engine.attempts import Life, find_lives
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.gathering import Gathering
from envoy_plugin.engine.states import State
from envoy_plugin.errors import SealError
from envoy_plugin.logs import get_logger

NOTHING_KEPT: Final = Work()
"""What is shown of a job whose payload is no longer kept: the defaults."""

MOST_KNOWN: Final = 100_000

log = get_logger(__name__)


def is_ours(life: Life) -> bool:
    """Whether a job of the engine's is one of this API's; to its clients there are no others."""
    return life.kind == KIND and life.queue == QUEUE


class Jobs:
    """The jobs of this API, as they are read: what is asked at the same time is asked together."""

    def __init__(self, engine: Engine) -> None:
        self._lives: Gathering[tuple[str, int], Life | None] = Gathering(partial(find_lives, engine))
        self._known: set[str] = set()

    async def find(self, job: PublicId) -> Life:
        """The job with this id.

        Raises:
            Refused: 404, there is none.
        """
        found = await self._lives.ask((job.job, job.attempt))
        if found is None or not is_ours(found):
            raise not_found()
        self.know(job.job)
        return found

    def know(self, job_id: str) -> None:
        """Remember that a job of the engine's is one of this API's: what a job is for never changes."""
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known.add(job_id)

    async def check_ours(self, job: PublicId) -> None:
        """Make sure that a verb which names this job reaches one of this API's, or none.

        Raises:
            Refused: 404, it doesn't.
        """
        if job.job not in self._known:
            await self.find(job)


async def find_all(engine: Engine, jobs: Sequence[PublicId]) -> list[Life]:
    """The jobs with these ids, in the same order, without those that there aren't."""
    found = await find_lives(engine, [(job.job, job.attempt) for job in jobs])
    return [life for life in found if life is not None and is_ours(life)]


def one(engine: Engine, life: Life) -> dict[str, Any]:
    """A `JobWrapper`."""
    return {"job": body_of(engine, life)}


def several(engine: Engine, lives: Iterable[Life], cursor: str | None = None) -> dict[str, Any]:
    """A `JobsWrapper`; `cursor` is where the next page begins."""
    jobs = [body_of(engine, life) for life in lives]
    return {"jobs": jobs} if cursor is None else {"jobs": jobs, "cursor": cursor}


def body_of(engine: Engine, life: Life) -> dict[str, Any]:
    """A `Job`."""
    work, reason = work_of(engine, life), why(life.state, life.reason)
    job_id, number = life.job_id, life.number
    told = {
        "id": str(PublicId(job_id, number)),
        "status": STATUS[life.state],
        "image": work.image,
        "image_id": work.image,
        "payload": work.payload,
        "delay": work.delay,
        "timeout": work.timeout,
        "priority": work.priority,
        "max_retries": life.retries_left,
        "retries_delay": work.retries_delay,
        "created_at": timestamp(life.created),
        "started_at": life.started and timestamp(life.started),
        "completed_at": life.ended and timestamp(life.ended),
        "reason": reason,
        "retry_of": None if number == 1 else str(PublicId(job_id, number - 1)),
        "retry_id": None if life.is_latest else str(PublicId(job_id, number + 1)),
        "details": _details(engine, life) if reason else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def work_of(engine: Engine, life: Life) -> Work:
    """What was sealed with a job; the defaults, where it is gone or no key of ours opens it."""
    opened = _opened(engine, life.payload, life.job_id)
    return NOTHING_KEPT if opened is None else Work.decode(opened)


def encode_details(details: str) -> bytes:
    """What is said of an end, as it is sealed. Never empty: that it is there tells that somebody has ended the job."""
    return to_json(details)


def ended_without_log(life: Life) -> bool:
    """Whether a worker has ended this job and sent an empty log, or none; not where a log is no longer kept."""
    by_worker = life.state is State.SUCCEEDED or (life.state is State.FAILED and life.details is not None)
    return by_worker and life.payload is not None


def _details(engine: Engine, life: Life) -> str | None:
    opened = _opened(engine, life.details, life.job_id)
    return from_json(opened) if opened else None


def _opened(engine: Engine, sealed: bytes | None, job_id: str) -> bytes | None:
    if sealed is None:
        return None
    try:
        return engine.open(sealed)
    except SealError:
        log.warning("titan.unreadable", job=job_id)
        return None
