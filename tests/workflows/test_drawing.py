"""Diagrams as pictures: every step and path is there, and no text can get out of its place."""

from random import Random
from xml.etree import ElementTree as ET

from envoy_plugin.workflows.diagrams import Diagram, Path, Step
from envoy_plugin.workflows.drawing import mermaid, states_of
from envoy_plugin.workflows.picture import svg
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
        drawn = ET.fromstring(svg(diagram, dict.fromkeys(diagram.by_id, "done")))  # noqa: S314 - our own
        arrows = [path for path in drawn.iter(f"{SPACE}path") if path.get("marker-end")]
        assert len(list(drawn.iter(f"{SPACE}rect"))) == len(diagram.steps)
        assert len(arrows) == sum(len(step.paths) for step in diagram.steps)


def texts_of(*steps: Step, name: str = "d") -> list[str]:
    drawn = ET.fromstring(svg(Diagram(id="d", name=name, initial=steps[0].id, steps=steps)))  # noqa: S314 - our own
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
