"""Every verb in every state, from the one table; and every fence, in the order in which they are checked."""

from datetime import timedelta
from itertools import product
from typing import Any, Final

import pytest

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.states import FROM, State
from envoy_plugin.engine.verbs import (
    Cancel,
    Claim,
    Enqueue,
    Expire,
    Fail,
    Note,
    Promote,
    Release,
    Retire,
    Retry,
    Succeed,
    Touch,
    Verb,
)
from envoy_plugin.errors import (
    CallRefused,
    EngineError,
    JobNotFound,
    LostLease,
    StateError,
    VersionMismatch,
    WrongState,
)
from tests.engine.clock import Clock
from tests.engine.picture import differences, take_picture

HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)

NAMING: Final[dict[str, Any]] = {
    "touch": lambda **who: Touch(**who, lease=MINUTE),
    "note": lambda **who: Note(**who, content=b"half way"),
    "succeed": Succeed,
    "fail": lambda **who: Fail(**who, reason="error"),
    "release": Release,
    "cancel": lambda **who: Cancel(**who, reason="operator"),
    "retry": Retry,
}
TO: Final = {
    "touch": State.RUNNING,
    "note": State.RUNNING,
    "succeed": State.SUCCEEDED,
    "fail": State.FAILED,
    "release": State.AVAILABLE,
    "cancel": State.CANCELLED,
    "retry": State.AVAILABLE,
}
CLAIMED: Final = ("touch", "note", "succeed", "fail", "release")
VERSIONED: Final = tuple(verb for verb in FROM if verb != "touch")
FINDING: Final[dict[str, tuple[Verb[Any], frozenset[State]]]] = {
    "claim": (Claim(queue="q", n=1, who="w", lease=MINUTE), frozenset({State.AVAILABLE, State.SCHEDULED})),
    "promote": (Promote(limit=10), frozenset({State.SCHEDULED})),
    "expire": (Expire(limit=10, max_crashes=5), frozenset({State.RUNNING})),
    **{
        f"retire {state}": (Retire(state=state, age=MINUTE, most=10, limit=10), frozenset({state}))
        for state in sorted(FROM["retry"])
    },
}
"""Verbs that find their jobs by themselves, and the states of those they act on, once everything is due."""

ALLOWED: Final = [(verb, state) for verb, states in FROM.items() for state in sorted(states)]
REFUSED: Final = [(verb, state) for verb, state in list(product(FROM, State)) if state not in FROM[verb]]


async def bring(engine: Engine, state: State) -> str:
    """The id of a job in `state`, on its second attempt and, unless it waits, its second claim."""
    made = await engine.enqueue(Enqueue(queue="q", kind="k", payload=b"{}", retries=1))
    [first] = await engine.claim("q", 1, who="w", lease=MINUTE)
    await engine.fail(first, reason="error", delay=HOUR if state is State.SCHEDULED else timedelta())
    if state in {State.SCHEDULED, State.AVAILABLE}:
        return made.id
    [second] = await engine.claim("q", 1, who="w", lease=MINUTE)
    if state is State.SUCCEEDED:
        await engine.succeed(second)
    elif state is State.FAILED:
        await engine.fail(second, reason="error")
    elif state is State.CANCELLED:
        await engine.cancel(made.id, reason="operator")
    return made.id


async def refusal(engine: Engine, verb: Verb[Any]) -> EngineError:
    """What `verb` is answered, which must be a refusal that changes nothing, in a call of either mode."""
    before = await take_picture(engine.redis)
    [answer] = await engine.call([verb], Mode.EACH)
    with pytest.raises(CallRefused) as refused:
        await engine.call([verb, Enqueue(queue="q", kind="k")])
    assert differences(before, await take_picture(engine.redis)) == []
    assert isinstance(answer, EngineError)
    assert (type(answer), str(answer)) == (type(refused.value.refusals[0]), str(refused.value.refusals[0]))
    return answer


async def refused_state(engine: Engine, verb: Verb[Any], error: type[StateError]) -> str:
    """The state that the refusal of `verb` names; the refusal must be an `error`."""
    answer = await refusal(engine, verb)
    assert isinstance(answer, error)
    return answer.state


@pytest.mark.parametrize(("verb", "state"), ALLOWED)
async def test_a_verb_acts_in_the_states_of_its_row(engine: Engine, verb: str, state: State) -> None:
    job_id = await bring(engine, state)
    before = await find_job(engine, job_id)

    await engine.run(NAMING[verb](id=job_id, attempt=2))

    job = await find_job(engine, job_id)
    assert job.state is TO[verb]
    assert job.version == before.version + (verb != "touch")
    assert job.attempt == (3 if verb == "retry" else 2)


@pytest.mark.parametrize(("verb", "state"), REFUSED)
async def test_a_verb_is_refused_in_every_other_state_and_changes_nothing(
    engine: Engine, verb: str, state: State
) -> None:
    job_id = await bring(engine, state)

    assert await refused_state(engine, NAMING[verb](id=job_id, attempt=2), WrongState) == state


@pytest.mark.parametrize(("verb", "state"), list(product(FINDING, State)))
async def test_a_verb_that_finds_its_jobs_leaves_those_in_other_states_alone(
    engine: Engine, clock: Clock, verb: str, state: State
) -> None:
    await bring(engine, state)
    clock.move(HOUR)
    before = await take_picture(engine.redis)

    await engine.run(FINDING[verb][0])

    changed = differences(before, await take_picture(engine.redis))
    assert bool(changed) == (state in FINDING[verb][1])


@pytest.mark.parametrize("verb", FROM)
async def test_an_unknown_id_is_not_found(engine: Engine, verb: str) -> None:
    await bring(engine, State.RUNNING)

    assert isinstance(await refusal(engine, NAMING[verb](id="nobody")), JobNotFound)


@pytest.mark.parametrize(("verb", "state"), list(product(FROM, State)))
async def test_an_earlier_attempt_is_refused_with_the_state_of_that_attempt(
    engine: Engine, verb: str, state: State
) -> None:
    job_id = await bring(engine, state)

    assert await refused_state(engine, NAMING[verb](id=job_id, attempt=1), WrongState) == State.FAILED


@pytest.mark.parametrize(("verb", "state"), list(product(FROM, State)))
async def test_an_attempt_that_has_not_begun_is_not_found(engine: Engine, verb: str, state: State) -> None:
    job_id = await bring(engine, state)

    assert isinstance(await refusal(engine, NAMING[verb](id=job_id, attempt=3)), JobNotFound)


@pytest.mark.parametrize(("verb", "state", "claim"), list(product(CLAIMED, State, (1, 3))))
async def test_another_claim_has_lost_the_lease(engine: Engine, verb: str, state: State, claim: int) -> None:
    job_id = await bring(engine, state)

    assert await refused_state(engine, NAMING[verb](id=job_id, attempt=2, claim=claim), LostLease) == state


@pytest.mark.parametrize(("verb", "state"), list(product(CLAIMED, State)))
async def test_a_claim_matches_only_while_the_job_runs(engine: Engine, verb: str, state: State) -> None:
    job_id = await bring(engine, state)
    claim = (await find_job(engine, job_id)).claim
    held = NAMING[verb](id=job_id, attempt=2, claim=claim)

    if state is State.RUNNING:
        await engine.run(held)
    else:
        assert await refused_state(engine, held, LostLease) == state


@pytest.mark.parametrize(("verb", "state", "off"), list(product(VERSIONED, State, (-1, 1))))
async def test_another_version_is_refused(engine: Engine, verb: str, state: State, off: int) -> None:
    job_id = await bring(engine, state)
    version = (await find_job(engine, job_id)).version + off

    assert await refused_state(engine, NAMING[verb](id=job_id, version=version), VersionMismatch) == state


@pytest.mark.parametrize(("verb", "state"), [pair for pair in ALLOWED if pair[0] in VERSIONED])
async def test_the_version_of_the_moment_is_let_through(engine: Engine, verb: str, state: State) -> None:
    job_id = await bring(engine, state)
    before = await find_job(engine, job_id)

    await engine.run(NAMING[verb](id=job_id, version=before.version))

    assert (await find_job(engine, job_id)).version == before.version + 1


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"id": "nobody", "attempt": 1, "claim": 9, "version": 99}, JobNotFound),
        ({"attempt": 1, "claim": 9, "version": 99}, WrongState),
        ({"claim": 9, "version": 99}, LostLease),
        ({"version": 99}, VersionMismatch),
        ({}, WrongState),
    ],
)
async def test_checks_come_in_the_order_id_attempt_claim_version_state(
    engine: Engine, wrong: dict[str, Any], error: type[EngineError]
) -> None:
    job_id = await bring(engine, State.AVAILABLE)

    answer = await refusal(engine, Succeed(**({"id": job_id} | wrong)))

    assert type(answer) is error
