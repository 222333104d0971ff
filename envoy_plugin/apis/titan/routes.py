"""The operations: from a request to one call of the engine, and from its answer to what a client of Titan's expects.

What each may be asked and may answer is in `operations`; what a refusal looks like, in `refusals`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from aiohttp import web
from pydantic_core import to_json

from envoy_plugin.apis.titan import jobs, operations, parameters
from envoy_plugin.apis.titan.access import Access
from envoy_plugin.apis.titan.bodies import MOST_DETAILS, MULTIPART, read_details, read_form, read_json
from envoy_plugin.apis.titan.consuming import Consumer
from envoy_plugin.apis.titan.ending import End
from envoy_plugin.apis.titan.enqueueing import enqueue
from envoy_plugin.apis.titan.jobs import Jobs
from envoy_plugin.apis.titan.new_jobs import parse
from envoy_plugin.apis.titan.refusals import SAFE_HEADERS, Refused, bad_request, not_found, of_engine
from envoy_plugin.apis.titan.words import ENGINE_REASON, FAILURES, KIND, QUEUE, PublicId, Why, states_of
from envoy_plugin.engine.attempts import Life
from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.gathering import Gathering
from envoy_plugin.engine.listings import Filter, find_jobs
from envoy_plugin.engine.queries import find_log
from envoy_plugin.engine.verbs import Cancel, Delete, Fail, Note, Retry, Succeed, Touch, Verb
from envoy_plugin.errors import BadCursor, EngineError
from envoy_plugin.request_bodies import media_type

HEADERS: Final = SAFE_HEADERS | {"Content-Type": "application/json"}
MOST_LOG: Final = 1024 * 1024
"""In bytes: of a longer log the end is kept."""
MOST_PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TitanApi:
    """What the operations work with: one per process."""

    engine: Engine
    batcher: Batcher
    consumer: Consumer
    jobs: Jobs
    ends: Gathering[End, Life | EngineError]
    access: Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that its sender may make; `who` sent it."""

    api: TitanApi
    request: web.Request
    who: str

    @property
    def engine(self) -> Engine:
        """Where the jobs are."""
        return self.api.engine

    def named(self) -> PublicId:
        """The job that the path names, whether there is one or not.

        Raises:
            Refused: 404, no id of ours looks like this.
        """
        found = PublicId.parse(self.request.match_info["id"])
        if found is None:
            raise not_found()
        return found

    async def job(self) -> PublicId:
        """The same, of a job that there is, and that is one of this API's.

        Raises:
            Refused: 404.
        """
        found = self.named()
        await self.api.jobs.check_ours(found)
        return found


Handler: TypeAlias = Callable[[Asked], Awaitable[web.Response]]


def _json(body: object, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(status=status, body=to_json(body), headers=HEADERS)


def _empty() -> web.Response:
    """200 without a body. The type is there for clients that look for a decoder before they look for a body."""
    return web.Response(headers=HEADERS)


async def _answer(asked: Asked, job: PublicId) -> web.Response:
    return _json(jobs.one(asked.engine, await asked.api.jobs.find(job)))


async def _act(asked: Asked, job: PublicId, message: str, *verbs: Verb[Any]) -> Any:
    """Call the engine, and answer what the first verb answers. A verb that is alone may share a call with others.

    Raises:
        Refused: 404, or 409 with `message`.
    """
    first, *more = verbs
    try:
        return (await asked.engine.call(verbs))[0] if more else await asked.api.batcher.run(first)
    except EngineError as error:
        raise of_engine(error, job, message) from None


async def _end(asked: Asked, end: End, message: str, *, has_status: bool = True) -> web.Response:
    """End a job, and answer it as it is then.

    Raises:
        Refused: 404, or 409 with `message`.
    """
    ended = await asked.api.ends.ask(end)
    if isinstance(ended, EngineError):
        raise of_engine(ended, end.job, message, has_status=has_status)
    return _json(jobs.one(asked.engine, ended))


async def _jobs_post(asked: Asked) -> web.Response:
    key = parameters.idempotency_key(asked.request)
    made = await enqueue(asked.engine, parse(await read_json(asked.request)), key)
    return _json(jobs.several(asked.engine, await jobs.find_all(asked.engine, made)), HTTPStatus.CREATED)


async def _jobs_get(asked: Asked) -> web.Response:
    request = asked.request
    limit = parameters.count(request, parameters.LISTED)
    states = states_of(parameters.statuses(request))
    wanted = Filter(states=states, queue=QUEUE, kind=KIND, created_after=parameters.created_after(request))
    try:
        page = await find_jobs(asked.engine, wanted, cursor=parameters.cursor(request), limit=min(limit, MOST_PAGE))
    except BadCursor:
        raise parameters.no_cursor() from None
    found = await jobs.find_all(asked.engine, [PublicId(job.id, job.attempt) for job in page.jobs])
    return _json(jobs.several(asked.engine, found, page.cursor))


async def _jobs_consume_get(asked: Asked) -> web.Response:
    request = asked.request
    n = min(parameters.count(request, parameters.CONSUMED), MOST_PAGE)
    taken = await asked.api.consumer.take(
        n, asked.who, wait=parameters.wait(request), has_left=lambda: request.transport is None
    )
    for life in taken:
        asked.api.jobs.know(life.job_id)
    return _json(jobs.several(asked.engine, taken))


async def _job_get(asked: Asked) -> web.Response:
    return await _answer(asked, asked.named())


async def _job_delete(asked: Asked) -> web.Response:
    try:
        job = await asked.job()
        await _act(asked, job, operations.NOT_DELETABLE, Delete(id=job.job, attempt=job.attempt))
    except Refused as refused:
        if refused.status != HTTPStatus.NOT_FOUND:
            raise
    return _empty()


async def _job_cancel(asked: Asked) -> web.Response:
    job, details = await asked.job(), await read_details(asked.request)
    reason = ENGINE_REASON[Why.CLIENT_REQUEST]
    cancel = Cancel(id=job.job, attempt=job.attempt, reason=reason, details=_sealed(asked, details))
    return await _end(asked, End(job=job, verb=lambda _: cancel), operations.NOT_CANCELLABLE, has_status=False)


async def _job_success(asked: Asked) -> web.Response:
    job, form = await asked.job(), await read_form(asked.request)
    end = End(job=job, verb=lambda log: Succeed(id=job.job, attempt=job.attempt, log=log), log=_log(form))
    return await _end(asked, end, operations.NOT_RUNNING)


async def _job_fail(asked: Asked) -> web.Response:
    job, form = await asked.job(), await read_form(asked.request)
    reason, text = ENGINE_REASON[_reason(form)], form.get("details", b"")
    if len(text) > MOST_DETAILS:
        raise bad_request(f"details must have at most {MOST_DETAILS} bytes.", "details")
    details = _sealed(asked, text.decode(errors="replace"))
    end = End(
        job=job,
        verb=lambda log: Fail(id=job.job, attempt=job.attempt, reason=reason, details=details, log=log),
        log=_log(form),
    )
    return await _end(asked, end, operations.NOT_RUNNING)


async def _job_touch(asked: Asked) -> web.Response:
    job = await asked.job()
    verbs: list[Verb[Any]] = [Touch(id=job.job, attempt=job.attempt)]
    form = await read_form(asked.request) if media_type(asked.request) == MULTIPART else {}
    if log := _log(form):
        verbs.append(Note(id=job.job, attempt=job.attempt, blob=await asked.engine.store_blob(log)))
    await _act(asked, job, operations.NOT_TOUCHABLE, *verbs)
    return _empty()


async def _job_retry(asked: Asked) -> web.Response:
    job = await asked.job()
    _, attempt = await _act(asked, job, operations.NOT_RETRYABLE, Retry(id=job.job, attempt=job.attempt))
    return await _answer(asked, PublicId(job.job, attempt))


async def _job_log(asked: Asked) -> web.Response:
    job = asked.named()
    life = await asked.api.jobs.find(job)
    log = await find_log(asked.engine, job.job, job.attempt)
    if log is None and not life.state.ended:
        raise Refused(HTTPStatus.PRECONDITION_REQUIRED, operations.NOT_FINISHED)
    if log is None and not jobs.ended_without_log(life):
        raise not_found()
    headers = {"Content-Type": "text/plain; charset=utf-8", "Content-Disposition": f'attachment; filename="{job}.log"'}
    return web.Response(body=log or b"", headers=SAFE_HEADERS | headers)


def _sealed(asked: Asked, details: str) -> bytes:
    return asked.engine.seal(jobs.encode_details(details))


def _reason(form: Mapping[str, bytes]) -> Why:
    """Why a worker says that it failed; left out or empty, as clients of the time send it: `bad_exit`."""
    text = form.get("reason", b"").decode(errors="replace") or Why.BAD_EXIT
    if text not in FAILURES:
        raise bad_request(f"reason must be one of: {', '.join(FAILURES)}.", "reason")
    return Why(text)


def _log(form: Mapping[str, bytes]) -> bytes:
    """The log of a form, or its end; empty: it has none."""
    return form.get("log", b"")[-MOST_LOG:]


HANDLERS: Final[Mapping[str, Handler]] = {
    "jobsPost": _jobs_post,
    "jobsGet": _jobs_get,
    "jobsConsumeGet": _jobs_consume_get,
    "jobIdGet": _job_get,
    "jobIdDelete": _job_delete,
    "jobIdCancelPost": _job_cancel,
    "jobIdSuccessPost": _job_success,
    "jobIdFailPost": _job_fail,
    "jobIdTouchPost": _job_touch,
    "jobIdRetryPost": _job_retry,
    "jobIdLogGet": _job_log,
}
