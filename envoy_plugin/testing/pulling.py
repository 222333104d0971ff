"""A pull-worker, as a test plays it: it takes the next job when the test says so, and ends it."""

from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from envoy_plugin.apis.titan.words import ENGINE_REASON, QUEUE, Why
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.verbs import Claim, Fail, Succeed
from envoy_plugin.testing.things import read_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A job that a pull-worker has done; the payload is read as JSON where it is JSON."""

    image: str
    payload: Any = field(repr=False)


async def pull(engine: Engine, *, failed: str = "") -> Pulled | None:
    """Take the next job and end it: well, or with a reason for its failure. None: there is nothing to do."""
    reason = ENGINE_REASON[Why(failed)] if failed else None
    handed = await engine.run(Claim(queue=QUEUE, n=1, who="test", lease=None))
    if not handed:
        return None
    [held] = handed
    await engine.run(Fail.of(held, reason=reason) if reason else Succeed.of(held))
    head, _, payload = engine.open(held.payload or b"").partition(b"\n")
    return Pulled(image=from_json(head)["image"] or "", payload=read_document(payload))
