"""Writes docs/state_machine.md from the engine's table of states: `python docs/generate_state_machine.py`."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from envoy_plugin.engine.states import ENDED, FROM, State

PAGE: Final = Path(__file__).with_name("state_machine.md")
NOWHERE: Final = "–"
WAITING: Final = frozenset({State.SCHEDULED, State.AVAILABLE})
ORDER: Final = tuple(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a verb does: from which states, to which, what the history calls it, and what else is to be said."""

    verb: str
    origin: frozenset[State]
    target: frozenset[State]
    events: tuple[str, ...]
    note: str


def _named(verb: str, target: frozenset[State], events: tuple[str, ...], note: str) -> Row:
    """A verb that names its job: the table says where it may act."""
    return Row(verb=verb, origin=FROM[verb], target=target, events=events, note=note)


RUNNING: Final = frozenset({State.RUNNING})
ROWS: Final = (
    Row(
        verb="enqueue",
        origin=frozenset(),
        target=WAITING,
        events=("enqueued",),
        note="Scheduled with a delay or a moment to start at. A unique key that is held answers the job that holds it.",
    ),
    Row(
        verb="promote",
        origin=frozenset({State.SCHEDULED}),
        target=frozenset({State.AVAILABLE}),
        events=("promoted",),
        note="When it is due: by a sweep, or by a claim.",
    ),
    Row(
        verb="claim",
        origin=frozenset({State.AVAILABLE}),
        target=RUNNING,
        events=("claimed",),
        note="The claim's number fences: whoever had the job before is refused from now on.",
    ),
    _named("touch", RUNNING, (), "A later lease; no version, no history."),
    _named("note", RUNNING, ("noted",), "One history row, which replaces that of the note before."),
    _named("succeed", frozenset({State.SUCCEEDED}), ("succeeded",), ""),
    _named(
        "fail",
        WAITING | {State.FAILED},
        ("attempt_failed", "failed"),
        "While retries are left and the reason may be tried again: a new attempt, after the backoff.",
    ),
    _named("release", WAITING, ("released",), "No attempt and no retry is spent."),
    Row(
        verb="expire",
        origin=RUNNING,
        target=WAITING | {State.FAILED},
        events=("lost", "attempt_failed", "failed"),
        note="A past limit ends the attempt (`timeout`). A past lease makes the job available again, until it has "
        "crashed too often (`crashed`); where the job fails on a lost lease, it is a `timeout`.",
    ),
    _named("cancel", frozenset({State.CANCELLED}), ("cancelled",), "Whoever runs it loses the lease."),
    _named("retry", frozenset({State.AVAILABLE}), ("retried",), "A new attempt; an unfinished report is superseded."),
    Row(
        verb="retire",
        origin=ENDED,
        target=frozenset(),
        events=(),
        note="Forgotten, once it was kept long enough and what it owes is over.",
    ),
)


def arrows() -> set[tuple[str, State, State]]:
    """Every transition of a job that exists, as its history tells it: event, state before, state after."""
    return {
        (event, before, after)
        for row in ROWS
        for event in row.events
        for before in row.origin
        for after in row.target
        if (event == "failed") == (after is State.FAILED) and (event != "lost" or after is State.AVAILABLE)
    }


def _listed(states: frozenset[State]) -> str:
    return ", ".join(state for state in ORDER if state in states) or NOWHERE


def _ends(states: frozenset[State]) -> list[str]:
    return [str(state) for state in ORDER if state in states] or ["[*]"]


def _chart() -> Iterator[str]:
    labels: dict[tuple[str, str], list[str]] = {}
    for row in ROWS:
        for arrow in product(_ends(row.origin), _ends(row.target)):
            labels.setdefault(arrow, []).append(row.verb)
    for (before, after), verbs in labels.items():
        yield f"    {before} --> {after}: {', '.join(verbs)}"


def _table() -> Iterator[str]:
    for row in ROWS:
        events = ", ".join(f"`{event}`" for event in row.events) or NOWHERE
        yield f"| {row.verb} | {_listed(row.origin)} | {_listed(row.target)} | {events} | {row.note} |"


def _crossed() -> Iterator[str]:
    for verb, states in FROM.items():
        cells = ("yes" if state in states else "refused" for state in ORDER)
        yield f"| {verb} | {' | '.join(cells)} |"


def document() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# The state machine of a job",
            "",
            "Made by `python docs/generate_state_machine.py` from `envoy_plugin/engine/states.py`.",
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
            "## A verb that names a job, in each state",
            "",
            "A refused verb changes nothing and answers the state of the attempt that was named.",
            "The checks come in this order: id, attempt, claim, version, state.",
            "",
            f"| verb | {' | '.join(ORDER)} |",
            f"|---|{'---|' * len(ORDER)}",
            *_crossed(),
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(document(), encoding="utf-8")
