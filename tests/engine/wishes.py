"""What a random walk may ask for: every verb, with whatever can be said of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st

from envoy_plugin.engine.retries import Backoff, Debt
from envoy_plugin.engine.states import ENDED
from envoy_plugin.engine.verbs import (
    NO_LEASE,
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
    Listing,
    Note,
    PassDebt,
    Pause,
    Policy,
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
    Unpause,
    Verb,
)
from tests.engine import aims
from tests.engine.aims import LAST, Aim, Named, Wish
from tests.engine.life import Life

SECOND: Final = timedelta(seconds=1)
SPANS: Final = (SECOND, 5 * SECOND, 15 * SECOND, 60 * SECOND)
HOUR: Final = timedelta(hours=1)
MOVES: Final = (*SPANS, *SPANS, HOUR, 12 * HOUR, 25 * HOUR, timedelta(days=8))
BACKOFFS: Final = (
    Backoff(base=5 * SECOND, factor=3, cap=timedelta(minutes=1)),
    Backoff(base=SECOND, factor=1.5, cap=timedelta(hours=1)),
    Backoff(base=5 * SECOND, factor=1, cap=timedelta(hours=1)),
)
DEBTS: Final = tuple(Debt(kind="report", retries=retries, backoff=BACKOFFS[retries % 2]) for retries in (0, 1, 3))
QUEUES: Final = ("q", "events", "thing:1", "report", "other")
REASONS: Final = ("error", "timeout", "rejected", "ignored")
HOLDS: Final = ("path", "run", "mine")

number: Final = st.integers(0, LAST)
span: Final = st.sampled_from(SPANS)
content: Final = st.sampled_from((b"", b"a", b"bb"))
queues: Final = st.sampled_from(("q", "q", "events", "thing:1"))
seldom: Final = st.sampled_from((None,) * 20 + (-1, 1))
"""How far a fence is off; mostly it isn't."""
targets: Final = st.builds(Aim, number, seldom, seldom, seldom, seldom, st.integers(0, 7))
HELD: Final = ("attempt", "claim", "version")
LOOSE: Final = ("attempt", "version")
ONE: Final = ("version",)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly nothing."""
    return st.one_of(st.none(), st.none(), st.none(), strategy)


ASKED: Final[set[type[Verb[Any]]]] = {Enqueue, Promote}
"""The verbs that are wished for."""


def wish(verb: type[Verb[Any]], /, **facts: st.SearchStrategy[Any]) -> st.SearchStrategy[Wish]:
    """A verb that names no job."""
    ASKED.add(verb)
    return st.builds(Wish, st.just(verb), st.fixed_dictionaries(facts))


def aimed(
    verb: type[Verb[Any]],
    wanted: Callable[[Life], bool],
    names: tuple[str, ...],
    named: Named = aims.as_drawn,
    /,
    **facts: st.SearchStrategy[Any],
) -> st.SearchStrategy[Wish]:
    """A verb for one job."""
    ASKED.add(verb)
    drawn = st.fixed_dictionaries(facts)
    return st.builds(Wish, st.just(verb), drawn, targets, st.just(wanted), st.just(names), st.just(named))


Choices = tuple[dict[str, Any], ...]
STARTS: Final[Choices] = (
    *({}, {}, {}, {}, {}, {}, {}, {"delay": SECOND}, {"delay": 60 * SECOND}, {"at": -SECOND}, {"at": 15 * SECOND}),
)
KINDS: Final[Choices] = (
    *({}, {}, {"payload": b"a"}, {"payload": b"bb", "install": "1001"}, {"install": "1002"}, {"priority": 0}),
    *({"priority": 9}, {"skippable": True}, {"assignee": "ada", "skippable": True}),
)
TRIES: Final[Choices] = (
    *({}, {}, {"retries": 1, "backoff": BACKOFFS[0]}, {"retries": 3, "backoff": BACKOFFS[1]}),
    *({"retries": {"timeout": 2, "*": 1}, "backoff": BACKOFFS[2]}, {"retries": {"timeout": 1}}),
)
BOUNDS: Final[Choices] = (
    *({}, {}, {}, {"lease": 5 * SECOND}, {"limit": 5 * SECOND}, {"limit": 60 * SECOND, "max_crashes": 2}),
    *({"lease": 15 * SECOND, "limit": 15 * SECOND}, {"max_crashes": 1}, {"fails_on_lost_lease": True}),
)
KEYS: Final[Choices] = (
    *({}, {}, {}, {}, {}, {"key": "k1", "hold": "active"}, {"key": "k2", "hold": SECOND}, {"key": "k2", "hold": HOUR}),
    *({"key": "k1", "hold": "active"}, {"key": "k1", "hold": "active"}, {"key": "k3", "hold": "kept"}),
)
DEBTORS: Final[Choices] = ({}, {}, *({"owes": debt} for debt in DEBTS))
LISTS: Final[Choices] = ({}, {}, {"listed": (Listing.QUEUE, Listing.PARENT)}, {"listed": tuple(Listing)})
LANES: Final[Choices] = ({}, {}, {}, {}, {}, {"lane": "l1"}, {"lane": "l1"}, {"lane": "l2"})
GATES: Final[Choices] = (
    *(
        {},
        {},
        {},
        {},
        {},
        {},
        {},
        {"holds": {"mine": None}},
        {"holds": {"path": None, "run": None}},
        {"holds": {"run": None}},
    ),
    *({"holds": {"mine": 5 * SECOND}}, {"holds": {"mine": -SECOND, "run": 60 * SECOND}}),
)
WRAPS: Final[Choices] = ({"holds": {}}, {"holds": {"path": None}}, {"holds": {"mine": 5 * SECOND}})
CLOSES: Final[Choices] = ({}, {"closes": True}, {"closes": True, "holds": {"closing": None}})

policies: Final = st.sampled_from(Policy)
after: Final = st.one_of(st.just(()), st.just(()), st.lists(st.tuples(number, policies), max_size=3).map(tuple))
parent: Final = st.one_of(st.none(), st.none(), number)


def _order(number: int, queue: str, *choices: dict[str, Any], **facts: Any) -> Wish:
    """A job with the facts of each choice."""
    facts |= {"id": number, "queue": queue, "kind": "k"}
    return Wish(Enqueue, facts | {name: value for choice in choices for name, value in choice.items()}, named=aims.born)


enqueues: Final = st.builds(
    _order,
    number,
    st.sampled_from(("q", "q", "q", "events", "thing:1", "other")),
    *(st.sampled_from(some) for some in (STARTS, KINDS, TRIES, BOUNDS, KEYS, DEBTORS, LISTS, LANES, GATES)),
    after=after,
    parent=parent,
)
envelopes: Final = st.builds(
    _order,
    number,
    st.sampled_from(("-", "thing:1")),
    *(st.sampled_from(some) for some in (KINDS, TRIES, KEYS, DEBTORS, LISTS, WRAPS, CLOSES)),
    parent=parent,
    envelope=st.just(value=True),
)
lease: Final = st.one_of(st.none(), span, span)
who: Final = st.just("w")
claims: Final = wish(
    Claim,
    queue=st.sampled_from((*"qqqq", "events", "events", "thing:1", *QUEUES)),
    n=st.sampled_from((1, 2, 4, 1, 2, 0)),
    who=who,
    lease=lease,
)
picks: Final = aimed(ClaimJob, aims.is_available, LOOSE, who=who, lease=lease, details=content)
resumes: Final = wish(Resume, queue=st.just("thing:1"), who=who, lease=lease, details=content)
touches: Final = aimed(Touch, aims.runs, HELD[:2], lease=st.one_of(st.none(), st.just(NO_LEASE), span, span))
notes: Final = aimed(Note, aims.runs, HELD, memo=maybe(st.just("badge")), content=content)
attachments: Final = aimed(Note, aims.runs, HELD, aims.with_blob, blob=number, blob_name=st.sampled_from(("", "a")))
detachments: Final = aimed(Note, aims.runs, HELD, blob_name=st.just("a"))
log: Final = st.one_of(st.just(""), st.just(""), number)
succeeds: Final = aimed(
    Succeed,
    aims.can_end,
    HELD,
    aims.with_blob,
    reason=st.sampled_from(("", "ignored")),
    outcome=content,
    details=content,
    log=log,
)
fails: Final = aimed(
    Fail,
    aims.can_end,
    HELD,
    aims.with_blob,
    reason=st.sampled_from(REASONS),
    delay=maybe(span),
    outcome=content,
    details=content,
    log=log,
)
releases: Final = aimed(
    Release, aims.runs, HELD, delay=st.sampled_from((timedelta(), SECOND)), hold=st.sampled_from(("", "", "run"))
)
cancels: Final = aimed(
    Cancel, aims.is_unended, LOOSE, reason=st.just("operator"), details=content, unless_running=st.booleans()
)
retries: Final = aimed(Retry, aims.is_ended, LOOSE, retries=maybe(st.integers(0, 2)))
deletes: Final = aimed(Delete, aims.is_ended, (), aims.own_attempt, attempt=number)
passes: Final = aimed(PassDebt, aims.can_pass, HELD[:2], aims.inherited, heir=number)
holds: Final = aimed(
    Hold, aims.is_unended, ONE, aims.timed, hold=st.sampled_from(HOLDS), until=st.one_of(st.none(), span)
)
unholds: Final = aimed(Unhold, aims.is_held, ONE, aims.own_gate, hold=number)
depends: Final = aimed(Depend, aims.is_plain, ONE, aims.related, upstream=number, policy=policies)
undepends: Final = aimed(Undepend, aims.waits, ONE, aims.own_gate, upstream=number)
assigns: Final = aimed(
    Assign, aims.is_unended, ONE, queue=st.one_of(st.none(), queues), assignee=st.sampled_from((None, "", "ada"))
)
reschedules: Final = aimed(Reschedule, aims.is_plain, ONE, aims.timed, at=st.one_of(st.none(), span))
expects: Final = aimed(Expect, bool, ("attempt", "version", "revision"))
tags: Final = st.sets(st.sampled_from(("t1", "t2")), max_size=2).map(sorted)
describes: Final = aimed(
    Describe,
    bool,
    ONE,
    fields=st.dictionaries(st.sampled_from(("f", "g")), st.sampled_from((b"1", b"2"))),
    drop=st.sampled_from(((), ("f",))),
    tags=tags,
    untag=tags,
)
pauses: Final = wish(Pause, queue=queues, why=st.just(b"why"))
unpauses: Final = wish(Unpause, queue=queues)
promotes: Final = st.builds(
    Wish, st.just(Promote), st.fixed_dictionaries({"limit": st.sampled_from((1, 100))}), named=st.just(aims.all_of_them)
)
expires: Final = wish(Expire, limit=st.sampled_from((1, 100)), max_crashes=st.integers(1, 3))
retires: Final = wish(
    Retire,
    state=st.sampled_from(sorted(ENDED)),
    age=st.sampled_from((timedelta(), timedelta(hours=1), timedelta(days=7))),
    most=st.sampled_from((0, 1, 2, 100)),
    limit=st.sampled_from((1, 100)),
)
stays: Final = st.one_of(touches, touches, notes, attachments, detachments, expects, describes)
ends: Final = st.one_of(succeeds, succeeds, fails, fails, releases)
gates: Final = st.one_of(holds, unholds, unholds, depends, depends, undepends)
facts: Final = st.one_of(assigns, reschedules, describes, pauses, unpauses, unpauses)
takes: Final = st.one_of(claims, claims, picks, resumes)
dependents: Final = st.builds(
    _order,
    st.just(LAST),
    queues,
    *(st.sampled_from(some) for some in (KINDS, DEBTORS, LANES)),
    after=st.tuples(st.tuples(st.integers(0, 1), policies)),
)
"""They wait for one of the two oldest jobs: many for the same."""
debtors: Final = st.builds(_order, st.just(LAST), st.just("q"), st.sampled_from(TRIES), st.sampled_from(DEBTORS[2:]))
children: Final = st.builds(
    _order, st.just(LAST), queues, *(st.sampled_from(some) for some in (KINDS, LANES)), parent=st.integers(0, 3)
)
events: Final = st.builds(
    _order, st.just(LAST), st.just("events"), st.sampled_from(({}, {"install": "1001"}, {"install": "1002"}))
)
turns: Final = st.builds(Wish, st.just(Claim), st.just({"queue": "events", "n": 1, "who": "w", "lease": None}))
begins: Final = st.just(Wish(Claim, {"queue": "q", "n": 4, "who": "w", "lease": None}))
makes: Final = st.one_of(enqueues, enqueues, enqueues, envelopes)
everything: Final = (
    *(makes, takes, takes, stays, ends, ends, cancels, retries, deletes, passes, gates, facts),
    *(promotes, expires, retires),
)
anything: Final = st.deferred(lambda: st.one_of(everything))
"""Deferred, or hypothesis would spell all of it out with each failure."""


# -- what belongs together, so that a walk gets far with it


def about(wanted: Callable[[Life], bool], *wishes: st.SearchStrategy[Wish]) -> st.SearchStrategy[Wish]:
    """One of these, for such a job."""
    return st.one_of(wishes).map(lambda wish: wish.for_one(wanted))


plain: Final = st.builds(_order, st.just(LAST), st.just("q"))
of_debts: Final = st.one_of(
    debtors,
    plain,
    begins,
    wish(Claim, queue=st.just("report"), n=st.just(4), who=who, lease=st.none()),
    about(aims.can_pass, passes, passes),
    about(aims.is_report, succeeds, cancels, retries),
    about(aims.is_heir, cancels, succeeds, retries),
    about(aims.has_heir, succeeds, cancels, retries, fails),
)
of_keys: Final = st.one_of(
    st.builds(_order, st.just(LAST), st.just("q"), st.just({"key": "k1", "hold": "active"})),
    about(aims.is_unique, cancels, retries),
)
of_blobs: Final = about(
    aims.runs,
    aimed(Note, bool, (), aims.with_blob, blob=st.sampled_from((0, LAST - 1)), blob_name=st.just("a")),
    notes,
    detachments,
)
of_lanes: Final = st.one_of(
    st.builds(_order, st.just(LAST), st.just("q"), st.just({"lane": "l1"})),
    about(aims.is_in_lane, depends, cancels, retries),
    about(aims.is_in_lane, picks, fails),
)
