"""What is about to become of a workflow: decided on values, step by step, and then written in one call.

A draft begins with a workflow as it was read. The call that it ends in is refused where the workflow has changed since.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from envoy_plugin.engine.engine import MOST_ITEMS
from envoy_plugin.engine.states import Reason
from envoy_plugin.engine.verbs import Cancel, Fail, Retry, Succeed, Verb
from envoy_plugin.workflows.definitions.diagrams import MAINTAIN, Diagram, Path
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.index.summary import called
from envoy_plugin.workflows.models import JobHistoryAction
from envoy_plugin.workflows.running import flow
from envoy_plugin.workflows.running.flow import UNDER_WAY, Ending, Move, Standing, Stop, percent_complete
from envoy_plugin.workflows.running.history import Row, row, span_of
from envoy_plugin.workflows.running.record import FAILURE, PATH, RUN, Change, Origin, Walk, Workflow, describe, forget
from envoy_plugin.workflows.running.roles import whose
from envoy_plugin.workflows.running.step_jobs import StepJobs
from envoy_plugin.workflows.running.work import StepJob, new_job, overdue

CLOSED: Final = "closed"
"""Why a step was cancelled that wasn't over when its workflow was."""
DELETED: Final = "deleted"
UPGRADED: Final = "upgraded"
"""Why a step was cancelled that isn't the same in the version that its workflow has moved to."""
MOST_ROUNDS: Final = 1_000
"""How often a loop may lead back to a step that runs by itself; what was said and recorded each time is kept."""
BEGINNINGS: Final = frozenset({JobHistoryAction.STARTED, JobHistoryAction.FINISHED})


class Draft:
    """The changes of one call. `standings` are as they will be, `verbs` what the steps' jobs are asked."""

    def __init__(self, store: Store, workflow: Workflow, *, by: str = "") -> None:
        self._store = store
        self._by = by
        self.workflow = workflow
        self.standings: dict[str, Standing] = dict(workflow.standings)
        self._jobs = StepJobs(store.engine, workflow)
        self.verbs = self._jobs.verbs
        self._passed = dict(workflow.walk.passed)
        self._stops = dict(workflow.walk.stops)
        self._doers = dict(workflow.walk.doers)
        self._timers = dict(workflow.walk.timers)
        self._rounds = dict(workflow.walk.rounds)
        self._properties: dict[str, Any] = {}
        self._rows: list[Row] = []
        self._kept: dict[str, Any] = {}
        self._dropped: set[str] = set()
        self._closes = False
        self._opens = False
        self._erases = False
        self._is_moved = False
        self._changed: set[str] = set()
        self._outcome = b""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written."""
        return not (self.verbs or self._changed or self._properties or self._kept or self._dropped or self._rows)

    @property
    def properties(self) -> dict[str, Any]:
        """The workflow's, as they will be."""
        return {**self.workflow.properties, **self._properties}

    def has_changed(self, step_id: str) -> bool:
        """Whether the draft has a step elsewhere than where it was read."""
        return step_id in self._changed

    def foresee(self, step_id: str, ending: Ending) -> Move:
        """What would follow if a step ended like this."""
        names = {"input": self.workflow.input, "job": called(self.properties)}
        return flow.after(self.workflow.diagram, self.standings, step_id, ending, names)

    def end(self, step_id: str, verb: Verb[Any]) -> None:
        """End a step by this verb; `follow` is next."""
        self._jobs.end(step_id, verb)

    def follow(self, step_id: str, ending: Ending, *, outcome: bytes = b"") -> None:
        """Open what follows a step that is over, or the step itself, to wait for somebody.

        `outcome` is the sealed one of the step: the workflow's, if this was its last step.
        """
        move = self.foresee(step_id, ending)
        self._passed[step_id] = self._jobs[step_id].attempt
        self._stops.pop(step_id, None)
        self._timers.pop(step_id, None)
        self._outcome = outcome
        if ending.succeeded or move.stop is not None or move.opens:
            self._forgive(step_id)
        else:
            self.keep(FAILURE, {"step": step_id, "outcome": b64encode(outcome).decode()})
        job, said = self.workflow.jobs[step_id], str(ending.state)
        action = JobHistoryAction.FINISHED if move.stop is None else JobHistoryAction.ERROR
        why = f"{move.stop}: {ending.reason}" if move.stop and ending.reason else str(move.stop or "")
        self.record(action, step_id, result=said, why=why, **span_of(job, self.workflow.now))
        if move.stop is not None:
            self._stops[step_id] = why
            self.again(step_id, runs=False)
        self._take(step_id, move)

    def set_current(self, step_id: str) -> None:
        """Leave every other step that is under way, and open this one."""
        move = flow.set_current(self.workflow.diagram, self.standings, step_id)
        for other, standing in self.standings.items():
            if other != step_id and standing in UNDER_WAY:
                self._leave(other)
                self.record(JobHistoryAction.DEACTIVATED, other)
        if self.standings[step_id] is Standing.CURRENT:
            move = Move(standings=move.standings)
        self._take(step_id, move)

    def again(self, step_id: str, *, runs: bool) -> None:
        """Give a step that is over a new attempt; it waits for somebody to run it, or `runs`."""
        self._jobs.again(self.workflow.diagram[step_id])
        self.shut(step_id, RUN, shut=not runs)
        self._mark(step_id, Standing.CURRENT)

    def anew(self, step_id: str, *, runs: bool) -> None:
        """The same, where it is to be done another time, and not to be tried again."""
        self._passed[step_id] = self._jobs[step_id].attempt
        self._forgive(step_id)
        self.again(step_id, runs=runs)
        self._rounds[step_id] = self._rounds.get(step_id, 0) + 1

    def shut(self, step_id: str, hold: str, *, shut: bool = True) -> None:
        """Shut or open a hold of a step, where it isn't so already."""
        self._jobs.shut(step_id, hold, shut=shut)

    def assign(self, step_id: str, assignee: str) -> None:
        """Make a step somebody's: `user:NAME`, `group:NAME` or `unassigned`. A person's step moves to their queue."""
        if self._jobs.assign(self.workflow.diagram[step_id], assignee):
            self._changed.add(step_id)

    def note_doer(self, step_id: str, doer: str) -> None:
        """Remember who did a step."""
        self._doers[step_id] = doer
        self._changed.add(step_id)

    def say(self, **properties: Any) -> None:
        """Change properties of the workflow."""
        self._properties.update(properties)

    def record(self, action: JobHistoryAction, step_id: str = "", **facts: Any) -> None:
        """Add a row to the history: of the workflow, or of a step of it."""
        self._rows.append(row(action, self.workflow.now, self._by, step_id, **facts))

    def keep(self, name: str, value: Any) -> None:
        """Keep JSON with the workflow, under a name like `comment:ID`."""
        self._kept[name] = value
        self._dropped.discard(name)

    def drop(self, name: str) -> None:
        """Keep it no longer."""
        self._kept.pop(name, None)
        self._dropped.add(name)

    def close(self) -> None:
        """End the workflow, with every step of it that isn't over."""
        self._closes = True
        self.say(end_date=self.workflow.now.isoformat())
        self.record(JobHistoryAction.CLOSED)

    def reopen(self) -> None:
        """Let a workflow that is over go on: the steps that were current then are again, and wait to be run."""
        self._opens = True
        self.say(end_date=None)
        self.record(JobHistoryAction.REOPENED)
        self.verbs.append(Retry(id=self.workflow.id))
        for step_id in [step_id for step_id, at in self.standings.items() if at is Standing.ENDED]:
            self.again(step_id, runs=False)

    def erase(self) -> None:
        """Forget all that is said of the workflow, and end it: nobody finds or reads it any more."""
        self._erases = True
        self._changed.update(self.workflow.jobs)

    def move_to(self, origin: Origin, diagram: Diagram, made: Mapping[str, StepJob]) -> None:
        """Let the workflow go on by another version of its diagram, with new jobs for the steps in `made`."""
        steps = {step.id: self.workflow.steps.get(step.id, "") for step in diagram.steps}
        self._jobs.leave_out(
            [step_id for step_id in self.workflow.steps if step_id not in steps or step_id in made], UPGRADED
        )
        for step_id, job in made.items():
            steps[step_id] = self._make(step_id, job)
            self.standings[step_id] = Standing.IDLE if PATH in job.holds else Standing.CURRENT
        self.standings = {step_id: self.standings[step_id] for step_id in steps}
        jobs = {step_id: job for step_id, job in self.workflow.jobs.items() if step_id in steps and step_id not in made}
        self.workflow = replace(self.workflow, origin=origin, diagram=diagram, steps=steps, jobs=jobs)
        self._is_moved = True

    def _make(self, step_id: str, job: StepJob) -> str:
        """Let another job be a step's from now on, of which no end was followed; answers its id."""
        self._passed.pop(step_id, None)
        return self._jobs.make(step_id, job)

    def _forgive(self, step_id: str) -> None:
        """What a step is done anew for has not failed, as far as is known now."""
        if (self._failure or {}).get("step") == step_id:
            self.drop(FAILURE)

    @property
    def _failure(self) -> Mapping[str, str] | None:
        """Which step has decided that its branch has failed, and its outcome: then that is the workflow's."""
        known = None if FAILURE in self._dropped else self.workflow.fields.get(FAILURE)
        found: Mapping[str, str] | None = self._kept.get(FAILURE, known)
        return found

    def attempt_of(self, step_id: str) -> int:
        """The attempt that a step's job is in."""
        return self._jobs[step_id].attempt

    def call(self, room: int = MOST_ITEMS) -> list[Verb[Any]]:
        """All that is to be written, and the end of the workflow if nothing is left to do.

        `room` is how many verbs it may take, where it has a choice.
        """
        workflow, origin = self.workflow, self.workflow.origin
        if self._erases:
            return self._erase()
        was_over = not any(standing in UNDER_WAY for standing in workflow.standings.values())
        is_over = not was_over and not any(standing in UNDER_WAY for standing in self.standings.values())
        if is_over and origin.final_status:
            self._properties["job_status"] = origin.final_status
        if is_over and origin.closes and not workflow.closed:
            self.close()
        self._note_start()
        said = describe(self._store, workflow, self._change())
        verbs = [said, *self.verbs]
        return [*verbs, *self._close(room - 1 - len(verbs))] if self._closes else verbs

    def _change(self) -> Change:
        closed = self._closes or (self.workflow.closed and not self._opens)
        return Change(
            walk=self._walk(),
            properties=self._properties,
            current=[] if closed else [(step_id, self._jobs[step_id].assignee) for step_id in self._current()],
            percent=percent_complete(self.workflow.diagram, self.standings),
            closed=closed,
            rows=self._rows,
            kept=self._kept,
            dropped=self._dropped,
            steps=self.workflow.steps if self._is_moved else None,
        )

    def _walk(self) -> Walk:
        return Walk(
            passed=self._passed,
            joining=tuple(step_id for step_id, place in self.standings.items() if place is Standing.JOINING),
            stops=self._stops,
            doers=self._doers,
            timers=self._timers,
            rounds=self._rounds,
        )

    def _erase(self) -> list[Verb[Any]]:
        verbs = [*self.verbs, forget(self._store, self.workflow)]
        if self.workflow.closed:
            return verbs
        return [*verbs, *self._jobs.cancel_all(DELETED, room=0), Cancel(id=self.workflow.id, reason=DELETED)]

    def _current(self) -> list[str]:
        waiting = {step_id for step_id in self.workflow.jobs if self.workflow.waits_for_finish(step_id)}
        alive = {Standing.CURRENT}
        return [
            step.id
            for step in self.workflow.diagram.steps
            if (standing := self.standings.get(step.id)) in alive or (standing is Standing.ENDED and step.id in waiting)
        ]

    def _note_start(self) -> None:
        """Remember when the first step was started; what devices and workers start is seen a call later."""
        if self.workflow.properties.get("started_date"):
            return
        began = [job.started for job in self.workflow.jobs.values() if job.started]
        now = [self.workflow.now] if any(row["action"] in BEGINNINGS for row in self._rows) else []
        if began or now:
            self._properties["started_date"] = min([*began, *now]).isoformat()

    def _close(self, room: int) -> list[Verb[Any]]:
        """End the workflow. What isn't over is cancelled, and nothing more is to follow from that."""
        verbs = self._jobs.cancel_all(CLOSED, room=room)
        envelope = self.workflow.id
        if self._failure:
            outcome = b64decode(self._failure["outcome"])
            return [*verbs, Fail(id=envelope, reason=Reason.REJECTED, outcome=outcome)]
        return [*verbs, Succeed(id=envelope, outcome=self._outcome)]

    def _take(self, step_id: str, move: Move) -> None:
        for opened, path in move.opens.items():
            self._open(opened, path, after=step_id)
        for other, standing in move.standings.items():
            if self.standings[other] is not standing:
                self._mark(other, standing)
        self._changed.add(step_id)
        if move.status:
            self._properties["job_status"] = move.status

    def _open(self, step_id: str, path: Path, *, after: str) -> None:
        step = self.workflow.diagram[step_id]
        if step_id not in self._jobs:  # its job was over for so long that it was forgotten
            made = self._make(step_id, new_job(self.workflow, step))
            self.workflow = replace(self.workflow, steps={**self.workflow.steps, step_id: made})
            self._is_moved = True
        stop = self._why_not(step_id) if step.runs_by_itself else None
        runs = step.runs_by_itself and stop is None
        if self._jobs[step_id].ended:
            self.anew(step_id, runs=runs)
        self.record(JobHistoryAction.ACTIVATED, step_id, runs=runs or None)
        self.assign(step_id, self._assignee(step_id, path.assigned or step.assigned or MAINTAIN, after))
        self.shut(step_id, PATH, shut=False)
        self.shut(step_id, RUN, shut=not runs)
        if stop is not None:
            self._stops[step_id] = stop
        timer = overdue(self._store.engine, self.workflow.id, self.workflow.item, step)
        if timer is not None:
            self.verbs.append(timer)
            self._timers[step_id] = timer.id

    def _why_not(self, step_id: str) -> Stop | None:
        """Why a step doesn't run by itself that would."""
        if step_id in self.workflow.lost:
            return Stop.NO_THING
        return Stop.LOOPED if self._rounds.get(step_id, 0) >= MOST_ROUNDS else None

    def _leave(self, step_id: str) -> None:
        """A step that is over keeps its end, from which nothing follows; one that isn't waits to be reached again."""
        if self._jobs[step_id].ended:
            self._passed[step_id] = self._jobs[step_id].attempt
        else:
            self.shut(step_id, PATH)

    def _mark(self, step_id: str, standing: Standing) -> None:
        self.standings[step_id] = standing
        self._changed.add(step_id)

    def _assignee(self, step_id: str, word: str, after: str) -> str:
        before, last = (self._doers.get(one) or self._jobs[one].assignee for one in (after, step_id))
        return whose(word, self.workflow.properties, before=before, last=last)
