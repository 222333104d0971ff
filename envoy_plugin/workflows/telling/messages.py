"""What is told of a job: the kinds of messages, and what of a step or a job is in them. Pure: values in, messages out.

Source of the kinds: Workflow Manager's websocket messages and the message classes of the ArcGIS Pro SDK. Fields are
named as there, in Python's spelling.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag, StrEnum
from typing import Any, Final

from envoy_plugin.workflows.definitions.diagrams import Kind, Step
from envoy_plugin.workflows.models import CurrentStep
from envoy_plugin.workflows.operating.reading import current_steps
from envoy_plugin.workflows.running.phases import Phase
from envoy_plugin.workflows.running.record import MANUAL_HOLD, OWN_HOLDS
from envoy_plugin.workflows.telling.looks import Look

UNDER_WAY: Final = frozenset({Phase.RUNNING, Phase.QUEUED})
HOLD: Final = "hold:"
WAIT: Final = "wait:"
MANUAL: Final = f"{HOLD}{MANUAL_HOLD}"
WAITS_FOR_FINISH: Final = "It is done, and waits to be finished."


class MessageType(StrEnum):
    """The kinds of messages."""

    JOB_STATE = "JobState"
    STEP_STARTED = "StepStarted"
    STEP_PROGRESS = "StepProgress"
    STEP_PAUSED = "StepPaused"
    STEP_CANCELLED = "StepCancelled"
    STEP_STOPPED = "StepStopped"
    STEP_ERROR = "StepError"
    STEP_FINISHED = "StepFinished"
    STEP_HELD = "StepHeld"
    STEP_HOLD_RELEASED = "StepHoldReleased"
    STEP_REASSIGNED = "StepReassigned"
    STEP_INFO_REQUIRED = "StepInfoRequired"
    JOB_UPDATED = "JobUpdated"
    JOB_COMMENT_UPDATED = "JobCommentUpdated"
    JOB_ATTACHMENT_UPDATED = "JobAttachmentUpdated"
    JOB_LOCATION_UPDATED = "JobLocationUpdated"


class AllowedAction(IntFlag):
    """What may be done with a step that waits for somebody."""

    CANCEL = 1
    PAUSE = 2
    FINISH = 4
    REFRESH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationMessage:
    """One message; `message` has `job_id`, and what its kind has."""

    msg_type: MessageType
    message: Mapping[str, Any] = field(repr=False)
    timestamp: datetime


def message_of(look: Look, msg_type: MessageType, at: datetime | None = None, /, **facts: Any) -> NotificationMessage:
    """A message of this job, about what happened at that moment; None: of how it is now."""
    message = {"job_id": look.workflow.public_id, **facts}
    return NotificationMessage(msg_type=msg_type, message=message, timestamp=at or look.workflow.now)


def state_of(look: Look) -> NotificationMessage:
    """How a job stands: what whoever subscribes is told first. `last` is what was told of a step last, or None."""
    workflow, phases = look.workflow, look.phases
    steps = [
        {"step": step, "state": str(phases[step.step_id]), "last": _last(look, step.step_id, phases[step.step_id])}
        for step in steps_of(look)
    ]
    facts = {
        "diagram_id": workflow.origin.diagram,
        "diagram_version": workflow.origin.version,
        "job_status": workflow.properties.get("job_status") or "",
        "job_template_name": workflow.origin.template_name or workflow.origin.template,
        "percent_complete": workflow.percent,
        "step_states": steps,
    }
    return message_of(look, MessageType.JOB_STATE, **facts)


def steps_of(look: Look) -> tuple[CurrentStep, ...]:
    """The steps that are current; a closed job has none."""
    return () if look.workflow.closed else current_steps(look.workflow)


def gates_of(look: Look, step_id: str) -> frozenset[str]:
    """What holds a step that isn't over: holds that aren't due, as `hold:NAME`, and what it waits for, as `wait:ID`."""
    job, now = look.workflow.jobs[step_id], look.workflow.now
    if job.state.ended:
        return frozenset()
    shut = job.gates.holds.items()
    holds = {HOLD + name for name, until in shut if name not in OWN_HOLDS and (until is None or until > now)}
    before = [job.gates.before] if job.gates.before else []
    return frozenset({*holds, *(WAIT + upstream for upstream in [*job.gates.upstreams, *before])})


def kinds_of(gates: Iterable[str]) -> dict[str, bool]:
    """What kinds of gates there are among these."""
    kinds = {gate.partition(":")[0] for gate in gates}
    return {"manual": "hold" in kinds, "dependency": "wait" in kinds}


def held_facts(look: Look, step_id: str, gates: frozenset[str]) -> dict[str, Any]:
    """What is said of a step that these gates hold."""
    until = look.workflow.jobs[step_id].gates.holds.get(MANUAL_HOLD)
    return {"step_ids": [step_id], "set_by": "", "scheduled_release": until, **kinds_of(gates)}


def asks(step: Step, phase: Phase | None) -> bool:
    """Whether a step in this phase waits for somebody's word."""
    return step.is_persons and (phase is Phase.RUNNING or (phase is Phase.QUEUED and step.kind == Kind.QUESTION))


def question_of(step: Step) -> dict[str, Any]:
    """What a step asks that waits for somebody's word."""
    facts: dict[str, Any] = {
        "step_id": step.id,
        "msg": step.description or step.title,
        "can_comment": True,
        "comment_required": False,
        "allowed_actions": AllowedAction.CANCEL,
    }
    if step.kind != Kind.QUESTION:
        return facts | {"allowed_actions": AllowedAction.PAUSE | AllowedAction.FINISH}
    answers = [one if isinstance(one, Mapping) else {"name": str(one), "value": one} for one in step.args["answers"]]
    return facts | {"question": step.args["question"], "question_responses": answers}


def progress_of(look: Look, step_id: str) -> dict[str, Any]:
    """What whoever does a step has noted last: `msg`, and a `fraction` of 1, where there is one."""
    said = look.progress[step_id] if isinstance(look.progress[step_id], Mapping) else {}
    facts = {"step_id": step_id, "allowed_actions": AllowedAction.CANCEL, "msg": str(said.get("message") or "")}
    fraction = said.get("fraction")
    return facts | ({"fraction": fraction} if isinstance(fraction, int | float) else {})


def _last(look: Look, step_id: str, phase: Phase) -> NotificationMessage | None:
    step = look.workflow.diagram[step_id]
    if asks(step, phase):
        return message_of(look, MessageType.STEP_INFO_REQUIRED, **question_of(step))
    if step_id in look.progress:
        return message_of(look, MessageType.STEP_PROGRESS, **progress_of(look, step_id))
    if phase in UNDER_WAY:
        return message_of(look, MessageType.STEP_STARTED, step_ids=[step_id])
    if phase is Phase.HELD:
        return message_of(look, MessageType.STEP_HELD, **held_facts(look, step_id, gates_of(look, step_id)))
    if phase is Phase.DONE:
        return message_of(look, MessageType.STEP_STOPPED, step_id=step_id, msg=WAITS_FOR_FINISH)
    why = look.workflow.walk.stops.get(step_id)
    return message_of(look, MessageType.STEP_ERROR, step_id=step_id, msg=why) if why else None
