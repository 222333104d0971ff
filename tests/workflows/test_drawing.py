"""Diagrams as pictures: every step and path is there, and no text can get out of its place."""

from random import Random
from xml.etree import ElementTree as ET

from envoy_plugin.workflows.diagrams import Diagram, Path, Step
from envoy_plugin.workflows.drawing import mermaid, states_of, svg
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
        "    classDef ready fill:#dbeafe,stroke:#555,color:#111",
    ]


def test_an_svg_can_be_read_whatever_the_diagram_is() -> None:
    for seed in range(30):
        diagram = make_diagram(Random(seed))
        drawn = ET.fromstring(svg(diagram, dict.fromkeys(diagram.by_id, "done")))  # noqa: S314 - our own
        arrows = [path for path in drawn.iter(f"{SPACE}path") if path.get("marker-end")]
        assert len(list(drawn.iter(f"{SPACE}rect"))) == len(diagram.steps)
        assert len(arrows) == sum(len(step.paths) for step in diagram.steps)


def test_texts_are_cut_and_escaped() -> None:
    step = Step(id="a", name="<script>" + "x" * 40, paths=(Path(to="gone"), Path(to="a", when="1 < 2")))
    drawn = svg(Diagram(id="d", name="<d>", initial="a", steps=(step,)))
    assert "<script>" not in drawn
    assert "…" in drawn
    assert "1 &lt; 2" in drawn


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
