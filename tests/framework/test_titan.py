"""A plugin that gives work to pull-workers, served as it would be: Envoy hears the end of a foreign worker's work."""

from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin import Entry, Ongoing, Plugin, Titan
from tests.framework.served import Served, Stage, a_webhook, eventually

IMAGE = "badge-printer"


@pytest.fixture
def plugin() -> Plugin:
    plugin = Plugin("visitor-doors")

    @plugin.on("entry_sign_in", background=True)
    async def print_badge(entry: Entry, titan: Titan) -> Ongoing:
        handed = await titan.enqueue(image=IMAGE, payload=entry.id, max_retries=1, retries_delay=timedelta())
        return Ongoing("Printing", after=handed)

    return plugin


async def ask(served: Served, method: str, path: str, **about: Any) -> Any:
    async with served.http.request(method, f"{served.url}/v1{path}", **about) as response:
        return await response.json() if response.status < 300 else response.status


async def consume(served: Served) -> Any:
    async def look() -> Any:
        jobs = (await ask(served, "GET", "/jobs/consume"))["jobs"]
        return jobs[0] if jobs else None

    return await eventually(look)


@pytest.mark.parametrize(("what", "told"), [("success", "done"), ("fail", "failed"), ("cancel", "failed")])
async def test_envoy_hears_the_end_of_what_a_foreign_worker_does(
    stage: Stage, plugin: Plugin, what: str, told: str
) -> None:
    served = await stage.serve(plugin, TITAN_ACCESS="open")
    await served.deliver()
    job = await consume(served)
    assert (job["image"], bool(job["payload"])) == (IMAGE, True)
    assert served.shown()["status"] == "in_progress"
    if what == "fail":
        await ask(served, "POST", f"/job/{job['id']}/fail")
        job = await consume(served)
    await ask(served, "POST", f"/job/{job['id']}/{what}")
    assert (await served.settled())["status"] == told


async def test_it_is_not_there_unless_somebody_says_so(stage: Stage, plugin: Plugin) -> None:
    served = await stage.serve(plugin, worker=False)
    assert await ask(served, "GET", "/jobs") == 404


async def test_a_handler_that_gives_work_inline_answers_at_once(stage: Stage) -> None:
    plugin = Plugin("visitor-doors")

    @plugin.on("entry_sign_in")
    async def print_badge(entry: Entry, titan: Titan) -> None:
        await titan.enqueue(image=IMAGE, payload=entry.id)

    served = await stage.serve(plugin, worker=False, TITAN_ACCESS="open")
    assert (await served.post(a_webhook().body)).status == 200
    assert len((await ask(served, "GET", "/jobs"))["jobs"]) == 1
