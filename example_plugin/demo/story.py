"""The story: a visit from the invite to the way out, and what may go wrong between."""

import asyncio
from typing import Any, Final

from example_plugin.demo.scene import Expected, Scene, Step, same
from example_plugin.demo.stage import APP, Differs, Sent, until
from example_plugin.demo.visits import group_comes, host_decides

VISITOR: Final = ("--seed", "7")
"""Events of one seed tell of one visit."""
SLOW_DOORS: Final = ("--config", "seconds_to_open=2")
PREPARED: Final = "is being prepared"
BADGE: Final = ("Badge", "PIN")
STOPPED_WELL: Final = 0


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
    same("number of answers", 2, sum(row["what"] == "answered" for row in rows))
    same("number of times Envoy was told the end", 1, sum("set_status" in row for row in rows))


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
    same("messages of both workers", [prepared] * 2, [text for row in rows if PREPARED in (text := _message(row))])


async def sign_out(scene: Scene) -> None:
    expected = Expected(answer=200, status="done", says="opens no door any more")
    await scene.send("entry_sign_out", *VISITOR, job_id="job-sign-out", expected=expected)


async def stop(scene: Scene) -> None:
    for name in ("worker 2", "web", "platform"):
        code = await scene.stage.stop(name)
        scene.teller.say(f"   SIGTERM {name}: exit {code}")
        same(f"exit code of {name}", STOPPED_WELL, code)


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
    Step(
        title="A group comes, and one of it hasn't signed yet",
        shows="A badge is held until the NDA is signed; a group's wait until the host has decided about its first.",
        act=group_comes,
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
