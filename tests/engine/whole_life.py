"""A life with everything in it: every verb, every kind of key that the engine has."""

from datetime import timedelta
from typing import Any, Final

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.sweeper import Keeping, retire, sweep
from envoy_plugin.engine.verbs import (
    Assign,
    Cancel,
    Claim,
    ClaimJob,
    Delete,
    Depend,
    Describe,
    Enqueue,
    Expect,
    Fail,
    Hold,
    Listing,
    Note,
    PassDebt,
    Pause,
    Policy,
    Release,
    Reschedule,
    Resume,
    Retry,
    Succeed,
    Touch,
    Undepend,
    Unhold,
    Unique,
    Unpause,
)
from tests.engine.clock import Clock

MINUTE: Final = timedelta(minutes=1)


async def claim(engine: Engine, job_id: str) -> Claimed:
    """Take this job."""
    (held,) = await engine.run(ClaimJob(id=job_id, who="w", lease=MINUTE))
    return held


async def live(engine: Engine, clock: Clock) -> None:
    """Let jobs with everything in them be made, wait, run, end and be kept."""
    await engine.check_schema()
    await live_alone(engine)
    await live_together(engine)
    await live_for_others(engine)
    clock.move(2 * MINUTE)
    await sweep(engine)
    await retire(engine, Keeping())


async def live_alone(engine: Engine) -> None:
    """Attempts, bytes, blobs, a key, a debt, a description."""
    facts: dict[str, Any] = {"payload": b"{}", "install": "7", "listed": tuple(Listing), "unique": Unique(key="key")}
    made = await engine.enqueue(Enqueue(queue="events", kind="k", retries=1, owes=REPORT_DEBT, **facts))
    held = await claim(engine, made.id)
    log = await engine.store_blob(b"log")
    await engine.call([Touch.of(held, lease=MINUTE), Note(id=made.id, memo="step", content=b"half")])
    await engine.run(Fail.of(held, reason="error", delay=timedelta(), outcome=b"no", details=b"why", log=log))
    await engine.run(Describe(id=made.id, fields={"title": b"t"}, tags=("tag",)))
    (held,) = await engine.run(Claim(queue="events", n=1, who="w", lease=MINUTE))
    await engine.run(Note(id=made.id, blob_name="badge", blob=await engine.store_blob(b"png")))
    await engine.call([Expect(id=made.id, attempt=2), Succeed.of(held, outcome=b"yes"), Delete(id=made.id, attempt=1)])
    await engine.call([Enqueue(queue="later", kind="k", delay=delay) for delay in (MINUTE, 60 * MINUTE)])
    await engine.enqueue(Enqueue(queue="later", kind="k", unique=Unique(key="kept", kept=True)))


async def live_together(engine: Engine) -> None:
    """Gates, lanes, envelopes, heirs."""
    envelope = await engine.enqueue(Enqueue(queue="-", kind="fleet", envelope=True))
    usual: dict[str, Any] = {"queue": "q", "kind": "k", "parent": envelope.id, "lane": "door", "listed": ["parent"]}
    first, second = await engine.call([Enqueue(**usual), Enqueue(**usual, holds={"audit": None})])
    other = await engine.enqueue(Enqueue(queue="q", kind="k", after={second.id: Policy.CANCEL}))
    await engine.enqueue(Enqueue(queue="q", kind="k", holds={"night": (await engine.now()) + 60 * MINUTE}))
    await engine.call(
        [Hold(id=other.id, hold="h"), Depend(id=other.id, upstream=first.id), Unhold(id=other.id, hold="h")]
    )
    await engine.call([Undepend(id=other.id, upstream=first.id), Cancel(id=second.id, reason="operator")])
    held = await claim(engine, first.id)
    await engine.call([Release.of(held, hold="audit"), Reschedule(id=first.id), Unhold(id=first.id, hold="audit")])
    debtor, heir = await engine.call([Enqueue(queue="q", kind="k", owes=REPORT_DEBT), Enqueue(queue="q", kind="k")])
    held = await claim(engine, debtor.id)
    await engine.call([PassDebt.of(held, heir=heir.id), Succeed.of(held)])
    await engine.run(Cancel(id=heir.id, reason="operator"))
    await engine.call([Retry(id=heir.id), Cancel(id=heir.id, reason="operator")])


async def live_for_others(engine: Engine) -> None:
    """Queues of one claimant, and paused ones."""
    made = await engine.enqueue(Enqueue(queue="thing:door", kind="k", skippable=True, limit=MINUTE))
    await engine.run(Resume(queue="thing:door", who="door", lease=MINUTE, details=b"d"))
    await engine.run(Assign(id=made.id, queue="user:ada", assignee="ada"))
    await engine.call([Pause(queue="q", why=b"why"), Claim(queue="q", n=1, who="w", lease=None)], Mode.EACH)
    await engine.run(Unpause(queue="q"))
    await engine.run(Pause(queue="later", why=b"why"))
