"""What a random walk may ask for: wishes, drawn without knowing the jobs, which become verbs once they are known."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st

from envoy_plugin.engine.clock import moment
from envoy_plugin.engine.retries import Backoff, Debt
from envoy_plugin.engine.states import ENDED, State
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
    Unique,
    Verb,
)
from tests.engine.life import Life
from tests.engine.model import Model

SECOND: Final = timedelta(seconds=1)
SPANS: Final = (SECOND, 5 * SECOND, 15 * SECOND, 60 * SECOND)
HOUR: Final = timedelta(hours=1)
MOVES: Final = (*SPANS, *SPANS, HOUR, 12 * HOUR, 25 * HOUR, timedelta(days=8))
BACKOFFS: Final = (
    Backoff(base=5 * SECOND, factor=3, cap=timedelta(minutes=1)),
    Backoff(base=SECOND, factor=1.5, cap=timedelta(hours=1)),
)
DEBTS: Final = tuple(Debt(kind="report", retries=retries, backoff=BACKOFFS[retries % 2]) for retries in (0, 1, 3))
QUEUES: Final = ("q", "report", "other")
REASONS: Final = ("error", "rejected", "ignored")

number = st.integers(0, 9)
span = st.sampled_from(SPANS)
seldom = st.sampled_from((None,) * 20 + (-1, 1))
"""How far a fence is off; mostly it isn't."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Which job a verb is for, and which of its fences it carries, how far off: by chance a fence is none at all."""

    which: int
    attempt: int | None
    claim: int | None
    version: int | None
    fences: int

    def at(self, model: Model, states: frozenset[State], names: tuple[str, ...]) -> dict[str, Any]:
        """The arguments that name a job, preferably one in these states."""
        jobs = sorted(model.jobs.values(), key=lambda life: life.id)
        wanted = [life for life in jobs if life.state in states] or jobs
        if not wanted or (self.which == 9 and self.fences == 7):
            return {"id": "nobody"}
        life = wanted[self.which % len(wanted)]
        return {"id": life.id} | {
            name: self._fence(life, name) for bit, name in enumerate(names) if self.fences >> bit & 1
        }

    def _fence(self, life: Life, name: str) -> int:
        return int(getattr(life, name)) + (getattr(self, name) or 0)


aims = st.builds(Aim, number, seldom, seldom, seldom, st.integers(0, 7))
RUNNING: Final = frozenset({State.RUNNING})
HELD: Final = ("attempt", "claim", "version")
LOOSE: Final = ("attempt", "version")


@dataclass(frozen=True, slots=True)
class Wish:
    """A verb without its job."""

    verb_type: type[Verb[Any]]
    facts: dict[str, Any]
    aim: Aim | None = None
    states: frozenset[State] = RUNNING
    names: tuple[str, ...] = HELD

    def verb(self, model: Model) -> Verb[Any]:
        """What comes of it among these jobs."""
        if self.verb_type is Enqueue:
            facts = dict(self.facts)
            named = _named(model, facts)
            return Enqueue(**facts | named)
        return self.verb_type(**self.facts | (self.aim.at(model, self.states, self.names) if self.aim else {}))


def _named(model: Model, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts that depend on the moment: the id, the time to start at, the end of a unique key."""
    now, key, hold = moment(model.now), facts.pop("key", None), facts.pop("hold", None)
    until = now + hold if isinstance(hold, timedelta) else None
    return {
        "id": _id(model, facts["id"]),
        "at": now + facts["at"] if "at" in facts else None,
        "unique": Unique(key=key, until=until, kept=hold == "kept") if key else None,
    }


def _id(model: Model, number: int) -> str:
    """A new id, or seldom that of a job. Ids of jobs that were forgotten are not used again, here as in life."""
    known = sorted(model.jobs)
    return known[number] if number < min(2, len(known)) else f"j{model.made}"


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly nothing."""
    return st.one_of(st.none(), st.none(), st.none(), strategy)


def wish(verb: type[Verb[Any]], /, **facts: st.SearchStrategy[Any]) -> st.SearchStrategy[Wish]:
    """A verb that names no job."""
    return st.builds(Wish, st.just(verb), st.fixed_dictionaries(facts))


def aimed(
    verb: type[Verb[Any]], states: frozenset[State], names: tuple[str, ...], /, **facts: st.SearchStrategy[Any]
) -> st.SearchStrategy[Wish]:
    """A verb for one job."""
    return st.builds(Wish, st.just(verb), st.fixed_dictionaries(facts), aims, st.just(states), st.just(names))


content = st.sampled_from((b"", b"a", b"bb"))
Choices = tuple[dict[str, Any], ...]
STARTS: Final[Choices] = (
    {},
    {},
    {},
    {},
    {"delay": SECOND},
    {"delay": 60 * SECOND},
    {"at": -SECOND},
    {"at": 15 * SECOND},
)
KINDS: Final[Choices] = (
    {},
    {},
    {"payload": b"a"},
    {"payload": b"bb", "install": "1001"},
    {"priority": 0},
    {"priority": 9},
)
TRIES: Final[Choices] = ({}, {"retries": 1, "backoff": BACKOFFS[0]}, {"retries": 3, "backoff": BACKOFFS[1]})
BOUNDS: Final[Choices] = (
    *({}, {}, {}, {"lease": 5 * SECOND}, {"limit": 5 * SECOND}, {"limit": 60 * SECOND, "max_crashes": 2}),
    *({"lease": 15 * SECOND, "limit": 15 * SECOND}, {"max_crashes": 1}, {"fails_on_lost_lease": True}),
)
KEYS: Final[Choices] = (
    *({}, {}, {}, {"key": "k1", "hold": "active"}, {"key": "k1", "hold": SECOND}, {"key": "k2", "hold": HOUR}),
    *({"key": "k2", "hold": "active"}, {"key": "k1", "hold": "kept"}),
)
DEBTORS: Final[Choices] = ({}, *({"owes": debt} for debt in DEBTS))


def _order(number: int, queue: str, *choices: dict[str, Any]) -> Wish:
    """A job with the facts of each choice."""
    facts: dict[str, Any] = {"id": number, "queue": queue, "kind": "k"}
    return Wish(Enqueue, facts | {name: value for choice in choices for name, value in choice.items()})


enqueues: Final = st.builds(
    _order,
    number,
    st.sampled_from(("q", "q", "q", "other")),
    *(st.sampled_from(choices) for choices in (STARTS, KINDS, TRIES, BOUNDS, KEYS, DEBTORS)),
)
claims: Final = wish(
    Claim,
    queue=st.sampled_from((*"qqqq", *QUEUES)),
    n=st.sampled_from((1, 2, 4, 1, 2, 0)),
    who=st.just("w"),
    lease=st.one_of(st.none(), span, span),
)
touches: Final = aimed(Touch, RUNNING, HELD[:2], lease=span)
notes: Final = aimed(Note, RUNNING, HELD, memo=maybe(st.just("badge")), content=content)
succeeds: Final = aimed(Succeed, RUNNING, HELD, reason=st.sampled_from(("", "ignored")), outcome=content)
fails: Final = aimed(Fail, RUNNING, HELD, reason=st.sampled_from(REASONS), delay=maybe(span), outcome=content)
releases: Final = aimed(Release, RUNNING, HELD, delay=st.sampled_from((timedelta(), SECOND)))
cancels: Final = aimed(Cancel, frozenset(State) - ENDED, LOOSE, reason=st.just("operator"))
retries: Final = aimed(Retry, ENDED, LOOSE, retries=maybe(st.integers(0, 2)))
promotes: Final = wish(Promote, limit=st.sampled_from((1, 100)))
expires: Final = wish(Expire, limit=st.sampled_from((1, 100)), max_crashes=st.integers(1, 3))
retires: Final = wish(
    Retire,
    state=st.sampled_from(sorted(ENDED)),
    age=st.sampled_from((timedelta(), timedelta(hours=1), timedelta(days=7))),
    most=st.sampled_from((0, 1, 2, 100)),
    limit=st.sampled_from((1, 100)),
)
ends: Final = st.one_of(succeeds, fails, releases)
anything: Final = st.one_of(
    enqueues, claims, touches, notes, succeeds, fails, releases, cancels, retries, promotes, expires, retires
)
