"""Many devices at once, some of which vanish: nothing is started twice, nothing is lost.

In the gate 16 devices and 96 executions; with `--soak` 200 devices and 5,000 executions.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from envoy_plugin.apis.iot_jobs.executions import KIND as EXECUTION
from envoy_plugin.engine.listings import Filter, every_job
from envoy_plugin.engine.states import State
from tests.apis.iot_jobs.site import Device, Site

A_THING = 2
"""Devices that share a thing and its key, and so compete for its work."""
VANISHING = 0.1
MOST_ROUNDS = 30
"""So often all devices are switched on: what isn't done by then is lost."""
RETRIES = {"criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": 10}]}


@pytest.fixture
async def threads(soak: int) -> AsyncIterator[int]:
    """How many devices there are; each may have a thread of its own."""
    count = 200 if soak > 1 else 16
    with ThreadPoolExecutor(count) as pool:
        asyncio.get_running_loop().set_default_executor(pool)
        yield count


async def live(device: Device, ends: Counter[tuple[str, str]], refused: set[str], dice: random.Random) -> None:
    """Work until there is nothing to do, or until this device vanishes in the middle of something."""
    while execution := await device.start(stepTimeoutInMinutes=1):
        if dice.random() < VANISHING:
            return
        version = execution["versionNumber"]
        try:
            await device.update("SUCCEEDED", execution["jobId"], expectedVersion=version)
        except ClientError as error:
            refused.add(error.response["Error"]["Code"])
        else:
            ends[device.thing, execution["jobId"]] += 1


async def work_off(site: Site, things: list[Device], executions: int) -> Counter[tuple[str, str]]:
    """How often each execution was ended by a device. Who has vanished is switched on again when its time is over."""
    devices = [Device(thing.client, thing.thing) for thing in things for _ in range(A_THING)]
    ends: Counter[tuple[str, str]] = Counter()
    refused: set[str] = set()
    dice = random.Random(7)
    for _ in range(MOST_ROUNDS):
        await asyncio.gather(*(live(device, ends, refused, dice) for device in devices))
        await site.passes(minutes=1)
        if len(ends) == executions:
            break
    assert refused <= {"InvalidRequestException", "InvalidStateTransitionException"}
    return ends


@pytest.mark.timeout(600)
async def test_nothing_is_started_twice_and_nothing_is_lost(site: Site, threads: int, soak: int) -> None:
    things = [await site.add(f"thing-{number}") for number in range(threads // A_THING)]
    jobs = (5000 if soak > 1 else 96) // len(things)
    for number in range(jobs):
        await site.create(f"job-{number}", *(thing.thing for thing in things), jobExecutionsRetryConfig=RETRIES)
    ends = await work_off(site, things, jobs * len(things))
    assert (len(ends), set(ends.values())) == (jobs * len(things), {1})
    done = [job async for job in every_job(site.engine, Filter(kind=EXECUTION, everywhere=True))]
    assert len(done) == len(ends)
    for job in done:
        claims = Counter(row.attempt for row in job.history if row.event == "claimed")
        assert (job.state, claims) == (State.SUCCEEDED, dict.fromkeys(range(1, job.attempt + 1), 1))
    assert max(job.attempt for job in done) > 1  # of some, every device has vanished
    assert {job.state async for job in every_job(site.engine, Filter(kind="fleet"))} == {State.SUCCEEDED}
