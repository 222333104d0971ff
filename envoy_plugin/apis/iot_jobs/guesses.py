"""What AWS doesn't say, and what is done here: every such choice, with its reason, in one table.

Nothing of it was checked at AWS. `docs/devices.md` shows the table; numbers that the code needs stand above it.
"""

from dataclasses import dataclass
from typing import Final

MOST_PENDING: Final = 10
MOST_PAIRS: Final = 100
MOST_CANCEL_PAIRS: Final = 10
MOST_TARGETS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A question that AWS leaves open, the choice that was made, and why."""

    subject: str
    choice: str
    reason: str


GUESSES: Final = (
    Guess(
        subject="UpdateJobExecution with another expectedVersion",
        choice="400 InvalidRequestException, `Expected version 3 but found version 4`, and executionState in the body",
        reason="the model has no code for it over HTTP; another server that was measured against AWS says so, too",
    ),
    Guess(
        subject="UpdateJobExecution from QUEUED to SUCCEEDED, FAILED or REJECTED",
        choice="taken; there is no startedAt then",
        reason="AWS' diagram shows QUEUED to REJECTED, and known servers take all three",
    ),
    Guess(
        subject="statusDetails that are given",
        choice=f"replace the whole map; at most {MOST_PAIRS} pairs, {MOST_CANCEL_PAIRS} of CancelJobExecution",
        reason="no text says that they are merged; the model bounds the pairs of CancelJobExecution alone",
    ),
    Guess(
        subject="versionNumber",
        choice="1 when queued; one more for each start, accepted update, cancel and time-out",
        reason="so that whoever compares versions notices every change, whoever made it",
    ),
    Guess(
        subject="StartNextPendingJobExecution while one is IN_PROGRESS",
        choice="hands it out again with the same version; a stepTimeoutInMinutes moves its step timer",
        reason="the device has restarted, and nothing has happened to the job",
    ),
    Guess(
        subject="DescribeJobExecution of $next where nothing is pending",
        choice="200 `{}`",
        reason="AWS' own C++ SDK saw that over MQTT",
    ),
    Guess(
        subject="executionNumber",
        choice="1 for the first attempt, one more for each retry",
        reason="AWS calls it a number that identifies an execution of a job on a thing, and no more",
    ),
    Guess(
        subject="a retry",
        choice="a new execution number, at once: QUEUED behind what is queued by then, version 1, no statusDetails, a"
        " queuedAt of its own",
        reason="AWS counts each attempt as an execution; nothing is said of a pause",
    ),
    Guess(
        subject="jobProcessDetails, ListJobExecutionsForJob and ListJobExecutionsForThing",
        choice="count and list a thing once, by its latest execution, unless that was deleted; retryAttempt tells how"
        " many were before",
        reason="their names speak of things; earlier executions are found by executionNumber",
    ),
    Guess(
        subject="GetPendingJobExecutions",
        choice=f"all that is IN_PROGRESS, then the oldest QUEUED, {MOST_PENDING} in all",
        reason=f"AWS' limit is {MOST_PENDING}; what runs is what a restarted device looks for",
    ),
    Guess(
        subject="expectedVersion as a text",
        choice="400",
        reason="the model says long; examples with a text are of the MQTT API",
    ),
    Guess(
        subject="stepTimeoutInMinutes beside a status that ends the execution",
        choice="checked, then ignored",
        reason="both timers end with the execution",
    ),
    Guess(
        subject="a work item that waits for another job",
        choice="can't be seen by its device; QUEUED on the control plane",
        reason="it is not the device's turn; AWS has nothing of the kind",
    ),
    Guess(
        subject="the same key for another thing, or for the control plane",
        choice="403 AccessDeniedException, whether the thing exists or not",
        reason="as for an AWS policy that doesn't allow it",
    ),
    Guess(
        subject="a wrong signature, an unknown key, an old date",
        choice="403 InvalidSignatureException, 403 UnrecognizedClientException, 400 RequestExpired",
        reason="AWS' common errors; each service of AWS has its own mixture",
    ),
    Guess(
        subject="headers that aren't signed",
        choice="Host and every x-amz-* header must be; Content-Type, too, unless it is application/json",
        reason="AWS' SDKs for PHP and JavaScript 2 leave it out; bodies are read as JSON whatever it says",
    ),
    Guess(
        subject="UpdateJobExecution while its queue is paused",
        choice="a start is 409 InvalidStateTransitionException; StartNext answers `{}`",
        reason="a pause is ours: whoever paused wants nothing to start",
    ),
    Guess(
        subject="CreateJob",
        choice=f"1 to {MOST_TARGETS} things; document must be JSON; documentSource, groups, roll-out, abort, schedules,"
        " CONTINUOUS, templates, tags, namespaces, packages and presigned URLs are refused by name",
        reason="what is taken must be kept; a job that silently ignores its roll-out does harm",
    ),
    Guess(
        subject="DeleteThing",
        choice="cancels what is pending for it as REMOVED, and ends its keys; a thing that isn't there is no error",
        reason="nobody could do that work any more",
    ),
    Guess(
        subject="CreateThing again",
        choice="200 with the same thing where the attributes are the same, else 409",
        reason="AWS says so of a thing with the same configuration",
    ),
    Guess(
        subject="StartCommandExecution, and whatever else is left out",
        choice="404 UnknownOperationException; a plain 404 where the path isn't below `/things` or `/jobs`, as of thing"
        " groups",
        reason="never 200, which SDKs take for an empty answer",
    ),
    Guess(
        subject="a body that is too large, or doesn't arrive",
        choice="413 RequestEntityTooLargeException above 64 KiB, 512 KiB of operators; 408 RequestTimeoutException"
        " after 20 seconds",
        reason="AWS names no bounds; they are far above what the members may hold, and what a device needs",
    ),
    Guess(
        subject="a job that was deleted, while its end is not told yet, or others wait for it",
        choice="404; its id is free again once that is over, an hour later at most",
        reason="AWS' DELETION_IN_PROGRESS, of which nothing more can be asked",
    ),
    Guess(
        subject="DeleteJobExecution of a workflow's step, while the workflow isn't over",
        choice="409 InvalidStateTransitionException, with force, too",
        reason="the workflow may send it again",
    ),
    Guess(
        subject="how long a job is kept",
        choice="7 days after its end, 30 where it failed (`JOB_KEEP`, `JOB_KEEP_FAILED`); its document, description and"
        " configuration, and statusDetails, for a day (`JOB_KEEP_PAYLOAD`), or as long as it where it failed; then"
        " GetJobDocument is 404",
        reason="they may hold what is a visitor's, and Redis is not for ever",
    ),
    Guess(
        subject="a device's step of a workflow",
        choice="an execution like others for its device, ListJobExecutionsForThing, DescribeJobExecution and"
        " CancelJobExecution; DescribeJob and ListJobs don't know it",
        reason="what is around it is the workflow, which is no job of AWS IoT",
    ),
    Guess(
        subject="DescribeJob after a cancel",
        choice="CANCELED; with executions still IN_PROGRESS, too (they go on, unless force was given)",
        reason="AWS' text on CancelJob",
    ),
)
