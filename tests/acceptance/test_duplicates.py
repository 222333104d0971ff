"""One event is handled once, however often, wherever and however simultaneously Envoy delivers it."""

import asyncio

from envoy_plugin.simulator.sender import Answer
from tests.acceptance.effects import count_effects, effects_in
from tests.acceptance.envoy_side import Envoy, Event
from tests.acceptance.processes import Process, Site, eventually

PAIRS = 25
AT_EACH = 2


async def heard_of_all(envoy: Envoy) -> bool:
    return len(await envoy.ends()) == PAIRS


async def two_webs(site: Site) -> list[Process]:
    return [await site.web("web-1"), await site.web("web-2")]


async def deliver_everywhere(site: Site, webs: list[Process], events: list[Event]) -> dict[str, list[Answer]]:
    """Every event at every web process, twice, all at the same instant; the answers by job."""
    turns = [webs, webs[::-1]]  # each process is the first for every other event
    sent = [(event, web) for at, event in enumerate(events) for web in turns[at % 2] * AT_EACH]
    answers = await asyncio.gather(*(site.deliver(web, event) for event, web in sent))
    found: dict[str, list[Answer]] = {event.job_id: [] for event in events}
    for (event, _), answer in zip(sent, answers, strict=True):
        assert answer is not None
        found[event.job_id].append(answer)
    return found


async def test_an_inline_event_runs_once_and_every_delivery_gets_its_answer(site: Site) -> None:
    webs = await two_webs(site)
    events = [Event.make("entry_reviewed", f"visit-{number}", seed=number) for number in range(PAIRS)]
    answers = await deliver_everywhere(site, webs, events)
    assert count_effects(site.directory, "answered") == {event.job_id: 1 for event in events}
    assert {answer.status for each in answers.values() for answer in each} == {200}
    assert {len({answer.content for answer in each}) for each in answers.values()} == {1}


async def test_deliveries_of_an_event_that_is_being_handled_wait_for_its_answer(site: Site) -> None:
    webs = await two_webs(site)
    events = [Event.make("entry_screened", f"visit-{number}", seed=number) for number in range(PAIRS)]
    deliveries = asyncio.create_task(deliver_everywhere(site, webs, events))
    await eventually("each is being handled", lambda: len(effects_in(site.directory, "started")) == PAIRS)
    site.touch("go")
    answers = await deliveries
    by = {effect.job: {"by": effect.pid} for effect in effects_in(site.directory, "answered")}
    assert {job_id: [answer.body for answer in each] for job_id, each in answers.items()} == {
        job_id: [by[job_id]] * len(webs) * AT_EACH for job_id in by
    }
    assert count_effects(site.directory, "started") == {event.job_id: 1 for event in events}


async def test_a_background_event_is_accepted_each_time_and_runs_once(site: Site) -> None:
    envoy = await site.platform()
    webs, _ = await two_webs(site), await site.worker()
    events = [Event.make("entry_sign_in", f"visit-{number}", seed=number) for number in range(PAIRS)]
    await envoy.know(*(event.job_id for event in events))
    answers = await deliver_everywhere(site, webs, events)
    await eventually("Envoy heard of each", lambda: heard_of_all(envoy))
    again = await deliver_everywhere(site, webs, events)
    assert {answer.status for each in [*answers.values(), *again.values()] for answer in each} == {202}
    assert count_effects(site.directory, "started") == {event.job_id: 1 for event in events}
    assert await envoy.ends() == {event.job_id: 1 for event in events}


async def test_an_event_that_was_answered_500_runs_again_at_the_next_delivery(site: Site) -> None:
    webs = await two_webs(site)
    event = Event.make("invite_removed", "visit-1")
    answers = [await site.deliver(web, event) for web in [*webs, *webs]]
    assert [answer and answer.status for answer in answers] == [500, 200, 200, 200]
    assert len(effects_in(site.directory, "tried")) == 2


async def test_an_event_whose_handler_took_too_long_runs_again_at_the_next_delivery(site: Site) -> None:
    webs = await two_webs(site)
    event = Event.make("upcoming_visit", "visit-1")
    answers = [await site.deliver(web, event) for web in [*webs, *webs]]
    assert [answer and answer.status for answer in answers] == [500, 200, 200, 200]
    assert len(effects_in(site.directory, "tried")) == 2


async def test_an_event_whose_process_died_runs_again_at_a_later_delivery(site: Site) -> None:
    dying, living = await two_webs(site)
    event = Event.make("upcoming_visit", "visit-1")
    first = asyncio.create_task(site.deliver(dying, event))
    await eventually("the handler runs", lambda: effects_in(site.directory, "tried"))
    await dying.kill()

    async def answered() -> bool:
        answer = await site.deliver(living, event)
        return answer is not None and answer.status == 200

    await eventually("a later delivery is answered", answered, within=10, every=0.2)
    assert await first is None
    assert len(effects_in(site.directory, "tried")) == 2
