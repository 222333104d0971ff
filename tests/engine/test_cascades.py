"""What is bounded of dependencies: the search for a cycle, and what one end changes at once."""

from typing import Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import count_jobs, find_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import sweep
from envoy_plugin.engine.verbs import Cancel, Delete, Depend, Note, Policy
from envoy_plugin.errors import DependencyCycle, TooLarge, WrongState
from tests.engine.acting import begin, job, make, state_of
from tests.engine.picture import take_picture

MOST: Final = 1_000
"""How many jobs one call looks at in search of a cycle, and changes because others have ended."""


async def chain(engine: Engine, length: int, policy: Policy) -> None:
    """Jobs 0, 1, … each of which waits for the one before."""
    jobs = [job("0"), *(job(str(n), after={str(n - 1): policy}) for n in range(1, length))]
    for first in range(0, length, 256):
        await engine.call(jobs[first : first + 256])


async def count(engine: Engine, state: State) -> int:
    return (await count_jobs(engine))[state]


async def test_a_thousand_jobs_are_searched_for_a_cycle(engine: Engine) -> None:
    await chain(engine, MOST, Policy.RUN)
    last = str(MOST - 1)
    await make(engine, "free")

    assert await engine.run(Depend(id="free", upstream=last)) is State.BLOCKED
    with pytest.raises(DependencyCycle) as refused:
        await engine.run(Depend(id="0", upstream=last))

    assert len(refused.value.cycle) == MOST


async def test_where_more_would_have_to_be_searched_the_dependency_is_refused(engine: Engine) -> None:
    await chain(engine, MOST + 1, Policy.RUN)
    await make(engine, "free")

    with pytest.raises(WrongState) as refused:
        await engine.run(Depend(id="free", upstream=str(MOST)))

    assert (refused.value.why, refused.value.state) == ("too_many", "available")
    assert await state_of(engine, "free") is State.AVAILABLE


async def test_an_envelope_of_many_children_that_wait_for_nothing_can_be_waited_for(engine: Engine) -> None:
    await engine.enqueue(job("envelope", envelope=True))
    for first in range(0, MOST + 24, 256):
        await make(engine, *(str(n) for n in range(first, first + 256)), parent="envelope")

    await make(engine, "free")
    assert await engine.run(Depend(id="free", upstream="envelope")) is State.BLOCKED


@pytest.mark.parametrize(("policy", "then"), [(Policy.CANCEL, State.CANCELLED), (Policy.RUN, State.AVAILABLE)])
async def test_an_end_that_many_wait_for_is_finished_by_following_sweeps(
    engine: Engine, policy: Policy, then: State
) -> None:
    await make(engine, "up")
    for first in range(0, 2 * MOST, 250):
        await make(engine, *(str(n) for n in range(first, first + 250)), after={"up": policy})

    await engine.cancel("up", reason="operator")
    counts = [await count(engine, State.BLOCKED)]
    while counts[-1]:
        await sweep(engine)
        counts.append(await count(engine, State.BLOCKED))

    assert counts == [MOST, 0]
    assert await count(engine, then) >= 2 * MOST
    assert "{test}:unsettled" not in await take_picture(engine.redis)


async def test_a_long_chain_is_cancelled_to_its_end(engine: Engine) -> None:
    await chain(engine, MOST + 500, Policy.CANCEL)

    await engine.cancel("0", reason="operator")
    assert await count(engine, State.BLOCKED) == 499
    await sweep(engine)

    assert await count(engine, State.CANCELLED) == MOST + 500
    assert "{test}:unsettled" not in await take_picture(engine.redis)


async def test_an_end_that_was_taken_back_leaves_the_rest_waiting(engine: Engine) -> None:
    await make(engine, "up")
    for first in range(0, MOST + 250, 250):
        await make(engine, *(str(n) for n in range(first, first + 250)), after={"up": Policy.CANCEL})
    await engine.cancel("up", reason="operator")

    await engine.retry("up")
    await sweep(engine)

    assert await count(engine, State.BLOCKED) == 250
    assert "{test}:unsettled" not in await take_picture(engine.redis)


async def test_a_job_with_many_blobs_is_forgotten_with_all_of_them(engine: Engine) -> None:
    await make(engine, "j")
    await begin(engine, "j")
    for first in range(0, 8_192, 256):
        refs = [f"{n}" for n in range(first, first + 256)]
        await engine.redis.mset({engine.keys.blob(ref): b"x" for ref in refs})
        await engine.call([Note(id="j", blob=ref, blob_name=ref) for ref in refs])

    await engine.call([Cancel(id="j", reason="operator"), Delete(id="j", attempt=1)])

    left = {key.removeprefix(engine.keys.namespace) for key in await take_picture(engine.redis)}
    assert left <= {"queues", "wake:q"}


async def test_a_job_waits_for_a_thousand_others_and_no_more(engine: Engine) -> None:
    for first in range(0, MOST, 250):
        await make(engine, *(str(n) for n in range(first, first + 250)))
    ups = {str(n): Policy.RUN for n in range(MOST)}

    made = await engine.enqueue(job("free", after=ups))
    assert (made.state, len((await find_job(engine, "free")).gates.upstreams)) == (State.BLOCKED, MOST)
    for first in range(0, MOST, 250):
        await engine.call([Cancel(id=str(n), reason="operator") for n in range(first, first + 250)])

    assert await state_of(engine, "free") is State.AVAILABLE
    with pytest.raises(TooLarge):
        job("more", after=ups | {"another": Policy.RUN})
