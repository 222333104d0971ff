"""One workflow that an event of Envoy's starts: its steps are done by our worker, a pull-worker of Titan's, a device
with boto3, and a person at the front desk; and Envoy hears the end.
"""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from envoy_plugin import Done, Entry, Ongoing, Plugin, Step, Template, WorkflowHandle, Workflows
from envoy_plugin.apis.iot_jobs.access_keys import AccessKeys, of_thing
from envoy_plugin.apis.iot_jobs.registry import Registry
from envoy_plugin.runtime import Runtime
from envoy_plugin.testing import LocalEnvoy
from envoy_plugin.testing.local_envoy import local_envoy
from envoy_plugin.workflows.operating import steps
from tests.apis.iot_jobs.site import Client, Device
from tests.workflows.stage import ADA

THING = "lobby-printer"
VISIT = Template.of(
    "visit",
    Step.function("access", "provision", then="badge"),
    Step.device("badge", thing=THING, document={"print": "{input.name}"}, then={"letter": "result.printed == 'yes'"}),
    Step.titan("letter", image="mailer", payload={"to": "{input.name}"}, then="host"),
    Step.question(
        "host",
        "Shall they come up?",
        answers=["Yes", "No"],
        assigned="group:front-desk",
        then={"done": "answer == 'Yes'"},
    ),
    Step.function("done", "tell"),
)


def visit_plugin() -> Plugin:
    plugin = Plugin("test-four")
    plugin.workflow(VISIT)

    @plugin.on("entry_sign_in", background=True)
    async def start(entry: Entry, workflows: Workflows) -> Ongoing:
        return Ongoing(after=await workflows.start(VISIT, input={"name": entry.full_name}, key=entry.id))

    @plugin.step("provision")
    async def provision(entry: Entry) -> dict[str, Any]:
        return {"badge": "B-1"}

    @plugin.step("tell")
    async def tell(workflow: WorkflowHandle) -> Done:
        badge = (await workflow.result("access"))["badge"]
        return Done(f"{badge} {await workflow.answered('host')} {(await workflow.result('badge'))['printed']}")

    return plugin


@pytest.fixture
async def envoy(redis_url: str) -> AsyncIterator[LocalEnvoy]:
    variables = {"TITAN_ACCESS": "open"}
    async with local_envoy(visit_plugin(), redis_url=redis_url, variables=variables) as opened:
        yield opened


async def a_printer(envoy: LocalEnvoy, runtime: Runtime) -> Device:
    """The device, with a key of its own, as an AWS SDK signs for it."""
    await Registry(runtime.engine, lambda: 1).add(THING)
    key = await AccessKeys(runtime.engine, time.time).make(of_thing(THING))
    return Device(Client("iot-jobs-data", str(envoy._parts.plugin_url).rstrip("/"), key.id, key.secret), THING)


async def consume(url: str) -> dict[str, Any]:
    """Do a job as a pull-worker does: take it, and tell its success."""
    async with ClientSession() as http:
        async with http.get(f"{url}v1/jobs/consume?n=1") as taken:
            [job] = (await taken.json())["jobs"]
        async with http.post(f"{url}v1/job/{job['id']}/success") as told:
            assert told.status == 200
    return dict(job)


async def test_an_event_a_worker_a_device_a_pull_worker_and_a_person_do_one_workflow(envoy: LocalEnvoy) -> None:
    runtime = envoy._parts.runtime
    printer = await a_printer(envoy, runtime)
    delivery = await envoy.trigger("entry_sign_in", full_name="Ada", id="9001")
    await envoy.work()
    execution = await printer.start()
    assert execution["jobDocument"] == '{"print":"Ada"}'
    await printer.update("SUCCEEDED", execution["jobId"], statusDetails={"printed": "yes"})
    await envoy.work()
    job = await consume(str(envoy._parts.plugin_url))
    assert (job["image"], job["payload"]) == ("mailer", '{"to":"Ada"}')
    await envoy.work()
    visit = await envoy.workflows.find("9001")
    assert visit is not None
    assert await visit.current() == ["host"]
    answered = await steps.answer(visit.store, visit.id, "host", "Yes", actor=ADA)
    assert answered.success
    await envoy.drain()
    assert (envoy.job(delivery).status, envoy.job(delivery).message) == ("done", "B-1 Yes yes")


async def test_a_device_that_does_the_last_step_does_not_end_the_workflow_itself(redis_url: str) -> None:
    plugin = Plugin("test-last")
    plugin.workflow(Template.of("t", Step.device("a", thing=THING, document="d"), closes=False))
    async with local_envoy(plugin, redis_url=redis_url) as envoy:
        printer = await a_printer(envoy, envoy._parts.runtime)
        visit = await envoy.workflows.start("t")
        execution = await printer.start()
        await printer.update("REJECTED", execution["jobId"])
        await envoy.work()
        assert ((await visit.read()).closed, await visit.current()) == (False, [])
