"""Every verb in every state, from the one table; and every fence, in the order in which they are checked."""

from dataclasses import fields
from datetime import timedelta
from itertools import product
from typing import Any, Final

import pytest

from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.states import FROM, OF_ENVELOPES, SKIPPABLE, State
from envoy_plugin.engine.verbs import (
    Assign,
    Cancel,
    Claim,
    ClaimJob,
    Delete,
    Depend,
    Describe,
    Enqueue,
    Expect,
    Expire,
    Fail,
    Hold,
    Note,
    PassDebt,
    Promote,
    Release,
    Reschedule,
    Resume,
    Retire,
    Retry,
    Succeed,
    Touch,
    Undepend,
    Unhold,
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
from tests.engine.acting import MINUTE, job
from tests.engine.clock import Clock
from tests.engine.picture import differences, take_picture

HOUR: Final = timedelta(hours=1)
OTHER: Final = "other"
"""A job beside the one that is named, to be waited for, or to be an heir."""

VERBS: Final[dict[str, tuple[type[Verb[Any]], dict[str, Any]]]] = {
    "claim_job": (ClaimJob, {"who": "w", "lease": MINUTE}),
    "touch": (Touch, {"lease": MINUTE}),
    "note": (Note, {"content": b"half way"}),
    "succeed": (Succeed, {}),
    "fail": (Fail, {"reason": "error"}),
    "release": (Release, {}),
    "pass_debt": (PassDebt, {"heir": OTHER}),
    "cancel": (Cancel, {"reason": "operator"}),
    "retry": (Retry, {}),
    "delete": (Delete, {"attempt": 2}),
    "hold": (Hold, {"hold": "desk"}),
    "unhold": (Unhold, {"hold": "gate"}),
    "depend": (Depend, {"upstream": OTHER}),
    "undepend": (Undepend, {"upstream": OTHER}),
    "assign": (Assign, {"assignee": "ada"}),
    "reschedule": (Reschedule, {}),
    "expect": (Expect, {}),
    "describe": (Describe, {"fields": {"name": b"1"}}),
}
TO: Final = {
    "claim_job": State.RUNNING,
    "succeed": State.SUCCEEDED,
    "fail": State.FAILED,
    "release": State.AVAILABLE,
    "cancel": State.CANCELLED,
    "retry": State.AVAILABLE,
    "hold": State.BLOCKED,
    "unhold": State.AVAILABLE,
    "depend": State.BLOCKED,
    "undepend": State.AVAILABLE,
    "reschedule": State.AVAILABLE,
}
"""Where a verb brings a job; one that isn't here leaves it where it is."""
GATES: Final = frozenset({"hold", "unhold", "depend", "undepend", "reschedule"})
"""Verbs that a running job only remembers."""
SHUT: Final[dict[str, Verb[Any]]] = {
    "unhold": Hold(id="j", hold="gate"),
    "undepend": Depend(id="j", upstream=OTHER),
}
"""What has to be shut before a verb can open it."""
SILENT: Final = frozenset({"touch", "expect", "pass_debt", "delete"})
"""Verbs that leave version and history alone."""


def taking(fence: str) -> tuple[str, ...]:
    """The verbs that can name an attempt, a claim or a version."""
    return tuple(verb for verb, (kind, _) in VERBS.items() if fence in {f.name for f in fields(kind)})  # type: ignore[arg-type]  # each is a dataclass


ATTEMPTED: Final = taking("attempt")
CLAIMED: Final = taking("claim")
VERSIONED: Final = taking("version")
FINDING: Final[dict[str, tuple[Verb[Any], frozenset[State]]]] = {
    "claim": (Claim(queue="q", n=1, who="w", lease=MINUTE), frozenset({State.AVAILABLE, State.SCHEDULED})),
    "resume": (Resume(queue="q", who="w"), frozenset({State.AVAILABLE, State.SCHEDULED})),
    "promote": (Promote(limit=10), frozenset({State.SCHEDULED})),
    "expire": (Expire(limit=10, max_crashes=5), frozenset({State.RUNNING})),
    **{
        f"retire {state}": (Retire(state=state, age=MINUTE, most=10, limit=10), frozenset({state}))
        for state in sorted(FROM["retry"])
    },
}
"""Verbs that find their jobs by themselves, and the states of those they act on, once everything is due."""

ALLOWED: Final = [
    (verb, state)
    for verb, states in FROM.items()
    for state in sorted(states)
    if verb not in SHUT or state in {State.BLOCKED, State.RUNNING}
]
"""Nothing is shut on a job that is scheduled or available."""
REFUSED: Final = [(verb, state) for verb, state in product(FROM, State) if state not in FROM[verb]]


def naming(verb: str, **who: Any) -> Verb[Any]:
    """`verb` on the job `j`, with those of these fences that it can name."""
    kind, facts = VERBS[verb]
    fences = {name: value for name, value in who.items() if name == "id" or verb in taking(name)}
    return kind(**{"id": "j"} | facts | fences)


async def bring(engine: Engine, state: State, verb: str = "", **facts: Any) -> None:
    """The job `j` in `state`, on its second attempt and, unless it waits, its second claim, ready for `verb`."""
    facts |= {"owes": REPORT_DEBT} if verb == "pass_debt" else {}
    made = job("j", payload=b"{}", retries=1, **facts)
    await engine.call([job(OTHER, queue="elsewhere"), made, ClaimJob(id="j", who="w", lease=MINUTE)])
    delay = HOUR if state is State.SCHEDULED else timedelta()
    await engine.run(Fail(id="j", reason="error", delay=delay))
    if state is State.BLOCKED:
        await engine.run(SHUT.get(verb, Hold(id="j", hold="by hand")))
    if state in {State.SCHEDULED, State.AVAILABLE, State.BLOCKED}:
        return
    await engine.run(ClaimJob(id="j", who="w", lease=MINUTE))
    ends = {State.SUCCEEDED: "succeed", State.FAILED: "fail", State.CANCELLED: "cancel"}
    if state in ends:
        await engine.run(naming(ends[state]))
    elif verb in SHUT:
        await engine.run(SHUT[verb])


def after(verb: str, state: State) -> State:
    """The state that `verb` brings a job to."""
    remembered = state is State.RUNNING and verb in GATES
    waits = state is State.BLOCKED and verb == "reschedule"
    return state if remembered or waits else TO.get(verb, state)


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


def test_every_verb_of_the_table_is_tried() -> None:
    assert VERBS.keys() == FROM.keys()


@pytest.mark.parametrize(("verb", "state"), ALLOWED)
async def test_a_verb_acts_in_the_states_of_its_row(engine: Engine, verb: str, state: State) -> None:
    await bring(engine, state, verb)
    before = await find_job(engine, "j")

    await engine.run(naming(verb, attempt=2, version=before.version))

    now = await find_job(engine, "j")
    assert now.state is after(verb, state)
    assert now.version == before.version + (verb not in SILENT)
    assert now.attempt == (3 if verb == "retry" else 2)


@pytest.mark.parametrize(("verb", "state"), REFUSED)
async def test_a_verb_is_refused_in_every_other_state_and_changes_nothing(
    engine: Engine, verb: str, state: State
) -> None:
    await bring(engine, state)

    assert await refused_state(engine, naming(verb, attempt=2), WrongState) == state


@pytest.mark.parametrize(("verb", "state"), list(product(SHUT, (State.SCHEDULED, State.AVAILABLE))))
async def test_what_is_not_shut_cannot_be_opened(engine: Engine, verb: str, state: State) -> None:
    await bring(engine, state)

    answer = await refusal(engine, naming(verb))

    assert isinstance(answer, WrongState)
    assert (answer.why, answer.state) == ({"unhold": "not_held", "undepend": "not_depending"}[verb], state)


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

    assert isinstance(await refusal(engine, naming(verb, id="nobody")), JobNotFound)


@pytest.mark.parametrize(("verb", "state"), [pair for pair in product(ATTEMPTED, State) if pair[0] != "delete"])
async def test_an_earlier_attempt_is_refused_with_the_state_of_that_attempt(
    engine: Engine, verb: str, state: State
) -> None:
    await bring(engine, state)

    assert await refused_state(engine, naming(verb, attempt=1), WrongState) == State.FAILED


@pytest.mark.parametrize(("verb", "state"), list(product(ATTEMPTED, State)))
async def test_an_attempt_that_has_not_begun_is_not_found(engine: Engine, verb: str, state: State) -> None:
    await bring(engine, state)

    assert isinstance(await refusal(engine, naming(verb, attempt=3)), JobNotFound)


@pytest.mark.parametrize(("verb", "state"), list(product(CLAIMED, State)))
async def test_another_claim_has_lost_the_lease(engine: Engine, verb: str, state: State) -> None:
    await bring(engine, state)

    for claim in (1, 3):
        assert await refused_state(engine, naming(verb, attempt=2, claim=claim), LostLease) == state


@pytest.mark.parametrize(("verb", "state"), list(product(CLAIMED, State)))
async def test_a_claim_matches_only_while_the_job_runs(engine: Engine, verb: str, state: State) -> None:
    await bring(engine, state, verb)
    held = naming(verb, attempt=2, claim=(await find_job(engine, "j")).claim)

    if state is State.RUNNING:
        await engine.run(held)
    else:
        assert await refused_state(engine, held, LostLease) == state


@pytest.mark.parametrize(("verb", "state"), list(product(VERSIONED, State)))
async def test_another_version_is_refused(engine: Engine, verb: str, state: State) -> None:
    await bring(engine, state)
    version = (await find_job(engine, "j")).version

    for other in (version - 1, version + 1):
        assert await refused_state(engine, naming(verb, version=other), VersionMismatch) == state


@pytest.mark.parametrize("verb", FROM)
async def test_an_envelope_takes_the_verbs_that_are_for_envelopes(engine: Engine, verb: str) -> None:
    await engine.call([job(OTHER), job("j", envelope=True, holds={"gate": None})])
    if FROM[verb].isdisjoint({State.RUNNING}):
        await engine.cancel("j", reason="operator")

    if verb in OF_ENVELOPES:
        await engine.run(naming(verb, attempt=1))
    else:
        answer = await refusal(engine, naming(verb, attempt=1))
        assert isinstance(answer, WrongState)
        assert answer.why == "envelope"


@pytest.mark.parametrize(
    ("verb", "holds"),
    [
        (verb, holds)
        for verb in FROM
        for state, holds in ((State.AVAILABLE, {}), (State.BLOCKED, {"run": None}))
        if state not in FROM[verb]
    ],
)
async def test_a_skippable_job_takes_the_verbs_that_skip_before_it_runs(
    engine: Engine, verb: str, holds: dict[str, None]
) -> None:
    made = await engine.enqueue(job("j", skippable=True, holds=holds))

    if verb in SKIPPABLE:
        assert (await engine.run(naming(verb))).ended
    else:
        assert await refused_state(engine, naming(verb, attempt=1), WrongState) == made.state


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
    await bring(engine, State.AVAILABLE)

    answer = await refusal(engine, Succeed(**({"id": "j"} | wrong)))

    assert type(answer) is error
