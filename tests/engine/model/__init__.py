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
    """The world, and calls that change it. `made` counts the calls that did."""

    def __init__(self, now: int, most: int = MOST) -> None:
        self.world = World(now=now)
        self.most = most
        self.made = 0

    def plan(self, asked: Sequence[Asked]) -> list[Verb[Any]]:
        """Verbs for the jobs as they will be, each in view of those before it in the call."""
        unit, verbs = Unit(self.world, self.most), list[Verb[Any]]()
        for wish in asked:
            verbs.append(wish.verb(unit.world))
            unit.run(verbs[-1])
        return verbs

    def call(self, verbs: Sequence[Verb[Any]], mode: Mode) -> list[object]:
        """What `Engine.call` answers, refusals as `Refused`."""
        unit = Unit(self.world, self.most)
        answers = [unit.run(verb) for verb in verbs]
        if mode is Mode.EACH or not any(isinstance(answer, Refused) for answer in answers):
            unit.close_emptied()
            self.world = unit.world
            self.made += 1
            lives = self.world.jobs.values()
            self.world.wake({life.queue for life in lives if life.moved and life.state is State.AVAILABLE})
            self.world.wake(unit.woken)
        return answers
