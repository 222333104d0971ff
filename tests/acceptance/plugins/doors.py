"""A plugin whose effects can be counted: each is a line of `effects.log` in the working directory."""

import asyncio
import json
import os
import random
import time
from datetime import timedelta
from pathlib import Path

from envoy_plugin import Done, EnvoyPluginJob, Event, Ongoing, Plugin, Run, WorkflowHandle

EFFECTS = Path("effects.log")
WORK_SECONDS = (0.15, 0.4)
STEP_SECONDS = (0.005, 0.05)

plugin = Plugin("acceptance-doors")


def leave(what: str, job_id: str, attempt: int = 1) -> None:
    """Append one line, which is whole or not there."""
    facts = {"what": what, "job": job_id, "attempt": attempt, "pid": os.getpid(), "at": time.time()}
    handle = os.open(EFFECTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, json.dumps(facts).encode() + b"\n")
    finally:
        os.close(handle)


def times_left(what: str, job_id: str) -> int:
    """How often an effect was left."""
    if not EFFECTS.exists():
        return 0
    rows = [json.loads(line) for line in EFFECTS.read_text().splitlines()]
    return len([row for row in rows if (row["what"], row["job"]) == (what, job_id)])


def may_go() -> bool:
    """Whether everybody may go on, or this process."""
    return Path("go").exists() or Path(f"go.{os.getpid()}").exists()


async def gate() -> None:
    """Wait until a test lets go."""
    while not may_go():  # noqa: ASYNC110 - the event that is waited for is another process's
        await asyncio.sleep(0.02)


async def work() -> None:
    """Take as long as a slow door takes."""
    await asyncio.sleep(random.uniform(*WORK_SECONDS))


@plugin.on("entry_sign_in", background=True)
async def open_door(job: EnvoyPluginJob, run: Run) -> Done:
    """One effect after some work."""
    leave("started", job.id, run.attempt)
    await work()
    leave("opened", job.id, run.attempt)
    return Done(f"Opened by {os.getpid()}")


@plugin.on("invite_created", background=True)
async def make_badge(job: EnvoyPluginJob, run: Run) -> Done:
    """A piece that runs once, then an effect."""
    leave("started", job.id, run.attempt)

    async def badge() -> str:
        leave("badge", job.id, run.attempt)
        return f"badge of {job.id}"

    number = await run.once("badge", badge)
    leave("recorded", job.id, run.attempt)
    await work()
    leave("opened", job.id, run.attempt)
    return Done(f"Made {number}")


@plugin.task(lane="desk:{job_id}", queue="desk")
async def lay_out(job_id: str, number: int, *, run: Run) -> None:
    """One of several pieces that come in their order."""
    await work()
    leave(f"laid {number}", job_id, run.attempt)


@plugin.task()
async def hand_over(job_id: str, *, run: Run) -> Done:
    """What waits for all pieces, and for somebody's word."""
    leave("opened", job_id, run.attempt)
    return Done("Handed over")


@plugin.on("entry_badge_print_requested", background=True)
async def prepare(job: EnvoyPluginJob, run: Run) -> Ongoing:
    """Work for others: three pieces in a lane, and one that waits for them and for a hold."""
    leave("started", job.id, run.attempt)
    pieces = [await lay_out.enqueue(job.id, number) for number in (1, 2, 3)]
    last = await hand_over.enqueue(job.id, after=pieces, hold="word")
    await work()
    return Ongoing("On its way", after=last)


@plugin.every("1s")
async def beat(run: Run) -> None:
    """Comes each second, once."""
    leave("beat", run.id, run.attempt)


@plugin.on("invite_updated", background=True)
async def say_half_way(job: EnvoyPluginJob, run: Run) -> Done:
    """Needs Envoy in the middle."""
    leave("started", job.id, run.attempt)
    await work()
    await job.update("Half way")
    leave("opened", job.id, run.attempt)
    return Done("All the way")


@plugin.on("entry_sign_out", background=True)
async def hold_door(job: EnvoyPluginJob, run: Run) -> Done:
    """Doesn't end before the test says so."""
    leave("started", job.id, run.attempt)
    await gate()
    leave("opened", job.id, run.attempt)
    return Done(f"Opened by {os.getpid()}")


@plugin.on("entry_blacklist_deny", background=True, retries=0)
async def record_after_all(job: EnvoyPluginJob, run: Run) -> Done:
    """Has one try, and needs Redis at the end of it."""

    async def opened() -> str:
        leave("opened", job.id, run.attempt)
        return "opened"

    leave("started", job.id, run.attempt)
    await gate()
    return Done(await run.once("open", opened))


@plugin.on("entry_screened", timeout=timedelta(seconds=20))
async def hold_answer(job: EnvoyPluginJob) -> Done:
    """Answers when the test says so."""
    leave("started", job.id)
    await gate()
    leave("answered", job.id)
    return Done(data={"by": os.getpid()})


@plugin.on("entry_reviewed")
async def answer(event: Event) -> Done:
    """Needs nothing and nobody."""
    leave("answered", event.meta.job.id if event.meta.job else "-")
    await work()
    return Done(data={"by": os.getpid()})


@plugin.on("invite_reviewed")
async def answer_after_a_call(job: EnvoyPluginJob) -> None:
    """Needs Envoy before it answers."""
    await job.update("Seen")
    leave("answered", job.id)


@plugin.on("invite_removed")
async def answer_at_second(event: Event) -> Done:
    """Breaks at the first delivery."""
    job_id = event.meta.job.id if event.meta.job else "-"
    leave("tried", job_id)
    if times_left("tried", job_id) == 1:
        raise RuntimeError("on purpose")
    return Done(data={"by": os.getpid()})


@plugin.on("upcoming_visit", timeout=timedelta(seconds=1))
async def answer_too_late(event: Event) -> Done:
    """Takes too long at the first delivery, or dies at it."""
    job_id = event.meta.job.id if event.meta.job else "-"
    leave("tried", job_id)
    if times_left("tried", job_id) == 1:
        await gate()
    return Done(data={"by": os.getpid()})


@plugin.step("work")
async def do_step(workflow: WorkflowHandle, run: Run) -> None:
    """A short work, then an effect."""
    await asyncio.sleep(random.uniform(*STEP_SECONDS))
    leave("did", f"{workflow.id}:{workflow.step}", run.attempt)
