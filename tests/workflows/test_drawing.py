"""Diagrams as pictures: every step and path is there, and no text can get out of its place."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random
from xml.etree import ElementTree as ET

from envoy_plugin.workflows.definitions.diagrams import Diagram, Path, Step
from envoy_plugin.workflows.drawing.mermaid import Look, mermaid, states_of
from envoy_plugin.workflows.drawing.svg import svg
from tests.workflows.generated import make_diagram
from tests.workflows.stage import Stage

SPACE = "{http://www.w3.org/2000/svg}"


def test_mermaid_has_a_node_for_each_step_and_an_arrow_for_each_path() -> None:
    steps = (
        Step.question("q", "Well?", answers=["Yes"], name='Let "them" <in>', then={"f": "answer == 'Yes'", "gone": ""}),
        Step.function("f", "g", join="all"),
    )
    assert mermaid(Diagram(id="d", initial="q", steps=steps), {"q": "ready"}).splitlines() == [
        "flowchart TD",
        '    s0{{"Let #quot;them#quot; &lt;in&gt;<br/>question: ready"}}:::ready',
        '    s1["f<br/>function, joins all"]',
        "    s0 -- \"answer == 'Yes'\" --> s1",
        "    classDef ready fill:#e9ddff,stroke:#555,color:#111",
    ]


def test_nothing_in_a_name_means_something_to_mermaid() -> None:
    step = Step(id="a", name='`code` #quot; "x"\n%% \x07')
    assert mermaid(Diagram(id="d", initial="a", steps=(step,))).splitlines() == [
        "flowchart TD",
        '    s0[/"#96;code#96; #35;quot; #quot;x#quot; %%  <br/>manual"/]',
    ]


def test_an_svg_can_be_read_whatever_the_diagram_is() -> None:
    for seed in range(30):
        diagram = make_diagram(Random(seed))
        drawn = drawing_of(diagram, "done")
        arrows = [path for path in drawn.iter(f"{SPACE}path") if path.get("marker-end")]
        assert len(list(drawn.iter(f"{SPACE}rect"))) == len(diagram.steps)
        assert len(arrows) == sum(len(step.paths) for step in diagram.steps)


def drawing_of(diagram: Diagram, state: str | None = None) -> ET.Element:
    return ET.fromstring(svg(diagram, dict.fromkeys(diagram.by_id, state) if state else None))  # noqa: S314 - our own


Point = tuple[float, float]


def ways_in(drawn: ET.Element) -> Iterator[list[Point]]:
    """Where each arrow goes: its points, of which those of one x are joined by a line and others by a curve."""
    for path in drawn.iter(f"{SPACE}path"):
        if path.get("marker-end"):
            points: list[Point] = []
            for sign, text in re.findall(r"([MVC])([^MVC]+)", path.get("d", "")):
                numbers = [float(number) for number in text.split()]
                points.append((points[-1][0], numbers[0]) if sign == "V" else (numbers[-2], numbers[-1]))
            yield points


def boxes_in(drawn: ET.Element) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each step."""
    rects = [
        [float(rect.get(name, "")) for name in ("x", "y", "width", "height")] for rect in drawn.iter(f"{SPACE}rect")
    ]
    return [(x, y, x + width, y + height) for x, y, width, height in rects]


def crosses(way: list[Point], box: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = box
    for (x, y), (to_x, to_y) in pairwise(way):
        beside = x == to_x and not left < x < right
        if min(y, to_y) < bottom and max(y, to_y) > top and not beside:
            return True
    return False


def test_no_line_crosses_a_step() -> None:
    for seed in range(30):
        steps = tuple(replace(step, paths=tuple(path for path in step.paths if path.to != step.id))
                      for step in make_diagram(Random(seed)).steps)  # fmt: skip
        drawn = drawing_of(Diagram(id="d", initial=steps[0].id, steps=steps))
        assert [way for way in ways_in(drawn) for box in boxes_in(drawn) if crosses(way, box)] == []


def test_an_arrow_leads_back_to_where_its_path_leads_and_no_two_meet_at_a_step() -> None:
    steps = (
        Step.manual("a", then=["b", "c"]),
        Step.manual("b", then={"a": "answer == 1"}),
        Step.manual("c", then="a"),
    )
    ways = list(ways_in(drawing_of(Diagram(id="d", initial="a", steps=steps))))
    assert [way[0][1] < way[-1][1] for way in ways] == [True, True, False, False]
    at_a = [way[0][0] for way in ways[:2]] + [way[-1][0] for way in ways[2:]]
    assert len(set(at_a)) == len(at_a)
    assert (ways[0][0][0] < ways[1][0][0]) == (ways[0][-1][0] < ways[1][-1][0])


def test_arrows_reach_a_step_in_the_order_in_which_they_come() -> None:
    steps = (
        Step.manual("a", then=["b", "c"]),
        Step.manual("b", then="e"),
        Step.manual("c", then="d"),
        Step.manual("d", then="j"),
        Step.manual("e", then="j"),
        Step.manual("j"),
    )
    (from_d, from_e) = list(ways_in(drawing_of(Diagram(id="d", initial="a", steps=steps))))[-2:]
    assert (from_e[0][0] < from_d[0][0]) == (from_e[-1][0] < from_d[-1][0]) is True


def test_a_step_has_the_colour_of_its_state_and_a_path_its_condition() -> None:
    drawn = drawing_of(
        Diagram(id="d", initial="a", steps=(Step.manual("a", then={"b": "result.x"}), Step.manual("b"))), "held"
    )
    assert {rect.get("fill") for rect in drawn.iter(f"{SPACE}rect")} == {Look.HELD}
    assert "result.x" in [text.text for text in drawn.iter(f"{SPACE}text")]


def texts_of(*steps: Step, name: str = "d") -> list[str]:
    drawn = drawing_of(Diagram(id="d", name=name, initial=steps[0].id, steps=steps))
    return [text.text or "" for text in drawn.iter(f"{SPACE}text")]


def test_texts_are_cut_and_escaped() -> None:
    step = Step(id="a", name="<script>" + "x" * 40, paths=(Path(to="gone"), Path(to="a", when="1 < 2")))
    assert texts_of(step, name="<d>") == ["1 < 2", f"<script>{'x' * 19}…", "manual"]


def test_a_long_title_has_two_lines_and_a_wide_letter_the_room_of_two() -> None:
    assert texts_of(Step(id="a", name="Tell the host that the visitor is on the way to the lift")) == [
        "Tell the host that the",
        "visitor is on the way to th…",
        "manual",
    ]
    assert texts_of(Step(id="a", name="山" * 20)) == [f"{'山' * 13}…", "manual"]
    assert texts_of(Step(id="a", name="e\u0301" * 28)) == ["e\u0301" * 28, "manual"]


def test_a_picture_of_what_xml_can_not_have_can_be_read() -> None:
    assert texts_of(Step(id="a", name="one\x00two\ud800\uffff three\n", paths=(Path(to="a", when="1 ==\x01 1"),))) == [
        "1 ==  1",
        "one two three",
        "manual",
    ]


async def test_the_state_of_each_step_is_a_word(stage: Stage) -> None:
    workflow = await stage.start(
        Step.function("done", "f", then=["stopped", "ready", "held", "queued", "asked", "run", "ended"]),
        Step.function("stopped", "f", retries=0, then={"idle": "result.x"}),
        Step.manual("ready", then="joining"),
        Step.manual("held", held=True, then="joining"),
        Step.function("queued", "f", held=True),
        Step.question("asked", "Well?", answers=["Yes"]),
        Step.manual("run", proceeds=False),
        Step.function("ended", "f", proceeds=False, automatic=False),
        Step.manual("joining", join="all"),
        Step.manual("idle"),
    )
    await stage.do()
    await stage.do()
    await stage.act("run", workflow, "ready", "run", "ended")
    await stage.do()
    await stage.release(workflow, "queued")
    drawn = states_of(await stage.load(workflow), await stage.engine.now())
    themselves = ("done", "stopped", "held", "queued", "joining", "idle", "ended")
    others = {"ready": "done", "asked": "queued", "run": "running"}
    assert drawn == {**{name: name for name in themselves}, **others}
    svg((await stage.load(workflow)).diagram, drawn)
