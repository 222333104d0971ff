"""What is told of a job when it has changed: the difference between two looks at it. Pure: values in, messages out.

Source of the kinds: Workflow Manager's websocket messages and the message classes of the ArcGIS Pro SDK. Fields are
named as there, in Python's spelling.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag, StrEnum
from typing import Any, Final

from envoy_plugin.workflows.diagrams import UNASSIGNED, Kind, Step
from envoy_plugin.workflows.documents import assigned_words
from envoy_plugin.workflows.models import CurrentStep, JobAttachment, JobComment
from envoy_plugin.workflows.phases import Phase, is_held, phase_of
from envoy_plugin.workflows.reading import current_steps
from envoy_plugin.workflows.record import MANUAL_HOLD, Workflow

UNDER_WAY: Final = frozenset({Phase.RUNNING, Phase.QUEUED})
OWN_BUSINESS: Final = frozenset({"location", "started_date", "end_date"})


class MessageType(StrEnum):
    """The kinds of messages."""

    JOB_STATE = "JobState"
    STEP_STARTED = "StepStarted"
    STEP_PAUSED = "StepPaused"
    STEP_CANCELLED = "StepCancelled"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A job as it was when somebody looked."""

    workflow: Workflow
    comments: Sequence[JobComment]
    attachments: Sequence[JobAttachment]

    @property
    def phases(self) -> dict[str, Phase]:
        """What each current step waits for."""
        jobs, now = self.workflow.jobs, self.workflow.now
        return {step_id: phase_of(jobs[step_id], now) for step_id in self.workflow.current}


def state_of(look: Look) -> NotificationMessage:
    """How a job stands: what whoever subscribes is told first."""
    workflow, phases = look.workflow, look.phases
    steps = [{"step": step, "state": str(phases[step.step_id])} for step in _current(look)]
    facts = {
        "diagram_id": workflow.origin.diagram,
        "diagram_version": workflow.origin.version,
        "job_status": workflow.properties.get("job_status") or "",
        "job_template_name": workflow.origin.template_name or workflow.origin.template,
        "percent_complete": workflow.percent,
        "step_states": steps,
    }
    return _message(look, MessageType.JOB_STATE, **facts)


def told(before: Look, after: Look) -> list[NotificationMessage]:
    """What has happened between two looks, in the order in which it may have."""
    return [*_of_steps(before, after), *_waiting(before, after), *_of_job(before, after)]


def _of_steps(before: Look, after: Look) -> Iterator[NotificationMessage]:
    passed = _passed(before, after)
    errors = {step_id: after.workflow.walk.stops[step_id] for step_id in passed if step_id in after.workflow.walk.stops}
    finished = [step_id for step_id in passed if step_id not in errors]
    if finished:
        status = after.workflow.properties.get("job_status") or ""
        facts = {"step_ids": finished, "current_steps": _current(after), "job_status": status}
        yield _message(after, MessageType.STEP_FINISHED, **facts)
    for step_id, why in errors.items():
        yield _message(after, MessageType.STEP_ERROR, step_id=step_id, msg=why)
    old, new = before.phases, after.phases
    stopped = [one for one in new if old.get(one) in UNDER_WAY and new[one] is Phase.READY and one not in errors]
    paused = [one for one in stopped if after.workflow.diagram[one].kind == Kind.MANUAL]
    started = [one for one in new if new[one] in UNDER_WAY and old.get(one) not in UNDER_WAY]
    if paused:
        yield _message(after, MessageType.STEP_PAUSED, step_ids=paused)
    for step_id in stopped:
        if step_id not in paused:
            yield _message(after, MessageType.STEP_CANCELLED, step_id=step_id, msg="stopped")
    if started:
        yield _message(after, MessageType.STEP_STARTED, step_ids=started)


def _waiting(before: Look, after: Look) -> Iterator[NotificationMessage]:
    was, now = _held(before), _held(after)
    released = [step_id for step_id in was if step_id not in now and step_id in after.workflow.jobs]
    for step_id in (step_id for step_id in now if step_id not in was):
        gates = after.workflow.jobs[step_id].gates
        facts = {"manual": MANUAL_HOLD in gates.holds, "dependency": bool(gates.upstreams)}
        until = gates.holds.get(MANUAL_HOLD)
        yield _message(after, MessageType.STEP_HELD, step_ids=[step_id], scheduled_release=until, **facts)
    if released:
        yield _message(after, MessageType.STEP_HOLD_RELEASED, step_ids=released)
    old, new = before.phases, after.phases
    for step_id, phase in new.items():
        whose = _assignee(after, step_id)
        if step_id in old and whose != _assignee(before, step_id):
            kind, name = assigned_words(whose)
            yield _message(after, MessageType.STEP_REASSIGNED, step_id=step_id, assigned_type=kind, assigned_to=name)
        step = after.workflow.diagram[step_id]
        if _asks(step, phase) and not (step_id in old and _asks(step, old[step_id])):
            yield _message(after, MessageType.STEP_INFO_REQUIRED, **_question(step))


def _of_job(before: Look, after: Look) -> Iterator[NotificationMessage]:
    old, new = before.workflow.properties, after.workflow.properties
    changed = {name: new.get(name) for name in {*old, *new} - OWN_BUSINESS if old.get(name) != new.get(name)}
    if before.workflow.closed != after.workflow.closed:
        changed["closed"] = after.workflow.closed
    if changed:
        yield _message(after, MessageType.JOB_UPDATED, properties=changed)
    comments = [one for one in after.comments if one not in before.comments]
    if comments:
        yield _message(after, MessageType.JOB_COMMENT_UPDATED, adds=comments)
    known, found = ({one.id: one for one in look.attachments} for look in (before, after))
    adds = [one for one in after.attachments if one.id not in known]
    updates = [one for one in after.attachments if one.id in known and known[one.id] != one]
    deletes = [one for one in known if one not in found]
    if adds or updates or deletes:
        yield _message(after, MessageType.JOB_ATTACHMENT_UPDATED, adds=adds, updates=updates, deletes=deletes)
    if old.get("location") != new.get("location"):
        yield _message(after, MessageType.JOB_LOCATION_UPDATED)


def _passed(before: Look, after: Look) -> list[str]:
    """The steps of which an end was followed."""
    old, new = before.workflow.walk.passed, after.workflow.walk.passed
    return [step.id for step in after.workflow.diagram.steps if new.get(step.id, 0) > old.get(step.id, 0)]


def _held(look: Look) -> list[str]:
    now = look.workflow.now
    jobs = look.workflow.jobs.items()
    return [step_id for step_id, job in jobs if not job.state.ended and is_held(job, now)]


def _assignee(look: Look, step_id: str) -> str:
    return look.workflow.jobs[step_id].assignee or UNASSIGNED


def _asks(step: Step, phase: Phase) -> bool:
    """Whether a step waits for somebody's word."""
    return step.is_persons and (phase is Phase.RUNNING or (phase is Phase.QUEUED and step.kind == Kind.QUESTION))


def _question(step: Step) -> dict[str, Any]:
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


def _current(look: Look) -> tuple[CurrentStep, ...]:
    return () if look.workflow.closed else current_steps(look.workflow)


def _message(look: Look, msg_type: MessageType, **facts: Any) -> NotificationMessage:
    message = {"job_id": look.workflow.public_id, **facts}
    return NotificationMessage(msg_type=msg_type, message=message, timestamp=look.workflow.now)
