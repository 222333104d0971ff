"""What a plugin's functions have of workflows: to start one, to find it again, and the one that they are a step of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self, TypeAlias

from envoy_plugin.errors import BadProperty, WorkflowError
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.given import moment_of
from envoy_plugin.workflows.models import JobHistoryAction, JobHoldDetails
from envoy_plugin.workflows.operating import steps
from envoy_plugin.workflows.operating.holds import add_holds, release_holds
from envoy_plugin.workflows.operating.places import kept_place
from envoy_plugin.workflows.operating.privileges import Caller
from envoy_plugin.workflows.operating.said import by_step, check_names, kept_input, kept_properties
from envoy_plugin.workflows.operating.scope import Scope, UniqueHere, no_key
from envoy_plugin.workflows.responses import JobActionResponse, Status
from envoy_plugin.workflows.running.create import Created, NewWorkflow, create, find_by_key
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.endings import read_attempt
from envoy_plugin.workflows.running.flow import Ending
from envoy_plugin.workflows.running.history import said_facts
from envoy_plugin.workflows.running.record import Workflow, load


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorkflowHandle:
    """One workflow. In a step's function, the one that it is a step of; `step` is the step's id then, else empty.

    `input` is what it was started with.
    """

    id: str
    item: str
    step: str = ""
    input: Any = field(default=None, repr=False)
    created: bool = True
    """Whether it was made just now; False: it was there already."""
    store: Store = field(repr=False)

    async def read(self) -> Workflow:
        """The whole of it, as it stands.

        Raises:
            JobNotFound: it is gone.
        """
        return await load(self.store, self.id, self.item)

    async def current(self) -> list[str]:
        """The ids of the steps that somebody or something has to do now."""
        return (await self.read()).current

    async def result(self, step_id: str) -> Any:
        """What a step returned when it last ended: of a function its dict, of a device its details; None: nothing."""
        return (await self._ending(step_id)).result

    async def answered(self, step_id: str) -> Any:
        """What a question step was answered when it last ended; None: nothing."""
        return (await self._ending(step_id)).answer

    async def run(self, step_id: str) -> Status:
        """Run a step in the plugin's name; a manual one that proceeds is finished by it. Answers what became of it."""
        return _status_of(await steps.run(self.store, self.id, [step_id], item=self.item))

    async def finish(self, step_id: str) -> Status:
        """Finish a step that was started, or may be skipped, in the plugin's name. Answers what became of it."""
        return _status_of(await steps.finish(self.store, self.id, [step_id], item=self.item))

    async def answer(self, step_id: str, value: Any, *, comment: str = "") -> Status:
        """Answer a question in the plugin's name, as where an event says what was decided."""
        return _status_of(await steps.answer(self.store, self.id, step_id, value, comment=comment, item=self.item))

    async def hold(self, step_id: str, *, until: datetime | None = None) -> bool:
        """Hold a step, until then or until somebody releases it. False: it is held already, runs, or is over.

        Raises:
            BadProperty: `until` is no moment with an offset, or is past.
        """
        if until is not None:
            moment_of("until", until)
        details = await self._of_step(step_id)
        return (await add_holds(self._scope, replace(details, scheduled_release=until))).success

    async def release(self, step_id: str) -> bool:
        """Release a step. False: it isn't held, or is over."""
        return (await release_holds(self._scope, await self._of_step(step_id))).success

    async def say(self, **properties: Any) -> None:
        """Change properties of the workflow: `job_status`, `priority`, or any other; JSON values.

        Raises:
            BadProperty: a value that isn't what a property of this name must be, or a name of ours.
            TooLarge: more than 64 KiB.
        """
        kept = kept_properties(properties)

        def change(draft: Draft) -> None:
            draft.say(**kept)
            draft.record(JobHistoryAction.UPDATED, **said_facts(kept))

        await self._scope.revise([self.id], change)

    @property
    def _scope(self) -> Scope:
        return Scope(store=self.store, item=self.item, caller=Caller())

    async def _of_step(self, step_id: str) -> JobHoldDetails:
        _job_of(await self.read(), step_id)
        return JobHoldDetails(job_id=self.id, step_ids=[step_id])

    async def _ending(self, step_id: str) -> Ending:
        workflow = await self.read()
        _job_of(workflow, step_id)
        job = workflow.jobs.get(step_id)
        if job is None:  # it was over for so long that it was forgotten
            return Ending()
        attempt = job.attempt if job.state.ended else job.attempt - 1
        return (await read_attempt(self.store.engine, workflow.diagram[step_id], job, attempt)).ending


Upstream: TypeAlias = WorkflowHandle | tuple[WorkflowHandle, str]
"""What a step can wait for: a workflow's end, or that of one of its steps."""


Degrees: TypeAlias = tuple[float, float]
"""A latitude and a longitude."""


class Workflows:
    """The workflows of one install."""

    def __init__(
        self, store: Store, item: str, *, unique: UniqueHere = no_key, event: bytes = b"", place: Degrees | None = None
    ) -> None:
        self._store = store
        self._item = item
        self._unique = unique
        self._event = event
        self._place = place

    @classmethod
    def for_item(cls, store: Store, item: str, unique: UniqueHere = no_key) -> Self:
        """Those of this item; `unique` gives the keys of what is made without one."""
        return cls(store, item, unique=unique)

    def of_event(self, event: bytes, place: Degrees | None = None) -> "Workflows":
        """The same, where what is started is started by this event, at this place; its steps can ask for it."""
        return Workflows(self._store, self._item, unique=self._unique, event=event, place=place)

    async def start(
        self,
        template: Template | str,
        *,
        input: Any = None,  # noqa: A002 - as conditions and documents call it
        key: str = "",
        owner: str = "",
        after: Mapping[str, Upstream] | None = None,
        holds: Mapping[str, datetime | None] | None = None,
        **properties: Any,
    ) -> WorkflowHandle:
        """Start a workflow; or find the one that was started with the same `key`, or by an earlier run of this handler.

        `input` is any JSON value. `after` names, by step, what must end well before; `holds`, by step, until when it is
        held, None: until somebody releases it. `properties` are further facts, such as `priority="High"`.

        Raises:
            NoTemplate: there is no active template of this id.
            NoThing: a device's step is for a thing that this install doesn't have.
            WorkflowError: a step that is named isn't there.
            BadProperty: the input is no JSON, a property isn't what one of this name must be, a hold has no offset, or
                `after` or `holds` says it otherwise.
            TooLarge: the input has more than 256 KiB, or the properties 64 KiB.
            JobNotFound: what it shall wait for is gone.
        """
        check_names(key, owner)
        for until in by_step("holds", holds).values():
            if until is not None:
                moment_of("holds", until)
        given = kept_input(input)
        template_id = template if isinstance(template, str) else template.id
        waits = {step_id: [await _upstream(one)] for step_id, one in by_step("after", after).items()}
        new = NewWorkflow(
            item=self._item,
            input=given,
            key=key,
            unique=None if key else self._unique(f"workflow:{template_id}"),
            owned_by=owner,
            created_by=owner,
            event=self._event,
            after=waits,
            holds=holds or {},
            properties=kept_place(self._place) | kept_properties(properties),
        )
        made = await create(self._store, template_id, new)
        return self._handle(made, given) if made.created else await self._read(made)

    async def find(self, key: str) -> WorkflowHandle | None:
        """The workflow that was started with this key; None: there is none, or it is long over."""
        found = await find_by_key(self._store.engine, self._item, key)
        return None if found is None else await self._read(Created(id=found, created=False))

    async def _read(self, made: Created) -> WorkflowHandle:
        return self._handle(made, (await load(self._store, made.id, self._item)).input)

    def _handle(self, made: Created, given: Any) -> WorkflowHandle:
        return WorkflowHandle(id=made.id, item=self._item, input=given, created=made.created, store=self._store)


def _status_of(response: JobActionResponse) -> Status:
    return response.step_responses[0].status


async def _upstream(wanted: Upstream) -> str:
    if isinstance(wanted, WorkflowHandle):
        return wanted.id
    match wanted:
        case (WorkflowHandle() as workflow, str(step_id)):
            return _job_of(await workflow.read(), step_id)
    raise BadProperty("after", "it is a workflow, or one with the id of a step of it, in brackets")


def _job_of(workflow: Workflow, step_id: str) -> str:
    if step_id not in workflow.steps:
        raise WorkflowError(f"There is no step {step_id!r} in this workflow.")
    return workflow.steps[step_id]
