"""Work for pull-workers, given from a plugin's own code."""

from datetime import timedelta

import pytest

from envoy_plugin.apis.titan.client import Titan
from envoy_plugin.context import Context, Entered
from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.verbs import Enqueue, Policy
from envoy_plugin.errors import BadArguments, JobNotFound
from tests.apis.titan.site import SECOND, Site


@pytest.fixture
def titan(site: Site) -> Titan:
    return Titan.for_install(site.engine, "1001")


async def test_a_worker_gets_what_a_plugin_hands_over(site: Site, titan: Titan) -> None:
    handed = await titan.enqueue(image="resize", payload="p", timeout=5 * SECOND, priority=2, max_retries=1)
    [job] = await site.consume()
    assert job["id"] == handed.titan_id
    assert (job["image"], job["payload"], job["timeout"], job["priority"], job["max_retries"]) == (
        "resize", "p", 5, 2, 1)  # fmt: skip
    assert ((await find_job(site.engine, handed.id)).install, handed.created) == ("1001", True)


async def test_everything_has_the_defaults_of_the_api(site: Site, titan: Titan) -> None:
    handed = await titan.enqueue()
    ignored = {"id", "created_at"}
    made = {name: value for name, value in (await site.enqueue()).items() if name not in ignored}
    assert {name: value for name, value in (await site.job(handed.titan_id)).items() if name not in ignored} == made


async def test_work_waits_for_other_work(site: Site, titan: Titan) -> None:
    first = await titan.enqueue(payload="first")
    second = await titan.enqueue(payload="second", after=[first])
    third = await titan.enqueue(payload="third", after={second.id: "cancel"})
    assert [job["payload"] for job in await site.consume(3)] == ["first"]
    assert (await site.job(second.titan_id))["status"] == "delayed"
    await site.post(first.titan_id, "success")
    assert [job["payload"] for job in await site.consume(3)] == ["second"]
    await site.ask("POST", f"/job/{second.titan_id}/cancel")
    assert (await site.job(third.titan_id))["status"] == "cancelled"


async def test_other_jobs_wait_for_the_end_of_a_workers(site: Site, titan: Titan) -> None:
    handed = await titan.enqueue(max_retries=1, retries_delay=timedelta())
    waiting = await site.engine.enqueue(Enqueue(queue="events", kind="e", payload=b"x", after={handed.id: Policy.HOLD}))
    for what, state in (("fail", "blocked"), ("success", "available")):
        [job] = await site.consume()
        await site.post(job["id"], what)
        assert (await find_job(site.engine, waiting.id)).state == state


async def test_one_job_at_a_time_has_a_key(site: Site, titan: Titan) -> None:
    first, second = [await titan.enqueue(key="visit 7") for _ in range(2)]
    assert (second.id, second.titan_id, second.created) == (first.id, first.titan_id, False)
    assert (await Titan.for_install(site.engine, "1002").enqueue(key="visit 7")).id != first.id
    await site.ask("POST", f"/job/{first.titan_id}/cancel")
    assert (await titan.enqueue(key="visit 7")).created
    assert not [key for key in await site.engine.redis.keys() if b"visit" in key]


async def test_a_handler_that_runs_again_finds_what_it_has_handed_over(site: Site, titan: Titan) -> None:
    runs = []
    for job in ("a1", "a1", "a2"):
        with Entered(Context(owner=None, engine=site.engine, batcher=Batcher(site.engine), job=job)):
            runs.append([(await titan.enqueue(payload=str(number))).id for number in range(2)])
    assert runs[0] == runs[1]
    assert not set(runs[0]) & set(runs[2])


@pytest.mark.parametrize(
    ("about", "named"),
    [
        ({"priority": 3}, "priority"),
        ({"timeout": timedelta()}, "timeout"),
        ({"max_retries": 26}, "max_retries"),
        ({"delay": -SECOND}, "delay"),
        ({"delay": timedelta(milliseconds=1500)}, "whole seconds"),
        ({"payload": {"canary": 1}}, "payload"),
        ({"payload": "canary" * 200_000}, "payload"),
    ],
)
async def test_what_is_out_of_bounds_is_refused_without_being_told(
    titan: Titan, about: dict[str, object], named: str
) -> None:
    with pytest.raises(BadArguments, match=named) as caught:
        await titan.enqueue(**about)  # type: ignore[arg-type]  # what is tested
    assert "canary" not in str(caught.value)


async def test_what_it_waits_for_must_exist(titan: Titan) -> None:
    with pytest.raises(JobNotFound):
        await titan.enqueue(after=["a0000000000000aa"])


def test_it_shows_no_more_than_its_install(titan: Titan) -> None:
    assert repr(titan) == "Titan(install='1001')"
