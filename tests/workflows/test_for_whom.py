"""How code comes by the managers: in a handler that runs again, in a script, for a user."""

from datetime import timedelta

import pytest

from envoy_plugin import (
    BadProperty,
    CreateJobOverrides,
    DeclarationError,
    Done,
    Entry,
    JobAttachmentDetails,
    JobHoldDetails,
    JobRefused,
    JobsManager,
    NotAllowed,
    NotificationManager,
    Plugin,
    Query,
    Retry,
    Step,
    StepInfoResponse,
    Template,
    WorkflowError,
    Workflows,
    open_plugin,
)
from envoy_plugin.engine.verbs import Unique
from envoy_plugin.settings import Settings
from envoy_plugin.testing.local_envoy import local_envoy
from tests.workflows.office import Office
from tests.workflows.stage import ITEM

SIGN = Step.manual("sign", assigned="user:ada", proceeds=False, then="badge")
VISIT = Template.of("visit", SIGN, Step.manual("badge"))


def desk() -> Plugin:
    """A plugin with one workflow."""
    plugin = Plugin("test-desk")
    plugin.workflow(VISIT)
    return plugin


async def test_a_handler_that_runs_again_finds_the_jobs_that_it_has_made(envoy_redis_url: str) -> None:
    plugin, made = desk(), list[tuple[str, ...]]()

    @plugin.on("entry_sign_in", background=True)
    async def begin(entry: Entry, jobs: JobsManager) -> Done | Retry:
        own = await jobs.create_jobs("visit", CreateJobOverrides(job_id=f"entry-{entry.id}"))
        two = await jobs.create_jobs("visit", CreateJobOverrides(number_of_jobs=2))
        third = await jobs.create_jobs("visit")
        await jobs.add_holds(JobHoldDetails(job_id=own.job_ids[0], step_ids=["badge"]))
        made.append(own.job_ids + two.job_ids + third.job_ids)
        return Done() if len(made) > 1 else Retry("again")

    async with local_envoy(plugin, redis_url=envoy_redis_url) as envoy:
        delivery = await envoy.trigger("entry_sign_in", id="7")
        for _ in range(2):
            await envoy.work()
            envoy.tick(timedelta(minutes=1))
        assert envoy.job(delivery).status == "done"
    assert made[0] == made[1]
    assert (made[0][0], len({*made[0]})) == ("entry-7", 4)


async def test_what_somebody_else_has_made_is_not_found_as_ones_own(office: Office) -> None:
    run = JobsManager.for_item(office.stage.store, ITEM, lambda _: Unique(key="a"))
    other = JobsManager.for_item(office.stage.store, ITEM, lambda _: Unique(key="b"))
    own = CreateJobOverrides(job_id="visit-7")
    first = await run.create_jobs("visit", own)
    assert await run.create_jobs("visit", own) == first
    with pytest.raises(JobRefused, match="one of this id"):
        await other.create_jobs("visit", own)
    [alone] = (await run.create_jobs("visit")).job_ids
    assert (await run.create_jobs("visit")).job_ids == (alone,)
    with pytest.raises(WorkflowError, match="made 1 jobs here, not 2"):
        await run.create_jobs("visit", CreateJobOverrides(number_of_jobs=2))
    assert len((await run.query_jobs(Query(q="closed=0"))).results) == 2


async def test_a_script_has_the_managers_of_an_install(envoy_redis_url: str) -> None:
    settings = Settings.from_env(
        {"REDIS_URL": envoy_redis_url, "ENVOY_CLIENT_ID": "test", "ENVOY_CLIENT_SECRET": "a-secret-of-some-length"}
    )
    async with open_plugin(desk(), settings) as opened:
        jobs = opened.get(JobsManager, install="1001")
        [job_id] = (await jobs.create_jobs("visit")).job_ids
        assert await (await opened.get(Workflows, install="1001").start("visit")).current() == ["sign"]
        told = opened.get(NotificationManager, install="1001")
        answer = StepInfoResponse(job_id=job_id, step_id="sign", manual_response=True)
        assert (await told.send(answer)).step_responses[0].status == "NoStartedStep"
        assert "token=" in await jobs.get_attachment_url(job_id, await attached(jobs, job_id))
        for nothing in (Entry, int):
            with pytest.raises(DeclarationError, match=f"not {nothing.__name__}"):
                opened.get(nothing, install="1001")


async def attached(jobs: JobsManager, job_id: str) -> str:
    """The id of a new attachment."""
    return (await jobs.add_attachment(JobAttachmentDetails(job_id=job_id, attachment=b"x"))).attachment_id


async def test_a_manager_for_a_user_acts_in_their_name_and_within_their_privileges(office: Office) -> None:
    office.define("mine", Step.manual("a", assigned="user:ada", proceeds=False))
    ada, bob = office.plugin.for_user("ada", privileges=["jobCreate"]), office.plugin.for_user("bob")
    [job_id] = (await ada.create_jobs("mine")).job_ids
    assert (await bob.start_steps(job_id)).step_responses[0].status == "AssignedToDifferentUser"
    assert (await ada.start_steps(job_id)).success
    with pytest.raises(NotAllowed, match="jobCreate"):
        await bob.create_jobs("mine")
    told = NotificationManager.for_item(office.stage.store, ITEM)
    answer = StepInfoResponse(job_id=job_id, step_id="a", manual_response=False)
    assert not (await told.for_user("bob", groups=["desk"]).send(answer)).success
    assert (await told.for_user("ada").send(answer)).success
    assert {row.username for row in await ada.get_job_history(job_id)} == {"ada"}
    for privileges, why in ((["jobclose"], "no 'jobclose'"), ("jobClose", "a list")):
        with pytest.raises(BadProperty, match=why):
            office.plugin.for_user("ada", privileges=privileges)
    for nobody in (office.plugin, told):
        with pytest.raises(BadProperty, match="user"):
            nobody.for_user("")
