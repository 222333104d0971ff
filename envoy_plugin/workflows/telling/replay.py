"""A job's changes one after the other, told from the rows of its history. Pure: rows in, messages out."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from envoy_plugin.workflows.definitions.diagrams import UNASSIGNED
from envoy_plugin.workflows.definitions.documents import assigned_words
from envoy_plugin.workflows.index.summary import read_date
from envoy_plugin.workflows.models import JobAttachment, JobHistoryAction
from envoy_plugin.workflows.operating.comments import read_comment
from envoy_plugin.workflows.running.history import Row
from envoy_plugin.workflows.running.phases import Phase
from envoy_plugin.workflows.telling.looks import Look
from envoy_plugin.workflows.telling.messages import (
    HOLD,
    MANUAL,
    UNDER_WAY,
    WAIT,
    WAITS_FOR_FINISH,
    MessageType,
    NotificationMessage,
    gates_of,
    kinds_of,
    message_of,
    question_of,
    steps_of,
)

COMMENTED: Final = "Commented"
"""The action of the row that a comment has here; the history has none for it."""
NO_GATES: Final[frozenset[str]] = frozenset()


class Replay:
    """A job as it was at the first look, and as each row leaves it; `messages` are what is told of it so far.

    `was` and `now` are the attachments that have changed between the looks, by id.
    """

    def __init__(
        self, before: Look, after: Look, was: Mapping[str, JobAttachment], now: Mapping[str, JobAttachment]
    ) -> None:
        workflow, phases = before.workflow, before.phases
        self.messages: list[NotificationMessage] = []
        self.after = after
        self.running = {step_id for step_id, phase in phases.items() if phase in UNDER_WAY}
        self.done = {step_id for step_id, phase in phases.items() if phase is Phase.DONE}
        self.gates = {step_id: gates_of(before, step_id) for step_id in workflow.jobs}
        self.whose = {step_id: workflow.jobs[step_id].assignee or UNASSIGNED for step_id in phases}
        self.properties = dict(workflow.properties)
        self.closed = workflow.closed
        self.restate = False
        """Whether how the job stands is to be told as a whole."""
        self.was, self.now = dict(was), now

    def play(self, rows: Sequence[Row]) -> None:
        """Tell of one change. Steps that open though none has ended were set current, or opened again."""
        actions = {row["action"] for row in rows}
        follows = actions & {JobHistoryAction.FINISHED, JobHistoryAction.ERROR}
        self.restate |= JobHistoryAction.ACTIVATED in actions and not follows
        for row in rows:
            act = ACTS.get(row["action"])
            if act is not None:
                act(self, row, read_date(row["date"]))

    def say(self, msg_type: MessageType, at: datetime | None = None, /, **facts: Any) -> None:
        """Tell of something that happened at that moment; None: before the last look."""
        self.messages.append(message_of(self.after, msg_type, at, **facts))

    def begin(self, step_id: str, at: datetime | None = None) -> None:
        """A step runs, or is to be run; a person's waits for their word."""
        self.running.add(step_id)
        self.say(MessageType.STEP_STARTED, at, step_ids=[step_id])
        step = self.after.workflow.diagram.by_id.get(step_id)
        if step is not None and step.is_persons:
            self.say(MessageType.STEP_INFO_REQUIRED, at, **question_of(step))

    def stop(self, step_id: str, at: datetime | None = None, *, pauses: bool) -> None:
        """A step doesn't run any more, and can be run again."""
        self.leave(step_id)
        if pauses:
            self.say(MessageType.STEP_PAUSED, at, step_ids=[step_id])
        else:
            self.say(MessageType.STEP_CANCELLED, at, step_id=step_id, msg="stopped")

    def complete(self, step_id: str, at: datetime | None = None) -> None:
        """A step is over, and doesn't proceed by itself."""
        self.leave(step_id)
        self.done.add(step_id)
        self.say(MessageType.STEP_STOPPED, at, step_id=step_id, msg=WAITS_FOR_FINISH)

    def reassign(self, step_id: str, whose: str, at: datetime | None = None) -> None:
        """A step is somebody else's."""
        self.whose[step_id] = whose
        kind, name = assigned_words(whose)
        self.say(MessageType.STEP_REASSIGNED, at, step_id=step_id, assigned_type=kind, assigned_to=name)

    def say_attachments(
        self,
        at: datetime | None = None,
        *,
        adds: Sequence[JobAttachment] = (),
        updates: Sequence[JobAttachment] = (),
        deletes: Sequence[str] = (),
    ) -> None:
        """Tell what has become of attachments."""
        self.say(MessageType.JOB_ATTACHMENT_UPDATED, at, adds=adds, updates=updates, deletes=deletes)

    def leave(self, step_id: str) -> None:
        """A step doesn't run any more, and isn't done and waiting."""
        self.running.discard(step_id)
        self.done.discard(step_id)


Act = Callable[[Replay, Row, datetime], None]


def _activated(replay: Replay, row: Row, at: datetime) -> None:
    step_id = row["step"]
    replay.leave(step_id)
    replay.whose.pop(step_id, None)
    if row.get("runs") and not replay.gates.get(step_id):
        replay.begin(step_id, at)


def _started(replay: Replay, row: Row, at: datetime) -> None:
    replay.begin(row["step"], at)


def _note_begin(replay: Replay, row: Row, at: datetime) -> None:
    """What code or a device has ended was begun, also where a hold has opened by itself just before."""
    step = replay.after.workflow.diagram.by_id.get(row["step"])
    if row.get("start") and row["step"] not in replay.running | replay.done and step and not step.is_persons:
        replay.begin(row["step"], at)


def _finished(replay: Replay, row: Row, at: datetime) -> None:
    _note_begin(replay, row, at)
    replay.leave(row["step"])
    after = replay.after
    facts = {"current_steps": steps_of(after), "job_status": after.workflow.properties.get("job_status") or ""}
    replay.say(MessageType.STEP_FINISHED, at, step_ids=[row["step"]], **facts)


def _failed(replay: Replay, row: Row, at: datetime) -> None:
    _note_begin(replay, row, at)
    replay.leave(row["step"])
    replay.say(MessageType.STEP_ERROR, at, step_id=row["step"], msg=row.get("why") or row.get("result") or "")


def _completed(replay: Replay, row: Row, at: datetime) -> None:
    _note_begin(replay, row, at)
    replay.complete(row["step"], at)


def _deactivated(replay: Replay, row: Row, _: datetime) -> None:
    replay.leave(row["step"])
    replay.restate = True


def _held(replay: Replay, row: Row, at: datetime) -> None:
    step_id, upstream = row["step"], row.get("upstream")
    gates = replay.gates.get(step_id, NO_GATES) | {WAIT + upstream if upstream else MANUAL}
    replay.gates[step_id] = gates
    replay.leave(step_id)
    until = read_date(row["until"]) if row.get("until") else None
    facts = {"step_ids": [step_id], "set_by": row.get("user", ""), "scheduled_release": until}
    replay.say(MessageType.STEP_HELD, at, **facts, **kinds_of(gates))


def _released(replay: Replay, row: Row, at: datetime) -> None:
    step_id, upstream, gates = row["step"], row.get("upstream"), replay.gates.get(row["step"], NO_GATES)
    gone = {WAIT + upstream} if upstream else {gate for gate in gates if gate.startswith(HOLD)}
    replay.gates[step_id] = gates - gone
    replay.say(MessageType.STEP_HOLD_RELEASED, at, step_ids=[step_id])


def _updated(replay: Replay, row: Row, at: datetime) -> None:
    is_now = replay.after.workflow.properties
    if row.get("attachment"):
        changed = _attachment(replay, row["attachment"])
        replay.was[changed.id] = changed
        replay.say_attachments(at, updates=[changed])
    elif row.get("location"):
        replay.properties["location"] = is_now.get("location")
        replay.say(MessageType.JOB_LOCATION_UPDATED, at)
    elif "said" in row:
        changes = {**row["said"], **{name: is_now.get(name) for name in row["named"]}}
        replay.properties |= changes
        replay.say(MessageType.JOB_UPDATED, at, properties=changes)


def _added(replay: Replay, row: Row, at: datetime) -> None:
    if row.get("attachment"):
        added = _attachment(replay, row["attachment"])
        replay.was[added.id] = added
        replay.say_attachments(at, adds=[added])


def _deleted(replay: Replay, row: Row, at: datetime) -> None:
    if row.get("attachment"):
        replay.was.pop(row["attachment"], None)
        replay.say_attachments(at, deletes=[row["attachment"]])


def _attachment(replay: Replay, attachment_id: str) -> JobAttachment:
    """An attachment as it is now; of one that is gone nothing but its id is known."""
    return replay.now.get(attachment_id) or JobAttachment(id=attachment_id)


def _commented(replay: Replay, row: Row, at: datetime) -> None:
    comment = read_comment(replay.after.workflow.public_id, row["comment"], row["said"])
    replay.say(MessageType.JOB_COMMENT_UPDATED, at, adds=[comment])


def _closed(replay: Replay, row: Row, at: datetime) -> None:
    replay.closed = row["action"] == JobHistoryAction.CLOSED
    replay.restate |= not replay.closed
    replay.say(MessageType.JOB_UPDATED, at, properties={"closed": replay.closed})


def _upgraded(replay: Replay, _: Row, __: datetime) -> None:
    replay.restate = True


ACTS: Final[Mapping[str, Act]] = {
    JobHistoryAction.ACTIVATED: _activated,
    JobHistoryAction.STARTED: _started,
    JobHistoryAction.FINISHED: _finished,
    JobHistoryAction.ERROR: _failed,
    JobHistoryAction.COMPLETED: _completed,
    JobHistoryAction.PAUSED: lambda replay, row, at: replay.stop(row["step"], at, pauses=True),
    JobHistoryAction.CANCELLED: lambda replay, row, at: replay.stop(row["step"], at, pauses=False),
    JobHistoryAction.DEACTIVATED: _deactivated,
    JobHistoryAction.HELD: _held,
    JobHistoryAction.DEPENDENCY_ADDED: _held,
    JobHistoryAction.HOLD_RELEASED: _released,
    JobHistoryAction.REASSIGNED: lambda replay, row, at: replay.reassign(row["step"], row.get("to") or UNASSIGNED, at),
    JobHistoryAction.UPDATED: _updated,
    JobHistoryAction.ADDED: _added,
    JobHistoryAction.DELETED: _deleted,
    JobHistoryAction.CLOSED: _closed,
    JobHistoryAction.REOPENED: _closed,
    JobHistoryAction.UPGRADED: _upgraded,
    COMMENTED: _commented,
}
"""What each kind of row tells."""
