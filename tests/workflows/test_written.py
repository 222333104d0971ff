"""Templates as beginners write them: whatever is wrong is said by step, when the template is made."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin.errors import BadDiagram
from envoy_plugin.workflows.definitions.checks import dead_answers
from envoy_plugin.workflows.definitions.diagrams import Diagram, Step
from envoy_plugin.workflows.definitions.templates import Template

B = Step.manual("b")


def wrong(value: Any) -> Any:
    """A value that a type checker would refuse."""
    return value


def follows(then: Any) -> Callable[[], Template]:
    return lambda: Template.of("visit", Step.manual("a", then=then), B)


FAULTY: dict[str, tuple[Callable[[], Template], str]] = {
    "a step for its id": (follows(B), "What follows step 'a' is named by its id, 'b', not by a value of type Step."),
    "steps for ids": (follows([B]), "What follows step 'a' is named by its id, 'b', not by a value of type Step."),
    "nothing": (follows(None), "What follows step 'a' is named by its id, a text, not by None."),
    "a number": (follows(3), "What follows step 'a' is named by its id, a text, not by a value of type int."),
    "a truth": (
        follows({"b": True}),
        "The condition from 'a' to 'b' must be a text, such as \"answer == 'Yes'\", not a value of type bool.",
    ),
    "no condition": (
        follows({"b": None}),
        "The condition from 'a' to 'b' must be a text, such as \"answer == 'Yes'\", not None.",
    ),
    "an id that is a number": (
        lambda: Template.of("visit", Step.manual(wrong(1))),
        "The id of step 1 must be a text, not a value of type int.",
    ),
    "a flag in words": (
        lambda: Template.of("visit", Step.manual("a", held=wrong("yes"), join=wrong(7))),
        "The held of step 'a' must be True or False, not a value of type str. "
        "The join of step 'a' must be a text, not a value of type int.",
    ),
    "a list of steps": (
        lambda: Template.of("visit", wrong([B])),
        "Step 1 must be made by Step.manual(…) or its like, one by one; it is a value of type list.",
    ),
    "no id of the template": (
        lambda: Template.of(wrong(B)),
        "A template's id, which is said first, must be a text, not a value of type Step.",
    ),
    "facts of the template": (
        lambda: Template.of("visit", B, name=wrong(7), closes=wrong("no"), properties=wrong([])),
        "The name of a template must be a text, not a value of type int. "
        "The closes of a template must be True or False, not a value of type str. "
        "The properties of a template must be a dict, not a value of type list.",
    ),
    "a path that is misspelt": (
        lambda: Template.of("visit", Step.manual("a", then="bagde"), Step.manual("badge")),
        "A path of 'a' leads to 'bagde', and there is no such step. Did you mean 'badge'?",
    ),
    "one answer": (
        lambda: Template.of("visit", Step.question("a", "In?", answers="Yes")),
        "The answers of step 'a' must be a list of at most 100 texts or numbers, each once.",
    ),
    "no answers": (
        lambda: Template.of("visit", Step.question("a", "In?", answers=wrong(None))),
        "Step 'a' is a question, and doesn't say its answers.",
    ),
}


@pytest.mark.parametrize("named", FAULTY)
def test_what_has_another_type_than_it_should_is_said_by_step(named: str) -> None:
    make, words = FAULTY[named]
    with pytest.raises(BadDiagram) as refused:
        make()
    assert str(refused.value) == words


def test_a_timeout_is_a_number_of_seconds_or_a_span() -> None:
    span = timedelta(minutes=2, milliseconds=1)
    device = Step.device("a", thing="printer", document="{}", timeout=span)
    assert (device.args["timeout"], Step.titan("b", payload="x", timeout=span).args["timeout"]) == (121, 121)
    assert Step.device("a", thing="printer", document="{}", timeout=60).args["timeout"] == 60


@pytest.mark.parametrize(
    ("then", "dead"),
    [
        ({}, []),
        ({"b": ""}, []),
        ({"b": "answer == 'Yes'"}, ["No"]),
        ({"b": "answer == 'Yes'", "a": "answer != 'Yes'"}, []),
        ({"b": "answer == 'Yes' and input.x"}, []),
        ({"b": "answer == 'Maybe'"}, ["Yes", "No"]),
    ],
)
def test_an_answer_at_which_no_path_is_taken_is_found(then: dict[str, str], dead: list[str]) -> None:
    asked = Template.of("visit", Step.question("a", "In?", answers=["Yes", "No"], then=then), B)
    assert asked.diagram is not None
    assert dead_answers(asked.diagram) == [("a", answer) for answer in dead]
    assert dead_answers(Diagram(id="d", initial="b", steps=(Step.manual("b", then={"b": "answer == 1"}),))) == []
