"""Who acts on steps, and what they are answered."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from envoy_plugin.workflows.definitions.diagrams import UNASSIGNED


class Status(StrEnum):
    """What became of a step. Source: Workflow Manager, JobActionResponse; spelt as there."""

    SUCCESS = "Success"
    NO_ACTIVE_STEP = "NoActiveStep"
    ALREADY_EXECUTING = "AlreadyExecuting"
    ASSIGNED_TO_DIFFERENT_USER = "AssignedToDifferentUser"
    JOB_CLOSED = "JobClosed"
    STEP_NOT_CURRENT = "StepNotCurrent"
    NO_STARTED_STEP = "NoStartedStep"
    NO_MATCHING_PATHS = "NoMatchingPaths"
    NOT_RUNNING = "NotRunning"
    HELD = "Held"
    WAITING_FOR_INFO = "WaitingForInfo"
    NOT_HELD = "NotHeld"
    STEP_NOT_IN_DIAGRAM = "StepNotInDiagram"
    STEP_NOT_AUTO = "StepNotAuto"


DESCRIPTIONS: Final = {
    Status.SUCCESS: "It was done.",
    Status.NO_ACTIVE_STEP: "The job has no active step.",
    Status.ALREADY_EXECUTING: "It is running already, or another step of the job is.",
    Status.ASSIGNED_TO_DIFFERENT_USER: "It is assigned to somebody else.",
    Status.JOB_CLOSED: "The job is closed.",
    Status.STEP_NOT_CURRENT: "It is not a current step of the job.",
    Status.NO_STARTED_STEP: "It has not been started, and can't be skipped.",
    Status.NO_MATCHING_PATHS: "No path out of it has a condition that holds.",
    Status.NOT_RUNNING: "It is not running.",
    Status.HELD: "It is held, waits for another step or job, or its queue is paused, or its device is gone.",
    Status.WAITING_FOR_INFO: "It waits for an answer.",
    Status.NOT_HELD: "It is not held.",
    Status.STEP_NOT_IN_DIAGRAM: "There is no such step in the job's diagram.",
    Status.STEP_NOT_AUTO: "It is done by a person.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResponse:
    """What became of one step; `step_id` is empty where there is none to speak of."""

    step_id: str
    status: Status
    status_description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobActionResponse:
    """What became of each step of a request."""

    step_responses: tuple[StepResponse, ...]

    @property
    def success(self) -> bool:
        """Whether all of it was done."""
        return all(response.status is Status.SUCCESS for response in self.step_responses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts. `overrides`: also on what is assigned to somebody else."""

    user: str
    groups: Collection[str] = ()
    overrides: bool = False

    @property
    def name(self) -> str:
        """As steps are assigned to them; what the plugin itself has done is nobody's."""
        return f"user:{self.user}" if self.user else UNASSIGNED

    def may_act_on(self, assignee: str) -> bool:
        """Whether a step that is assigned so is theirs; an unassigned one is everybody's."""
        groups = {f"group:{group}" for group in self.groups}
        return self.overrides or assignee in {UNASSIGNED, self.name} | groups


ANYBODY: Final = Actor(user="", overrides=True)
"""The plugin itself."""
