"""Where the story plays: sending, asking and showing, and what each step must end with."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from example_plugin.demo.stage import Differs, Sent, Stage, until
from example_plugin.demo.telling import Teller


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a step must end with: the answer to the delivery, then the dashboard's status, words and attachments."""

    answer: int
    status: str
    says: str
    attached: tuple[str, ...] = ()

    def check(self, shown: dict[str, Any], timeline: Sequence[dict[str, Any]]) -> None:
        """Raise `Differs` at the first thing that is otherwise."""
        same("answer", self.answer, next((row["http_status"] for row in timeline if row["what"] == "answered"), None))
        same("status", self.status, shown["status"])
        if self.says not in str(shown["status_message"]):
            raise Differs(f"expected a message with {self.says!r}, and it is {shown['status_message']!r}")
        same("attachments", self.attached, tuple(attachment["label"] for attachment in shown["attachments"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a step plays, and who tells of it."""

    stage: Stage
    teller: Teller

    async def send(self, event: str, *options: str, job_id: str, expected: Expected) -> None:
        """Trigger an event, show it, and check what Envoy knows of its job."""
        await self.show(await self.stage.trigger(event, *options, job_id=job_id), expected)

    async def ask(self, kind: str, name: str, *options: str, answer: int, says: str) -> None:
        """Ask what a setup step asks, show it, and check the answer's status and what comes of it."""
        sent = await self.stage.route(kind, name, *options)
        self.teller.question(sent)
        if f"<- {answer} " not in sent.text or says not in sent.text:
            raise Differs(f"expected answer {answer} and {says!r}, and found:\n{sent.text}")

    async def brief(self, event: str, *options: str, job_id: str, expected: Expected) -> None:
        """The same in two lines."""
        await self.show_briefly(await self.stage.trigger(event, *options, job_id=job_id), expected)

    async def show(self, sent: Sent, expected: Expected) -> None:
        """Show a delivery and its job, then check."""
        self.teller.delivery(sent)
        shown, timeline = await self._end_of(sent)
        self.teller.job(shown, timeline)
        expected.check(shown, timeline)

    async def show_briefly(self, sent: Sent, expected: Expected) -> None:
        """Show a delivery's command and what became of it, then check."""
        shown, timeline = await self._end_of(sent)
        self.teller.brief(sent, shown)
        expected.check(shown, timeline)

    async def _end_of(self, sent: Sent) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        await until(f"the dashboard has a message for {sent.job_id}", lambda: self._has_message(sent.job_id))
        return await self.stage.envoy.job(sent.job_id), await self.stage.envoy.timeline(sent.job_id)

    async def _has_message(self, job_id: str) -> bool:
        shown = await self.stage.envoy.job(job_id)
        return shown["status"] != "in_progress" and bool(shown["status_message"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the story, and what it shows."""

    title: str
    shows: str
    act: Callable[[Scene], Awaitable[None]]


def same(what: str, expected: object, found: object) -> None:
    """Raise `Differs` where they aren't."""
    if expected != found:
        raise Differs(f"expected {what} {expected!r}, and found {found!r}")
