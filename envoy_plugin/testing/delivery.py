"""What a test looks at: how the plugin answered, and what Envoy holds of the job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from envoy_plugin.simulator.answers import Outcome, read_outcome
from envoy_plugin.simulator.jobs import Job, Moment
from envoy_plugin.simulator.route_answers import RouteReading
from envoy_plugin.simulator.wire import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event that was sent, and the plugin's answer: its HTTP status and its JSON body."""

    event: str
    job_id: str | None
    status: int
    body: Json = field(repr=False)
    sent: bytes = field(repr=False)
    """The very body that went out; `envoy.send(delivery.sent)` delivers the event again."""

    @property
    def done(self) -> bool:
        """Whether Envoy reads that the work is done: 200."""
        return read_outcome(self.status) is Outcome.DONE

    @property
    def ongoing(self) -> bool:
        """Whether it reads that the work goes on: 202. A background handler hasn't run yet; `envoy.drain()` runs it."""
        return read_outcome(self.status) is Outcome.ONGOING

    @property
    def ignored(self) -> bool:
        """Whether it reads that there was nothing to do: 400."""
        return read_outcome(self.status) is Outcome.IGNORED

    @property
    def failed(self) -> bool:
        """Whether it reads a failure: 412, or any status without a meaning, as 500 after something was raised."""
        return read_outcome(self.status) is Outcome.FAILED

    @property
    def message(self) -> str | None:
        """The sentence in the answer, if there is one."""
        return _message(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteAnswer:
    """A question of a setup step that was asked, and the plugin's answer."""

    status: int
    body: Json = field(repr=False)
    reading: RouteReading

    @property
    def done(self) -> bool:
        """Whether the step goes on."""
        return self.reading.outcome is Outcome.DONE

    @property
    def failed(self) -> bool:
        """Whether the step stays; `message` is what the installer is shown, `fault` what is wrong with the answer."""
        return not self.done

    @property
    def message(self) -> str | None:
        """What the installer is shown."""
        return self.reading.message

    @property
    def fault(self) -> str | None:
        """Why Envoy could do nothing with the answer; None where it is one."""
        return self.reading.fault

    @property
    def cursor(self) -> str | None:
        """What leads to the next page of options."""
        return self.reading.cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAtEnvoy:
    """What Envoy's dashboard shows of an event's job: `status` is in_progress, done, ignored or failed."""

    status: str
    message: str | None = field(repr=False)
    reason: str | None = field(repr=False)
    attachments: Mapping[str, Json] = field(repr=False)
    """The values by label; of two with one label the later."""
    messages: tuple[str, ...] = field(repr=False)
    """Every sentence that the plugin said of it, oldest first, those of its answers included."""
    raw_attachments: tuple[JsonObject, ...] = field(repr=False)
    """The attachments as they came, with type and all."""

    @classmethod
    def of(cls, job: Job, timeline: tuple[Moment, ...]) -> Self:
        """As the simulated Envoy holds it."""
        said = [moment.detail.get("status_message", moment.detail.get("message")) for moment in timeline]
        return cls(
            status=str(job.status),
            message=job.status_message,
            reason=job.failure_reason,
            attachments={str(one.get("label")): one.get("value") for one in job.attachments},
            messages=tuple(text for text in said if text is not None),
            raw_attachments=job.attachments,
        )


def _message(body: Json) -> str | None:
    said = body.get("message") if isinstance(body, dict) else None
    return said if isinstance(said, str) else None
