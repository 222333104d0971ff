"""Canceling and deleting while devices go on: what was decided on one state is not done to another."""

import asyncio

from envoy_plugin.apis.iot_jobs.ending import cancel_execution, cancel_fleet, delete_execution
from envoy_plugin.apis.iot_jobs.executions import find_execution
from envoy_plugin.apis.iot_jobs.fleets import Plan, create_fleet
from envoy_plugin.engine.listings import Filter, every_job
from envoy_plugin.engine.verbs import Resume, Retry
from tests.apis.iot_jobs.site import JOB, THING, Site, counts


async def test_what_has_begun_meanwhile_is_not_canceled_without_force(site: Site) -> None:
    await site.create()
    found = await find_execution(site.engine, THING, JOB)
    await site.device.start()
    assert not await cancel_execution(site.engine, found, force=False)
    assert (await site.execution())["status"] == "IN_PROGRESS"


async def test_what_has_changed_meanwhile_is_looked_at_again_before_it_is_deleted(site: Site) -> None:
    await site.create()
    found = await find_execution(site.engine, THING, JOB)
    await site.device.start()
    assert not await delete_execution(site.engine, found, force=True)
    assert (await site.execution())["status"] == "IN_PROGRESS"


async def test_work_for_a_thing_that_was_deleted_meanwhile_is_removed(site: Site) -> None:
    await site.add("door")
    things = await site.registry.find_many([THING, "door"])
    await site.operator("delete_thing", thingName=THING)
    await create_fleet(site.engine, Plan(job_id=JOB, document="{}", things=[THING, "door"]), things)
    assert counts(await site.job()) == {"RemovedThings": 1, "QueuedThings": 1}


async def test_of_a_job_that_is_canceled_nothing_ends_that_devices_begin_at_the_same_time(site: Site) -> None:
    names = [f"thing-{number}" for number in range(20)]
    for name in names:
        await site.registry.add(name)
    await site.create(JOB, *names)

    async def begin() -> int:
        handed = [await site.engine.run(Resume(queue=f"thing:{name}", who="device")) for name in names]
        return len([one for one in handed if one])

    begun, _ = await asyncio.gather(begin(), cancel_fleet(site.engine, JOB, force=False, why={}))
    job = await site.job()
    assert (job["status"], counts(job).get("InProgressThings", 0)) == ("CANCELED", begun)


async def test_a_job_that_was_tried_again_by_hand_leaves_nothing_when_it_is_deleted(site: Site) -> None:
    await site.create()
    await site.device.update("FAILED")
    jobs = [job async for job in every_job(site.engine, Filter())]
    await site.engine.call([Retry(id=job_id) for job_id in sorted(job.id for job in jobs)])
    assert (await site.device.start())["executionNumber"] == 2
    await site.device.update("SUCCEEDED")
    await site.operator("delete_job", jobId=JOB)
    assert [job async for job in every_job(site.engine, Filter())] == []
    await site.create()


async def test_of_many_that_cancel_a_job_at_once_one_says_why(site: Site) -> None:
    await site.create()
    await site.device.start()
    each = [str(number) for number in range(8)]
    ends = await asyncio.gather(
        *(site.operator("cancel_job", jobId=JOB, comment=comment) for comment in each), return_exceptions=True
    )
    done = [comment for comment, end in zip(each, ends, strict=True) if isinstance(end, dict)]
    assert done == [(await site.job())["comment"]]
    assert (await site.execution())["status"] == "IN_PROGRESS"
