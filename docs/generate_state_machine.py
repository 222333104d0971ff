"""Writes docs/state_machine.md from the engine's table of states: `python docs/generate_state_machine.py`."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from envoy_plugin.engine.states import ENDED, FROM, OF_ENVELOPES, SKIPPABLE, UNENDED, WAITING, State

PAGE: Final = Path(__file__).with_name("state_machine.md")
NOWHERE: Final = "–"
ORDER: Final = tuple(State)
States = frozenset[State]

BLOCKED, SCHEDULED, AVAILABLE, RUNNING, SUCCEEDED, FAILED, CANCELLED = (frozenset({state}) for state in ORDER)
SETTLED: Final = SCHEDULED | AVAILABLE
SKIPPING: Final = BLOCKED | AVAILABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a verb does: from each of these states to each of those, called so in the history.

    `only` says which jobs do so, where not all do.
    """

    event: str = ""
    before: States
    after: States
    only: str = ""

    @property
    def arrows(self) -> set[tuple[State, State]]:
        """State before, state after."""
        return set(product(self.before, self.after))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """All that a verb does, and what else is to be said of it. `verb` may also be what no verb of its own does."""

    verb: str
    moves: tuple[Move, ...]
    note: str = ""

    @property
    def origin(self) -> States:
        """From where it acts on a plain job: the table says it of a verb that names its job."""
        return FROM.get(self.verb) or self._union("before")

    @property
    def target(self) -> States:
        """Where it brings a plain job."""
        return self._union("after")

    @property
    def events(self) -> tuple[str, ...]:
        """What the history calls it."""
        return tuple(dict.fromkeys(move.event for move in self.moves if move.event))

    def _union(self, side: str) -> States:
        sides: list[States] = [getattr(move, side) for move in self.moves if not move.only]
        return frozenset().union(*sides)


def _move(event: str, before: States, after: States, only: str = "") -> Move:
    return Move(event=event, before=before, after=after, only=only)


def _stay(event: str, states: States = RUNNING) -> tuple[Move, ...]:
    return tuple(_move(event, frozenset({state}), frozenset({state})) for state in ORDER if state in states)


def _facts(event: str, *moves: Move) -> tuple[Move, ...]:
    """A changed fact: a job that waits is settled again, a running one remembers it."""
    late = _move(event, SCHEDULED, AVAILABLE)  # what is due hasn't been promoted yet
    return (*moves, *_stay(event, UNENDED), late)


def _opened(event: str) -> tuple[Move, ...]:
    return (_move(event, BLOCKED, WAITING), *_stay(event))


UPSTREAM: Final = _move("cancelled", UNENDED, CANCELLED)
ROWS: Final = (
    Row(
        verb="enqueue",
        moves=(
            _move("enqueued", frozenset(), WAITING),
            _move("cancelled", WAITING, CANCELLED, only="upstream ended"),
            _move("enqueued", frozenset(), RUNNING, only="envelope"),
        ),
        note="Blocked with a gate; scheduled with a delay or a moment to start at; an envelope runs from the start. "
        "A unique key that is held answers the job that holds it.",
    ),
    Row(
        verb="promote",
        moves=(_move("promoted", SCHEDULED, AVAILABLE), *_opened("unheld")),
        note="When it is due, or a hold's time has come: by a sweep, or by a claim that finds few.",
    ),
    Row(
        verb="claim",
        moves=(_move("claimed", AVAILABLE, RUNNING),),
        note="The next of a queue. The claim's number fences: whoever had the job before is refused from now on. A "
        "paused queue hands out nothing.",
    ),
    Row(verb="claim_job", moves=(_move("claimed", AVAILABLE, RUNNING),), note="This job; refused on a paused queue."),
    Row(
        verb="resume",
        moves=(_move("claimed", AVAILABLE, RUNNING), _move("", RUNNING, RUNNING)),
        note="The running job of an owned queue that was made first, unchanged; where none runs, the next.",
    ),
    Row(verb="touch", moves=(_move("", RUNNING, RUNNING),), note="A later lease; no version, no history."),
    Row(verb="note", moves=_stay("noted"), note="One history row, which replaces that of the note before."),
    Row(
        verb="describe",
        moves=_stay("described", frozenset(State)),
        note="What the layer above keeps with a job. One history row, which replaces that of the description before.",
    ),
    Row(
        verb="succeed",
        moves=(
            _move("succeeded", RUNNING, SUCCEEDED),
            _move("succeeded", SKIPPING, SUCCEEDED, only="skippable"),
        ),
        note="A skippable job also from available, or blocked by the hold `run` alone. An envelope only when no child "
        "is left (`children_left`), as with fail and cancel.",
    ),
    Row(
        verb="fail",
        moves=(
            _move("attempt_failed", RUNNING, WAITING),
            _move("failed", RUNNING, FAILED),
            _move("attempt_failed", SKIPPING, WAITING, only="skippable"),
            _move("failed", SKIPPING, FAILED, only="skippable"),
            _move("attempt_failed", RUNNING, RUNNING, only="envelope"),
        ),
        note="While retries are left and the reason may be tried again: a new attempt, after the backoff.",
    ),
    Row(
        verb="release",
        moves=(_move("released", RUNNING, WAITING),),
        note="No attempt and no retry is spent. At once, after a delay, or into a hold.",
    ),
    Row(
        verb="expire",
        moves=(
            _move("lost", RUNNING, SKIPPING),
            _move("attempt_failed", RUNNING, WAITING),
            _move("failed", RUNNING, FAILED),
        ),
        note="A past limit ends the attempt (`timeout`). A past lease gives the job back, until it has "
        "crashed too often (`crashed`); where the job fails on a lost lease, it is a `timeout`.",
    ),
    Row(
        verb="cancel",
        moves=(_move("cancelled", UNENDED, CANCELLED),),
        note="Whoever runs it loses the lease.",
    ),
    Row(
        verb="retry",
        moves=(_move("retried", ENDED, SKIPPING), _move("retried", ENDED, RUNNING, only="envelope")),
        note="A new attempt; an unfinished report is superseded, a debt that was passed on comes back. Blocked by "
        "holds that are shut, upstreams that aren't over, and those before it in its lane.",
    ),
    Row(
        verb="hold",
        moves=(_move("held", WAITING, BLOCKED), *_stay("held")),
        note="By hand, or until a time. A running job remembers it, as with the next five.",
    ),
    Row(verb="unhold", moves=_opened("unheld")),
    Row(
        verb="depend",
        moves=(*_facts("depends", _move("depends", WAITING, BLOCKED)), UPSTREAM),
        note="An upstream that has ended counts as if it ended a moment later: open, blocked, or `cancelled`.",
    ),
    Row(verb="undepend", moves=_opened("undepended")),
    Row(
        verb="assign",
        moves=_facts("assigned"),
        note="Another queue, another assignee.",
    ),
    Row(
        verb="reschedule",
        moves=_facts("rescheduled", _move("rescheduled", SETTLED, SETTLED)),
        note="When it may be claimed.",
    ),
    Row(verb="expect", moves=_stay("", frozenset(State)), note="Refused where the job has another version."),
    Row(
        verb="pass_debt",
        moves=(_move("", RUNNING, RUNNING),),
        note="What this job owes, the heir owes from now on: the heir's end is what is reported.",
    ),
    Row(
        verb="another job's end",
        moves=(*_opened("dependency_met"), _move("lane", BLOCKED, WAITING), UPSTREAM),
        note="In the same step as that end: a dependency is met, cancels the job (reason `upstream`) or keeps it "
        "blocked, by its policy; the next of a lane moves up.",
    ),
    Row(
        verb="delete",
        moves=(_move("", ENDED, ENDED),),
        note="One ended attempt. The job goes with its last, unless it is needed.",
    ),
    Row(
        verb="retire",
        moves=(_move("", ENDED, frozenset()),),
        note="Forgotten, once it was kept long enough and nobody needs it: what it owes is over, nobody waits for it, "
        "its envelope is over, and it is no envelope that has children.",
    ),
)
GONE: Final = frozenset({"delete", "retire"})
"""Verbs that a job ends with."""


def arrows() -> set[tuple[str, State, State]]:
    """Every transition of a job that exists, as its history tells it: event, state before, state after."""
    moves = [move for row in ROWS for move in row.moves if move.event]
    return {(move.event, before, after) for move in moves for before, after in move.arrows}


def _listed(states: States) -> str:
    return ", ".join(state for state in ORDER if state in states) or NOWHERE


def _ends(states: States) -> list[str]:
    return [str(state) for state in ORDER if state in states] or ["[*]"]


def _chart() -> Iterator[str]:
    labels: dict[tuple[str, str], list[str]] = {}
    for row in ROWS:
        for move in row.moves:
            after = frozenset[State]() if row.verb in GONE else move.after
            for arrow in product(_ends(move.before), _ends(after)):
                label = f"{row.verb} ({move.only})" if move.only else row.verb
                if arrow[0] != arrow[1] and label not in labels.setdefault(arrow, []):
                    labels[arrow].append(label)
    for (before, then), verbs in labels.items():
        yield f"    {before} --> {then}: {', '.join(verbs)}"


def _table() -> Iterator[str]:
    for row in ROWS:
        events = ", ".join(f"`{event}`" for event in row.events) or NOWHERE
        yield f"| {row.verb} | {_listed(row.origin)} | {_listed(row.target)} | {events} | {row.note} |"


def _crossed() -> Iterator[str]:
    for verb, states in FROM.items():
        cells = ["yes" if state in states else "refused" for state in ORDER]
        cells += ["yes" if verb in OF_ENVELOPES else "refused", "yes" if verb in SKIPPABLE else NOWHERE]
        yield f"| {verb} | {' | '.join(cells)} |"


def document() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# The state machine of a job",
            "",
            "Made by `python docs/generate_state_machine.py` from `envoy_plugin/engine/states.py`.",
            "What leaves a job in its state is not drawn.",
            "",
            "```mermaid",
            "stateDiagram-v2",
            *_chart(),
            "```",
            "",
            "## Verbs",
            "",
            "| verb | from | to | in the history | |",
            "|---|---|---|---|---|",
            *_table(),
            "",
            "`pause` and `unpause` are of queues: no job changes by them.",
            "",
            "## A verb that names a job, in each state",
            "",
            "A refused verb changes nothing and answers the state of the attempt that was named.",
            "The checks come in this order: id, attempt, claim, version, state. An envelope takes fewer verbs. A",
            "skippable job takes two of them also before it runs: available, or blocked by the hold `run` alone.",
            "`unhold` and `undepend` are refused where nothing is shut.",
            "",
            f"| verb | {' | '.join(ORDER)} | of envelopes | before a skippable job runs |",
            f"|---|{'---|' * (len(ORDER) + 2)}",
            *_crossed(),
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(document(), encoding="utf-8")
