"""Queues of one claimant: resuming, claiming by name, revisions, moving. On Redis, and on what `dev` runs on."""

from datetime import timedelta
from typing import Any, Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import count_listed
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.queries import find_attempts, find_details, find_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import sweep
from envoy_plugin.engine.verbs import (
    Assign,
    Cancel,
    Claim,
    ClaimJob,
    Describe,
    Expect,
    Fail,
    Hold,
    Listing,
    Note,
    Release,
    Resume,
    Succeed,
    Touch,
    Verb,
)
from envoy_plugin.errors import VersionMismatch
from tests.engine.acting import MINUTE, begin, end, job, make, why_not
from tests.engine.clock import Clock
from tests.engine.picture import differences, take_picture

DOOR: Final = "thing:door"
RUNNING: Final = "{test}:running:thing:door"


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def send(engine: Engine, *ids: str, **facts: Any) -> None:
    """Jobs for the door."""
    await make(engine, *ids, **{"queue": DOOR} | facts)


async def resume(engine: Engine, **facts: Any) -> Claimed | None:
    held = await engine.run(Resume(queue=DOOR, who="door", **facts))
    return held[0] if held else None


async def revision_of(engine: Engine, job_id: str) -> int:
    return (await find_job(engine, job_id)).revision


async def test_resuming_takes_the_next_job_and_hands_it_out_again_unchanged(engine: Engine) -> None:
    await send(engine, "a", "b", payload=b"open")

    first = await resume(engine)
    before = await take_picture(engine.redis)
    again = await resume(engine)

    assert first is not None
    assert (first.id, first.claim, first.payload) == ("a", 1, b"open")
    assert again == first
    assert differences(before, await take_picture(engine.redis)) == []


async def test_of_several_that_run_the_one_made_first_is_handed_out(engine: Engine) -> None:
    await send(engine, "a", "b", "c")
    await begin(engine, "c")
    await begin(engine, "b")

    resumed = await resume(engine)

    assert resumed is not None
    assert resumed.id == "b"


async def test_resuming_an_empty_queue_answers_nothing(engine: Engine) -> None:
    assert await resume(engine) is None


async def test_resuming_promotes_what_is_due(engine: Engine, clock: Clock) -> None:
    await send(engine, "a", delay=MINUTE)
    assert await resume(engine) is None

    clock.move(MINUTE)

    assert await resume(engine) is not None


async def test_what_this_call_has_ended_is_not_handed_out_but_the_next_that_runs(engine: Engine) -> None:
    await send(engine, "a", "b", "c")
    await begin(engine, "a")
    await begin(engine, "b")

    _, [following] = await engine.call([Succeed(id="a"), Resume(queue=DOOR, who="door")])

    assert (following.id, following.claim) == ("b", 1)


async def test_what_this_call_has_begun_is_handed_out(engine: Engine) -> None:
    await send(engine, "a", "b", payload=b"open")

    _, [resumed] = await engine.call(
        [ClaimJob(id="b", who="door"), Resume(queue=DOOR, who="door", details=b"not taken")]
    )

    assert (resumed.id, resumed.claim, resumed.payload) == ("b", 1, b"open")


async def test_an_envelope_in_an_owned_queue_is_handed_to_nobody(engine: Engine) -> None:
    _, nothing = await engine.call([job("envelope", envelope=True, queue=DOOR), Resume(queue=DOOR, who="door")])

    assert (nothing, await resume(engine)) == ([], None)
    assert RUNNING not in await take_picture(engine.redis)


async def test_what_runs_of_an_owned_queue_is_listed_until_it_no_longer_does(engine: Engine) -> None:
    verbs: list[Verb[Any]] = [Succeed(id="a"), Fail(id="b", reason="error"), Release(id="c", hold="x")]
    await send(engine, "a", "b", "c", "d")
    for job_id in "abcd":
        await begin(engine, job_id)
    assert await engine.redis.zrange(RUNNING, 0, -1) == [b"a", b"b", b"c", b"d"]

    await engine.call([*verbs, Cancel(id="d", reason="operator")])

    assert RUNNING not in await take_picture(engine.redis)


async def test_details_and_a_lease_of_the_claimant_are_the_attempts(engine: Engine, clock: Clock) -> None:
    await send(engine, "a", lease=MINUTE)

    await resume(engine, details=b"began", lease=3 * MINUTE)

    assert await find_details(engine, "a", 1) == b"began"
    assert (await find_job(engine, "a")).expires == clock.after(3 * MINUTE)


async def test_resuming_with_a_lease_begins_it_anew_within_the_limit(engine: Engine, clock: Clock) -> None:
    await send(engine, "a", limit=3 * MINUTE)
    await resume(engine, lease=MINUTE)
    ends = clock.after(3 * MINUTE)
    clock.move(MINUTE / 2)

    await resume(engine, lease=2 * MINUTE)
    assert (await find_job(engine, "a")).expires == clock.after(2 * MINUTE)
    await resume(engine, lease=9 * MINUTE)

    assert (await find_job(engine, "a")).expires == ends


async def test_a_job_can_be_claimed_by_name_before_its_turn(engine: Engine, clock: Clock) -> None:
    await send(engine, "a", "b", payload=b"open", lease=9 * MINUTE)

    [held] = await engine.run(ClaimJob(id="b", who="ada", lease=MINUTE, details=b"at it"))

    assert (held.id, held.attempt, held.claim, held.payload) == ("b", 1, 1, b"open")
    assert (await find_job(engine, "b")).expires == clock.after(MINUTE)
    assert await find_details(engine, "b", 1) == b"at it"


async def test_a_job_claimed_by_name_has_its_own_lease_where_the_claimant_names_none(
    engine: Engine, clock: Clock
) -> None:
    await send(engine, "a", lease=MINUTE)

    await begin(engine, "a")

    assert (await find_job(engine, "a")).expires == clock.after(MINUTE)


async def test_a_job_can_be_claimed_and_finished_in_one_call(engine: Engine) -> None:
    await send(engine, "a")

    assert (await engine.call([ClaimJob(id="a", who="ada"), Succeed(id="a")]))[1] is State.SUCCEEDED


async def test_a_job_made_by_the_call_can_be_claimed_by_name_and_has_its_payload(engine: Engine) -> None:
    _, [held] = await engine.call([job("a", payload=b"open"), ClaimJob(id="a", who="ada")])

    assert held.payload == b"open"


async def test_a_revision_counts_what_a_claimant_sees_of_an_attempt(engine: Engine) -> None:
    await send(engine, "a", retries=1)
    seen = [await revision_of(engine, "a")]
    for verb in (ClaimJob(id="a", who="door"), Note(id="a", content=b"half"), Touch(id="a"), Succeed(id="a")):
        await engine.run(verb)
        seen.append(await revision_of(engine, "a"))

    assert seen == [1, 2, 3, 3, 4]


async def test_a_revision_begins_anew_with_each_attempt_and_the_record_keeps_the_last(engine: Engine) -> None:
    await send(engine, "a", retries=1)
    await begin(engine, "a")

    await engine.run(Fail(id="a", reason="error", delay=timedelta()))

    [record] = await find_attempts(engine, "a")
    assert (record.revision, await revision_of(engine, "a")) == (3, 1)


async def test_a_revision_waits_for_the_attempt_to_be_available(engine: Engine, clock: Clock) -> None:
    await send(engine, "a", delay=MINUTE)
    assert await revision_of(engine, "a") == 0

    clock.move(MINUTE)
    await sweep(engine)

    assert await revision_of(engine, "a") == 1


async def test_what_an_operator_says_of_a_job_is_no_revision(engine: Engine) -> None:
    await send(engine, "a")
    await begin(engine, "a")

    await engine.call([Hold(id="a", hold="x"), Describe(id="a", fields={"n": b"1"}), Assign(id="a", assignee="ada")])
    await engine.call([Succeed(id="a"), Describe(id="a", fields={"n": b"2"})])

    assert await revision_of(engine, "a") == 3


async def test_another_revision_is_refused(engine: Engine) -> None:
    await send(engine, "a")

    assert await engine.run(Expect(id="a", revision=1)) is State.AVAILABLE
    with pytest.raises(VersionMismatch) as refused:
        await engine.run(Expect(id="a", revision=2))

    assert refused.value.state == State.AVAILABLE


async def test_queues_of_many_claimants_count_no_revisions(engine: Engine) -> None:
    await make(engine, "a")
    await end(engine, "a")

    assert await revision_of(engine, "a") == 0


@pytest.mark.parametrize("wait", ["available", "running", "blocked"])
async def test_a_job_moves_with_its_lists_to_another_queue(engine: Engine, wait: str) -> None:
    await send(engine, "a", listed=[Listing.QUEUE])
    if wait == "running":
        await begin(engine, "a")
    elif wait == "blocked":
        await engine.run(Hold(id="a", hold="x"))

    assert await engine.run(Assign(id="a", queue="user:ada", assignee="ada")) == wait

    moved = await find_job(engine, "a")
    assert (moved.queue, moved.assignee) == ("user:ada", "ada")
    assert (await count_listed(engine, Listing.QUEUE, "user:ada"))[State(wait)] == 1
    assert not any((await count_listed(engine, Listing.QUEUE, DOOR)).values())


async def test_a_job_that_runs_is_resumed_from_the_queue_that_it_was_moved_to(engine: Engine) -> None:
    await send(engine, "a")
    await begin(engine, "a")

    await engine.run(Assign(id="a", queue="user:ada"))

    assert await resume(engine) is None
    assert [held.id for held in await engine.run(Resume(queue="user:ada", who="ada"))] == ["a"]


async def test_a_job_that_moves_to_a_shared_queue_is_claimed_from_there(engine: Engine) -> None:
    await send(engine, "a")

    await engine.run(Assign(id="a", queue="q", assignee=""))

    assert await resume(engine) is None
    [held] = await engine.run(Claim(queue="q", n=1, who="w", lease=None))
    assert (held.id, (await find_job(engine, "a")).assignee, await revision_of(engine, "a")) == ("a", None, 0)
    assert await engine.run(Release(id="a")) is State.AVAILABLE


async def test_a_cancel_can_be_for_a_job_that_nobody_runs(engine: Engine) -> None:
    await send(engine, "a", "b")
    await begin(engine, "a")

    assert await why_not(engine, Cancel(id="a", reason="operator", unless_running=True)) == "wrong_state"
    assert await engine.run(Cancel(id="b", reason="operator", unless_running=True)) is State.CANCELLED


async def test_a_job_that_is_over_is_assigned_to_nobody(engine: Engine) -> None:
    await send(engine, "a")
    await end(engine, "a")

    assert await why_not(engine, Assign(id="a", queue="user:ada")) == "wrong_state"
