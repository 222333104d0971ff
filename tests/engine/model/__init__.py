"""What the engine promises, in plain Python: the same verbs on plain values, to be compared with what Redis holds."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from envoy_plugin.engine.engine import Mode
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Verb
from tests.engine.model.claiming import Claiming
from tests.engine.model.ending import Ending
from tests.engine.model.facts import Facts
from tests.engine.model.making import Making
from tests.engine.model.world import Blob, Refused, World

MOST: Final = 1_000
"""How many dependents one call settles."""

__all__ = ["Blob", "Model", "Refused", "Unit", "World"]


class Unit(Claiming, Ending, Facts, Making):
    """One call: all verbs."""

    def run(self, verb: Verb[Any]) -> object:
        """The verb's answer, or `Refused`."""
        try:
            return getattr(self, verb.name)(verb)
        except Refused as refused:
            return refused


class Asked(Protocol):
    """What becomes a verb once the jobs are known."""

    def verb(self, world: World) -> Verb[Any]:
        """The verb."""
        ...


class Model:
    """The world, and calls that change it."""

    def __init__(self, now: int, most: int = MOST) -> None:
        self.world = World(now=now)
        self.most = most

    def ask(self, asked: Sequence[Asked], mode: Mode) -> tuple[list[Verb[Any]], list[object]]:
        """What becomes of these wishes in one call, each in view of those before it: the verbs, and their answers.

        The answers are those of `Engine.call`, refusals as `Refused`.
        """
        unit, verbs, answers = Unit(self.world, self.most), list[Verb[Any]](), list[object]()
        for wish in asked:
            verbs.append(wish.verb(unit.world))
            answers.append(unit.run(verbs[-1]))
        if mode is Mode.EACH or not any(isinstance(answer, Refused) for answer in answers):
            self.write(unit)
        return verbs, answers

    def write(self, unit: Unit) -> None:
        """Let the world be what a call has made of it."""
        unit.close_emptied()
        self.world = unit.world
        lives = self.world.jobs.values()
        self.world.wake({life.queue for life in lives if life.moved and life.state is State.AVAILABLE})
        self.world.wake(unit.woken)
