"""Looking at jobs, page by page, and taking several at once."""

from urllib.parse import quote

import pytest

from envoy_plugin.engine.clock import moment
from envoy_plugin.engine.ids import made_at
from tests.apis.titan import site as making
from tests.apis.titan.site import Site


async def listed(site: Site, query: str = "") -> list[str]:
    return [job["id"] for job in (await site.ask("GET", f"/jobs{query}")).body["jobs"]]


async def test_what_is_not_over_is_listed_the_newest_first(site: Site) -> None:
    over = [await make(site) for make in (making.succeeded, making.failed, making.cancelled)]
    active = [await make(site) for make in (making.running, making.queued, making.delayed, making.blocked)]
    assert await listed(site) == active[::-1]
    assert await listed(site, "?status=succeeded,cancelled") == [over[2], over[0]]
    assert await listed(site, "?status=delayed&n=1") == [active[3]]


async def test_ten_are_listed_unless_somebody_asks_for_more(site: Site) -> None:
    await site.ask("POST", "/jobs", json={"jobs": [{}] * 120})
    counts = [len(await listed(site, query)) for query in ("", "?n=11", "?n=1000")]
    assert counts == [10, 11, 100]


async def test_pages_follow_each_other_without_a_gap_or_a_repeat_while_jobs_come(site: Site) -> None:
    await site.ask("POST", "/jobs", json={"jobs": [{}] * 25})
    expected, found, query = await listed(site, "?n=25"), [], "?n=10"
    while True:
        page = (await site.ask("GET", f"/jobs{query}")).body
        found += [job["id"] for job in page["jobs"]]
        if "cursor" not in page:
            break
        await site.enqueue()
        query = f"?n=10&cursor={quote(page['cursor'])}"
    assert found == expected


async def test_a_list_begins_after_a_moment(site: Site) -> None:
    made = await site.enqueue()
    at = made_at(made["id"][:-2])
    before, after = quote(at.isoformat()), quote(moment(int(at.timestamp() * 1000) + 1).isoformat())
    assert await listed(site, f"?created_after={before}") == [made["id"]]
    assert await listed(site, f"?created_after={after}") == []
    assert await listed(site, "?created_after=2026-01-01T00:00:00%2B01:00") == [made["id"]]
    assert await listed(site, "?created_after=2026-01-01T00:00:00+01:00") == [made["id"]]


BAD = {
    "n": ["", "0", "-1", "1001", "abc", "1e3", "1.0", "9" * 30, "１", "1&n=2"],
    "status": ["", "done", "queued,", "queued running", "queued&status=failed"],
    "created_after": ["", "yesterday", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00%2B23:59"],
    "cursor": ["", "x", "i:", "s:running 1 2", "x" * 600],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
async def test_a_bad_parameter_is_a_400_that_names_it(site: Site, name: str, value: str) -> None:
    reply = await site.ask("GET", f"/jobs?{name}={quote(value, safe='%=&')}")
    assert (reply.status, reply.body["error"]["fields"]) == (400, name)
    assert name in reply.message


@pytest.mark.parametrize(("name", "value"), [("n", "0"), ("n", "1001"), ("wait", "-1"), ("wait", "21"), ("wait", "x")])
async def test_a_bad_parameter_takes_no_job(site: Site, name: str, value: str) -> None:
    await site.enqueue()
    reply = await site.ask("GET", f"/jobs/consume?{name}={value}")
    assert (reply.status, reply.body["error"]["fields"]) == (400, name)
    assert len(await site.consume()) == 1


async def test_at_most_a_hundred_are_handed_out_at_once(site: Site) -> None:
    await site.ask("POST", "/jobs", json={"jobs": [{}] * 120})
    assert [len(await site.consume(1000)) for _ in range(3)] == [100, 20, 0]


async def test_an_empty_queue_gives_nothing(site: Site) -> None:
    assert (await site.ask("GET", "/jobs/consume")).body == {"jobs": []}
