"""How a workflow goes on, for diagrams of every shape: nothing is forgotten, and joins wait as long as they must."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envoy_plugin.workflows.definitions.checks import check
from envoy_plugin.workflows.definitions.diagrams import Diagram, Join, Path, Step
from envoy_plugin.workflows.running.flow import (
    UNDER_WAY,
    Ending,
    Move,
    Standing,
    Standings,
    Stop,
    after,
    complete,
    percent_complete,
    set_current,
)
from tests.workflows.strategies import diagrams, endings

GOOD, BAD = Ending(), Ending(state="failed", reason="timeout")


def begin(diagram: Diagram) -> dict[str, Standing]:
    """Where the steps stand when a workflow has just been made."""
    idle = dict.fromkeys(diagram.by_id, Standing.IDLE)
    return idle | {diagram.initial: Standing.CURRENT}


def current(standings: Standings) -> list[str]:
    return [step_id for step_id, standing in standings.items() if standing is Standing.CURRENT]


def draw_diagram(*steps: str, joins: str = "") -> Diagram:
    """`a>b,c` is a step with two paths; the first one begins."""
    made = []
    for text in steps:
        step_id, _, ahead = text.partition(">")
        paths = tuple(Path(to=to) for to in ahead.split(",") if to)
        made.append(Step(id=step_id, paths=paths, join=Join.ALL if step_id in joins.split() else Join.ANY))
    return Diagram(id="d", initial=made[0].id, steps=tuple(made))


def play(diagram: Diagram, *ends: str) -> Move:
    """End these steps well, one after the other."""
    move = Move(standings=begin(diagram))
    for step_id in ends:
        assert step_id in current(move.standings)
        move = after(diagram, move.standings, step_id, GOOD)
    return move


@given(diagram=diagrams(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_workflow_is_over_or_has_a_current_step(diagram: Diagram, data: st.DataObject) -> None:
    standings: Standings = begin(diagram)
    for _ in range(30):
        open_steps = current(standings)
        if not open_steps:
            break
        move = after(diagram, standings, data.draw(st.sampled_from(open_steps)), data.draw(endings))
        standings = move.standings
        assert move.is_over == (not current(standings))
        assert set(move.opens) <= set(current(standings))
        assert complete(diagram, standings) == []


@given(diagram=diagrams(loops=False, joins=(Join.ALL,)), data=st.data())
@settings(max_examples=150, deadline=None)
def test_where_every_step_joins_all_and_nothing_loops_each_step_opens_once(
    diagram: Diagram, data: st.DataObject
) -> None:
    standings: Standings = begin(diagram)
    opened = [diagram.initial]
    while open_steps := current(standings):
        move = after(diagram, standings, data.draw(st.sampled_from(open_steps)), GOOD)
        if move.stop:
            return
        standings = move.standings
        opened += move.opens
    assert len(opened) == len(set(opened))


@given(diagram=diagrams(), data=st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_open_stays_open_and_percent_is_a_share(diagram: Diagram, data: st.DataObject) -> None:
    standings: Standings = begin(diagram)
    for _ in range(20):
        open_steps = current(standings)
        if not open_steps:
            assert percent_complete(diagram, standings) == 100
            return
        assert 0 <= percent_complete(diagram, standings) < 100
        ended = data.draw(st.sampled_from(open_steps))
        move = after(diagram, standings, ended, data.draw(endings))
        assert set(open_steps) - {ended} <= set(current(move.standings))
        standings = move.standings


@given(diagram=diagrams(), step=st.integers(0, 6), ends=st.lists(st.integers(0, 6), max_size=6))
@settings(max_examples=80, deadline=None)
def test_one_step_is_current_after_somebody_said_so(diagram: Diagram, step: int, ends: list[int]) -> None:
    standings: Standings = begin(diagram)
    for at in ends:
        if open_steps := current(standings):
            standings = after(diagram, standings, open_steps[at % len(open_steps)], GOOD).standings
    chosen = list(diagram.by_id)[step % len(diagram.steps)]
    under_way = {s for s, where in set_current(diagram, standings, chosen).standings.items() if where in UNDER_WAY}
    assert under_way == {chosen}


def test_parallel_paths_open_several_steps() -> None:
    move = play(draw_diagram("a>b,c", "b", "c"), "a")
    assert (current(move.standings), list(move.opens), move.is_over) == (["b", "c"], ["b", "c"], False)


def test_a_step_that_joins_any_opens_at_each_arrival() -> None:
    diagram = draw_diagram("a>b,c", "b>d", "c>d", "d")
    assert list(play(diagram, "a", "b").opens) == ["d"]
    assert list(play(diagram, "a", "b", "c").opens) == []  # it is open: two arrivals are one
    assert list(play(diagram, "a", "b", "d", "c").opens) == ["d"]


@pytest.mark.parametrize("standing", [Standing.CURRENT, Standing.ENDED])
def test_an_arrival_at_a_step_that_is_open_or_just_over_is_one_with_the_one_before(standing: Standing) -> None:
    diagram = draw_diagram("a>b", "b")
    move = after(diagram, {"a": Standing.CURRENT, "b": standing}, "a", GOOD)
    assert (move.standings["b"], move.opens) == (standing, {})


def test_of_two_paths_to_a_step_the_first_that_is_taken_says_whose_it_is() -> None:
    paths = tuple(Path(to="b", when=when, assigned=who) for when, who in [("false", "x"), ("", "user:ada"), ("", "y")])
    diagram = Diagram(id="d", initial="a", steps=(Step(id="a", paths=paths), Step(id="b")))
    assert after(diagram, begin(diagram), "a", GOOD).opens["b"].assigned == "user:ada"


def test_percent_counts_a_step_that_was_over_as_ahead_where_a_loop_leads_back_to_it() -> None:
    standings = {"a": Standing.OVER, "b": Standing.CURRENT, "c": Standing.IDLE}
    assert percent_complete(draw_diagram("a>b", "b>c", "c"), standings) == pytest.approx(100 / 3)
    assert percent_complete(draw_diagram("a>b", "b>a,c", "c"), standings) == 0


def test_a_step_that_joins_all_waits_for_the_last_that_can_come() -> None:
    diagram = draw_diagram("a>b,c", "b>d", "c>e", "e>d", "d", joins="d")
    assert play(diagram, "a", "b").standings["d"] is Standing.JOINING
    assert list(play(diagram, "a", "b", "c", "e").opens) == ["d"]


def test_a_join_does_not_wait_for_a_branch_that_went_elsewhere() -> None:
    diagram = draw_diagram("a>b,c", "b>d", "c>e", "d", "e", joins="d")
    assert list(play(diagram, "a", "b").opens) == ["d"]


def test_joins_that_lead_to_each_other_do_not_wait_for_each_other() -> None:
    diagram = draw_diagram("a>b,c", "b>c", "c>b", joins="b c")
    assert set(play(diagram, "a").opens) == {"b", "c"}


def test_a_join_waits_for_a_join_that_opens_before() -> None:
    diagram = draw_diagram("a>b,c", "b>c", "c", joins="b c")
    move = play(diagram, "a")
    assert (list(move.opens), move.standings["c"]) == (["b"], Standing.JOINING)
    assert list(play(diagram, "a", "b").opens) == ["c"]


def test_a_step_can_lead_back_to_itself() -> None:
    assert list(play(draw_diagram("a>a"), "a").opens) == ["a"]


@pytest.mark.parametrize(
    ("when", "ending", "stop"),
    [
        ("", GOOD, None),
        ("", BAD, Stop.FAILED),
        ("result.x", BAD, Stop.FAILED),
        ("not result.x", BAD, Stop.FAILED),
        ('state == "failed"', BAD, None),
        ('reason == "timeout" and not result.x', BAD, None),
        ("returnCode == 0", BAD, None),
        ("returnCode == 1", GOOD, None),
        ("returnCode == 7", Ending(code=7), None),
        ('answer == "Yes"', Ending(answer="Yes"), None),
        ('answer == "Yes"', Ending(answer="No"), Stop.NO_PATH),
        ("else", GOOD, None),
        ("else", BAD, None),
    ],
)
def test_after_a_failure_only_conditions_that_ask_for_it_count(when: str, ending: Ending, stop: Stop | None) -> None:
    steps = (Step(id="a", paths=(Path(to="b", when=when),)), Step(id="b"))
    move = after(Diagram(id="d", initial="a", steps=steps), {"a": Standing.CURRENT, "b": Standing.IDLE}, "a", ending)
    assert (list(move.opens), move.stop) == ([] if stop else ["b"], stop)


@pytest.mark.parametrize(
    ("ending", "opened"),
    [
        (Ending(answer="Yes"), ["yes"]),
        (Ending(answer="No"), ["other", "more"]),
        (BAD, ["other", "more"]),
        (Ending(state="cancelled"), ["cancelled"]),
    ],
)
def test_whatever_else_is_where_no_other_path_is_taken(ending: Ending, opened: list[str]) -> None:
    then = {"other": "else", "yes": "answer == 'Yes'", "more": "else", "cancelled": "state == 'cancelled'"}
    diagram = Diagram(id="d", initial="a", steps=(Step.manual("a", then=then), *(Step.manual(to) for to in then)))
    check(diagram)
    assert list(after(diagram, begin(diagram), "a", ending).opens) == opened


def test_a_success_without_a_path_that_fits_stops_and_a_last_step_ends_the_workflow() -> None:
    steps = (Step(id="a", paths=(Path(to="b", when="returnCode == 2"),)), Step(id="b"))
    diagram = Diagram(id="d", initial="a", steps=steps)
    begun = begin(diagram)
    assert after(diagram, begun, "a", GOOD).stop is Stop.NO_PATH
    assert after(diagram, begun, "a", BAD).stop is Stop.FAILED
    last = after(diagram, begun | {"a": Standing.OVER, "b": Standing.CURRENT}, "b", GOOD)
    assert (last.is_over, last.stop) == (True, None)


@pytest.mark.parametrize(
    ("reason", "stop"), [("timeout", Stop.FAILED), ("error", Stop.FAILED), ("rejected", None), (None, Stop.FAILED)]
)
def test_a_last_step_that_failed_waits_for_somebody_unless_that_was_decided(
    reason: str | None, stop: Stop | None
) -> None:
    diagram = Diagram(id="d", initial="a", steps=(Step(id="a"),))
    move = after(diagram, begin(diagram), "a", Ending(state="failed", reason=reason))
    assert (move.stop, move.is_over) == (stop, stop is None)


def test_the_status_of_the_last_path_that_is_taken_is_the_workflows() -> None:
    paths = (Path(to="b", status="In Progress"), Path(to="b", status="Ready"), Path(to="b"))
    diagram = Diagram(id="d", initial="a", steps=(Step(id="a", paths=paths), Step(id="b")))
    assert after(diagram, begin(diagram), "a", GOOD).status == "Ready"
