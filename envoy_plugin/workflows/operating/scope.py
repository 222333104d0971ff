"""What one caller sees: the jobs of an item. Reading them, and changing them in one call of the engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from envoy_plugin.engine.engine import MOST_ITEMS
from envoy_plugin.engine.verbs import Unique, Verb
from envoy_plugin.errors import CallRefused, JobNotFound, JobRefused, TooLarge, VersionMismatch
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.index.summary import ENGINE_ID
from envoy_plugin.workflows.operating.privileges import Caller
from envoy_plugin.workflows.running.create import find_by_key
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.phases import Phase, phase_of
from envoy_plugin.workflows.running.record import Workflow, load

MOST_JOBS: Final = 200
"""How many jobs one call makes or changes."""
TRIES: Final = 8


UniqueHere: TypeAlias = Callable[[str], Unique | None]
"""The key under which whoever runs makes something of this name, so that a second run finds it."""


def no_key(_: str) -> None:
    """Nobody runs again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The jobs of one item, for one caller. `unique` keys what is made, so that who runs again finds it."""

    store: Store
    item: str
    caller: Caller
    unique: UniqueHere = no_key

    async def resolve(self, job_id: str) -> str:
        """The engine's id of a job, which may be named by its maker's.

        Raises:
            JobNotFound: there is none; or, of an engine's id, nothing: that is looked for when it is loaded.
        """
        if ENGINE_ID.fullmatch(job_id):
            return job_id
        found = await find_by_key(self.store.engine, self.item, job_id)
        if found is None:
            raise JobNotFound(job_id)
        return found

    async def load(self, job_id: str) -> Workflow:
        """A job as it stands.

        Raises:
            JobNotFound: this item has none of this id.
        """
        return await load(self.store, await self.resolve(job_id), self.item)

    async def revise(self, job_ids: Sequence[str], change: Callable[[Draft], None]) -> list[Workflow]:
        """Change these jobs, all of them or none; answers each as it was read.

        `change` is called again where one has changed meanwhile. What it raises goes through.

        Raises:
            JobNotFound: this item has no such job.
            TooLarge: more than 200 jobs, or more than 256 verbs of the engine.
            EngineError: what the engine refuses.
        """
        check_many(job_ids)
        for left in reversed(range(TRIES)):
            loaded = {(workflow := await self.load(job_id)).id: workflow for job_id in job_ids}
            drafts = [Draft(self.store, workflow, by=self.caller.name) for workflow in loaded.values()]
            verbs: list[Verb[Any]] = []
            for draft in drafts:
                change(draft)
                verbs += [] if draft.is_empty else draft.call(room=MOST_ITEMS // len(drafts))
            refused = await self._call(verbs)
            if refused is None:
                for workflow_id in loaded:
                    self.store.tell(workflow_id)
                return list(loaded.values())
            if not left:
                raise refused
        raise AssertionError  # pragma: no cover - the last try raises

    async def _call(self, verbs: list[Verb[Any]]) -> CallRefused | None:
        """None: it is written; else a refusal because something has changed meanwhile. Every other is raised."""
        try:
            if verbs:
                await self.store.engine.call(verbs)
        except CallRefused as refused:
            errors = list(refused.refusals.values())
            if not any(isinstance(error, VersionMismatch) for error in errors):
                raise errors[0] from None
            return refused
        return None


def check_many(job_ids: Sequence[str]) -> None:
    """Refuse more jobs than one call changes.

    Raises:
        TooLarge: more than 200.
    """
    if len(job_ids) > MOST_JOBS:
        raise TooLarge("A list of jobs", size=len(job_ids), limit=MOST_JOBS)


def running_steps(workflow: Workflow) -> list[str]:
    """The current steps that run: somebody or something does them, or a worker or a device is to."""
    phases = {step_id: phase_of(workflow.jobs[step_id], workflow.now) for step_id in workflow.current}
    return [
        step_id
        for step_id, phase in phases.items()
        if phase is Phase.RUNNING or (phase is Phase.QUEUED and not workflow.diagram[step_id].is_persons)
    ]


def check_open(draft: Draft) -> None:
    """Refuse a closed job.

    Raises:
        JobRefused: it is closed.
    """
    if draft.workflow.closed:
        raise JobRefused(draft.workflow.public_id, "it is closed")


def check_idle(draft: Draft) -> None:
    """Refuse a job of which a step runs.

    Raises:
        JobRefused: names the step.
    """
    for step_id in running_steps(draft.workflow):
        raise JobRefused(draft.workflow.public_id, f"its step {step_id!r} is running")
