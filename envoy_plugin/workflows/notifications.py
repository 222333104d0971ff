"""`NotificationManager`: being told of jobs as they change, and answering what their steps ask.

A manager looks by itself, for all jobs at once; whoever changes a job sends it nothing.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Self

from envoy_plugin.engine.verbs import Unique
from envoy_plugin.errors import BadProperty
from envoy_plugin.workflows.definitions.diagrams import Kind, Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.given import checked
from envoy_plugin.workflows.operating import steps
from envoy_plugin.workflows.operating.privileges import Caller
from envoy_plugin.workflows.operating.scope import Scope
from envoy_plugin.workflows.responses import JobActionResponse
from envoy_plugin.workflows.telling.messages import state_of
from envoy_plugin.workflows.telling.watching import Told, Watcher, tell

EVERY: Final = timedelta(seconds=1)


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


class NotificationManager:
    """Tells of the jobs of one item; for one user, or (`user` None) for the plugin itself."""

    def __init__(self, store: Store, *, item: str, user: str | None = None, groups: Collection[str] = ()) -> None:
        self._scope = Scope(store=store, item=item, caller=Caller.of(user, groups))
        self._watcher = Watcher(store)

    @classmethod
    def for_item(cls, store: Store, item: str, unique: Callable[[str], Unique | None] | None = None) -> Self:
        """That of an install, for the plugin itself: how handlers and tasks are given it."""
        del unique
        return cls(store, item=item)

    def for_user(self, user: str, *, groups: Collection[str] = ()) -> "NotificationManager":
        """The same jobs, for a user, in whose name is answered; he is told of what he subscribes to himself.

        Raises:
            BadProperty: the user has no name, or one text is given for several groups.
        """
        return NotificationManager(self._scope.store, item=self._scope.item, user=user, groups=groups)

    def __repr__(self) -> str:
        return f"NotificationManager(item={self._scope.item!r}, jobs={len(self._watcher)})"

    @checked
    async def subscribe_to_job(self, job_id: str, callback: Told) -> str:
        """Tell `callback` of a job from now on, how it stands first; answers what `unsubscribe` takes.

        Raises:
            JobNotFound: this item has none of this id.
        """
        callback_id, look = await self._watcher.watch(self._scope, job_id, callback)
        await tell(callback, state_of(look))
        return callback_id

    def unsubscribe(self, callback_id: str) -> bool:
        """Tell it of nothing any more. False: it wasn't."""
        return self._watcher.unwatch(callback_id)

    @checked
    async def send(self, response: StepInfoResponse) -> JobActionResponse:
        """Answer what a step asks.

        Raises:
            JobNotFound: this item has no such job.
            BadProperty: a question isn't answered, or of a manual step it isn't said whether it is done.
        """
        workflow = await self._scope.load(response.job_id)
        step = workflow.diagram.by_id.get(response.step_id)
        if step is not None and step.is_persons:
            _check(response, step)
        by: steps.By = {"actor": self._scope.caller.actor(), "item": self._scope.item}
        store, value = self._scope.store, response.question_response
        if step is not None and step.kind == Kind.MANUAL and response.manual_response is False:
            return await steps.stop(store, workflow.id, [step.id], **by)
        return await steps.answer(store, workflow.id, response.step_id, value, comment=response.comment, **by)

    async def check(self) -> int:
        """Look once, and tell what is new; answers how many messages there were. One round trip where nothing is."""
        return await self._watcher.check()

    @contextlib.asynccontextmanager
    async def listening(self, every: timedelta = EVERY) -> AsyncIterator[Self]:
        """Look so often while this lasts. Redis may be away meanwhile."""
        async with self._watcher.listening(every):
            yield self


def _check(response: StepInfoResponse, step: Step) -> None:
    """Refuse an answer that says nothing: it would finish a step that somebody is still at."""
    said = response.question_response is not None
    if step.kind == Kind.QUESTION and not said:
        raise BadProperty("question_response", "it is missing, and this step is a question")
    if not said and response.manual_response is None:
        raise BadProperty("manual_response", "it is missing: True finishes the step, and False pauses it")
