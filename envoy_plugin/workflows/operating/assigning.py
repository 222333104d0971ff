"""Making current steps somebody's."""

from envoy_plugin.errors import BadProperty, JobRefused
from envoy_plugin.workflows.definitions.diagrams import ASSIGNED_BY_ROLE, UNASSIGNED
from envoy_plugin.workflows.models import JobHistoryAction
from envoy_plugin.workflows.operating.making import assignee_of
from envoy_plugin.workflows.operating.scope import Scope, check_open
from envoy_plugin.workflows.responses import DESCRIPTIONS, Status
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.phases import Phase, phase_of


async def assign(scope: Scope, job_id: str, step_id: str | None, assigned_to: str | None, assigned_type: str) -> None:
    """Make a current step somebody's; None: all current ones. See `JobsManager.assign_step`."""
    assignee = assignee_of(assigned_type, assigned_to)
    if assignee in ASSIGNED_BY_ROLE - {UNASSIGNED}:
        raise BadProperty("assigned_to", "a role is for diagrams and new jobs; it names nobody here")
    scope.caller.demand_to_assign(assignee)

    def change(draft: Draft) -> None:
        check_open(draft)
        chosen = draft.workflow.current if step_id is None else [step_id]
        if not chosen:
            raise _refused(draft, Status.NO_ACTIVE_STEP)
        for one in chosen:
            _assign(draft, one, assignee)

    await scope.revise([job_id], change)


def _assign(draft: Draft, step_id: str, assignee: str) -> None:
    workflow = draft.workflow
    if step_id not in workflow.diagram.by_id:
        raise _refused(draft, Status.STEP_NOT_IN_DIAGRAM)
    if not workflow.is_current(step_id):
        raise _refused(draft, Status.STEP_NOT_CURRENT)
    if phase_of(workflow.jobs[step_id], workflow.now) in {Phase.RUNNING, Phase.DONE}:
        raise _refused(draft, Status.ALREADY_EXECUTING)
    draft.assign(step_id, assignee)
    if draft.has_changed(step_id):
        draft.record(JobHistoryAction.REASSIGNED, step_id, to=assignee)


def _refused(draft: Draft, status: Status) -> JobRefused:
    why = DESCRIPTIONS[status].rstrip(".")
    return JobRefused(draft.workflow.public_id, why[0].lower() + why[1:])
