"""A random walk of calls through engine and model: after every step Redis holds what the model holds."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from redis.exceptions import ResponseError

from docs.generate_state_machine import arrows
from envoy_plugin.engine import retries
from envoy_plugin.engine.engine import Mode
from tests.engine import aims, wishes
from tests.engine.aims import Wish
from tests.engine.crowd import every_verb
from tests.engine.faults import FAULTS, Fault
from tests.engine.life import Life
from tests.engine.mutating import patch_lua
from tests.engine.stage import Stage

NEAR: Final = [fault for fault in FAULTS if not fault.is_remote]
RUNS: Final = 200
MANY_RUNS: Final = 1000
STEPS: Final = 50
MOST_JOBS: Final = 16
MOST_DEPENDENTS: Final = 2
"""How many dependents one call settles here, so that some are left to a sweep."""


class Walk(RuleBasedStateMachine):
    """Each rule is one call, or a while that passes."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        stage.clear()

    def teardown(self) -> None:
        self.stage.learn_arrows()

    def ask(self, *wanted: Wish, mode: Mode = Mode.EACH) -> None:
        self.stage.ask(wanted, mode)

    def has(self, wanted: Callable[[Life], bool]) -> bool:
        return any(wanted(life) for life in self.stage.model.world.jobs.values())

    def has_room(self) -> bool:
        return len(self.stage.model.world.jobs) < MOST_JOBS

    def has_jobs(self) -> bool:
        return self.has(bool)

    def has_available(self) -> bool:
        return self.has(aims.is_available)

    def has_running(self) -> bool:
        return self.has(aims.runs)

    def has_ending(self) -> bool:
        return self.has(aims.can_end)

    def has_ended(self) -> bool:
        return self.has(aims.is_ended)

    def has_unended(self) -> bool:
        return self.has(aims.is_unended)

    def has_entangled(self) -> bool:
        return self.has(aims.is_entangled)

    def has_envelopes(self) -> bool:
        return self.has(aims.is_envelope)

    def has_debtors(self) -> bool:
        return self.has(aims.can_pass)

    @precondition(has_room)
    @rule(wanted=st.lists(wishes.makes, min_size=1, max_size=3))
    def enqueue(self, wanted: list[Wish]) -> None:
        self.ask(*wanted)

    @precondition(has_room)
    @rule(wanted=st.lists(wishes.debtors, min_size=1, max_size=2), claim=wishes.begins)
    def owe(self, wanted: list[Wish], claim: Wish) -> None:
        self.ask(*wanted, claim)

    @precondition(has_unended)
    @rule(wanted=st.lists(wishes.dependents, min_size=2, max_size=4))
    def fan_out(self, wanted: list[Wish]) -> None:
        self.ask(*wanted)

    @precondition(has_room)
    @rule(wish=wishes.enqueues, claim=wishes.takes)
    def enqueue_and_claim(self, wish: Wish, claim: Wish) -> None:
        self.ask(wish, claim)

    @precondition(has_unended)
    @rule(wish=wishes.dependents, which=st.integers(0, 1), end=st.one_of(wishes.ends, wishes.cancels))
    def wait_and_end(self, wish: Wish, which: int, end: Wish) -> None:
        self.ask(wish, end.aimed_at(which, aims.is_unended))

    @precondition(has_room)
    @rule(wanted=st.lists(wishes.events, max_size=3), claim=wishes.turns)
    def serve_in_turn(self, wanted: list[Wish], claim: Wish) -> None:
        self.ask(*wanted, claim)

    @precondition(has_envelopes)
    @rule(
        which=st.integers(0, 3), child=wishes.children, wanted=st.lists(wishes.cancels, max_size=2), end=wishes.succeeds
    )
    def fill_and_close(self, which: int, child: Wish, wanted: list[Wish], end: Wish) -> None:
        self.ask(child, *(wish.aimed_at(-1, aims.is_plain) for wish in wanted), end.aimed_at(which, aims.is_envelope))

    @precondition(has_unended)
    @rule(wish=wishes.assigns)
    def hand_over(self, wish: Wish) -> None:
        self.ask(wish.for_one(aims.is_owned_now))

    @precondition(has_room)
    @rule(
        wanted=st.one_of(
            st.lists(wishes.of_debts, min_size=5, max_size=12),
            st.lists(wishes.of_debts, min_size=5, max_size=12),
            st.lists(wishes.of_keys, min_size=4, max_size=6),
            st.lists(wishes.of_lanes, min_size=4, max_size=8),
        )
    )
    def do_what_belongs_together(self, wanted: list[Wish]) -> None:
        for wish in wanted:
            self.ask(wish)

    @precondition(has_running)
    @rule(wanted=st.lists(wishes.of_blobs, min_size=2, max_size=4))
    def keep_one_blob_after_another(self, wanted: list[Wish]) -> None:
        self.stage.store(b"photo")
        for wish in wanted:
            self.ask(wish.aimed_at(0, aims.runs))

    @precondition(has_available)
    @rule(wish=wishes.takes)
    def claim(self, wish: Wish) -> None:
        self.ask(wish)

    @precondition(has_running)
    @rule(wish=wishes.stays, mode=st.sampled_from(Mode))
    def stay(self, wish: Wish, mode: Mode) -> None:
        self.ask(wish, mode=mode)

    @precondition(has_running)
    @rule(content=st.sampled_from((b"log", b"photo")), wish=st.one_of(wishes.attachments, wishes.succeeds))
    def store_and_keep(self, content: bytes, wish: Wish) -> None:
        self.stage.store(content)
        self.ask(wish.aimed_at(0, aims.runs))

    @precondition(has_ending)
    @rule(wish=wishes.ends, mode=st.sampled_from(Mode))
    def end(self, wish: Wish, mode: Mode) -> None:
        self.ask(wish, mode=mode)

    @precondition(has_running)
    @rule(wish=wishes.ends, claim=wishes.takes)
    def end_and_claim(self, wish: Wish, claim: Wish) -> None:
        self.ask(wish, claim)

    @precondition(has_debtors)
    @rule(wish=wishes.passes)
    def pass_debt(self, wish: Wish) -> None:
        self.ask(wish)

    @precondition(has_debtors)
    @rule(wish=wishes.passes, end=wishes.ends)
    def pass_debt_and_end(self, wish: Wish, end: Wish) -> None:
        self.ask(wish, replace(end, aim=wish.aim, wanted=wish.wanted))

    @precondition(has_ended)
    @rule(wish=wishes.retries, mode=st.sampled_from(Mode))
    def try_again(self, wish: Wish, mode: Mode) -> None:
        self.ask(wish, mode=mode)

    @precondition(has_entangled)
    @rule(wish=wishes.retries)
    def try_again_what_others_look_at(self, wish: Wish) -> None:
        self.ask(wish.for_one(aims.is_entangled))

    @precondition(has_ended)
    @rule(which=st.integers(0, 8), describe=wishes.describes, delete=wishes.deletes)
    def describe_and_delete(self, which: int, describe: Wish, delete: Wish) -> None:
        self.ask(describe.aimed_at(which, aims.is_last), delete.aimed_at(which, aims.is_last))

    @precondition(has_ended)
    @rule(wish=wishes.deletes)
    def delete(self, wish: Wish) -> None:
        self.ask(wish)

    @precondition(has_unended)
    @rule(which=st.integers(0, 1), end=st.one_of(wishes.ends, wishes.cancels))
    def end_one_of_the_oldest(self, which: int, end: Wish) -> None:
        self.ask(end.aimed_at(which, aims.is_unended))

    @precondition(has_unended)
    @rule(wish=wishes.cancels, mode=st.sampled_from(Mode))
    def intervene(self, wish: Wish, mode: Mode) -> None:
        self.ask(wish, mode=mode)

    @precondition(has_unended)
    @rule(wanted=st.lists(wishes.gates, min_size=1, max_size=3), mode=st.sampled_from(Mode))
    def shut_and_open_gates(self, wanted: list[Wish], mode: Mode) -> None:
        self.ask(*wanted, mode=mode)

    @precondition(has_jobs)
    @rule(wish=wishes.facts, mode=st.sampled_from(Mode))
    def change_facts(self, wish: Wish, mode: Mode) -> None:
        self.ask(wish, mode=mode)

    @precondition(has_jobs)
    @rule(wanted=st.lists(wishes.anything, min_size=2, max_size=6), mode=st.sampled_from(Mode))
    def do_several_things(self, wanted: list[Wish], mode: Mode) -> None:
        self.ask(*wanted, mode=mode)

    @precondition(has_jobs)
    @rule(which=st.integers(0, 8), wanted=st.lists(wishes.anything, min_size=2, max_size=6), mode=st.sampled_from(Mode))
    def do_several_things_to_one(self, which: int, wanted: list[Wish], mode: Mode) -> None:
        self.ask(*(wish.aimed_at(which, bool) for wish in wanted), mode=mode)

    @precondition(has_jobs)
    @rule(promote=wishes.promotes, expire=wishes.expires)
    def sweep(self, promote: Wish, expire: Wish) -> None:
        self.ask(promote, expire)

    @precondition(has_running)
    @rule(span=st.sampled_from(wishes.SPANS), expire=wishes.expires)
    def lose_leases(self, span: timedelta, expire: Wish) -> None:
        self.stage.pass_time(span)
        self.ask(expire)

    @precondition(has_ended)
    @rule(wish=wishes.retires)
    def retire(self, wish: Wish) -> None:
        self.ask(wish)

    @precondition(has_jobs)
    @rule(span=st.sampled_from(wishes.MOVES))
    def wait(self, span: timedelta) -> None:
        self.stage.pass_time(span)

    @precondition(has_jobs)
    @rule(queue=st.sampled_from(wishes.QUEUES))
    def listen(self, queue: str) -> None:
        self.stage.take_token(queue)


@pytest.fixture
def stage(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Engine and model, and a Redis for them. A walk that can't be repeated could be neither replayed nor shortened."""
    dice = Random()
    monkeypatch.setattr(retries, "_dice", dice)
    for file, text in (("_gates", "changes > MOST"), ("promote", "changes < MOST")):
        patch_lua(monkeypatch, file, text, text.replace("MOST", str(MOST_DEPENDENTS)))
    made = Stage(redis_url, dice, MOST_DEPENDENTS)
    yield made
    made.close()


def test_the_walk_knows_every_verb() -> None:
    assert every_verb() == wishes.ASKED


@pytest.mark.long
@pytest.mark.no_cover  # it would take twice as long, and run no line that other tests don't
@pytest.mark.timeout(1800)
def test_whatever_is_called_the_engine_is_where_the_model_is(stage: Stage, soak: int) -> None:
    while (missing := RUNS * soak - full(stage)) > 0:  # some walks are shorter: hypothesis ends them
        walk(stage, max(missing, 20), tuple(Phase))

    assert stage.arrows <= arrows()


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fault", NEAR, ids=lambda fault: fault.what.replace(" ", "_"))
def test_walks_notice_a_fault_of_one_line(stage: Stage, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    patch_lua(monkeypatch, fault.file, fault.old, fault.new)

    with pytest.raises((AssertionError, ResponseError)):
        walk(stage, MANY_RUNS, (Phase.generate,))


def walk(stage: Stage, runs: int, phases: tuple[Phase, ...]) -> None:
    """Many walks; the first that fails is shortened, and shown."""
    chosen = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=True,
        phases=phases,
    )
    run_state_machine_as_test(lambda: Walk(stage), settings=chosen)  # type: ignore[arg-type]  # a factory will do


def full(stage: Stage) -> int:
    """How many walks had all their steps."""
    return sum(steps >= STEPS for steps in stage.walks)
