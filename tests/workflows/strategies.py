"""Diagrams and endings for the tests that generate them."""

from hypothesis import strategies as st

from envoy_plugin.workflows.definitions.diagrams import Diagram, Join, Path, Step
from envoy_plugin.workflows.running.flow import Ending

CONDITIONS = ("", "", "returnCode == 1", "returnCode == 0", 'state != "succeeded"', "result.again", "else")


@st.composite
def diagrams(draw: st.DrawFn, *, loops: bool = True, most: int = 7, joins: tuple[Join, ...] = tuple(Join)) -> Diagram:
    """A diagram of up to `most` steps, `0` the first; without `loops` every path leads onwards."""
    count = draw(st.integers(1, most))
    steps = []
    for at in range(count):
        targets = list(range(count)) if loops else list(range(at + 1, count))
        chosen = draw(st.lists(st.sampled_from(targets), max_size=3, unique=True)) if targets else []
        paths = tuple(Path(to=str(to), when=draw(st.sampled_from(CONDITIONS))) for to in chosen)
        steps.append(Step(id=str(at), paths=paths, join=draw(st.sampled_from(joins))))
    return Diagram(id="d", initial="0", steps=tuple(steps))


endings = st.builds(
    Ending,
    state=st.sampled_from(["succeeded", "succeeded", "failed", "cancelled"]),
    result=st.sampled_from([None, {"again": True}, {"again": False}]),
    code=st.sampled_from([None, 0, 1, 2]),
)
