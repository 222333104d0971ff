"""Ending jobs and executions otherwise than by their devices: canceling and deleting.

A job ends with its last execution, by itself: in the engine it is an envelope that closes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import from_json, to_json

from envoy_plugin.apis.iot_jobs.access_keys import AccessKeys, of_thing
from envoy_plugin.apis.iot_jobs.executions import Execution, encode_details
from envoy_plugin.apis.iot_jobs.fleets import find_children, find_fleet, status_of
from envoy_plugin.apis.iot_jobs.refusals import Refusal, busy, invalid
from envoy_plugin.apis.iot_jobs.registry import Registry, queue_of
from envoy_plugin.apis.iot_jobs.words import JobStatus, Status
from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.listings import Filter, every_job
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import find_details
from envoy_plugin.engine.states import CLOSING, UNENDED, Reason
from envoy_plugin.engine.verbs import Cancel, Delete, Expect, Hold, Note
from envoy_plugin.errors import CallRefused, EngineError, ThingRefused, WrongState
from envoy_plugin.logs import get_logger

TRIES: Final = 8
AT_ONCE: Final = 100
ENVELOPE_OPEN: Final = "envelope_open"
"""Why the latest attempt of a workflow's step stays."""

log = get_logger(__name__)


async def cancel_all(engine: Engine, jobs: Sequence[Job], reason: Reason) -> None:
    """End these jobs; those that are over by now stay as they are."""
    for start in range(0, len(jobs), AT_ONCE):
        some = jobs[start : start + AT_ONCE]
        await engine.call([Cancel(id=job.id, reason=reason) for job in some], Mode.EACH)


async def cancel_execution(
    engine: Engine,
    found: Execution,
    *,
    force: bool,
    expected_version: int | None = None,
    details: Mapping[str, str] | None = None,
) -> bool:
    """End an execution; what is IN_PROGRESS with `force` alone. False: it has changed since it was read.

    Raises:
        ThingRefused: another version, over already, or IN_PROGRESS without force.
    """
    if expected_version is not None and expected_version != found.version:
        message = f"Expected version {expected_version} but found version {found.version}"
        raise ThingRefused(Refusal.VERSION, message)
    if found.status.terminal or (found.status is Status.IN_PROGRESS and not force):
        message = f"Job execution for {found.thing} is {found.status} and can't be canceled"
        raise ThingRefused(Refusal.TRANSITION, f"{message}." if found.status.terminal else f"{message} without force.")
    try:
        await engine.call([_expect(found), _cancel(engine, found, details)])
    except CallRefused:
        return False
    return True


async def cancel_fleet(engine: Engine, job_id: str, *, force: bool, why: Mapping[str, Any]) -> Job:
    """Cancel a job: what is QUEUED ends; what is IN_PROGRESS goes on, or with `force` ends, too. Answers the envelope.

    Raises:
        ThingRefused: there is no such job, or it is over.
    """
    for _ in range(TRIES):
        envelope = await find_fleet(engine, job_id)
        if status_of(envelope) is not JobStatus.IN_PROGRESS:
            raise invalid(f"Job {job_id} is not in progress: it is {status_of(envelope)}.")
        told = engine.seal(to_json({**why, "force": force}))
        begin = Hold(id=envelope.id, version=envelope.version, hold=CLOSING)
        note = Note(id=envelope.id, version=envelope.version + 1, content=told)
        going = await find_children(engine, envelope.id, *UNENDED)
        ends = [Cancel(id=child.id, reason=Reason.OPERATOR, unless_running=not force) for child in going]
        begun, *_ = await engine.call([begin, note, *ends], Mode.EACH)
        if not isinstance(begun, EngineError):
            return envelope
    raise busy()


async def why_canceled(engine: Engine, envelope: Job) -> Mapping[str, Any]:
    """The code and the comment of a canceled job, and whether it was `force`; nothing where it wasn't canceled."""
    told = await find_details(engine, envelope.id, envelope.attempt)
    found: Mapping[str, Any] = {} if told is None else from_json(told)
    return found


async def delete_execution(engine: Engine, found: Execution, *, force: bool) -> bool:
    """Forget an execution that is over, or with `force` any. False: it has changed since it was read.

    Raises:
        ThingRefused: it isn't over, and there is no force; or its workflow isn't, which may try it again.
    """
    if not found.status.terminal and not force:
        message = f"Job execution for {found.thing} is {found.status} and can't be deleted without force."
        raise ThingRefused(Refusal.TRANSITION, message)
    ends = () if found.status.terminal else (_expect(found), _cancel(engine, found, None))
    try:
        await engine.call([*ends, Delete(id=found.id, attempt=found.number)])
    except CallRefused as refused:
        if any(isinstance(why, WrongState) and why.why == ENVELOPE_OPEN for why in refused.refusals.values()):
            message = f"Job execution for {found.thing} is a step of a workflow that isn't over and can't be deleted."
            raise ThingRefused(Refusal.TRANSITION, message) from None
        return False
    return True


async def delete_fleet(engine: Engine, job_id: str, *, force: bool) -> None:
    """Forget a job that is over, or with `force` any, with its executions.

    Raises:
        ThingRefused: there is no such job, or it isn't over and there is no force.
    """
    envelope = await find_fleet(engine, job_id)
    if envelope.alive and not force:
        message = f"Job {job_id} is {status_of(envelope)} and can't be deleted without force."
        raise ThingRefused(Refusal.TRANSITION, message)
    await cancel_all(engine, await find_children(engine, envelope.id, *UNENDED), Reason.OPERATOR)
    for job in (*await find_children(engine, envelope.id), envelope):
        attempts = [Delete(id=job.id, attempt=number) for number in range(1, job.attempt + 1)]
        await engine.call(attempts, Mode.EACH)


async def remove_thing(registry: Registry, keys: AccessKeys, engine: Engine, thing: str) -> list[str]:
    """Forget a thing, if there is one; its keys end, and so does whatever it has to do. Answers the keys' ids."""
    ended = await keys.revoke_all(of_thing(thing))
    await registry.remove(thing)
    await _remove_work(engine, thing)
    return ended


async def _remove_work(engine: Engine, thing: str) -> None:
    jobs = [job async for job in every_job(engine, Filter(queue=queue_of(thing), states=UNENDED))]
    await cancel_all(engine, jobs, Reason.REMOVED)


def _expect(found: Execution) -> Expect:
    return Expect(id=found.id, attempt=found.number, revision=found.version)


def _cancel(engine: Engine, found: Execution, details: Mapping[str, str] | None) -> Cancel:
    return Cancel(id=found.id, reason=Reason.OPERATOR, details=encode_details(engine, details))
