"""What the end of a step says: read from its job, and written for a person's.

A function's outcome is JSON with `data`, what it returned; a person's has `answer`. A device's details are an object.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Job
from envoy_plugin.workflows.definitions.diagrams import Kind, Step
from envoy_plugin.workflows.running.flow import Ending

CODES = ("returnCode", "return_code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a step ended, and its outcome as it is kept, sealed; empty: there is none."""

    ending: Ending
    outcome: bytes = field(default=b"", repr=False)


async def read_ending(engine: Engine, step: Step, job: Job) -> Said:
    """What the latest attempt of a step's job, which is over, has ended with."""
    return await read_attempt(engine, step, job, job.attempt)


async def read_attempt(engine: Engine, step: Step, job: Job, attempt: int) -> Said:
    """What an attempt has ended with. Of an earlier one than the latest, only what it said is right."""
    outcome, details = await engine.redis.hmget(engine.keys.blobs(job.id), [f"outcome:{attempt}", f"details:{attempt}"])
    kept = outcome if isinstance(outcome, bytes) else b""
    told = engine.open(kept) if kept else engine.open(details) if isinstance(details, bytes) else b""
    ending = ending_of(step, _read(told), state=job.state, reason=job.reason)
    return Said(ending=ending, outcome=kept if step.kind == Kind.FUNCTION else b"")


def ending_of(step: Step, told: Any, *, state: str, reason: str | None = None) -> Ending:
    """What a step's end says to conditions."""
    content = told if isinstance(told, Mapping) else {}
    result = told if step.kind == Kind.DEVICE else content.get("data")
    answer = content.get("answer") if step.is_persons else None
    said = answer if step.is_persons else _code_in(result)
    code = said if isinstance(said, int) and not isinstance(said, bool) else None
    return Ending(state=state, reason=reason, result=result, answer=answer, code=code)


def encode_answer(answer: Any = None, comment: str = "") -> bytes:
    """The outcome of a person's step."""
    said = {"answer": answer, "comment": comment}
    return to_json({name: value for name, value in said.items() if value not in {None, ""}})


def _code_in(result: Any) -> Any:
    return next((result[name] for name in CODES if name in result), None) if isinstance(result, Mapping) else None


def _read(text: bytes) -> Any:
    """JSON; None where there is nothing, or something else (a pull-worker may say anything)."""
    try:
        return from_json(text) if text else None
    except ValueError:
        return None
