"""What ArcGIS Workflow Manager doesn't say, and what is done here: every such choice, with its reason, in one table.

Nothing of it was checked there. `docs/jobs_manager.md` shows the table.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A question that the original leaves open, the choice that was made, and why."""

    subject: str
    choice: str
    reason: str


GUESSES: Final = (
    Guess(
        subject="several jobs in one call, of which one can't be",
        choice="nothing is done; at most 200 jobs, or 256 verbs of the engine; more is refused, naming the limit",
        reason="the answer is one boolean, and half of a list done is what nobody can repair",
    ),
    Guess(
        subject="success of an action on several steps",
        choice="true where every step was a success; those that could be done were, all the same",
        reason="the answer has a status for each step",
    ),
    Guess(
        subject="closing a job that is closed",
        choice="refused, as reopening one that is open is",
        reason="the original refuses the latter; so whoever calls hears that somebody else was first",
    ),
    Guess(
        subject="the first step at creation",
        choice="runs by itself where it is automatic, and nobody's or the creator's",
        reason="the original says the creator's; a step that is nobody's would wait for nobody",
    ),
    Guess(
        subject="running, as a reason to refuse a change",
        choice="a step that is begun, or that a worker or a device is to do; not a question that is open",
        reason="a question may stay open for days, and answering it is an act of its own",
    ),
    Guess(
        subject="what ends a job",
        choice="closing it; or its last step, where its template `closes`, as those in code do",
        reason="the original doesn't say that the last step closes it",
    ),
    Guess(
        subject="reopening",
        choice="the steps that were current are current again and wait to be started; of a finished job none is",
        reason="what was cancelled isn't begun again without anybody's word",
    ),
    Guess(
        subject="upgrading a step that is another in the active version",
        choice="it gets a new job, held and waiting as the old one; refused for a device's, which knows the old one,"
        " and where others wait for it",
        reason="who does a step is a fact of its job",
    ),
    Guess(
        subject="waiting for a whole job",
        choice="until it is closed, however that comes; a deleted one holds nobody up",
        reason="nobody shall wait for ever",
    ),
    Guess(
        subject="dependencies in a circle",
        choice="refused, with every step in it",
        reason="each would wait for ever",
    ),
    Guess(
        subject="a second hold on a held step",
        choice="answered with Held; ReleaseHold releases holds, not dependencies, also what a diagram has set",
        reason="a step has one flag for it",
    ),
    Guess(
        subject="a hold until a moment that is past",
        choice="refused",
        reason="it would hold nothing",
    ),
    Guess(
        subject="past holds and dependencies",
        choice="shown as long as the job has at most 200; then new ones take the place of the oldest",
        reason="what is kept with a job is bounded",
    ),
    Guess(
        subject="holding a step that isn't reached",
        choice="allowed; one that is over answers StepNotCurrent",
        reason="a badge can wait for the NDA before the visitor is there",
    ),
    Guess(
        subject="assignCurrentStep with several current steps",
        choice="all of them",
        reason="the call names none",
    ),
    Guess(
        subject="levels of assignment",
        choice="jobAssignAny: anybody's; jobAssignGroup: their groups', their own, nobody's; jobAssignIndividual: own",
        reason="the names and their order are documented, no more",
    ),
    Guess(
        subject="privileges that the documented list lacks",
        choice="jobUpdateNotes, jobUpdateOwner, jobUpdateParent, jobUpdatePriority, jobUpdateRelatedProperties,"
        " jobUpdateStatus; reading and commenting take none",
        reason="each property that can be changed needs one, and the documented list says that it is incomplete",
    ),
    Guess(
        subject="comments of a closed job",
        choice="taken; attachments are not",
        reason="what was learned later is worth a line; the record of a visit stays as it was",
    ),
    Guess(
        subject="the comment of an answer",
        choice="becomes a comment of the job, in the call that answers",
        reason="so everybody can read it",
    ),
    Guess(
        subject="getAttachmentUrl",
        choice="built without a request; of a link it is the link, without a token",
        reason="a token of ours is nobody else's business",
    ),
    Guess(
        subject="words of a search",
        choice="all of them, whole and in any case; 'a phrase'; AND, OR, NOT, brackets; 256 different words of a job",
        reason="the documents name words, phrases and logical operators; who types two words means both",
    ),
    Guess(
        subject="a condition on currentStep, assignedTo or assignedType",
        choice="fulfilled where one current step fulfils it; a cell shows all, with commas in between",
        reason="a job can have several current steps",
    ),
    Guess(
        subject="order of a query without sortFields",
        choice="the newest first; otherwise ties are by jobId, and what has no value is last, either way",
        reason="pages must not overlap",
    ),
    Guess(
        subject="parentName of a search",
        choice="the parent's id, as parentJob has it",
        reason="a job has no other name of its parent, and that one doesn't change",
    ),
    Guess(
        subject="nextStart on the last page",
        choice="-1",
        reason="as portals of the same maker do",
    ),
    Guess(
        subject="a query that no index serves",
        choice="looks at 100,000 jobs, and is refused beyond",
        reason="a slow answer for one is a slow service for all",
    ),
    Guess(
        subject="a name of a job that neither template nor caller gives",
        choice="JOB_ and its id",
        reason="the original counts; a counter would be one more thing that all wait for",
    ),
    Guess(
        subject="an id of the caller's own",
        choice="1 to 64 letters, digits, `-`, `_`, `.`; taken as long as the job is kept",
        reason="it is part of a path",
    ),
    Guess(
        subject="users and groups",
        choice="any name that isn't empty is known",
        reason="there is no directory",
    ),
    Guess(
        subject="messages of a job between two looks at it",
        choice="each is told by itself and in order, at the next look; each look costs one round trip for all jobs",
        reason="what a message tells is in the job and its history; so none is lost with a process",
    ),
    Guess(
        subject="more than 200 changes of a job between two looks at it",
        choice="those that the history still has are told, and then a JobState",
        reason="whoever is told must not go on from what is no longer so",
    ),
    Guess(
        subject="the message of a step that is done, and doesn't proceed by itself",
        choice="StepStopped; StepFinished when somebody finishes it; the history has Completed and Finished",
        reason="a client that has run it waits for one of these",
    ),
    Guess(
        subject="the message of a job that is deleted",
        choice="none; whoever is subscribed hears nothing of it any more",
        reason="the documented kinds have none",
    ),
    Guess(
        subject="the message of set current, reopen and upgrade",
        choice="JobState, also to whoever is subscribed already",
        reason="the documented kinds have none of their own, and other steps are current then",
    ),
)
