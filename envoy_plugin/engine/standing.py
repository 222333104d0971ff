"""How one job stands: all that is to be told of it, read at one moment and in one round trip."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.side_scripts import run_side_script


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A job `at` a moment, by the engine's clock, with bytes of it, opened.

    `details` are what a claim, a note or the end said of its latest attempt, None: nothing. `payload` is None, too,
    where it wasn't asked for.
    """

    job: Job
    at: datetime
    details: bytes | None = field(repr=False)
    payload: bytes | None = field(repr=False)


async def find_standing(engine: Engine, job_id: str, *, payload: bool = False) -> Standing | None:
    """How the job with this id stands; None: there is none."""
    return await _look(engine, job_id, "", payload=payload)


async def find_holder_standing(engine: Engine, key: str, *, payload: bool = False) -> Standing | None:
    """How the job stands that holds a unique key; None: none does any more, or none ever did."""
    return await _look(engine, "", key, payload=payload)


async def _look(engine: Engine, job_id: str, key: str, *, payload: bool) -> Standing | None:
    asked = (job_id, key, int(payload))
    found: Any = await run_side_script(engine.redis, "standing", [engine.keys.namespace], asked)
    if found is None:
        return None
    held_by, facts, expires, details, content, time = found
    words = [word.decode() for word in facts]
    return Standing(
        job=Job.parse(
            held_by.decode(),
            dict(zip(words[::2], words[1::2], strict=True)),
            None if expires is None else float(expires),
        ),
        at=engine.read_time(time),
        details=None if details is None else engine.open(details),
        payload=None if content is None else engine.open(content),
    )
