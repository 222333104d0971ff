"""However many processes and requests there are, the plugin logs in once, and only if it must."""

import asyncio
from collections import Counter

import pytest

from envoy_plugin.simulator.sender import Answer
from tests.acceptance.effects import count_effects
from tests.acceptance.envoy_side import TOKEN_PATHS, Envoy, Event
from tests.acceptance.processes import Process, Site, eventually

CROWD = 200
MOST_LOGINS = 5
"""Within the 10 s that a handler may take: at once, then after 1 s, 2 s, 4 s, each 20 % more or less."""


async def two_webs(site: Site) -> list[Process]:
    return [await site.web("web-1"), await site.web("web-2")]


async def crowd(site: Site, webs: list[Process], name: str, *, envoy: Envoy | None = None) -> list[Answer | None]:
    """The answers to many different events at the same instant."""
    events = [Event.make(name, f"visit-{number}", seed=number) for number in range(CROWD)]
    if envoy is not None:
        await envoy.know(*(event.job_id for event in events))
    sent = (site.deliver(webs[at % len(webs)], event) for at, event in enumerate(events))
    return await asyncio.gather(*sent)


def statuses(answers: list[Answer | None]) -> Counter[int | None]:
    return Counter(None if answer is None else answer.status for answer in answers)


async def test_a_crowd_of_first_requests_over_two_processes_makes_one_login(site: Site) -> None:
    envoy = await site.platform()
    answers = await crowd(site, await two_webs(site), "invite_reviewed", envoy=envoy)
    assert statuses(answers) == {200: CROWD}
    assert len(count_effects(site.directory, "answered")) == CROWD
    assert await envoy.logins() == 1


async def test_a_crowd_makes_no_storm_of_logins_while_the_token_endpoint_is_down(site: Site) -> None:
    envoy = await site.platform()
    webs = await two_webs(site)
    await envoy.fail(*({"path": path, "status": 503} for path in TOKEN_PATHS))
    answers = await crowd(site, webs, "invite_reviewed", envoy=envoy)
    assert statuses(answers) == {500: CROWD}
    assert 1 <= await envoy.logins() <= MOST_LOGINS


@pytest.mark.soak
async def test_a_crowd_that_comes_again_is_served_once_the_token_endpoint_is_well(site: Site) -> None:
    envoy = await site.platform()
    webs = await two_webs(site)
    await envoy.fail({"path": "/a/auth", "status": 503, "seconds": 2})
    first = await crowd(site, webs, "invite_reviewed", envoy=envoy)

    async def all_served() -> bool:
        return statuses(await crowd(site, webs, "invite_reviewed")) == {200: CROWD}

    await eventually("everybody is served", all_served)
    assert statuses(first).keys() <= {200, 500}
    assert len(count_effects(site.directory, "answered")) == CROWD
    assert 2 <= await envoy.logins() <= MOST_LOGINS


async def test_handlers_that_need_no_token_make_no_login(site: Site) -> None:
    envoy = await site.platform()
    webs = await two_webs(site)
    inline = await crowd(site, webs, "entry_reviewed")
    background = await crowd(site, webs, "entry_sign_in")
    assert (statuses(inline), statuses(background)) == ({200: CROWD}, {202: CROWD})
    assert await envoy.requests() == []


async def test_web_serves_everything_without_a_worker_and_with_envoy_out_of_reach(site: Site) -> None:
    web = await site.web()
    answers = [await site.deliver(web, Event.make(name, name)) for name in ("entry_reviewed", "entry_sign_in", "noted")]
    async with site.session.get(f"{web.url}/healthz") as health, site.session.get(f"{web.url}/readyz") as readiness:
        pages = [health.status, readiness.status]
    assert [answer and answer.status for answer in answers] == [200, 202, 400]
    assert pages == [200, 200]


async def test_what_was_accepted_while_envoy_was_out_of_reach_ends_when_it_is_back(site: Site) -> None:
    web = await site.web()
    events = [Event.make("entry_sign_in", f"visit-{number}", seed=number) for number in range(10)]
    for event in events:
        await site.deliver(web, event)
    envoy = await site.platform("--job", events[0].job_id)
    await envoy.know(*(event.job_id for event in events))
    await site.worker()
    job_ids = [event.job_id for event in events]

    async def all_done() -> bool:
        return await envoy.statuses(job_ids) == {"done": len(job_ids)}

    await eventually("Envoy heard of each", all_done)
    assert await envoy.logins() == 1
