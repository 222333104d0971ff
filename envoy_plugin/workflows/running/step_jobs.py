"""The jobs of a workflow's steps, as far as a call is about to change them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import follow_up_of
from envoy_plugin.engine.verbs import Assign, Cancel, Hold, Retry, Unhold, Verb
from envoy_plugin.workflows.definitions.diagrams import UNASSIGNED, Step
from envoy_plugin.workflows.running.record import Workflow
from envoy_plugin.workflows.running.work import StepJob, retries_of

ADVANCED: Final = "advanced"
"""Why a follow-up was cancelled: the call that ended its step has opened what follows."""


@dataclass(slots=True, kw_only=True)
class Work:
    """The job of a step, as it will be."""

    id: str
    ended: bool
    attempt: int
    holds: set[str]
    queue: str
    assignee: str

    @property
    def follow_up(self) -> str:
        """The id of the job that follows the end of its attempt."""
        return follow_up_of(self.id, self.attempt)


class StepJobs:
    """By step, its job; and the `verbs` that make of the jobs that were read what they will be."""

    def __init__(self, engine: Engine, workflow: Workflow) -> None:
        self._engine = engine
        self.verbs: list[Verb[Any]] = []
        self._work = {
            step_id: Work(
                id=job.id,
                ended=job.state.ended,
                attempt=job.attempt,
                holds=set(job.gates.holds),
                queue=job.queue,
                assignee=job.assignee or UNASSIGNED,
            )
            for step_id, job in workflow.jobs.items()
        }

    def __contains__(self, step_id: str) -> bool:
        """Whether there is one: it is forgotten once it has been over for long."""
        return step_id in self._work

    def __getitem__(self, step_id: str) -> Work:
        """The one of this step."""
        return self._work[step_id]

    def make(self, step_id: str, job: StepJob) -> str:
        """Let another job be a step's from now on; answers its id."""
        verb = job.enqueue(self._engine)
        self.verbs.append(verb)
        self._work[step_id] = Work(
            id=verb.id, ended=False, attempt=1, holds=set(job.holds), queue=verb.queue, assignee=job.assignee
        )
        return verb.id

    def end(self, step_id: str, verb: Verb[Any]) -> None:
        """End one by this verb; what would follow that end is followed in the same call."""
        work = self._work[step_id]
        self.verbs.append(verb)
        if not work.ended:
            work.ended = True
            self.verbs.append(Cancel(id=work.follow_up, reason=ADVANCED))

    def leave_out(self, steps: Collection[str], reason: str) -> None:
        """Cancel those of these steps that aren't over."""
        for step_id in steps:
            if step_id in self._work and not self._work[step_id].ended:
                self.end(step_id, Cancel(id=self._work[step_id].id, reason=reason))

    def again(self, step: Step) -> None:
        """Give one that is over a new attempt."""
        work = self._work[step.id]
        self.verbs.append(Retry(id=work.id, retries=retries_of(step)))
        work.ended, work.attempt = False, work.attempt + 1

    def shut(self, step_id: str, hold: str, *, shut: bool) -> None:
        """Shut or open a hold of one, where it isn't so already."""
        work = self._work[step_id]
        if shut and hold not in work.holds:
            self.verbs.append(Hold(id=work.id, hold=hold))
            work.holds.add(hold)
        elif not shut and hold in work.holds:
            self.verbs.append(Unhold(id=work.id, hold=hold))
            work.holds.remove(hold)

    def assign(self, step: Step, assignee: str) -> bool:
        """Make one somebody's; a person's moves to their queue. Answers whether that is news."""
        work = self._work[step.id]
        queue = assignee if step.is_persons else work.queue
        is_news = (queue, assignee) != (work.queue, work.assignee)
        if is_news:
            self.verbs.append(Assign(id=work.id, queue=queue, assignee=assignee))
            work.queue, work.assignee = queue, assignee
        return is_news

    def cancel_all(self, reason: str, *, room: int) -> list[Verb[Any]]:
        """What cancels all that isn't over, and, where so many verbs will do, what follows from that."""
        left = [work for work in self._work.values() if not work.ended]
        verbs: list[Verb[Any]] = [Cancel(id=work.id, reason=reason) for work in left]
        if 2 * len(left) < room:
            verbs += [Cancel(id=work.follow_up, reason=ADVANCED) for work in left]
        return verbs
