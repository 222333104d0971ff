"""What a plugin's own tests have of workflows: devices and pull-workers that work when told, and what is left to do."""

from collections.abc import AsyncIterator

import pytest

from envoy_plugin import Entry, JobNotFound, JobsManager, Ongoing, Plugin, Step, Template, Workflows
from envoy_plugin.testing import LocalEnvoy, Unfinished
from envoy_plugin.testing.local_envoy import local_envoy

PARCEL = Template.of(
    "parcel",
    Step.titan(
        "photo", image="blur", payload={"plate": "{input.plate}"}, then={"dock": "", "desk": "state == 'failed'"}
    ),
    Step.device("dock", thing="dock-door", document="open", then="host"),
    Step.manual("desk", assigned="group:front-desk"),
    Step.question("host", "Is it yours?", answers=["Yes"], assigned="owner"),
)


async def test_when_a_step_is_tried_again_is_told_beside_its_workflow(envoy_redis_url: str) -> None:
    plugin = Plugin("test-retries")
    plugin.workflow(Template.of("t", Step.function("a", "fail", retries=1)))

    @plugin.step("fail")
    async def fail() -> None:
        raise ConnectionError

    async with local_envoy(plugin, redis_url=envoy_redis_url) as opened:
        await opened.workflows.start("t")
        with pytest.raises(Unfinished, match=r"  step, .* due in \d+ s: envoy\.tick"):
            await opened.drain()


@pytest.fixture
async def envoy(envoy_redis_url: str) -> AsyncIterator[LocalEnvoy]:
    plugin = Plugin("test-parcels")
    plugin.workflow(PARCEL)

    @plugin.on("entry_sign_in", background=True)
    async def begin(entry: Entry, workflows: Workflows) -> Ongoing:
        parcel = await workflows.start(PARCEL, key=entry.id, input={"plate": entry.user_data.get("Plate")})
        return Ongoing("The driver is at the dock", after=parcel)

    async with local_envoy(plugin, redis_url=envoy_redis_url) as opened:
        await opened.add_thing("dock-door")
        await opened.trigger("entry_sign_in", id="9001", user_data={"Plate": "AB-12"})
        await opened.work()
        yield opened


async def test_a_pull_worker_works_when_the_test_says_so(envoy: LocalEnvoy) -> None:
    done = await envoy.pull()
    assert done is not None
    assert (done.image, done.payload) == ("blur", {"plate": "AB-12"})
    assert await envoy.pull() is None
    await envoy.work()
    parcel = await envoy.workflows.find("9001")
    assert parcel is not None
    assert await parcel.current() == ["dock"]


async def test_a_pull_worker_fails_when_the_test_says_so(envoy: LocalEnvoy) -> None:
    await envoy.pull(failed="bad_exit")
    await envoy.work()
    parcel = await envoy.workflows.find("9001")
    assert parcel is not None
    assert await parcel.current() == ["desk"]
    with pytest.raises(ValueError, match="'broken' is not a valid Why"):
        await envoy.pull(failed="broken")


async def test_what_handlers_are_given_a_test_is_given(envoy: LocalEnvoy) -> None:
    parcel = await envoy.workflows.find("9001")
    assert parcel is not None
    jobs = envoy.get(JobsManager)
    await jobs.add_job_comment(parcel.id, "It is heavy")
    assert [said.comment for said in await jobs.get_job_comments(parcel.id)] == ["It is heavy"]
    with pytest.raises(JobNotFound):
        await envoy.get(JobsManager, install="2002").get_job(parcel.id)


async def test_what_a_workflow_waits_for_is_told_by_step(envoy: LocalEnvoy) -> None:
    with pytest.raises(Unfinished) as left:
        await envoy.drain()
    assert str(left.value).splitlines() == [
        "1 not finished:",
        "  workflow, install 1001: waits at photo (titan, queued)",
    ]
