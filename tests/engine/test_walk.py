"""A random walk of calls through engine and model: after every step Redis holds what the model holds."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from docs.generate_state_machine import arrows
from envoy_plugin.engine import retries
from envoy_plugin.engine.engine import Mode
from envoy_plugin.engine.states import State
from tests.engine import wishes
from tests.engine.stage import Stage
from tests.engine.wishes import Wish

RUNS: Final = 200
STEPS: Final = 50
MOST_JOBS: Final = 12
WAITING: Final = frozenset({State.SCHEDULED, State.AVAILABLE})


class Walk(RuleBasedStateMachine):
    """Each rule is one call, or a while that passes."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        stage.clear()

    def teardown(self) -> None:
        self.stage.learn_arrows()

    def call(self, wanted: list[Wish], mode: Mode = Mode.EACH) -> None:
        self.stage.call([wish.verb(self.stage.model) for wish in wanted], mode)

    def has_room(self) -> bool:
        return len(self.stage.model.jobs) < MOST_JOBS

    def has_jobs(self) -> bool:
        return bool(self.stage.model.jobs)

    def has_waiting(self) -> bool:
        return any(life.state in WAITING for life in self.stage.model.jobs.values())

    def has_running(self) -> bool:
        return bool(self.stage.model.index("running"))

    def has_ended(self) -> bool:
        return any(life.ended for life in self.stage.model.jobs.values())

    @precondition(has_room)
    @rule(wanted=st.lists(wishes.enqueues, min_size=1, max_size=3))
    def enqueue(self, wanted: list[Wish]) -> None:
        self.call(wanted)

    @precondition(has_room)
    @rule(wish=wishes.enqueues, claim=wishes.claims)
    def enqueue_and_claim(self, wish: Wish, claim: Wish) -> None:
        self.call([wish, claim])

    @precondition(has_waiting)
    @rule(wish=wishes.claims)
    def claim(self, wish: Wish) -> None:
        self.call([wish])

    @precondition(has_running)
    @rule(wish=st.one_of(wishes.touches, wishes.notes), mode=st.sampled_from(Mode))
    def stay(self, wish: Wish, mode: Mode) -> None:
        self.call([wish], mode)

    @precondition(has_running)
    @rule(wish=wishes.ends, mode=st.sampled_from(Mode))
    def end(self, wish: Wish, mode: Mode) -> None:
        self.call([wish], mode)

    @precondition(has_running)
    @rule(wish=wishes.ends, claim=wishes.claims)
    def end_and_claim(self, wish: Wish, claim: Wish) -> None:
        self.call([wish, claim])

    @precondition(has_ended)
    @rule(wish=wishes.retries, mode=st.sampled_from(Mode))
    def try_again(self, wish: Wish, mode: Mode) -> None:
        self.call([wish], mode)

    @precondition(has_jobs)
    @rule(wish=wishes.cancels, mode=st.sampled_from(Mode))
    def intervene(self, wish: Wish, mode: Mode) -> None:
        self.call([wish], mode)

    @precondition(has_jobs)
    @rule(wanted=st.lists(wishes.anything, min_size=2, max_size=6), mode=st.sampled_from(Mode))
    def do_several_things(self, wanted: list[Wish], mode: Mode) -> None:
        self.call(wanted, mode)

    @precondition(has_jobs)
    @rule(promote=wishes.promotes, expire=wishes.expires)
    def sweep(self, promote: Wish, expire: Wish) -> None:
        self.call([promote, expire])

    @precondition(has_running)
    @rule(span=st.sampled_from(wishes.SPANS), expire=wishes.expires)
    def lose_leases(self, span: timedelta, expire: Wish) -> None:
        self.stage.pass_time(span)
        self.call([expire])

    @precondition(has_ended)
    @rule(wish=wishes.retires)
    def retire(self, wish: Wish) -> None:
        self.call([wish])

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
    made = Stage(redis_url, dice)
    yield made
    made.close()


@pytest.mark.timeout(1800)
def test_whatever_is_called_the_engine_is_where_the_model_is(stage: Stage, soak: int) -> None:
    while (missing := RUNS * soak - full(stage)) > 0:  # some walks are shorter: hypothesis ends them
        chosen = settings(
            max_examples=max(missing, 20),
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=True,
        )
        run_state_machine_as_test(lambda: Walk(stage), settings=chosen)  # type: ignore[arg-type]  # a factory will do

    assert stage.arrows <= arrows()


def full(stage: Stage) -> int:
    """How many walks had all their steps."""
    return sum(steps >= STEPS for steps in stage.walks)
