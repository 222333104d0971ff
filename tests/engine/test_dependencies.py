"""Dependencies: what one job's end means for those that wait for it. On Redis, and on what `dev` runs on."""

from datetime import timedelta
from typing import Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import Keeping, retire
from envoy_plugin.engine.verbs import Claim, Depend, Enqueue, Policy, Release, Retry, Succeed, Undepend
from envoy_plugin.errors import CallRefused, DependencyCycle, JobNotFound
from tests.engine.acting import MINUTE, begin, end, events_of, job, make, state_of, why_not
from tests.engine.clock import Clock
from tests.engine.picture import differences, take_picture

AFTER: Final = [
    (State.SUCCEEDED, Policy.RUN, State.AVAILABLE),
    (State.SUCCEEDED, Policy.HOLD, State.AVAILABLE),
    (State.SUCCEEDED, Policy.CANCEL, State.AVAILABLE),
    (State.FAILED, Policy.RUN, State.AVAILABLE),
    (State.FAILED, Policy.HOLD, State.BLOCKED),
    (State.FAILED, Policy.CANCEL, State.CANCELLED),
    (State.CANCELLED, Policy.RUN, State.AVAILABLE),
    (State.CANCELLED, Policy.HOLD, State.BLOCKED),
    (State.CANCELLED, Policy.CANCEL, State.CANCELLED),
]


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def dependent(engine: Engine, policy: Policy = Policy.HOLD) -> None:
    """The job `down`, which waits for `up`."""
    await engine.call([job("up"), job("down", after={"up": policy})])


async def cycle_of(engine: Engine, verb: Depend | Enqueue | Retry) -> tuple[str, ...]:
    """The cycle for which `verb` is refused; nothing is written."""
    before = await take_picture(engine.redis)
    with pytest.raises(DependencyCycle) as refused:
        await engine.run(verb)
    assert differences(before, await take_picture(engine.redis)) == []
    return refused.value.cycle


@pytest.mark.parametrize(("ends", "policy", "then"), AFTER)
async def test_the_end_of_an_upstream_means_what_the_policy_says(
    engine: Engine, ends: State, policy: Policy, then: State
) -> None:
    await dependent(engine, policy)
    assert await state_of(engine, "down") is State.BLOCKED

    await end(engine, "up", ends)

    down = await find_job(engine, "down")
    assert (down.state, down.reason) == (then, "upstream" if then is State.CANCELLED else None)
    assert dict(down.gates.upstreams) == ({} if then is State.AVAILABLE else {"up": policy})


@pytest.mark.parametrize(("ends", "policy", "then"), AFTER)
@pytest.mark.parametrize("by", ["enqueue", "depend"])
async def test_an_upstream_that_has_ended_counts_as_if_it_ended_a_moment_later(
    engine: Engine, ends: State, policy: Policy, then: State, by: str
) -> None:
    await make(engine, "up")
    await end(engine, "up", ends)

    if by == "enqueue":
        await engine.enqueue(job("down", after={"up": policy}))
    else:
        await engine.call([job("down"), Depend(id="down", upstream="up", policy=policy)])

    down = await find_job(engine, "down")
    assert (down.state, down.reason) == (then, "upstream" if then is State.CANCELLED else None)


async def test_an_end_and_what_waits_for_it_are_one_step(engine: Engine) -> None:
    await dependent(engine)
    await begin(engine, "up")

    _, [following] = await engine.call([Succeed(id="up"), *claims(1)])

    assert following.id == "down"
    assert await events_of(engine, "down") == ["enqueued", "dependency_met", "claimed"]


def claims(n: int) -> list[Claim]:
    return [Claim(queue="q", n=n, who="w", lease=MINUTE)]


async def test_a_job_waits_for_each_of_its_upstreams(engine: Engine) -> None:
    await make(engine, "one", "other")
    await engine.enqueue(job("down", after={"one": Policy.HOLD, "other": Policy.HOLD}))

    await end(engine, "one")
    assert await state_of(engine, "down") is State.BLOCKED
    await end(engine, "other")

    assert await state_of(engine, "down") is State.AVAILABLE


async def test_a_job_can_begin_to_wait_in_the_call_that_ends_its_upstream(engine: Engine) -> None:
    await make(engine, "up")
    await begin(engine, "up")

    await engine.call([job("down", after={"up": Policy.HOLD}), Succeed(id="up")])

    assert await state_of(engine, "down") is State.AVAILABLE


async def test_a_job_that_ceases_to_wait_in_the_call_that_ends_its_upstream_keeps_its_other_gates(
    engine: Engine,
) -> None:
    await engine.call([job("up"), job("down", after={"up": Policy.HOLD}, holds={"desk": None})])
    await begin(engine, "up")

    await engine.call([Undepend(id="down", upstream="up"), Succeed(id="up")])

    down = await find_job(engine, "down")
    assert (down.state, set(down.gates.holds)) == (State.BLOCKED, {"desk"})


async def test_a_job_that_waits_no_more_can_run(engine: Engine) -> None:
    await dependent(engine)

    assert await engine.run(Undepend(id="down", upstream="up")) is State.AVAILABLE

    await end(engine, "up")
    assert await events_of(engine, "down") == ["enqueued", "undepended"]


async def test_a_job_depends_on_another_once(engine: Engine) -> None:
    await dependent(engine)

    assert await why_not(engine, Depend(id="down", upstream="up")) == "depends"
    assert await why_not(engine, Undepend(id="up", upstream="down")) == "not_depending"


@pytest.mark.parametrize("verb", [Depend(id="j", upstream="nobody"), job("k", after={"nobody": Policy.RUN})])
async def test_an_upstream_that_does_not_exist_is_not_found(engine: Engine, verb: Depend | Enqueue) -> None:
    await make(engine, "j")

    with pytest.raises(JobNotFound) as refused:
        await engine.run(verb)

    assert refused.value.job_id == "nobody"


async def test_a_running_job_begins_to_wait_when_it_is_given_back(engine: Engine) -> None:
    await make(engine, "up", "down")
    await begin(engine, "down")

    assert await engine.run(Depend(id="down", upstream="up")) is State.RUNNING
    assert await engine.run(Release(id="down")) is State.BLOCKED

    await end(engine, "up")
    assert await state_of(engine, "down") is State.AVAILABLE


async def test_the_upstream_of_a_running_job_only_takes_its_gate_away(engine: Engine) -> None:
    await make(engine, "up", "other", "down")
    await begin(engine, "down")
    await engine.call([Depend(id="down", upstream="up"), Depend(id="down", upstream="other")])

    await end(engine, "up")
    assert await engine.run(Undepend(id="down", upstream="other")) is State.RUNNING

    assert await engine.run(Release(id="down")) is State.AVAILABLE


async def test_what_stayed_blocked_is_opened_by_the_success_of_a_further_attempt(engine: Engine) -> None:
    await dependent(engine)
    await end(engine, "up", State.FAILED)

    await engine.retry("up")
    assert await state_of(engine, "down") is State.BLOCKED
    await end(engine, "up")

    assert await state_of(engine, "down") is State.AVAILABLE


async def test_a_retry_drops_what_has_ended_and_keeps_what_has_not(engine: Engine) -> None:
    await make(engine, "failed", "open", "met")
    await end(engine, "failed", State.FAILED)
    after = {"failed": Policy.HOLD, "open": Policy.HOLD}
    await engine.enqueue(job("down", after=after, holds={"desk": None}))
    await end(engine, "down", State.CANCELLED)

    assert await engine.retry("down") == (State.BLOCKED, 2)

    gates = (await find_job(engine, "down")).gates
    assert (set(gates.upstreams), set(gates.holds)) == ({"open"}, {"desk"})


async def test_the_gates_of_an_ended_job_change_silently(engine: Engine) -> None:
    await engine.call([job("up"), job("down", after={"up": Policy.HOLD})])
    await end(engine, "down", State.CANCELLED)

    await end(engine, "up")

    assert await events_of(engine, "down") == ["enqueued", "cancelled"]
    assert await engine.retry("down") == (State.AVAILABLE, 2)


async def test_what_a_forgotten_job_waited_for_ends_without_it(engine: Engine, clock: Clock) -> None:
    far = clock.after(timedelta(days=365))
    await engine.call([job("up"), job("down", after={"up": Policy.HOLD}, holds={"year": far})])
    await end(engine, "down", State.CANCELLED)
    clock.move(timedelta(days=8))
    await retire(engine, Keeping())
    assert {"{test}:dependents:up", "{test}:timers"}.isdisjoint(await take_picture(engine.redis))

    await end(engine, "up")

    assert await state_of(engine, "up") is State.SUCCEEDED


async def test_a_job_cannot_wait_for_itself(engine: Engine) -> None:
    await make(engine, "j")

    assert await cycle_of(engine, Depend(id="j", upstream="j")) == ("j",)


async def test_a_cycle_is_named_from_one_job_to_the_next(engine: Engine) -> None:
    await make(engine, "a")
    await engine.call([job("b", after={"a": Policy.RUN}), job("c", after={"b": Policy.RUN})])

    assert await cycle_of(engine, Depend(id="a", upstream="c")) == ("c", "b", "a")


async def test_a_job_cannot_wait_for_the_envelope_around_it(engine: Engine) -> None:
    await engine.call([job("outer", envelope=True), job("inner", envelope=True, parent="outer")])
    await make(engine, "child", parent="inner")

    assert await cycle_of(engine, Depend(id="child", upstream="inner")) == ("child", "inner")
    assert await cycle_of(engine, Depend(id="child", upstream="outer")) == ("child", "outer", "inner")


async def test_a_job_cannot_wait_for_an_envelope_whose_child_waits_for_it(engine: Engine) -> None:
    await engine.call([job("envelope", envelope=True), job("j")])
    await engine.call([job("child", parent="envelope", after={"j": Policy.RUN})])

    assert await cycle_of(engine, Depend(id="j", upstream="envelope")) == ("envelope", "child", "j")


async def test_a_job_cannot_wait_for_an_envelope_around_another_whose_child_waits_for_it(engine: Engine) -> None:
    await engine.call([job("outer", envelope=True), job("inner", envelope=True, parent="outer"), job("j")])
    await engine.call([job("child", parent="inner", after={"j": Policy.RUN})])

    assert await cycle_of(engine, Depend(id="j", upstream="outer")) == ("outer", "inner", "child", "j")


async def test_a_new_child_cannot_wait_for_what_waits_for_its_envelope(engine: Engine) -> None:
    await engine.call([job("envelope", envelope=True), job("j", after={"envelope": Policy.RUN}, lane="door")])

    for gate in ({"after": {"j": Policy.RUN}}, {"lane": "door"}):
        closing = job("child", parent="envelope", **gate)
        assert await cycle_of(engine, closing) == ("child", "j", "envelope")


async def test_a_cycle_that_one_call_would_close_is_refused(engine: Engine) -> None:
    await engine.call([job("envelope", envelope=True), job("j")])

    with pytest.raises(CallRefused) as refused:
        await engine.call(
            [job("child", parent="envelope", after={"j": Policy.RUN}), Depend(id="j", upstream="envelope")]
        )

    assert isinstance(refused.value.refusals[1], DependencyCycle)
