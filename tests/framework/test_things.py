"""`Things` in handlers and tasks: devices do the work, and Envoy hears its end."""

import time
from typing import Any

import pytest

from envoy_plugin import Done, Entry, Failed, Ongoing, Plugin, Retry, Run, ThingRefused, Things
from envoy_plugin.apis.iot_jobs.access_keys import AccessKeys, of_thing
from envoy_plugin.apis.iot_jobs.fleets import Plan
from envoy_plugin.apis.iot_jobs.registry import Registry
from envoy_plugin.engine.listings import Filter, every_job
from envoy_plugin.engine.model import Job
from envoy_plugin.errors import DeclarationError
from tests.apis.iot_jobs.site import Client, Device
from tests.framework.served import Served, Stage, eventually

PRINTER = "front-door-printer"


async def printer_at(served: Served, install: str = "1001") -> Device:
    """A device that boto3 drives."""
    engine = served.engine
    await Registry(engine, time.time).add(PRINTER, install=install)
    key = await AccessKeys(engine, time.time).make(of_thing(PRINTER))
    return Device(Client("iot-jobs-data", served.url, key.id, key.secret), PRINTER)


async def sent(served: Served) -> list[Job]:
    """What was sent to the printer."""
    return [job async for job in every_job(served.engine, Filter(queue=f"thing:{PRINTER}"))]


@pytest.mark.parametrize(("end", "status"), [("SUCCEEDED", "done"), ("FAILED", "failed"), ("REJECTED", "failed")])
@pytest.mark.parametrize("background", [True, False])
async def test_envoy_hears_how_the_device_ended_the_work(
    stage: Stage, plugin: Plugin, end: str, status: str, *, background: bool
) -> None:
    @plugin.on("entry_sign_in", background=background)
    async def print_badge(entry: Entry, things: Things) -> Ongoing:
        return Ongoing("Printing", after=await things[PRINTER].send({"print": entry.id}))

    served = await stage.serve(plugin)
    printer = await printer_at(served)
    await served.deliver()
    work = await eventually(printer.start)
    assert served.shown()["status"] == "in_progress"
    await printer.update(end, work["jobId"])
    assert (await served.settled())["status"] == status


async def test_a_task_tells_envoy_what_the_device_said(stage: Stage, plugin: Plugin) -> None:
    @plugin.task()
    async def tell(job_id: str, things: Things) -> None:
        [work] = await things.find(job_id)
        raise Failed(f"{work.thing}: {(work.details or {})['why']}")

    @plugin.on("entry_sign_in", background=True)
    async def print_badge(things: Things) -> Ongoing:
        printed = await things[PRINTER].send({})
        return Ongoing("Printing", after=await tell.enqueue(printed.job_id, after={printed: "run"}))

    served = await stage.serve(plugin)
    printer = await printer_at(served)
    await served.deliver()
    work = await eventually(printer.start)
    await printer.update("FAILED", work["jobId"], statusDetails={"why": "no paper"})
    assert (await served.settled())["status_message"] == f"{PRINTER}: no paper"


async def test_a_handler_that_is_tried_again_sends_once(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in", background=True)
    async def print_badge(things: Things, run: Run) -> Done:
        for side in ("front", "back"):
            await things[PRINTER].send({"print": side})
        if run.attempt < 3:
            raise Retry
        return Done()

    served = await stage.serve(plugin)
    await printer_at(served, install="-")
    await served.deliver()

    async def over() -> bool:
        await served.passes(served.runtime.settings.delivery_window)
        return (await served.event_job()).state.ended

    assert await eventually(over)
    assert (await served.event_job()).attempt == 3
    assert {job.install for job in await sent(served)} == {"1001"}
    assert len(await sent(served)) == 2


async def test_a_task_sends_for_its_install(stage: Stage, plugin: Plugin) -> None:
    @plugin.task()
    async def print_later(number: str, things: Things) -> None:
        await things[PRINTER].send({"print": number})

    @plugin.on("entry_sign_in", background=True)
    async def print_badge() -> None:
        await print_later.enqueue("B-7")

    served = await stage.serve(plugin)
    printer = await printer_at(served)
    await served.deliver()
    assert (await eventually(printer.start))["jobDocument"] == '{"print": "B-7"}'


async def test_a_device_of_another_install_cannot_be_sent_anything(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in")
    async def print_badge(things: Things) -> None:
        try:
            await things[PRINTER].send({})
        except ThingRefused as error:
            raise Failed(str(error)) from error

    served = await stage.serve(plugin, worker=False)
    await printer_at(served, install="2002")
    delivery = await served.deliver()
    assert delivery.answer is not None
    assert delivery.answer.body == {"message": f"Thing {PRINTER} cannot be found."}
    assert await sent(served) == []


@pytest.mark.parametrize("wanted", [Registry, Plan])
def test_nothing_else_of_an_api_is_given(plugin: Plugin, wanted: Any) -> None:
    async def take(given: Any) -> None: ...

    take.__annotations__["given"] = wanted
    with pytest.raises(DeclarationError, match="nothing a handler is given"):
        plugin.on("entry_sign_in")(take)
