"""Debts that are passed on: who reports, whose bytes wait, how one comes back. On Redis, and on what `dev` runs on."""

from typing import Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_job, list_jobs
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import Keeping, retire
from envoy_plugin.engine.verbs import Cancel, Delete, Fail, PassDebt, Retry, Succeed
from envoy_plugin.errors import JobNotFound
from tests.engine.acting import MINUTE, begin, end, job, make, state_of, why_not
from tests.engine.clock import Clock
from tests.engine.picture import take_picture

DAYS: Final = 24 * 60 * MINUTE


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def debtor(engine: Engine, *heirs: str) -> None:
    """The running job `root`, which owes a report, and running jobs that may be its heirs."""
    await make(engine, "root", owes=REPORT_DEBT, payload=b"root")
    await make(engine, *heirs, payload=b"heir")
    for job_id in ("root", *heirs):
        await begin(engine, job_id)


async def pass_on(engine: Engine, giver: str, heir: str) -> None:
    """Pass the debt on and succeed, as one call."""
    await engine.call([PassDebt(id=giver, heir=heir), Succeed(id=giver)])


async def report(engine: Engine) -> str:
    """Send the next report; its id."""
    [held] = await engine.claim("report", 1, who="w", lease=MINUTE)
    await engine.succeed(held)
    return held.id


async def is_kept(engine: Engine, job_id: str) -> bool:
    """Whether a payload stays; else it goes in a day."""
    ttl = await engine.redis.pttl(engine.keys.payload(job_id))
    assert ttl == -1 or 0 < ttl <= DAYS.total_seconds() * 1000
    return bool(ttl == -1)


async def reports(engine: Engine) -> set[str]:
    """The reports that wait."""
    waiting = await list_jobs(engine, [State.AVAILABLE])
    return {found.id for found in waiting if found.queue == "report"}


async def test_the_heir_reports_its_own_end_and_nobody_else_does(engine: Engine) -> None:
    await debtor(engine, "heir")

    await pass_on(engine, "root", "heir")
    assert await reports(engine) == set()
    await end(engine, "heir")

    assert await reports(engine) == {"heir.1"}
    root, heir = await find_job(engine, "root"), await find_job(engine, "heir")
    assert (root.owes, root.heir, heir.owes, heir.root) == (None, "heir", "report", "root")


async def test_a_debt_can_be_passed_on_once_more_and_the_root_is_known_to_the_last(engine: Engine) -> None:
    await debtor(engine, "second", "third")

    await pass_on(engine, "root", "second")
    await pass_on(engine, "second", "third")
    await end(engine, "third")

    assert await reports(engine) == {"third.1"}
    assert (await find_job(engine, "third")).root == "root"


async def test_an_heir_that_has_ended_gets_its_report_at_once(engine: Engine) -> None:
    await debtor(engine, "heir")
    await end(engine, "heir")
    assert not await is_kept(engine, "heir")

    assert await engine.run(PassDebt(id="root", heir="heir")) is State.SUCCEEDED

    assert await reports(engine) == {"heir.1"}
    assert await is_kept(engine, "heir")


async def test_an_envelope_can_be_an_heir(engine: Engine) -> None:
    await debtor(engine)
    await engine.enqueue(job("envelope", envelope=True))

    await pass_on(engine, "root", "envelope")
    await end(engine, "envelope")

    assert await reports(engine) == {"envelope.1"}


async def test_who_owes_nothing_passes_nothing_on_and_who_owes_takes_no_more(engine: Engine) -> None:
    await debtor(engine, "heir", "other")
    await make(engine, "owing", owes=REPORT_DEBT)

    assert await why_not(engine, PassDebt(id="heir", heir="root")) == "owes_nothing"
    assert await why_not(engine, PassDebt(id="root", heir="owing")) == "owes_already"
    assert await why_not(engine, PassDebt(id="root", heir="root")) == "owes_already"
    await engine.run(PassDebt(id="root", heir="heir"))
    assert await why_not(engine, PassDebt(id="heir", heir="root")) == "owes_already"


async def test_a_debt_is_not_passed_on_to_what_another_owes(engine: Engine) -> None:
    await debtor(engine)
    await end(engine, "root")
    await make(engine, "other", owes=REPORT_DEBT)
    await begin(engine, "other")

    assert await why_not(engine, PassDebt(id="other", heir="root.1")) == "owes_already"


async def test_a_debt_is_not_passed_on_to_a_job_that_does_not_exist(engine: Engine) -> None:
    await debtor(engine, "hidden")
    await make(engine, "dependent", after={"hidden": "hold"})
    await end(engine, "hidden", State.FAILED)
    await engine.run(Delete(id="hidden", attempt=1))

    for heir in ("nobody", "hidden"):
        with pytest.raises(JobNotFound) as refused:
            await engine.run(PassDebt(id="root", heir=heir))
        assert refused.value.job_id == heir


async def test_the_bytes_of_all_who_had_the_debt_wait_for_the_report(engine: Engine) -> None:
    await debtor(engine, "second", "third")
    await pass_on(engine, "root", "second")
    await pass_on(engine, "second", "third")
    await end(engine, "third")
    assert [await is_kept(engine, job_id) for job_id in ("root", "second", "third")] == [True] * 3

    assert await report(engine) == "third.1"

    assert [await is_kept(engine, job_id) for job_id in ("root", "second", "third")] == [False] * 3


async def test_the_bytes_of_one_that_still_runs_outlive_the_report_of_its_heir(engine: Engine) -> None:
    await debtor(engine, "heir")
    await engine.run(PassDebt(id="root", heir="heir"))
    await end(engine, "heir")

    await report(engine)
    assert await is_kept(engine, "root")
    await end(engine, "root")

    assert not await is_kept(engine, "root")


async def test_what_the_last_heir_has_reported_is_owed_no_more_though_one_between_still_runs(engine: Engine) -> None:
    await debtor(engine, "second", "third")
    await pass_on(engine, "root", "second")
    await engine.run(PassDebt(id="second", heir="third"))
    await end(engine, "third")

    await report(engine)
    assert [await is_kept(engine, job_id) for job_id in ("root", "second", "third")] == [False, True, False]
    await end(engine, "second")

    assert not await is_kept(engine, "second")


async def test_one_between_whose_heir_has_reported_can_be_tried_again_without_losing_its_bytes(engine: Engine) -> None:
    await debtor(engine, "second", "third")
    await pass_on(engine, "root", "second")
    await pass_on(engine, "second", "third")
    await end(engine, "third")
    await report(engine)

    await engine.retry("second")

    assert [await is_kept(engine, job_id) for job_id in ("root", "second", "third")] == [True, True, False]


async def test_a_retry_takes_the_debt_back_from_whoever_has_it(engine: Engine) -> None:
    await debtor(engine, "second", "third")
    await pass_on(engine, "root", "second")
    await pass_on(engine, "second", "third")
    await end(engine, "third")

    await engine.retry("root")

    assert (await find_job(engine, "third.1")).reason == "superseded"
    assert [(await find_job(engine, job_id)).owes for job_id in ("root", "second", "third")] == ["report", None, None]
    assert [await is_kept(engine, job_id) for job_id in ("root", "second", "third")] == [True, False, False]
    await end(engine, "root", State.FAILED)
    assert await reports(engine) == {"root.2"}


async def test_an_heir_whose_debt_was_taken_back_before_its_end_reports_nothing(engine: Engine) -> None:
    await debtor(engine, "second", "third")
    await pass_on(engine, "root", "second")
    await pass_on(engine, "second", "third")

    await engine.retry("root")
    await end(engine, "third")

    assert await reports(engine) == set()
    assert [await is_kept(engine, job_id) for job_id in ("root", "second", "third")] == [True, False, False]


async def test_one_between_takes_the_debt_back_for_its_root(engine: Engine) -> None:
    await debtor(engine, "second", "third")
    await pass_on(engine, "root", "second")
    await pass_on(engine, "second", "third")
    await end(engine, "third")

    await engine.retry("second")
    assert await is_kept(engine, "root")
    await end(engine, "second")

    assert (await reports(engine), (await find_job(engine, "second")).root) == ({"second.2"}, "root")
    await report(engine)
    assert not await is_kept(engine, "root")


async def test_the_report_of_a_debt_that_was_taken_back_is_not_tried_again(engine: Engine) -> None:
    await debtor(engine, "heir")
    await pass_on(engine, "root", "heir")
    await end(engine, "heir")
    await engine.retry("root")

    assert await why_not(engine, Retry(id="heir.1")) == "superseded"


async def test_an_heir_that_had_a_debt_before_and_has_ended_reports_again(engine: Engine) -> None:
    await debtor(engine, "heir")
    await end(engine, "heir")
    await pass_on(engine, "root", "heir")
    await engine.retry("root")
    await begin(engine, "root")

    await pass_on(engine, "root", "heir")

    assert await reports(engine) == {"heir.1"}
    again = await find_job(engine, "heir.1")
    assert (again.state, again.attempt, again.retries_left) == (State.AVAILABLE, 2, 29)
    assert await engine.redis.zcard(engine.keys.index("cancelled")) == 0


async def test_a_debt_comes_back_though_its_heir_is_forgotten(engine: Engine, clock: Clock) -> None:
    await debtor(engine, "heir")
    await engine.call([PassDebt(id="root", heir="heir"), Fail(id="root", reason="error")])
    await end(engine, "heir")
    await report(engine)
    clock.move(8 * DAYS)
    await retire(engine, Keeping())
    with pytest.raises(JobNotFound):
        await find_job(engine, "heir")

    await engine.retry("root")
    await end(engine, "root")

    assert await reports(engine) == {"root.2"}


async def test_the_root_is_kept_until_its_heir_has_reported(engine: Engine, clock: Clock) -> None:
    await debtor(engine, "heir")
    await pass_on(engine, "root", "heir")
    for _ in range(2):
        clock.move(8 * DAYS)
        await retire(engine, Keeping())
        assert await state_of(engine, "root") is State.SUCCEEDED
        if await state_of(engine, "heir") is State.RUNNING:
            await end(engine, "heir")

    await report(engine)
    clock.move(DAYS)
    await retire(engine, Keeping())

    with pytest.raises(JobNotFound):
        await find_job(engine, "root")


async def test_an_heir_is_not_tried_again_when_what_its_report_needs_is_gone(engine: Engine) -> None:
    await debtor(engine, "heir")
    await pass_on(engine, "root", "heir")
    await end(engine, "heir", State.FAILED)
    await report(engine)
    await engine.redis.delete(engine.keys.payload("root"))

    assert await why_not(engine, Retry(id="heir")) == "payload_gone"
    assert await why_not(engine, Retry(id="heir.1")) == "payload_gone"


async def test_the_report_of_an_heir_is_tried_again_though_its_own_payload_is_gone(engine: Engine) -> None:
    await debtor(engine, "heir")
    await pass_on(engine, "root", "heir")
    await end(engine, "heir")
    await report(engine)
    await engine.redis.delete(engine.keys.payload("heir"))

    assert await engine.retry("heir.1") == (State.AVAILABLE, 2)
    assert await is_kept(engine, "root")


async def test_a_chain_of_debts_leaves_nothing_when_it_is_forgotten(engine: Engine, clock: Clock) -> None:
    await debtor(engine, "second", "third")
    await pass_on(engine, "root", "second")
    await pass_on(engine, "second", "third")
    await end(engine, "third")
    await report(engine)

    for _ in range(3):
        clock.move(8 * DAYS)
        await retire(engine, Keeping())

    left = {key.removeprefix(engine.keys.namespace) for key in await take_picture(engine.redis)}
    assert left <= {"queues", "wake:q", "wake:report"}


async def test_a_job_made_and_cancelled_in_one_call_can_be_tried_again_by_it(engine: Engine) -> None:
    made = job("j", payload=b"{}", owes=REPORT_DEBT)

    *_, retried = await engine.call([made, Cancel(id="j", reason="operator"), Retry(id="j")])

    assert retried == (State.AVAILABLE, 2)
    assert (await find_job(engine, "j.1")).reason == "superseded"
