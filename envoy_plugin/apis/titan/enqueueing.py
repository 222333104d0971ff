"""Making jobs of a request: all of them in one call, and once, however often the request comes.

A request with an Idempotency-Key gives each of its jobs a unique key. The engine is also asked to expect the first of
them: it isn't there where somebody else's holds that key, and then nothing at all is made.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from envoy_plugin.apis.titan.jobs import work_of
from envoy_plugin.apis.titan.new_jobs import NewJobs, enqueue_of
from envoy_plugin.apis.titan.parameters import IDEMPOTENCY_KEY
from envoy_plugin.apis.titan.refusals import Refused, bad_request, unavailable
from envoy_plugin.apis.titan.words import PublicId
from envoy_plugin.engine.attempts import find_lives
from envoy_plugin.engine.engine import MOST_ITEMS, Engine
from envoy_plugin.engine.queries import find_holder, find_holders
from envoy_plugin.engine.verbs import Expect, Unique
from envoy_plugin.errors import CallRefused

SAME_FOR: Final = timedelta(hours=24)
MOST_WITH_KEY: Final = MOST_ITEMS - 1
TRIES: Final = 2


async def enqueue(engine: Engine, wanted: NewJobs, key: str | None) -> list[PublicId]:
    """Make these jobs, all of them or none; with a `key` that a request like this one had, find that one's.

    Raises:
        Refused: 400, too many jobs for a key; 422, the key was another request's.
    """
    if key is None:
        verbs = [enqueue_of(engine, job) for job in wanted.jobs]
        return [PublicId(made.id, 1) for made in await engine.call(verbs)] if verbs else []
    if len(wanted.jobs) > MOST_WITH_KEY:
        raise bad_request(f"With an {IDEMPOTENCY_KEY} a request has at most {MOST_WITH_KEY} jobs.", "jobs")
    return await _enqueue_once(engine, wanted, key)


async def _enqueue_once(engine: Engine, wanted: NewJobs, key: str) -> list[PublicId]:
    names = [f"titan:{hashlib.sha256(key.encode()).hexdigest()}:{at}" for at in range(max(1, len(wanted.jobs)))]
    for _ in range(TRIES):
        made = await _make(engine, wanted, names)
        if made is None:
            made = await _find_made(engine, wanted.digest, names)
        if made is not None:
            return made
    raise unavailable()


async def _make(engine: Engine, wanted: NewJobs, names: Sequence[str]) -> list[PublicId] | None:
    """The new jobs; None: the key is held."""
    until = datetime.now(UTC) + SAME_FOR
    verbs = [
        enqueue_of(engine, job, request=wanted.digest, unique=Unique(key=name, until=until))
        for job, name in zip(wanted.jobs, names, strict=False)
    ]
    if not verbs:
        return []
    try:
        *answers, _ = await engine.call([*verbs, Expect(id=verbs[0].id)])
    except CallRefused:
        return None
    return [PublicId(made.id, 1) for made in answers]


async def _find_made(engine: Engine, digest: str, names: Sequence[str]) -> list[PublicId] | None:
    """What the request that holds the key has made; None: nobody holds it any more."""
    holder = await find_holder(engine, names[0])
    [first] = await find_lives(engine, [(holder, 1)]) if holder else [None]
    if first is None:
        return None
    if first.payload is not None and work_of(engine, first).request != digest:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"This {IDEMPOTENCY_KEY} came with another body.", fields=IDEMPOTENCY_KEY
        )
    return [PublicId(job_id, 1) for job_id in await find_holders(engine, names)]
