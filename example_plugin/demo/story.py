"""The story: a visit from the invite to the way out, and what may go wrong between."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from example_plugin.demo.printer import Printer
from example_plugin.demo.stage import APP, Differs, Sent, Stage, until
from example_plugin.demo.telling import Teller

VISITOR: Final = ("--seed", "7")
"""Events of one seed tell of one visit."""
SLOW_DOORS: Final = ("--config", "seconds_to_open=2")
PREPARED: Final = "is being prepared"

PRINTER: Final = "front-desk-printer"
BADGE: Final = ("Badge", "PIN")
STOPPED_WELL: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a step must end with: the answer to the delivery, then the dashboard's status, words and attachments."""

    answer: int
    status: str
    says: str
    attached: tuple[str, ...] = ()

    def check(self, shown: dict[str, Any], timeline: Sequence[dict[str, Any]]) -> None:
        """Raise `Differs` at the first thing that is otherwise."""
        _same("answer", self.answer, next((row["http_status"] for row in timeline if row["what"] == "answered"), None))
        _same("status", self.status, shown["status"])
        if self.says not in str(shown["status_message"]):
            raise Differs(f"expected a message with {self.says!r}, and it is {shown['status_message']!r}")
        _same("attachments", self.attached, tuple(attachment["label"] for attachment in shown["attachments"]))


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

    async def show(self, sent: Sent, expected: Expected) -> None:
        """Show a delivery and its job, then check."""
        self.teller.delivery(sent)
        await until(f"the dashboard has a message for {sent.job_id}", lambda: self._has_message(sent.job_id))
        shown, timeline = await self.stage.envoy.job(sent.job_id), await self.stage.envoy.timeline(sent.job_id)
        self.teller.job(shown, timeline)
        expected.check(shown, timeline)

    async def _has_message(self, job_id: str) -> bool:
        shown = await self.stage.envoy.job(job_id)
        return shown["status"] != "in_progress" and bool(shown["status_message"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the story, and what it shows."""

    title: str
    shows: str
    act: Callable[[Scene], Awaitable[None]]


async def set_up(scene: Scene) -> None:
    credentials = ("validation", "credentials", "--form")
    await scene.ask(*credentials, "api_key=wrong-key", answer=412, says="the step stays, and says: The door system")
    await scene.ask(*credentials, "api_key=demo-key", answer=200, says="the step goes on")
    await scene.ask("options", "groups", "--param", "search=vis", answer=200, says='"Visitors"')


async def invite(scene: Scene) -> None:
    expected = Expected(answer=202, status="done", says="expects the visitor")
    await scene.send("invite_created", *VISITOR, job_id="job-invite", expected=expected)


async def sign_in(scene: Scene) -> None:
    expected = Expected(answer=202, status="done", says="is ready", attached=BADGE)
    await scene.send("entry_sign_in", *VISITOR, job_id="job-sign-in", expected=expected)


async def sign_in_again(scene: Scene) -> None:
    before = await scene.stage.envoy.job("job-sign-in")
    expected = Expected(answer=202, status="done", says=before["status_message"], attached=BADGE)
    await scene.send("entry_sign_in", *VISITOR, job_id="job-sign-in", expected=expected)
    rows = await scene.stage.envoy.timeline("job-sign-in")
    _same("number of answers", 2, sum(row["what"] == "answered" for row in rows))
    _same("number of times Envoy was told the end", 1, sum("set_status" in row for row in rows))


async def delivery_person(scene: Scene) -> None:
    expected = Expected(answer=202, status="ignored", says="Delivery get no badge")
    options = ("--seed", "8", "--override", "attributes.flow-name=Delivery")
    await scene.send("entry_sign_in", *options, job_id="job-delivery", expected=expected)


async def revoked_key(scene: Scene) -> None:
    expected = Expected(answer=202, status="failed", says="rejected the API key")
    options = ("--seed", "9", "--install", "1002", "--config", "api_key=revoked-key")
    await scene.send("entry_sign_in", *options, job_id="job-revoked", expected=expected)


async def worker_dies(scene: Scene) -> None:
    options = ("--seed", "10", *SLOW_DOORS)
    await scene.stage.envoy.know_job("job-crash", name="entry_sign_in", identifier="the demo's")
    sending = asyncio.create_task(scene.stage.trigger("entry_sign_in", *options, job_id="job-crash"))
    try:
        prepared = await _badge_in_work(scene, sending)
        await scene.stage.kill("worker 1")
        scene.teller.say(f"   kill -9 worker 1, while Envoy's dashboard says: {prepared}")
        await scene.stage.start("worker 2", "worker", "--app", APP)
        said = prepared.replace(PREPARED, "is ready")
        await scene.show(await sending, Expected(answer=202, status="done", says=said, attached=BADGE))
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    rows = await scene.stage.envoy.timeline("job-crash")
    _same("messages of both workers", [prepared] * 2, [text for row in rows if PREPARED in (text := _message(row))])


async def host_decides(scene: Scene) -> None:
    """One visit in several steps, of code, of a printer and of the host."""
    visitor, config = ("--seed", "11"), ("--config", "host_decides=true", "--config", f"printer={PRINTER}")
    key = json.loads(await scene.stage.ask("things", "add", PRINTER, "--json", "--app", APP))
    printer = Printer(
        session=scene.stage.session,
        plugin=scene.stage.plugin,
        name=PRINTER,
        key_id=key["accessKeyId"],
        secret=key["secretAccessKey"],
    )
    sending = asyncio.create_task(scene.stage.trigger("entry_sign_in", *visitor, *config, job_id="job-host"))
    try:
        printed = await _next_badge(printer, sending)
        scene.teller.say(f"   The printer has printed {printed}.")
        await _show_workflow(scene, waits_for="host")
        decision = ("--override", "attributes.approval-status.status=approved")
        agreed = Expected(answer=200, status="done", says="The host says: Yes")
        await scene.send("entry_reviewed", *visitor, *decision, job_id="job-decision", expected=agreed)
        ended = Expected(answer=202, status="done", says=f"Badge {printed} opens", attached=("Badge",))
        await scene.show(await sending, ended)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _next_badge(printer: Printer, sending: asyncio.Task[Sent]) -> str:
    badge: str | None = None

    async def is_printed() -> bool:
        nonlocal badge
        badge = await printer.print_next()
        return badge is not None or sending.done()

    await until("there is a badge to print", is_printed)
    if badge is None:
        raise Differs("expected a badge to print, and the visit was over")
    return badge


async def _show_workflow(scene: Scene, *, waits_for: str) -> None:
    """Show the newest workflow as soon as it waits for this step."""
    command, newest = ("workflows", "list", "--json", "--app", APP), dict[str, Any]()

    async def waits() -> bool:
        nonlocal newest
        newest = json.loads(await scene.stage.ask(*command))["workflows"][0]
        return bool(newest["current"] == [waits_for])

    await until(f"the visit waits for its step {waits_for}", waits)
    scene.teller.say(f"   $ envoy-plugin workflows show {newest['id']}")
    for line in (await scene.stage.ask("workflows", "show", newest["id"], "--app", APP)).splitlines():
        scene.teller.say(f"   {line}")


async def sign_out(scene: Scene) -> None:
    expected = Expected(answer=200, status="done", says="opens no door any more")
    await scene.send("entry_sign_out", *VISITOR, job_id="job-sign-out", expected=expected)


async def stop(scene: Scene) -> None:
    for name in ("worker 2", "web", "platform"):
        code = await scene.stage.stop(name)
        scene.teller.say(f"   SIGTERM {name}: exit {code}")
        _same(f"exit code of {name}", STOPPED_WELL, code)


STORY: Final = (
    Step(
        title="The plugin is set up",
        shows="A wrong API key keeps the installer on the step; a right one is saved, and a dropdown can be filled.",
        act=set_up,
    ),
    Step(title="A visitor is invited", shows="In the background: 202 at once, and the end by PATCH.", act=invite),
    Step(title="The visitor signs in", shows="A worker gets a badge, and attaches it to Envoy's job.", act=sign_in),
    Step(
        title="Envoy delivers the same event again",
        shows="It gets its answer, and nothing runs twice: still one badge.",
        act=sign_in_again,
    ),
    Step(
        title="A delivery person signs in",
        shows="The config leaves that flow out, so the event is ignored, with the reason.",
        act=delivery_person,
    ),
    Step(
        title="A customer's key was revoked",
        shows="The door system refuses it, so the job fails and says what to do.",
        act=revoked_key,
    ),
    Step(
        title="The worker dies in the middle of a job",
        shows="Its lease ends after 1 s; another worker finishes, with the same badge.",
        act=worker_dies,
    ),
    Step(
        title="The host decides about a visit",
        shows="A workflow: code opens the doors, a printer prints the badge, the host agrees, and Envoy hears the end.",
        act=host_decides,
    ),
    Step(title="The visitor signs out", shows="Inline: Envoy waits for the answer, 200.", act=sign_out),
    Step(title="Everything stops", shows="SIGTERM: what runs is finished, nothing is lost, exit 0.", act=stop),
)


async def tell(scene: Scene) -> None:
    """Play every step; raises `Differs` at the first that isn't as it should be, naming the step."""
    for number, step in enumerate(STORY, 1):
        scene.teller.title(number, step.title, step.shows)
        try:
            await step.act(scene)
        except Differs as difference:
            raise Differs(f"Step {number}, {step.title!r}: {difference}") from None


async def _badge_in_work(scene: Scene, sending: asyncio.Task[Sent]) -> str:
    """What Envoy is told between the two calls of the door system, as soon as the dashboard shows it."""
    said = ""

    async def is_in_work() -> bool:
        nonlocal said
        said = str((await scene.stage.envoy.job("job-crash"))["status_message"])
        return PREPARED in said or sending.done()

    await until("a badge is being prepared", is_in_work)
    if PREPARED not in said:
        raise Differs(f"expected to kill the worker while it works, and its job was over: {said!r}")
    return said


def _message(row: dict[str, Any]) -> str:
    return str(row.get("status_message", ""))


def _same(what: str, expected: object, found: object) -> None:
    if expected != found:
        raise Differs(f"expected {what} {expected!r}, and found {found!r}")
