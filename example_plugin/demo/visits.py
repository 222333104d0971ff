"""Visits as workflows: one that a host decides about, and a group of which one hasn't signed yet."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from example_plugin.demo.printer import Printer
from example_plugin.demo.scene import Expected, Scene
from example_plugin.demo.stage import APP, Differs, Sent, until

PRINTER: Final = "front-desk-printer"
HOST_DECIDES: Final = (
    *("--config", "host_decides=true"),
    *("--config", f"printer={PRINTER}"),
    *("--config", "seconds_to_open=0"),
)
APPROVED: Final = ("--override", "attributes.approval-status.status=approved")
AGREED: Final = Expected(answer=200, status="done", says="The host says: Yes")

ONE: Final = ("--seed", "11")
GROUP: Final = ("--override", "attributes.group-name=Delegation")
FIRST: Final = ("--seed", "12", *GROUP)
SECOND: Final = ("--seed", "13", *GROUP)
UNDER_WAY: Final = "The visit is under way"
UNSIGNED: Final = ("--override", "attributes.legal-docs=[]")


async def host_decides(scene: Scene) -> None:
    """One visit in several steps, of code, of a printer and of the host."""
    scene.teller.say(f"   $ envoy-plugin things add {PRINTER}")
    printer = await _printer(scene, "things", "add", PRINTER)
    async with _signing_in(scene, *ONE, *HOST_DECIDES, job_id="job-host") as sending:
        scene.teller.say("   The visitor signs in; what became of that is shown when it is over.")
        printed = await _next_badge(printer, sending)
        scene.teller.say(f"   The printer has printed {printed}.")
        [visit] = await _until_at(scene, "host")
        await _show(scene, visit)
        await scene.send("entry_reviewed", *ONE, *APPROVED, job_id="job-decision", expected=AGREED)
        scene.teller.say("   And this is what became of the visitor's sign-in:")
        ended = Expected(answer=202, status="done", says=f"Badge {printed} opens", attached=("Badge",))
        await scene.show(await sending, ended)


async def group_comes(scene: Scene) -> None:
    """Two visits of a group: one is held until the NDA is signed, the other waits for the host's word on the first."""
    printer = await _printer(scene, "things", "key", "--thing", PRINTER)
    async with (
        _signing_in(scene, *FIRST, *UNSIGNED, *HOST_DECIDES, job_id="job-first") as first,
        _signing_in(scene, *SECOND, *HOST_DECIDES, job_id="job-second") as second,
    ):
        newer, older = await _until_at(scene, "badge", "badge")
        scene.teller.say("   The first to come hasn't signed the NDA: the badge is held.")
        await _show(scene, older)
        scene.teller.say("   The second has signed, and waits until the host has decided about the first.")
        await _show(scene, newer)
        signed = Expected(answer=200, status="done", says="The badge can be printed")
        await scene.brief("entry_manually_updated", *FIRST, job_id="job-signed", expected=signed)
        scene.teller.say(f"   The printer has printed {await _next_badge(printer, first)}.")
        await _until_at(scene, "badge", "host")
        await scene.brief("entry_reviewed", *FIRST, *APPROVED, job_id="job-first-decision", expected=AGREED)
        ended = Expected(answer=202, status="done", says="opens Visitors", attached=("Badge",))
        await scene.show_briefly(await first, ended)
        scene.teller.say(f"   And so the printer has printed {await _next_badge(printer, second)} for the second.")


@asynccontextmanager
async def _signing_in(scene: Scene, *options: str, job_id: str) -> AsyncIterator[asyncio.Task[Sent]]:
    """The sign-in, which goes on meanwhile, from when its visit is under way."""
    await scene.stage.envoy.know_job(job_id, name="entry_sign_in", identifier="the demo's")
    sending = asyncio.create_task(scene.stage.trigger("entry_sign_in", *options, job_id=job_id))

    async def is_under_way() -> bool:
        shown = await scene.stage.envoy.job(job_id)
        return shown["status_message"] == UNDER_WAY or sending.done()

    try:
        await until(f"the visit of {job_id} is under way", is_under_way)
        yield sending
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _printer(scene: Scene, *command: str) -> Printer:
    """The printer with a new key of its own."""
    key = json.loads(await scene.stage.ask(*command, "--json", "--app", APP))
    return Printer(
        session=scene.stage.session,
        plugin=scene.stage.plugin,
        name=PRINTER,
        key_id=key["accessKeyId"],
        secret=key["secretAccessKey"],
    )


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


async def _show(scene: Scene, workflow: str) -> None:
    scene.teller.say(f"   $ envoy-plugin workflows show {workflow}")
    for line in (await scene.stage.ask("workflows", "show", workflow, "--app", APP)).splitlines():
        scene.teller.say(f"   {line}")


async def _until_at(scene: Scene, *steps: str) -> list[str]:
    """The newest workflows, the newest first, as soon as each waits for the step that is named for it."""
    listed: list[dict[str, Any]] = []

    async def are_there() -> bool:
        found = await scene.stage.ask("workflows", "list", "--json", "--limit", str(len(steps)), "--app", APP)
        listed[:] = json.loads(found)["workflows"]
        return [one["current"] for one in listed] == [[step] for step in steps]

    await until(f"visits wait for {', '.join(steps)}", are_there)
    return [str(one["id"]) for one in listed]
