"""What a handler returns or raises, and the answer that Envoy gets for it.

Every outcome is an exception too, so that a function deep below the handler can end it with `raise Ignored(…)`.
Wire facts: developers.envoy.com, "Plugin Responses" (200 done, 202 ongoing, 400 ignored, 412 failed, anything else an
assumed failure) and Node SDK 2.5.2, `src/internal/EnvoyResponse.ts` (the keys of the bodies).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from inspect import iscoroutine
from typing import Any, ClassVar, Final, Protocol, TypeAlias

from envoy_plugin.envoy.attachments import Attachment
from envoy_plugin.errors import ConfigMismatch, DeclarationError

JsonObject: TypeAlias = Mapping[str, Any]
"""A JSON object: what can be encoded as JSON under text keys."""
Body: TypeAlias = Any
"""Any JSON value."""

UNEXPECTED_TEXT: Final = "The plugin failed unexpectedly"
TIMED_OUT_TEXT: Final = "Timed out"
TRY_AGAIN_TEXT: Final = "Try again later"


class JobLike(Protocol):
    """What stands for a job of the engine, as what `enqueue` returns: it has the job's id."""

    @property
    def id(self) -> str:
        """The id."""
        ...


def id_of(job: JobLike | str) -> str:
    """The id of a job that is named by it, or by what stands for the job.

    Raises:
        TypeError: it is something else, as what an `await` was forgotten before.
    """
    if iscoroutine(job):
        job.close()
        raise TypeError("A job must be named, and this is a coroutine: an await is missing before it.")
    return job if isinstance(job, str) else job.id


class Outcome(Exception):
    """What became of an event. Returned or raised by a handler; compared by value.

    People read `message` in Envoy's dashboard. What an outcome doesn't say is None or empty.
    """

    http_status: ClassVar[int] = 500

    message: str | None = None
    reason: str | None = None
    attachments: tuple[Attachment, ...] = ()
    data: JsonObject | None = None
    after: timedelta | None = None
    heir: str | None = None

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), self.message, self.reason, self.after))

    def __str__(self) -> str:
        return self.message or ""

    def __repr__(self) -> str:
        """Shows how many attachments and keys of data there are, and nothing of them."""
        said = {"message": self.message, "reason": self.reason, "after": self.after and str(self.after)}
        said["heir"] = self.heir
        held = {"attachments": len(self.attachments), "data": len(self.data or ())}
        shown = [f"{key}={value!r}" for key, value in said.items() if value is not None]
        shown += [f"{key}=<{count}>" for key, count in held.items() if count]
        return f"{type(self).__name__}({', '.join(shown)})"


class Done(Outcome):
    """The event was handled; Envoy shows it as done."""

    http_status = 200

    def __init__(self, message: str | None = None, *attachments: Attachment, data: JsonObject | None = None) -> None:
        """End with `message` and `attachments` shown in the dashboard.

        `data` is the body of the answer to an inline delivery, which Envoy keeps for debugging; JSON values only.
        """
        super().__init__(message)
        self.message = message
        self.attachments = attachments
        self.data = data


class Ongoing(Outcome):
    """The work goes on, in another job or outside of this framework."""

    http_status = 202

    def __init__(self, message: str | None = None, *, after: JobLike | str | None = None) -> None:
        """Go on; Envoy is told the end of the job `after` once it ends, whoever works on it.

        Without `after`, it is left to the plugin to finish Envoy's job.
        """
        super().__init__(message)
        self.message = message
        self.heir = None if after is None else id_of(after)


class Ignored(Outcome):
    """There was nothing to do; Envoy shows `message` as why."""

    http_status = 400

    def __init__(self, message: str, reason: str | None = None) -> None:
        """End as ignored; `reason` is a detail for whoever looks for the cause."""
        super().__init__(message, reason)
        self.message = message
        self.reason = reason


class Failed(Outcome):
    """The event can't be handled, and trying again won't help; Envoy shows `message`."""

    http_status = 412

    def __init__(self, message: str, reason: str | None = None, *, attachments: Iterable[Attachment] = ()) -> None:
        """End as failed; `reason` is a detail for whoever looks for the cause."""
        super().__init__(message, reason)
        self.message = message
        self.reason = reason
        self.attachments = tuple(attachments)


class Reject(Failed):
    """What was entered in a setup step isn't right; the installer reads `message` and stays on the step."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class Retry(Outcome):
    """This try failed, another may succeed. In the background it spends a retry."""

    def __init__(self, message: str | None = None, *, after: timedelta | None = None) -> None:
        """Try again `after` that time, or with the usual backoff."""
        super().__init__(message)
        self.message = message
        self.after = after


class Snooze(Outcome):
    """Not now, but later. In the background it spends no retry."""

    http_status = 503

    def __init__(self, after: timedelta) -> None:
        """Come back `after` that time."""
        super().__init__(after)
        self.after = after


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a webhook: an HTTP status, a JSON body, and whole seconds for `Retry-After`."""

    status: int
    body: Body
    retry_after: int | None = None


def to_outcome(value: object, *, handler: object = "The handler") -> Outcome:
    """What a handler that returned `value` means: nothing is `Done()`, a dict is `Done(data=…)`.

    Raises:
        DeclarationError: `value` is none of those. Its type is named, never the value.
    """
    if value is None:
        return Done()
    if isinstance(value, Outcome):
        return value
    if isinstance(value, dict):
        return Done(data=value)
    returned = type(value).__name__
    if isinstance(value, type) and issubclass(value, Outcome):
        returned = f"class, {value.__name__}, and not an instance of it"
    raise DeclarationError(
        f"{handler} returned a {returned}; return None, a dict, or an outcome such as Done('Door opened')."
    )


def answer(outcome: Outcome) -> Answer:
    """The answer that tells Envoy of `outcome`.

    The attachments of `Done` are not in it: Envoy keeps that body for debugging only, where a PIN has no business. They
    reach the job through the API.
    """
    body = dict(outcome.data or {})
    if outcome.message is not None:
        body["message"] = outcome.message
    if outcome.reason is not None:
        body["debugInfo"] = outcome.reason
    if outcome.attachments and not isinstance(outcome, Done):
        body["attachments"] = [attachment.to_wire() for attachment in outcome.attachments]
    if outcome.http_status >= Outcome.http_status:
        body.setdefault("message", TRY_AGAIN_TEXT)
    return Answer(status=outcome.http_status, body=body, retry_after=_seconds(outcome.after))


def answer_raised(error: BaseException) -> Answer:
    """The answer when a handler raised: an outcome says what it means, anything else is a 500 that tells nothing.

    The text of an error may carry a visitor's data, so none of it reaches Envoy. The exception is `ConfigMismatch`,
    which names fields for the installer to mend: 412.
    """
    if isinstance(error, Outcome):
        return answer(error)
    if isinstance(error, ConfigMismatch):
        return answer(Failed(str(error)))
    return Answer(status=500, body={"message": UNEXPECTED_TEXT})


def timed_out() -> Answer:
    """The answer when a handler took longer than its time-out."""
    return Answer(status=500, body={"message": TIMED_OUT_TEXT})


def _seconds(after: timedelta | None) -> int | None:
    """Whole seconds, rounded up, at least 1."""
    return None if after is None else max(1, math.ceil(after.total_seconds()))
