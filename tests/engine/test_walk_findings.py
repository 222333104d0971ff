"""What random walks have found: an example of each."""

from datetime import timedelta

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter, find_jobs
from envoy_plugin.engine.queries import find_attempts, find_job
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.states import State
from envoy_plugin.engine.tagged import count_tagged
from envoy_plugin.engine.verbs import (
    Assign,
    ClaimJob,
    Delete,
    Describe,
    Fail,
    Listing,
    PassDebt,
    Policy,
    Retry,
    Succeed,
    Unhold,
)
from tests.engine.acting import begin, end, ended, job, make
from tests.engine.clock import Clock
from tests.engine.picture import take_picture


async def test_who_has_no_parent_can_be_listed_by_one_and_is_in_no_such_list(engine: Engine) -> None:
    await engine.enqueue(job("j", listed=(Listing.PARENT, Listing.KIND)))

    page = await find_jobs(engine, Filter(kind="k"))

    assert [(found.id, found.listed) for found in page.jobs] == [("j", ("kind",))]


async def test_those_that_wait_for_one_end_are_settled_in_the_order_in_which_they_were_made(engine: Engine) -> None:
    await make(engine, "up")
    names = [f"j{number:02}" for number in range(20)]
    await engine.call([job(name, queue="events", after={"up": "hold"}) for name in reversed(names)])

    await end(engine, "up")

    assert [held.id for held in await engine.claim("events", 20, who="w", lease=None)] == names


async def test_an_attempt_that_comes_to_an_owned_queue_by_another_begins_at_its_first_revision(engine: Engine) -> None:
    await make(engine, "j", queue="thing:1", retries=1)
    await begin(engine, "j")
    await engine.call([Assign(id="j", queue="q"), Fail(id="j", reason="error", delay=timedelta())])

    await engine.run(Assign(id="j", queue="thing:2"))

    assert (await find_job(engine, "j")).revision == 1


async def test_a_hold_that_is_opened_before_its_time_leaves_no_timer(engine: Engine, clock: Clock) -> None:
    await make(engine, "j", holds={"night": clock.after(timedelta(hours=1))})

    await engine.run(Unhold(id="j", hold="night"))

    assert "{test}:timers" not in await take_picture(engine.redis)


async def test_a_tag_given_in_the_call_that_forgets_the_job_goes_with_it(engine: Engine) -> None:
    await engine.call([*ended("j"), Describe(id="j", tags=["old"])])

    await engine.call([Describe(id="j", tags=["new"], untag=["old"]), Delete(id="j", attempt=1)])

    assert await count_tagged(engine, ["old", "new"]) == [0, 0]


async def pass_on(engine: Engine) -> None:
    """End `a`, whose debt is passed on to `b`."""
    await engine.call([ClaimJob(id="a", who="w"), PassDebt(id="a", heir="b"), Succeed(id="a")])


async def test_a_report_that_is_needed_again_keeps_what_it_has_noted(engine: Engine) -> None:
    await engine.call([job("a", owes=REPORT_DEBT), *ended("b")])
    await pass_on(engine)
    [report] = await engine.claim("report", 1, who="w", lease=None)
    await engine.note(report, b"sent", memo="step")
    await engine.succeed(report)
    await engine.retry("a")

    await pass_on(engine)

    assert await engine.redis.ttl(engine.keys.blobs("b.1")) == -1


async def test_a_report_that_was_deleted_and_is_needed_again_can_be_finished(engine: Engine) -> None:
    await engine.call([job("a", owes=REPORT_DEBT), *ended("b")])
    await pass_on(engine)
    await engine.call([job("c", after={"b.1": Policy.HOLD}), Retry(id="a")])
    assert not await engine.run(Delete(id="b.1", attempt=1))

    await pass_on(engine)

    [report] = await engine.claim("report", 1, who="w", lease=None)
    assert await engine.succeed(report) is State.SUCCEEDED
    assert [attempt.number for attempt in await find_attempts(engine, "b.1")] == [1]
