"""Every exception of the framework.

EnvoyPluginError
├── SettingsError            the environment can't be used; carries every problem at once
├── DeclarationError         a decorator or a handler's signature makes no sense; raised at import
├── ConfigMismatch           an install's config doesn't fit the plugin's Config
│   └── NotEntered           a setup step asked for a field that nobody has filled in yet, or not so that it can be read
├── EnvoyError               a call to Envoy's platform
│   ├── AuthFailed           Envoy refused the credentials or the token
│   ├── ApiUnavailable       no usable answer: no connection, time-out, 429, 5xx; worth trying again
│   └── ApiRefused           Envoy answered 4xx; trying again won't help
├── WebhookError             a request that is not a webhook of ours
│   ├── BadSignature         not signed with the client secret
│   └── BadPayload           signed, but neither an event nor a route
├── SealError                bytes that no key of ours opens
├── TaskError                a task can't be enqueued so
│   ├── BadArguments         its arguments don't fit its annotations, or its options each other
│   └── NotRunning           no process of its plugin runs here
├── WorkflowError            a workflow, or what it is made of, can't be what was asked
│   ├── BadCondition         a path's condition that can't be read
│   ├── BadLocation          a place that can't be kept; says what of it
│   ├── BadQuery             a query that can't be answered; says what of it
│   ├── BadDiagram           a diagram that can't be active; carries every fault at once
│   ├── BadProperty          a value that a workflow's job can't have; says of which field
│   ├── JobRefused           a workflow's job doesn't take this as it stands: it is closed, a step runs, …
│   ├── NotAllowed           whoever acts lacks a privilege; names it
│   ├── NoAttachment         the job has no such attachment, or its bytes are gone
│   ├── NoTemplate           there is no such template, or it isn't active
│   └── NoThing              a step is for a device that the install doesn't have
├── ThingRefused             what was asked of a thing can't be: there is none, the job's id is taken, …
├── StorageRefused           a storage command that can't be: its key, value, range or size; nothing was run
├── JWTError                 a JSON Web Token can't be made: a weak secret, no end, a claim that is not to be set
│   ├── JWTExpired           it was ours, and has ended
│   └── JWTInvalid           it is none of ours, or can't be read
└── EngineError              a job can't do what was asked; nothing was changed
    ├── JobNotFound          no such job, or no such attempt
    ├── WrongState           the attempt that was named is in a state that forbids it
    ├── LostLease            the job has been claimed again, or its lease ran out
    ├── VersionMismatch      the job has changed since the caller looked
    ├── BadCursor            a cursor that no page of this list gave
    ├── DependencyCycle      the job would wait for itself; names the jobs in between
    ├── CallRefused          one or more verbs of a call were refused; carries each refusal
    ├── TooLarge             a payload, an outcome or a call beyond its limit
    └── SchemaTooNew         the keys in Redis were written by a newer release

Facts are attributes; the message is one sentence. No message holds a secret or a visitor's data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class EnvoyPluginError(Exception):
    """The root: catches everything that the framework raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One setting that can't be used: its name, what is wrong, where to get a right value, and an example."""

    name: str
    fault: str
    source: str
    example: str

    def __str__(self) -> str:
        return f"{self.name}: {self.fault}. {self.source} Example: {self.name}={self.example}"


class SettingsError(EnvoyPluginError):
    """The environment can't be used; `problems` lists every one of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class DeclarationError(EnvoyPluginError):
    """A decorator or a handler's signature makes no sense."""


class ConfigMismatch(EnvoyPluginError):
    """An install's config doesn't fit the plugin's `Config`; `fields` names what is wrong, never a value."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__(f"The install's configuration is not usable: {', '.join(fields)}.")
        self.fields = tuple(fields)


class NotEntered(ConfigMismatch, AttributeError):
    """A field of a half-filled form or config was asked for; in a setup step, the installer reads that it is needed."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__(fields)
        self.args = (f"Please fill in: {', '.join(fields)}.",)


class EnvoyError(EnvoyPluginError):
    """A call to Envoy's platform failed.

    `status` is Envoy's HTTP status, None where there was no answer; `retry_after` is in seconds.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class AuthFailed(EnvoyError):
    """Envoy refused the plugin's credentials, or a token that was just fetched."""


class ApiUnavailable(EnvoyError):
    """Envoy gave no usable answer: no connection, a time-out, 429 or 5xx. Worth trying again."""


class ApiRefused(EnvoyError):
    """Envoy answered 4xx: trying the same again won't help."""


class WebhookError(EnvoyPluginError):
    """A request that is not a webhook of ours."""


class BadSignature(WebhookError):
    """The body is not signed with the client secret."""


class BadPayload(WebhookError):
    """The body is signed, but it is neither an event nor a route."""


class SealError(EnvoyPluginError):
    """Sealed bytes that no key of ours opens."""


class TaskError(EnvoyPluginError):
    """A task can't be enqueued so."""


class BadArguments(TaskError, TypeError):
    """A task's arguments don't fit its annotations, or its options don't fit each other. No message holds a value."""


class NotRunning(TaskError):
    """A task was enqueued where no process of its plugin runs."""


class StorageRefused(EnvoyPluginError):
    """A storage command can't be: its key, value, range or size, or the pipeline's; nothing was added or run."""


class WorkflowError(EnvoyPluginError):
    """A workflow, or what it is made of, can't be what was asked."""


class BadLocation(WorkflowError):
    """A geometry that can't be kept; `why` says what of it."""

    def __init__(self, why: str) -> None:
        super().__init__(f"This is no location: {why}.")
        self.why = why


class BadQuery(WorkflowError):
    """A query that can't be answered; `why` says what of it."""

    def __init__(self, why: str) -> None:
        super().__init__(f"This query can't be answered: {why}.")
        self.why = why


class BadCondition(WorkflowError):
    """A path's condition can't be read; `at` is the place in `text`, counted from 0, and `why` what is wrong there."""

    def __init__(self, text: str, *, at: int, why: str) -> None:
        super().__init__(f"The condition {text[:80]!r} can't be read at {at}: {why}.")
        self.text = text
        self.at = at
        self.why = why


class BadDiagram(WorkflowError):
    """A diagram can't be active; `faults` has a sentence for each thing that is wrong."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = tuple(faults)


class NoTemplate(WorkflowError):
    """There is no template of this id for this item, or it isn't active."""

    def __init__(self, template_id: str) -> None:
        super().__init__(f"There is no active template {template_id!r}.")
        self.template_id = template_id


class NoThing(WorkflowError):
    """A step is for a device that nobody has registered for this install, or for all; nothing was started."""

    def __init__(self, *, step: str, thing: str, item: str) -> None:
        super().__init__(
            f"Step {step!r} is for the thing {thing!r}, which {item!r} doesn't have. Add it: envoy-plugin things add."
        )
        self.step = step
        self.thing = thing


class BadProperty(WorkflowError):
    """A value that a workflow's job can't have; `why` says what is wrong with that of `field`."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} can't be this: {why}.")
        self.field = field
        self.why = why


class JobRefused(WorkflowError):
    """A workflow's job, which stays as it is, doesn't take this; `why` says what is in the way."""

    def __init__(self, job_id: str, why: str) -> None:
        super().__init__(f"Job {job_id!r} doesn't take this: {why}.")
        self.job_id = job_id
        self.why = why


class NotAllowed(WorkflowError):
    """Whoever acts isn't allowed to; `privilege` is what they lack."""

    def __init__(self, privilege: str) -> None:
        super().__init__(f"This takes the privilege {privilege}.")
        self.privilege = privilege


class NoAttachment(WorkflowError):
    """The job has no such attachment, or its bytes are gone."""

    def __init__(self, job_id: str, attachment_id: str) -> None:
        super().__init__(f"Job {job_id!r} has no attachment {attachment_id!r}.")
        self.job_id = job_id
        self.attachment_id = attachment_id


class ThingRefused(EnvoyPluginError):
    """What was asked of a thing can't be; `error` is AWS' name for it, `facts` are further members of the answer."""

    def __init__(self, error: str, message: str, **facts: object) -> None:
        super().__init__(message)
        self.error = error
        self.facts = facts


class JWTError(EnvoyPluginError):
    """A JSON Web Token can't be made: a weak secret, no end, or a claim that is not to be set."""


class JWTExpired(JWTError):
    """The token was ours, and has ended."""


class JWTInvalid(JWTError):
    """The token is none of ours, or can't be read."""


class EngineError(EnvoyPluginError):
    """A job can't do what was asked; nothing was changed."""


class JobNotFound(EngineError):
    """There is no job, or no attempt of it, with this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id!r}.")
        self.job_id = job_id


class StateError(EngineError):
    """The root of refusals that carry `state`: the state of the attempt that was named."""

    because = "is not in a state for this"

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"Job {job_id!r} {self.because}; it is {state}.")
        self.job_id = job_id
        self.state = state


class WrongState(StateError):
    """The attempt that was named is in a state that forbids the verb.

    `why` is `wrong_state`, or what else stands in the way: `payload_gone` (kept too short a time for a retry),
    `key_taken` (another job holds the unique key), `superseded` (a report of an end that was tried again), `paused`
    (the queue), `children_left` (of an envelope), `held` and `not_held`, `depends` and `not_depending`,
    `owes_nothing`, `owes_already`, `blob_gone` (stored too long ago), `no_envelope` (the parent isn't one), `envelope`
    (which doesn't take the verb), `envelope_over` (that of a job to be tried again), `envelope_open` (that of a job to
    be deleted, which may be tried again), `too_many` (jobs to search for a cycle).
    """

    def __init__(self, job_id: str, state: str, why: str = "wrong_state") -> None:
        super().__init__(job_id, state)
        self.why = why


class LostLease(StateError):
    """The claim that was named is over: the job was claimed again, or ended, or its lease ran out."""

    because = "is no longer held by this claim"


class VersionMismatch(StateError):
    """The job has changed since the version that was named."""

    because = "has another version than the one named"


class BadCursor(EngineError):
    """A cursor that no page of this list gave."""

    def __init__(self) -> None:
        super().__init__("This cursor is not one of this list.")


class DependencyCycle(EngineError):
    """The job would wait for itself: each job of `cycle` waits for the next, and the last for the first."""

    def __init__(self, cycle: Sequence[str]) -> None:
        super().__init__(f"These jobs would wait for each other: {' -> '.join([*cycle, *cycle[:1]])}.")
        self.cycle = tuple(cycle)


class CallRefused(EngineError):
    """One or more verbs of a call were refused, and nothing was written; `refusals` maps their places to the errors."""

    def __init__(self, refusals: Mapping[int, EngineError]) -> None:
        super().__init__(" ".join(str(refusal) for refusal in refusals.values()))
        self.refusals = dict(refusals)


class TooLarge(EngineError):
    """A payload, an outcome or a call beyond its limit."""

    def __init__(self, what: str, *, size: int, limit: int) -> None:
        super().__init__(f"{what} of {size} is over the limit of {limit}.")
        self.size = size
        self.limit = limit


class SchemaTooNew(EngineError):
    """The keys in Redis were written by a newer release, which this one can't read."""

    def __init__(self, *, found: int, known: int) -> None:
        super().__init__(
            f"Redis holds keys of schema {found}; this release knows schema {known}. Deploy a newer release."
        )
        self.found = found
        self.known = known
