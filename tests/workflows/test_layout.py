"""Where steps and paths are drawn: each path can be followed with the eye, whatever the diagram is."""

from collections.abc import Iterator
from itertools import pairwise
from random import Random

from envoy_plugin.workflows.definitions.diagrams import Diagram, Step
from envoy_plugin.workflows.drawing.layout import GAP, Layout, lay_out
from tests.workflows.generated import make_diagram


def place(diagram: Diagram) -> Layout:
    return lay_out(diagram, dict.fromkeys(diagram.by_id, 100.0), lambda label: 8.0 * len(label))


def placed(*steps: Step) -> Layout:
    return place(Diagram(id="d", initial=steps[0].id, steps=steps))


def some_layouts() -> Iterator[tuple[Diagram, Layout]]:
    for seed in range(40):
        diagram = make_diagram(Random(seed))
        yield diagram, place(diagram)


def test_nothing_in_a_row_touches_its_neighbour() -> None:
    for _, layout in some_layouts():
        for row in layout.rows:
            assert all(b.x - a.x >= (a.width + b.width) / 2 + GAP - 1e-6 for a, b in pairwise(row))
            assert row[0].x - row[0].width / 2 >= -1e-6
            assert row[-1].x + row[-1].width / 2 <= layout.width + 1e-6


def test_every_path_has_a_place_in_each_row_that_it_passes_and_its_label_on_it() -> None:
    for diagram, layout in some_layouts():
        drawn = [line for line in layout.lines for _ in line.spots[:1]]
        assert len(drawn) == sum(path.to != step.id for step in diagram.steps for path in step.paths)
        for line in drawn:
            path = diagram[line.start].paths[line.at]
            assert all(below.row == above.row + 1 for above, below in pairwise(line.spots))
            assert (line.label in line.spots) if path.when else (line.label is None)
            ends = (layout.steps[line.start], layout.steps[path.to])
            assert (line.spots[-1], line.spots[0]) == ends if line.turned else (line.spots[0], line.spots[-1]) == ends


def test_a_step_stands_below_all_that_lead_to_it() -> None:
    layout = placed(Step.manual("a", then=["c", "b"]), Step.manual("b", then="c"), Step.manual("c"))
    assert [layout.steps[step_id].row for step_id in "abc"] == [0, 2, 4]


def test_only_what_leads_back_is_turned_and_its_label_is_where_it_begins() -> None:
    layout = placed(
        Step.manual("a", then="b"),
        Step.manual("b", then="c"),
        Step.manual("c", then={"a": "result.again", "c": "true"}),
    )
    assert [(line.start, line.end) for line in layout.lines if line.turned] == [("c", "a")]
    [label] = [line.label for line in layout.lines if line.label]
    assert label.row == layout.steps["c"].row - 1


def test_two_paths_between_the_same_steps_are_two_lines() -> None:
    layout = placed(Step.manual("a", then={"b": "answer == 1"}), Step.manual("b", then={"a": "answer == 2"}))
    one, other = (line.spots[1] for line in layout.lines)
    assert one.x != other.x


def test_parallel_branches_stand_in_the_order_in_which_they_were_named_around_the_middle() -> None:
    branches = ["b0", "b1", "b2", "b3"]
    layout = placed(Step.manual("s", then=branches), *(Step.manual(at, then="j") for at in branches), Step.manual("j"))
    places = [layout.steps[step_id].x for step_id in branches]
    assert places == sorted(places)
    assert abs(layout.steps["s"].x - layout.width / 2) < 1
    assert abs(layout.steps["j"].x - layout.width / 2) < 1


def test_steps_stand_near_those_that_lead_to_them() -> None:
    layout = placed(
        Step.manual("a", then=["b", "c"]),
        Step.manual("b", then="e"),
        Step.manual("c", then="d"),
        Step.manual("d"),
        Step.manual("e"),
    )
    assert layout.steps["e"].x < layout.steps["d"].x


def test_a_step_that_nothing_leads_to_is_drawn_all_the_same() -> None:
    layout = placed(Step.manual("a"), Step.manual("lost", then="a"))
    assert layout.steps["lost"].row == 0
