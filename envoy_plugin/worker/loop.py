"""The worker: claims jobs, runs what they are for, ends them. A pipe of small steps, each of which knows one thing.

A job's slot is free again when its handler is over, not when its end is written: ends and the next claim meet in one
call. Leases are touched at a third of their length. A job whose lease is lost is cancelled here, and ends elsewhere.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from redis.exceptions import RedisError

from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.engine import MOST_ITEMS, Engine, Mode
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.verbs import Claim, Release, Touch
from envoy_plugin.engine.waiting import Alarm, listening
from envoy_plugin.errors import EngineError
from envoy_plugin.logs import Bound, get_logger
from envoy_plugin.worker.ending import Ending, end_job
from envoy_plugin.worker.heartbeats import BEAT, Heartbeat, HeldJob, beating

Work: TypeAlias = Callable[[Claimed], Awaitable[Ending]]
"""Does what a claimed job is for, and answers how it ends. It doesn't raise but when it is cancelled."""

TOUCHES_A_LEASE: Final = 3
MOST_AT_ONCE: Final = 32
POLL: Final = timedelta(seconds=1)
RELEASE_TIME: Final = timedelta(seconds=2)
PAUSE_SECONDS: Final = 0.5

log = get_logger(__name__)


class Worker:
    """Runs the jobs of some queues, up to `concurrency` of each queue at once."""

    def __init__(
        self,
        engine: Engine,
        batcher: Batcher,
        work: Work,
        *,
        lease: timedelta,
        concurrency: int,
        beat: timedelta = BEAT,
    ) -> None:
        self._engine = engine
        self._batcher = batcher
        self._work = work
        self._lease = lease
        self._concurrency = concurrency
        self._beat = beat
        self._who = f"{socket.gethostname()[:20]}:{os.getpid()}"
        self._queues: tuple[str, ...] = ()
        self._began = datetime.now(UTC)
        self._held: dict[asyncio.Task[None], Claimed] = {}
        self._since: dict[str, datetime] = {}

    async def run(self, queues: Iterable[str], stop: asyncio.Event, *, drain: timedelta) -> None:
        """Work until `stop`; then let what runs end within `drain`, and give the rest back."""
        self._queues = names = tuple(queues)
        async with (
            listening(self._engine.redis, self._engine.keys, names) as alarm,
            self._touching(),
            beating(self._engine, self._seen_now, every=self._beat),
        ):
            claiming = [asyncio.create_task(self._claim_for_ever(queue, alarm)) for queue in names]
            log.info("worker.started", who=self._who, queues=list(names), concurrency=self._concurrency)
            try:
                await stop.wait()
            finally:
                await _cancel(claiming)
                await self._drain(drain)
        log.info("worker.stopped", who=self._who)

    def _seen_now(self) -> Heartbeat:
        held = list(self._held.values())
        return Heartbeat(
            who=self._who,
            since=self._began,
            seen=datetime.now(UTC),
            queues=self._queues,
            concurrency=self._concurrency,
            jobs=tuple(
                HeldJob(id=one.id, kind=one.kind, install=one.install, since=self._since[one.id]) for one in held
            ),
        )

    async def _claim_for_ever(self, queue: str, alarm: Alarm) -> None:
        slots = _Slots(self._concurrency)
        while True:
            free = min(await slots.free(), MOST_AT_ONCE)
            claim = Claim(queue=queue, n=free, who=self._who, lease=self._lease)
            claimed = await self._claim(claim)
            for held in claimed:
                self._start(held, slots)
            if len(claimed) < free:
                await alarm.wait(queue, at_most=POLL)

    async def _claim(self, claim: Claim) -> list[Claimed]:
        """What there is; nothing while Redis can't be reached. A claim under way is never left behind."""
        flight = asyncio.ensure_future(self._batcher.run(claim))
        try:
            return await asyncio.shield(flight)
        except asyncio.CancelledError:
            await self._give_back(await flight)
            raise
        except RedisError as error:
            log.warning("claim.failed", error=type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)
            return []

    def _start(self, held: Claimed, slots: "_Slots") -> None:
        slots.take()
        task = asyncio.create_task(self._execute(held, slots))
        self._held[task], self._since[held.id] = held, datetime.now(UTC)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._since[self._held.pop(task).id]

    async def _execute(self, held: Claimed, slots: "_Slots") -> None:
        with Bound(job=held.id, install=held.install, attempt=held.attempt):
            try:
                end = await self._work(held)
            finally:
                slots.give()
            await self._end(held, end)

    async def _end(self, held: Claimed, end: Ending) -> None:
        """Write the end, however long Redis is away; a refusal means that the job is somebody else's by now."""
        while True:
            try:
                state = await end_job(self._engine, self._batcher, end)
            except EngineError as refusal:
                log.warning("job.lost", why=type(refusal).__name__)
            except RedisError as error:
                log.warning("end.postponed", error=type(error).__name__)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            else:
                log.info("job.ended", kind=held.kind, verb=end.name, state=str(state))
            return

    @contextlib.asynccontextmanager
    async def _touching(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._touch_for_ever())
        try:
            yield
        finally:
            await _cancel([task])

    async def _touch_for_ever(self) -> None:
        """Touch at a third of the lease; after a failure soon again, since a Redis that is back ends leases soon."""
        touched = True
        while True:
            await asyncio.sleep(self._lease.total_seconds() / TOUCHES_A_LEASE if touched else PAUSE_SECONDS)
            tasks = list(self._held.items())
            starts = range(0, len(tasks), MOST_ITEMS)
            touched = all([await self._touch(tasks[start : start + MOST_ITEMS]) for start in starts])

    async def _touch(self, tasks: list[tuple[asyncio.Task[None], Claimed]]) -> bool:
        """Whether Redis could be reached."""
        verbs = [Touch.of(held, lease=self._lease) for _, held in tasks]
        try:
            answers = await self._engine.call(verbs, Mode.EACH)
        except RedisError as error:
            log.warning("touch.failed", error=type(error).__name__)
            return False
        for (task, held), answer in zip(tasks, answers, strict=True):
            if isinstance(answer, EngineError) and not task.done():
                log.warning("job.lost", job=held.id, why=type(answer).__name__)
                task.cancel()
        return True

    async def _drain(self, drain: timedelta) -> None:
        if self._held:
            await asyncio.wait(self._held, timeout=drain.total_seconds())
        unfinished = dict(self._held)
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=RELEASE_TIME.total_seconds())
        await self._give_back(list(unfinished.values()))

    async def _give_back(self, jobs: list[Claimed]) -> None:
        """Release what isn't over; no attempt and no retry is spent. Without Redis, the leases run out."""
        verbs = [Release.of(held) for held in jobs]
        with contextlib.suppress(RedisError, TimeoutError):
            async with asyncio.timeout(RELEASE_TIME.total_seconds()):
                for start in range(0, len(verbs), MOST_ITEMS):
                    await self._engine.call(verbs[start : start + MOST_ITEMS], Mode.EACH)
        if jobs:
            log.info("jobs.released", count=len(jobs))


class _Slots:
    """How many jobs of a queue may still be started."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._freed = asyncio.Event()

    async def free(self) -> int:
        """Wait until there is a slot; answers how many there are."""
        while self._count <= 0:
            self._freed.clear()
            await self._freed.wait()
        return self._count

    def take(self) -> None:
        self._count -= 1

    def give(self) -> None:
        self._count += 1
        self._freed.set()


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    pending = list(tasks)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
