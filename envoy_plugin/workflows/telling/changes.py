"""What has happened between two looks at a job: each change by itself and in order, however many there were.

The history has a row for what people and code have done, so nothing is lost where a step was started and finished
between the looks. What no row tells of (time and other jobs release holds, devices note progress) is seen by
comparing how the job is with how the rows leave it. Pure: values in, messages out.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from pydantic_core import from_json

from envoy_plugin.workflows.definitions.diagrams import UNASSIGNED, Kind
from envoy_plugin.workflows.models import JobAttachment
from envoy_plugin.workflows.operating.attachments import PREFIX as ATTACHMENT
from envoy_plugin.workflows.operating.attachments import read_attachment
from envoy_plugin.workflows.operating.comments import PREFIX as COMMENT
from envoy_plugin.workflows.running.history import PREFIX as HISTORY
from envoy_plugin.workflows.running.history import Row
from envoy_plugin.workflows.running.phases import Phase
from envoy_plugin.workflows.telling.looks import Look
from envoy_plugin.workflows.telling.messages import (
    UNDER_WAY,
    MessageType,
    NotificationMessage,
    gates_of,
    held_facts,
    progress_of,
    state_of,
)
from envoy_plugin.workflows.telling.replay import COMMENTED, NO_GATES, Replay

OWN_BUSINESS: Final = frozenset({"location", "started_date", "end_date"})
Open: TypeAlias = Callable[[bytes], bytes]
Kept: TypeAlias = Mapping[str, bytes]


def told(open_: Open, before: Look, after: Look) -> list[NotificationMessage]:
    """What has happened between two looks, in order; `open_` opens what is kept sealed."""
    old, new = before.workflow.kept, after.workflow.kept
    others = {name for name in {*old, *new} if name.startswith(ATTACHMENT) and old.get(name) != new.get(name)}
    replay = Replay(before, after, _attachments(open_, old, others), _attachments(open_, new, others))
    for rows in _changes(open_, old, new):
        replay.play(rows)
    _compare(replay, before)
    if replay.restate or _is_torn(old, new):
        replay.messages.append(state_of(after))
    return replay.messages


def _changes(open_: Open, old: Kept, new: Kept) -> list[list[Row]]:
    """The rows of each change since the first look; those of a comment are made here."""
    last = max((name for name in old if name.startswith(HISTORY)), default=HISTORY)
    names = [name for name in new if name.startswith(HISTORY) and name > last]
    changes = [(int(name.removeprefix(HISTORY)), 0, from_json(open_(new[name]))) for name in names]
    for name in sorted(name for name in new if name.startswith(COMMENT) and name not in old):
        said = from_json(open_(new[name]))
        row = {"action": COMMENTED, "date": said["at"], "comment": name.removeprefix(COMMENT), "said": said}
        changes.append((said.get("version", 0), 1, [row]))
    return [rows for _, _, rows in sorted(changes, key=lambda change: change[:2])]


def _is_torn(old: Kept, new: Kept) -> bool:
    """Whether rows may be missing: so many were written since the first look that its last one had to make room."""
    rows = [name for name in old if name.startswith(HISTORY)]
    return bool(rows) and max(rows) not in new


def _attachments(open_: Open, kept: Kept, names: set[str]) -> dict[str, JobAttachment]:
    ids = {name.removeprefix(ATTACHMENT): kept[name] for name in sorted(names) if name in kept}
    return {one: read_attachment(one, from_json(open_(sealed))) for one, sealed in ids.items()}


def _compare(replay: Replay, before: Look) -> None:
    """Tell of what no row has told."""
    after = replay.after
    _compare_gates(replay)
    if not after.workflow.closed:
        for step_id, phase in after.phases.items():
            _compare_step(replay, step_id, phase)
    for step_id, said in after.progress.items():
        if said != before.progress.get(step_id):
            replay.say(MessageType.STEP_PROGRESS, **progress_of(after, step_id))
    _compare_properties(replay)
    _compare_attachments(replay)


def _compare_gates(replay: Replay) -> None:
    after = replay.after
    for step_id, job in after.workflow.jobs.items():
        was, now = replay.gates.get(step_id, NO_GATES), gates_of(after, step_id)
        if now - was:
            replay.leave(step_id)
            replay.say(MessageType.STEP_HELD, **held_facts(after, step_id, now))
        if was - now and not job.state.ended:
            replay.say(MessageType.STEP_HOLD_RELEASED, step_ids=[step_id])


def _compare_step(replay: Replay, step_id: str, phase: Phase) -> None:
    workflow = replay.after.workflow
    step, whose = workflow.diagram[step_id], workflow.jobs[step_id].assignee or UNASSIGNED
    if replay.whose.get(step_id, whose) != whose:
        replay.reassign(step_id, whose)
    if phase is Phase.READY and step_id in replay.running:
        replay.stop(step_id, pauses=step.kind == Kind.MANUAL)
    elif phase is Phase.DONE and step_id not in replay.done:
        replay.complete(step_id)
    elif phase in UNDER_WAY and step_id not in replay.running:
        replay.begin(step_id)


def _compare_properties(replay: Replay) -> None:
    workflow, known = replay.after.workflow, replay.properties
    is_now = workflow.properties
    changed = {name: is_now.get(name) for name in sorted({*known, *is_now}) if known.get(name) != is_now.get(name)}
    facts = {name: value for name, value in changed.items() if name not in OWN_BUSINESS}
    if replay.closed != workflow.closed:
        facts["closed"] = workflow.closed
    if facts:
        replay.say(MessageType.JOB_UPDATED, properties=facts)
    if "location" in changed:
        replay.say(MessageType.JOB_LOCATION_UPDATED)


def _compare_attachments(replay: Replay) -> None:
    was, now = replay.was, replay.now
    adds = [one for name, one in now.items() if name not in was]
    updates = [one for name, one in now.items() if name in was and was[name] != one]
    deletes = [name for name in was if name not in now]
    if adds or updates or deletes:
        replay.say_attachments(adds=adds, updates=updates, deletes=deletes)
