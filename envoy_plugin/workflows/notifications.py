"""`NotificationManager`: being told of jobs as they change, and answering what their steps ask.

Nothing is sent around: a manager looks, for all jobs at once, whether their versions have changed, and tells what is
different since it last looked. So it is told of what any process, worker or device has done, and none is lost with one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, Final, Self, TypeAlias

from redis.exceptions import RedisError

from envoy_plugin.engine.model import Job
from envoy_plugin.engine.verbs import Unique
from envoy_plugin.errors import JobNotFound, WorkflowError
from envoy_plugin.logs import get_logger
from envoy_plugin.workflows import steps
from envoy_plugin.workflows.attachments import attachments_of
from envoy_plugin.workflows.comments import comments_of
from envoy_plugin.workflows.messages import Look, NotificationMessage, state_of, told
from envoy_plugin.workflows.privileges import Caller
from envoy_plugin.workflows.responses import ActionResponse
from envoy_plugin.workflows.scope import Scope
from envoy_plugin.workflows.store import Store

Told: TypeAlias = Callable[[NotificationMessage], Awaitable[None]]
EVERY: Final = timedelta(seconds=1)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInfoResponse:
    """An answer to a StepInfoRequired: `question_response` is the value that was chosen, for a question.

    For a manual step `manual_response` True finishes it, and False pauses it.
    """

    job_id: str
    step_id: str
    question_response: Any = field(default=None, repr=False)
    manual_response: bool | None = None
    comment: str = field(default="", repr=False)


@dataclass(slots=True, kw_only=True)
class _Watched:
    """A job that somebody is told of."""

    look: Look
    told: dict[str, Told] = field(default_factory=dict)


class NotificationManager:
    """Tells of the jobs of one item; for one user, or (`user` None) for the plugin itself."""

    def __init__(self, store: Store, *, item: str, user: str | None = None, groups: Collection[str] = ()) -> None:
        self._scope = Scope(store=store, item=item, caller=Caller(user=user, groups=frozenset(groups)))
        self._watched: dict[str, _Watched] = {}
        self._ids = count(1)

    @classmethod
    def for_item(cls, store: Store, item: str, unique: Callable[[str], Unique | None] | None = None) -> Self:
        """That of an install, for the plugin itself: how handlers and tasks are given it."""
        del unique
        return cls(store, item=item)

    def __repr__(self) -> str:
        return f"NotificationManager(item={self._scope.item!r}, jobs={len(self._watched)})"

    async def subscribe_to_job(self, job_id: str, callback: Told) -> str:
        """Tell `callback` of a job from now on, how it stands first; answers what `unsubscribe` takes.

        Raises:
            JobNotFound: this item has none of this id.
        """
        look = await self._look(job_id)
        workflow_id, callback_id = look.workflow.id, str(next(self._ids))
        if workflow_id not in self._watched:
            self._watched[workflow_id] = _Watched(look=look)
        self._watched[workflow_id].told[callback_id] = callback
        await _tell(callback, state_of(look))
        return callback_id

    def unsubscribe(self, callback_id: str) -> bool:
        """Tell it of nothing any more. False: it wasn't."""
        for workflow_id, watched in self._watched.items():
            if watched.told.pop(callback_id, None):
                if not watched.told:
                    del self._watched[workflow_id]
                return True
        return False

    async def send(self, response: StepInfoResponse) -> ActionResponse:
        """Answer what a step asks.

        Raises:
            JobNotFound: this item has no such job.
        """
        by: steps.By = {"actor": self._scope.caller.actor(), "item": self._scope.item}
        store, workflow_id = self._scope.store, await self._scope.resolve(response.job_id)
        if response.manual_response is False:
            return await steps.stop(store, workflow_id, [response.step_id], **by)
        value = response.question_response
        return await steps.answer(store, workflow_id, response.step_id, value, comment=response.comment, **by)

    async def check(self) -> int:
        """Look once, and tell what is new; answers how many messages there were. One round trip where nothing is."""
        watched = list(self._watched.values())
        sent = 0
        for one, versions in zip(watched, await self._versions([one.look for one in watched]), strict=True):
            if versions != _versions_of(one.look):
                sent += await self._tell(one)
        return sent

    @contextlib.asynccontextmanager
    async def listening(self, every: timedelta = EVERY) -> AsyncIterator[Self]:
        """Look so often while this lasts. Redis may be away meanwhile."""
        task = asyncio.create_task(self._listen(every.total_seconds()), name="notifications")
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _listen(self, pause: float) -> None:
        while True:
            try:
                await self.check()
            except (RedisError, WorkflowError) as error:
                log.warning("notifications.unread", error=type(error).__name__)
            await asyncio.sleep(pause)

    async def _tell(self, watched: _Watched) -> int:
        before, workflow = watched.look, watched.look.workflow
        try:
            watched.look = await self._look(workflow.id)
        except JobNotFound:
            self._watched.pop(workflow.id, None)
            return 0
        messages = told(before, watched.look)
        for message in messages:
            for callback in list(watched.told.values()):
                await _tell(callback, message)
        return len(messages)

    async def _versions(self, looks: Sequence[Look]) -> list[list[int | None]]:
        """The versions of these jobs and of their steps, as they are now; None: it is gone."""
        engine = self._scope.store.engine
        async with engine.redis.pipeline(transaction=False) as pipe:
            for look in looks:
                for job in _jobs_of(look):
                    pipe.hget(engine.keys.job(job.id), "version")
            found = iter(await pipe.execute())
        return [[None if (one := next(found)) is None else int(one) for _ in _jobs_of(look)] for look in looks]

    async def _look(self, job_id: str) -> Look:
        workflow, store = await self._scope.load(job_id), self._scope.store
        return Look(
            workflow=workflow, comments=comments_of(store, workflow), attachments=attachments_of(store, workflow)
        )


def _jobs_of(look: Look) -> list[Job]:
    return [look.workflow.envelope, *look.workflow.jobs.values()]


def _versions_of(look: Look) -> list[int | None]:
    return [job.version for job in _jobs_of(look)]


async def _tell(callback: Told, message: NotificationMessage) -> None:
    """One that raises keeps nobody else from being told."""
    try:
        await callback(message)
    except Exception as error:  # noqa: BLE001 - it is somebody else's code
        log.warning("notifications.raised", error=type(error).__name__)
