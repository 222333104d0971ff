"""Every operation of the API: the one table that routes and the documented table of calls are made from.

Sources: the customer's JobsManager.txt (names); the REST reference and what the Python client was seen to send (paths,
bodies, answers).
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypedDict, TypeVar, Unpack

from envoy_plugin.apis.workflow_manager import attachments, diagrams, jobs, steps, templates
from envoy_plugin.apis.workflow_manager.asked import Asked
from envoy_plugin.apis.workflow_manager.bodies import (
    Action,
    Assignment,
    Comment,
    Dependency,
    Hold,
    JobUpdate,
    Links,
    Manage,
    NewJobs,
    NewLocation,
    Release,
    Renamed,
    Wanted,
)
from envoy_plugin.apis.workflow_manager.operation import Answer, Model, Nothing, Operation, Source
from envoy_plugin.apis.workflow_manager.searching import Count, Search
from envoy_plugin.apis.workflow_manager.socket import notify
from envoy_plugin.apis.workflow_manager.uploads import Upload

DEPENDENCY: Final = "dependentJobId"
"""The member that makes a hold a dependency."""
Done = TypeVar("Done", bound=Action)


class _Words(TypedDict, total=False):
    """What else can be said of an operation in a word."""

    name: str
    type: str
    member: str


def _post(
    path: str, does: Callable[[Asked, Model], Awaitable[Answer]], takes: type[Model], about: str, **more: Unpack[_Words]
) -> Operation[Any]:
    return Operation(method="POST", path=path, does=does, takes=takes, source=Source.JSON, about=about, **more)


def _get(
    path: str, does: Callable[[Asked, Nothing], Awaitable[Answer]], about: str, *, name: str = ""
) -> Operation[Any]:
    return Operation(name=name, method="GET", path=path, does=does, takes=Nothing, about=about)


def _delete(
    path: str, does: Callable[[Asked, Nothing], Awaitable[Answer]], about: str, *, name: str = ""
) -> Operation[Any]:
    return Operation(name=name, method="DELETE", path=path, does=does, takes=Nothing, about=about)


def _manage(name: str, type_: str, does: Callable[[Asked, Manage], Awaitable[Answer]], about: str) -> Operation[Any]:
    return _post("/jobs/manage", does, Manage, about, name=name, type=type_)


def _act(
    name: str, type_: str, does: Callable[[Asked, Done], Awaitable[Answer]], takes: type[Done], about: str
) -> Operation[Any]:
    member = DEPENDENCY if issubclass(takes, Dependency) else ""
    return _post("/jobs/{jobId}/action", does, takes, about, name=name, type=type_, member=member)


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    _post("/jobTemplates/{templateId}/job", jobs.create, NewJobs, "Make jobs from a template.", name="createJobs"),
    Operation(
        name="getJob",
        method="GET",
        path="/jobs/{jobId}",
        about="A job; with its properties and its holds.",
        does=jobs.get,
        takes=Wanted,
        source=Source.QUERY,
    ),
    _post("/jobs/{jobId}/update", jobs.update, JobUpdate, "Change what is said of a job.", name="updateJob"),
    _manage("closeJobs", "Close", jobs.close, "End jobs."),
    _manage("deleteJobs", "Delete", jobs.delete, "Delete jobs."),
    _manage("reopenJobs", "Reopen", jobs.reopen, "Let closed jobs go on."),
    _manage("upgradeJobs", "Upgrade", jobs.upgrade, "Let jobs go on by the newest diagram."),
    _post("/jobs/search", jobs.search, Search, "A page of jobs.", name="queryJobs"),
    _post("/jobs/statistics", jobs.statistics, Count, "How many jobs there are.", name="calculateJobStatistics"),
    _get("/jobs/{jobId}/diagram", jobs.diagram, "The diagram that a job runs on.", name="getJobDiagram"),
    _get("/jobs/{jobId}/history", jobs.history, "What has happened to a job.", name="getJobHistory"),
    _get("/jobs/{jobId}/location", jobs.location, "Where a job is.", name="getJobLocation"),
    Operation(
        name="setJobLocation",
        method="PUT",
        path="/jobs/{jobId}/location",
        about="Say where a job is.",
        does=jobs.set_location,
        takes=NewLocation,
        source=Source.JSON,
    ),
    _get("/jobs/{jobId}/comments", jobs.comments, "What has been said of a job.", name="getJobComments"),
    _post("/jobs/{jobId}/comments", jobs.add_comment, Comment, "Say something of a job.", name="addJobComment"),
    _get("/jobs/{jobId}/attachments", attachments.attachments, "The attachments of a job.", name="getAttachments"),
    Operation(
        name="addAttachment",
        method="POST",
        path="/jobs/{jobId}/attachments",
        about="Keep a file with a job.",
        does=attachments.add,
        takes=Upload,
        source=Source.MULTIPART,
    ),
    _post(
        "/jobs/{jobId}/attachmentslinked",
        attachments.add_linked,
        Links,
        "Keep links with a job.",
        name="addAttachmentLinked",
    ),
    Operation(
        name="getAttachmentBody",
        method="GET",
        path="/jobs/{jobId}/attachments/{attachmentId}",
        about="The bytes of an attachment.",
        does=attachments.body,
        takes=Nothing,
        by_link=True,
    ),
    Operation(
        name="updateAttachment",
        method="POST",
        path="/jobs/{jobId}/attachments/{attachmentId}",
        about="Call an attachment something else.",
        does=attachments.update,
        takes=Renamed,
        source=Source.FORM,
    ),
    _delete(
        "/jobs/{jobId}/attachments/{attachmentId}", attachments.delete, "Delete an attachment.", name="deleteAttachment"
    ),
    _act("startSteps", "Run", steps.run, Action, "Start steps."),
    _act("stopSteps", "Stop", steps.stop, Action, "Pause or cancel steps."),
    _act("finishSteps", "Finish", steps.finish, Action, "End steps, and go on."),
    _act("refreshSteps", "RefreshStatus", steps.refresh, Action, "Let steps be tried now that wait for a next try."),
    _act("setCurrentStep", "SetCurrentStep", steps.set_current, Action, "Make one step the only current one."),
    _act("addHolds", "Hold", steps.hold, Hold, "Hold steps."),
    _act("releaseHolds", "ReleaseHold", steps.release, Release, "Release holds."),
    _act("addDependency", "Hold", steps.depend, Dependency, "Let steps wait for another job, or a step of it."),
    _act("releaseDependency", "ReleaseHold", steps.undepend, Dependency, "Let them wait for it no more."),
    _post(
        "/jobs/{jobId}/currentStep",
        steps.assign_current,
        Assignment,
        "Make every current step somebody's.",
        name="assignCurrentStep",
    ),
    _post("/jobs/{jobId}/{stepId}", steps.assign, Assignment, "Make a current step somebody's.", name="assignStep"),
    _get("/diagrams", diagrams.diagrams, "Every diagram."),
    _post("/diagrams", diagrams.create, diagrams.DiagramBody, "Make a diagram."),
    _get("/diagrams/{diagramId}", diagrams.get, "The active version of a diagram, or else its draft."),
    _post(
        "/diagrams/{diagramId}",
        diagrams.update,
        diagrams.DiagramUpdate,
        "Make the next version of a diagram, or its draft.",
    ),
    _delete("/diagrams/{diagramId}", diagrams.delete, "Delete a diagram that no template and no job has."),
    _get("/diagrams/{diagramId}/{version}", diagrams.get_version, "A version of a diagram; 0 is the draft."),
    _delete("/diagrams/{diagramId}/{version}", diagrams.delete_version, "Delete the draft of a diagram."),
    _get("/jobTemplates", templates.templates, "Every job template."),
    _post("/jobTemplates", templates.create, templates.TemplateBody, "Make a job template."),
    _get("/jobTemplates/{templateId}", templates.get, "A job template."),
    Operation(
        method="PUT",
        path="/jobTemplates/{templateId}",
        about="Change a job template; what isn't named stays.",
        does=templates.update,
        takes=templates.TemplateBody,
        source=Source.JSON,
    ),
    _delete("/jobTemplates/{templateId}", templates.delete, "Delete a job template."),
    _get("/notificationWs", notify, "A websocket, on which one is told of jobs as they change."),
)
"""`getAttachmentUrl`, the 33rd of the original's methods, is no call: `addAttachment` answers the URL."""
