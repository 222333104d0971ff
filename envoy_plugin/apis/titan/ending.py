"""Ending jobs: the log is stored, the verb is called, and the job is read as it is then; for many requests at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from envoy_plugin.apis.titan.words import PublicId
from envoy_plugin.engine.attempts import Life, find_lives
from envoy_plugin.engine.blobs import store_blobs
from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Verb
from envoy_plugin.errors import EngineError, JobNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a client says of a job's end. `verb` makes the verb of what names the stored log; empty: there is none."""

    job: PublicId
    verb: Callable[[str], Verb[State]]
    log: bytes = field(default=b"", repr=False)


async def end_jobs(engine: Engine, ends: Sequence[End]) -> list[Life | EngineError]:
    """Each job as it is after its end, in the same order, or why there is none."""
    logs = [(at, end.log) for at, end in enumerate(ends) if end.log]
    stored = await store_blobs(engine, [log for _, log in logs]) if logs else []
    refs = {at: ref for (at, _), ref in zip(logs, stored, strict=True)}
    answers = await engine.call([end.verb(refs.get(at, "")) for at, end in enumerate(ends)], Mode.EACH)
    granted = [end.job for end, answer in zip(ends, answers, strict=True) if not isinstance(answer, EngineError)]
    lives = dict(zip(granted, await find_lives(engine, [(job.job, job.attempt) for job in granted]), strict=True))
    return [
        answer if isinstance(answer, EngineError) else lives[end.job] or JobNotFound(end.job.job)
        for end, answer in zip(ends, answers, strict=True)
    ]
