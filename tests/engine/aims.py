"""Wishes, drawn without knowing the jobs, and how they become verbs once the jobs are known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, TypeVar

from envoy_plugin.engine.clock import moment
from envoy_plugin.engine.queues import is_owned
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Unique, Verb
from tests.engine.life import Life
from tests.engine.model import World

Thing = TypeVar("Thing")

LAST: Final = 9
"""The highest number that is drawn; it stands for something unlikely."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Which job a verb is for, and which of its fences it carries, how far off: by chance a fence is none at all."""

    which: int
    attempt: int | None
    claim: int | None
    version: int | None
    revision: int | None
    fences: int

    def life(self, world: World, wanted: Callable[[Life], bool], *, strictly: bool) -> Life | None:
        """A job, preferably (or strictly) one of those that are wanted; seldom none."""
        lives = sorted(world.jobs.values(), key=lambda life: life.id)
        fitting = [] if self.which == LAST else [life for life in lives if wanted(life)]
        if self.which == LAST and self.fences == 7:
            return None
        return pick(fitting or ([] if strictly else lives), self.which)

    def fence(self, life: Life, names: tuple[str, ...]) -> dict[str, int]:
        """The fences among these names that are carried."""
        carried = [name for bit, name in enumerate(names) if self.fences >> bit & 1]
        return {name: int(getattr(life, name)) + (getattr(self, name) or 0) for name in carried}


Named = Callable[[World, Life | None, dict[str, Any]], dict[str, Any]]
"""Makes the facts that depend on the moment of those that were drawn."""


def as_drawn(world: World, life: Life | None, facts: dict[str, Any]) -> dict[str, Any]:
    """They depend on nothing."""
    return facts


@dataclass(frozen=True, slots=True)
class Wish:
    """A verb without its job."""

    verb_type: type[Verb[Any]]
    facts: dict[str, Any]
    aim: Aim | None = None
    wanted: Callable[[Life], bool] = bool
    names: tuple[str, ...] = ()
    named: Named = as_drawn
    strictly: bool = False

    def for_one(self, wanted: Callable[[Life], bool]) -> "Wish":
        """The same for one of such jobs, and no other."""
        return replace(self, wanted=wanted, strictly=True)

    def aimed_at(self, which: int, wanted: Callable[[Life], bool]) -> "Wish":
        """The same for another job."""
        return replace(self, aim=replace(self.aim, which=which) if self.aim else None, wanted=wanted)

    def verb(self, world: World) -> Verb[Any]:
        """What comes of it among these jobs."""
        life = self.aim.life(world, self.wanted, strictly=self.strictly) if self.aim else None
        facts = self.named(world, life, dict(self.facts))
        if self.aim:
            facts |= {"id": life.id} | self.aim.fence(life, self.names) if life else {"id": "nobody"}
        return self.verb_type(**facts)


def pick(things: Sequence[Thing], number: int) -> Thing | None:
    """One of these; None where there are none."""
    return things[number % len(things)] if things else None


# -- which job a verb is for


def runs(life: Life) -> bool:
    """Whether a claimant has it."""
    return life.state is State.RUNNING and not life.envelope


def can_end(life: Life) -> bool:
    """Whether it can succeed or fail."""
    return (life.state is State.RUNNING and not life.alive) or (life.skippable and not life.ended)


def is_unended(life: Life) -> bool:
    """Whether it isn't over."""
    return not life.ended


def is_plain(life: Life) -> bool:
    """Whether it isn't over, and no envelope."""
    return not life.ended and not life.envelope


def is_ended(life: Life) -> bool:
    """Whether it is over."""
    return life.ended


def is_entangled(life: Life) -> bool:
    """Whether it is over, and others have to do with it."""
    return life.ended and bool(life.dependents or life.gates or life.heir or life.root or life.parent or life.is_report)


def is_envelope(life: Life) -> bool:
    """Whether it is an envelope that isn't over."""
    return life.envelope and not life.ended


def is_report(life: Life) -> bool:
    """Whether it is what another owes."""
    return life.is_report


def is_heir(life: Life) -> bool:
    """Whether it has another's debt."""
    return life.root is not None


def has_heir(life: Life) -> bool:
    """Whether another has its debt."""
    return life.heir is not None


def is_unique(life: Life) -> bool:
    """Whether it wants a key."""
    return life.unique is not None


def is_in_lane(life: Life) -> bool:
    """Whether it is in a lane."""
    return bool(life.lane)


def is_last(life: Life) -> bool:
    """Whether it is over, and one attempt of it is left."""
    return life.ended and life.kept == 1


def is_owned_now(life: Life) -> bool:
    """Whether it is in the queue of one claimant."""
    return is_owned(life.queue) and not life.ended


def is_available(life: Life) -> bool:
    """Whether it can be claimed."""
    return life.state is State.AVAILABLE


def is_held(life: Life) -> bool:
    """Whether it has a hold."""
    return bool(life.waits("hold")) and not life.ended


def waits(life: Life) -> bool:
    """Whether it has upstreams."""
    return bool(life.waits("wait")) and not life.ended


def can_pass(life: Life) -> bool:
    """Whether it has a debt that it can pass on."""
    return life.owing and runs(life)


# -- what depends on the moment


def id_of(world: World, number: int, wanted: Callable[[Life], bool] = is_unended) -> str:
    """The id of a job, preferably of such a one; empty where there is none, and seldom one that isn't there."""
    ids = sorted(life.id for life in world.jobs.values() if wanted(life) or number == LAST - 1)
    return pick(ids, number) or "" if number < LAST else "nobody"


def moment_in(world: World, span: timedelta | None) -> Any:
    """The time `span` from now."""
    return None if span is None else moment(world.now) + span


def timed(world: World, life: Life | None, facts: dict[str, Any]) -> dict[str, Any]:
    """A time that was drawn as a span."""
    return facts | {name: moment_in(world, facts[name]) for name in ("at", "until") if name in facts}


def related(world: World, life: Life | None, facts: dict[str, Any]) -> dict[str, Any]:
    """Another job, which was drawn as a number; an odd one stands for any, also one that is over."""
    wanted = bool if facts["upstream"] % 2 else is_unended
    return facts | {"upstream": id_of(world, facts["upstream"], wanted) or "nobody"}


def inherited(world: World, life: Life | None, facts: dict[str, Any]) -> dict[str, Any]:
    """An heir, which doesn't owe yet."""
    heir = id_of(world, facts["heir"], lambda other: other is not life and not other.owing and not other.is_report)
    return facts | {"heir": heir or "nobody"}


def own_gate(world: World, life: Life | None, facts: dict[str, Any]) -> dict[str, Any]:
    """A gate of the job's own, which was drawn as a number."""
    for name, kind in (("upstream", "wait"), ("hold", "hold")):
        if name in facts:
            gates = sorted(life.waits(kind)) if life and facts[name] < LAST else []
            facts[name] = pick(gates, facts[name]) or "nobody"
    return facts


def own_attempt(world: World, life: Life | None, facts: dict[str, Any]) -> dict[str, Any]:
    """An attempt of the job's own, mostly one that can be read."""
    attempts = [*sorted(life.records), life.attempt, life.attempt] if life else []
    return facts | {"attempt": pick(attempts, facts["attempt"]) if attempts and facts["attempt"] < LAST else 2}


def with_blob(world: World, life: Life | None, facts: dict[str, Any]) -> dict[str, Any]:
    """A stored blob: one that nobody keeps, seldom the one that is kept there already, or one that is gone."""
    for name in ("log", "blob"):
        if isinstance(facts.get(name), int):
            facts[name] = ref_of(world, life, facts, facts[name])
    return facts


def ref_of(world: World, life: Life | None, facts: dict[str, Any], number: int) -> str:
    """What names the blob."""
    place = facts.get("blob_name") or f"log:{life.attempt if life else 1}"
    if number == LAST:
        return "gone"
    if number == LAST - 1 and life and place in life.refs:
        return life.refs[place]
    return str(pick([ref for ref, blob in world.stored.items() if blob.until is not None], number) or "")


def born(world: World, life: Life | None, facts: dict[str, Any]) -> dict[str, Any]:
    """What a new job says of others: its id, upstreams, envelope; its times; the end of its unique key."""
    key, hold, after, envelope = (facts.pop(name, None) for name in ("key", "hold", "after", "parent"))
    until = moment_in(world, hold if isinstance(hold, timedelta) else None)
    made = {
        "id": new_id(world, facts["id"]),
        "at": moment_in(world, facts.get("at")),
        "unique": Unique(key=key, until=until, kept=hold == "kept") if key else None,
        "after": {name: policy for number, policy in after or () if (name := id_of(world, number)) or number == LAST},
        "holds": {name: moment_in(world, span) for name, span in facts.get("holds", {}).items()},
        "parent": "" if envelope is None else id_of(world, envelope, lambda other: other.envelope),
    }
    return facts | made


def new_id(world: World, number: int) -> str:
    """A new id, or seldom that of a job. Ids of jobs that were forgotten are not used again, here as in life."""
    known = sorted(world.jobs)
    return known[number] if number < min(2, len(known)) else f"j{world.named:04}"


def all_of_them(world: World, life: Life | None, facts: dict[str, Any]) -> dict[str, Any]:
    """Which of several unsettled ends a sweep goes on with is left to Redis: all, then."""
    return facts | ({"limit": 100} if world.unsettled else {})
