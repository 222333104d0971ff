"""The job that a step is: in whose queue, of which kind, with what to do.

What devices and pull-workers are given is in the form in which their own APIs keep their jobs: the payload of an
execution is its document, and its unique key `iot:JOB:THING`; that of a Titan job is a line of JSON, then its payload.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from pydantic_core import to_json

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.retries import Backoff, Debt
from envoy_plugin.engine.verbs import Enqueue, Listing, Unique
from envoy_plugin.workflows.definitions.arguments import MOST_TITAN
from envoy_plugin.workflows.definitions.diagrams import UNASSIGNED, Kind, Step
from envoy_plugin.workflows.running.record import DEVICE, PATH, RUN, Workflow

FUNCTIONS: Final = "steps"
"""The queue of the steps that our worker does, and their kind is `step`, as that of people's steps."""
STEP: Final = "step"
PULL_WORKERS: Final = "default"
ADVANCE: Final = Debt(
    kind="advance", retries=99, backoff=Backoff(base=timedelta(seconds=1), factor=2, cap=timedelta(minutes=10))
)
"""What every step owes at its end: that somebody looks at what follows."""
OVERDUE: Final = "overdue"
"""The kind of the jobs that end a person's step when its time is up; they are in the queue of `advance`."""
AT_ONCE: Final = Backoff(base=timedelta(), factor=1, cap=timedelta())
EXECUTION_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
PLACEHOLDER: Final = re.compile(r"\{(input(?:\.\w+)*)\}")
RETRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StepJob:
    """What is known of a step's job before it is made. `input` is what the workflow was given."""

    workflow: str
    item: str
    step: Step
    assignee: str = UNASSIGNED
    priority: int = 4
    input: Any = field(default=None, repr=False)
    holds: Mapping[str, None] = field(default_factory=dict)

    def enqueue(self, engine: Engine) -> Enqueue:
        """The verb that makes it."""
        facts: dict[str, Any] = {
            "install": self.item,
            "parent": self.workflow,
            "owes": ADVANCE,
            "holds": self.holds,
            "priority": self.priority,
            "skippable": self.step.can_skip,
        }
        match self.step.kind:
            case Kind.DEVICE:
                return self._device(engine, facts)
            case Kind.TITAN:
                return self._titan(engine, facts)
            case Kind.FUNCTION:
                return Enqueue(
                    queue=FUNCTIONS, kind=STEP, retries=retries_of(self.step), assignee=self.assignee, **facts
                )
        return Enqueue(queue=self.assignee, kind=STEP, assignee=self.assignee, listed=(Listing.QUEUE,), **facts)

    def _device(self, engine: Engine, facts: dict[str, Any]) -> Enqueue:
        thing = thing_of(self.step, self.input)
        timeout = self.step.args.get("timeout")
        return Enqueue(
            queue=f"thing:{thing}",
            kind=DEVICE,
            payload=engine.seal(_text(fill(self.step.args["document"], self.input)).encode()),
            unique=Unique(key=f"iot:{execution_id(self.workflow, self.step.id)}:{thing}", kept=True),
            limit=timedelta(seconds=timeout) if timeout else None,
            fails_on_lost_lease=True,
            retries=retries_of(self.step),
            backoff=AT_ONCE,
            assignee=self.assignee,
            listed=(Listing.QUEUE, Listing.PARENT),
            **facts | {"skippable": True},
        )

    def _titan(self, engine: Engine, facts: dict[str, Any]) -> Enqueue:
        args = self.step.args
        timeout, payload = args.get("timeout", 60), _text(fill(args["payload"], self.input))
        head = {"image": args.get("image") or None, "delay": 0, "timeout": timeout, "priority": 1, "retries_delay": 0}
        line = to_json({**head, "request": None, "has_payload": True})
        return Enqueue(
            queue=PULL_WORKERS,
            kind="titan",
            payload=engine.seal(line + b"\n" + payload.encode()),
            most_payload=MOST_TITAN,
            lease=timedelta(seconds=timeout),
            fails_on_lost_lease=True,
            retries=retries_of(self.step),
            backoff=AT_ONCE,
            assignee=self.assignee,
            listed=(Listing.QUEUE,),
            **facts,
        )


def new_job(workflow: Workflow, step: Step) -> StepJob:
    """Another job for a step of a workflow: a current one's waits to be run, any other's to be reached."""
    before = workflow.jobs.get(step.id)
    holds = (RUN,) if workflow.is_current(step.id) else (PATH, RUN)
    return StepJob(
        workflow=workflow.id,
        item=workflow.item,
        step=step,
        assignee=(before and before.assignee) or UNASSIGNED,
        priority=workflow.envelope.priority,
        input=workflow.input,
        holds=dict.fromkeys(holds),
    )


def overdue(engine: Engine, workflow_id: str, item: str, step: Step) -> Enqueue | None:
    """The job that ends a step which is now opened once its time is up; None: it may take however long it takes."""
    if step.time is None:
        return None
    return Enqueue(
        queue=ADVANCE.kind,
        kind=OVERDUE,
        install=item,
        payload=engine.seal(to_json({"workflow": workflow_id, "step": step.id})),
        delay=step.time,
        retries=ADVANCE.retries,
        backoff=ADVANCE.backoff,
    )


def retries_of(step: Step) -> int:
    """How often it is tried again by itself."""
    return int(step.args.get("retries", RETRIES if step.kind == Kind.FUNCTION else 0))


def thing_of(step: Step, given: Any) -> str:
    """The name of the thing that does a device's step."""
    return str(fill(step.args["thing"], given))


def execution_id(workflow: str, step_id: str) -> str:
    """The id of the job that a device reads: the workflow's and the step's, where such an id can have that one."""
    plain = f"{workflow}-{step_id}"
    if EXECUTION_ID.fullmatch(plain):
        return plain
    return f"{workflow}-{hashlib.sha256(step_id.encode()).hexdigest()[:16]}"


def fill(document: Any, given: Any) -> Any:
    """A document with what the workflow was given in the place of `{input.name}`; a text that is all of it keeps the
    value's kind. What isn't there is null, or nothing within a text.
    """
    if isinstance(document, Mapping):
        return {name: fill(value, given) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [fill(value, given) for value in document]
    if not isinstance(document, str):
        return document
    whole = PLACEHOLDER.fullmatch(document)
    if whole:
        return _follow(given, whole[1])
    return PLACEHOLDER.sub(lambda found: _shown(_follow(given, found[1])), document)


def _follow(given: Any, way: str) -> Any:
    for name in way.split(".")[1:]:
        given = given.get(name) if isinstance(given, Mapping) else None
    return given


def _shown(value: Any) -> str:
    return "" if value is None else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value).decode()
