"""One watcher looks at all jobs that somebody in this process is told of, and tells each what has happened.

Nothing is sent around: whether a job has changed is asked of Redis, many jobs at once. So what any process, worker or
device has done is told, and nothing is lost with one of them. What this process itself has changed is looked at soon.
"""

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Final, TypeAlias

from redis.exceptions import RedisError

from envoy_plugin.engine.versions import find_changed, known_line
from envoy_plugin.errors import JobNotFound
from envoy_plugin.in_background import in_background
from envoy_plugin.logs import get_logger
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.operating.scope import Scope
from envoy_plugin.workflows.telling.changes import told
from envoy_plugin.workflows.telling.looks import Look, look_at
from envoy_plugin.workflows.telling.messages import NotificationMessage

Told: TypeAlias = Callable[[NotificationMessage], Awaitable[None] | None]
"""Who is told: an async function, or any other."""
LEAST_REST: Final = 19
"""How many times as long as it took to ask for all jobs the watcher rests: it takes a twentieth of the time at most."""

log = get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class _Watched:
    """A job that somebody is told of. `line` is how it is known, to ask whether it has changed."""

    look: Look
    line: str
    told: dict[str, Told] = field(default_factory=dict)
    has_complained: bool = False

    def see(self, look: Look) -> None:
        """From now on, this is how it was at the last look."""
        self.look, self.line, self.has_complained = look, _line(look), False

    def complain(self, error: Exception) -> None:
        """Say once that it can't be read; it is tried again at each look."""
        if not self.has_complained:
            log.error("notifications.unreadable", job=self.look.workflow.id, error=type(error).__name__)
            self.has_complained = True

    async def tell(self, messages: Sequence[NotificationMessage]) -> int:
        """Tell those who are told at the time of the look; who comes later has been told of how it is since then."""
        listeners = list(self.told.items())
        for message in messages:
            for number, hear in listeners:
                if number in self.told:
                    await tell(hear, message)
            await asyncio.sleep(0)  # whoever sends it on does so before there is more
        return len(messages)


class Watcher:
    """Looks for the jobs of any item, for whoever is told of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watched: dict[str, _Watched] = {}
        self._begun: dict[str, asyncio.Task[Look]] = {}
        self._changed: set[str] = set()
        self._alarm = asyncio.Event()
        self._turn = asyncio.Lock()
        self._ids = count(1)

    def __len__(self) -> int:
        return len(self._watched)

    async def watch(self, scope: Scope, job_id: str, hear: Told) -> tuple[str, Look]:
        """Let `hear` be told of a job from the look on that is answered, with what `unwatch` takes.

        Whoever tells how the job stands at that look does so before anything else is awaited: then nothing is told
        twice, or left out. A job that is watched already isn't looked at again.

        Raises:
            JobNotFound: this item has none of this id.
        """
        workflow_id = await scope.resolve(job_id)
        watched = self._watched.get(workflow_id)
        if watched is None:
            look = await self._first_look(workflow_id)
            if look.workflow.item != scope.item:
                raise JobNotFound(job_id)
            watched = self._watched.setdefault(workflow_id, _Watched(look=look, line=_line(look)))
            self._alarm.set()
        elif watched.look.workflow.item != scope.item:
            raise JobNotFound(job_id)
        number = f"{workflow_id}.{next(self._ids)}"
        watched.told[number] = hear
        return number, watched.look

    def unwatch(self, number: str) -> bool:
        """Tell it of nothing any more. False: it wasn't."""
        workflow_id = number.partition(".")[0]
        watched = self._watched.get(workflow_id)
        if watched is None or watched.told.pop(number, None) is None:
            return False
        if not watched.told:
            del self._watched[workflow_id]
        return True

    async def check(self) -> int:
        """Ask which jobs have changed, and tell what is new; answers how many messages there were."""
        async with self._turn:
            known = list(self._watched.items())
            places = await find_changed(self._store.engine, [watched.line for _, watched in known])
            return await self._look_again([known[place][0] for place in places])

    @contextlib.asynccontextmanager
    async def listening(self, every: timedelta) -> AsyncIterator[None]:
        """Look so often while this lasts, and at once at what this process has changed. Redis may be away meanwhile."""
        deafen, stop = self._store.hear(self._note), asyncio.Event()
        async with in_background(self._listen(every.total_seconds(), stop)):
            try:
                yield
            finally:
                deafen()
                stop.set()  # a client of Redis may lose a cancellation; see `connection`
                self._alarm.set()

    async def _listen(self, every: float, stop: asyncio.Event) -> None:
        due, has_complained = 0.0, False
        while not stop.is_set():
            start = time.monotonic()
            try:
                if start >= due:
                    await self.check()
                    due = start + max(every, LEAST_REST * (time.monotonic() - start))
                await self._look_at_changed()
                has_complained = False
            except RedisError as error:
                if not has_complained:
                    log.warning("notifications.unread", error=type(error).__name__)
                has_complained, due = True, start + every
            await self._wait(due - time.monotonic() if self._watched else None)

    async def _wait(self, seconds: float | None) -> None:
        """Rest so long, or until something is to be looked at; None: for as long as nothing is watched."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds and max(0, seconds)):
                await self._alarm.wait()
        self._alarm.clear()

    def _note(self, workflow_id: str) -> None:
        if workflow_id in self._watched:
            self._changed.add(workflow_id)
            self._alarm.set()

    async def _look_at_changed(self) -> None:
        async with self._turn:
            changed = sorted(self._changed)
            self._changed.clear()
            await self._look_again(changed)

    async def _look_again(self, workflow_ids: Collection[str]) -> int:
        """Look at these jobs; answers how many messages there were. One that can't be read keeps nobody from others."""
        if not workflow_ids:
            return 0
        now, sent = await self._store.engine.now(), 0
        for workflow_id in workflow_ids:
            watched = self._watched.get(workflow_id)
            if watched is None:
                continue
            try:
                messages = await self._news_of(watched, now)
            except JobNotFound:
                self._watched.pop(workflow_id, None)
            except RedisError:
                raise
            except Exception as error:  # noqa: BLE001 - a diagram that is gone, a secret, what somebody wrote by hand
                watched.complain(error)
            else:
                sent += await watched.tell(messages)
        return sent

    async def _news_of(self, watched: _Watched, now: datetime) -> list[NotificationMessage]:
        before = watched.look
        look = await look_at(self._store, before.workflow.id, list(before.workflow.steps.values()), now)
        messages = told(self._store.engine.open, before, look)
        watched.see(look)
        return messages

    async def _first_look(self, workflow_id: str) -> Look:
        """A look at a job that isn't watched: one, however many ask for it at once."""
        begun = self._begun.get(workflow_id)
        if begun is None:
            begun = self._begun[workflow_id] = asyncio.create_task(look_at(self._store, workflow_id))
            begun.add_done_callback(lambda task: self._end_look(workflow_id, task))
        return await asyncio.shield(begun)

    def _end_look(self, workflow_id: str, task: asyncio.Task[Look]) -> None:
        del self._begun[workflow_id]
        if not task.cancelled():
            task.exception()  # whoever waits for it is told; nobody may be left who does


def _line(look: Look) -> str:
    workflow = look.workflow
    return known_line([workflow.envelope, *workflow.jobs.values()])


async def tell(hear: Told, message: NotificationMessage) -> None:
    """Let somebody hear a message. One that raises keeps nobody else from being told."""
    try:
        done = hear(message)
        if inspect.isawaitable(done):
            await done
    except Exception as error:  # noqa: BLE001 - it is somebody else's code
        log.warning("notifications.raised", error=type(error).__name__)
