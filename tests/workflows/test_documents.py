"""Diagrams as JSON: what comes is what goes, and what can't be read is named, place by place."""

import json
import pathlib
import re
from random import Random
from typing import Any

import pytest

from envoy_plugin.errors import BadDiagram
from envoy_plugin.workflows.definitions.checks import check, faults_in, unreachable
from envoy_plugin.workflows.definitions.diagrams import Diagram, Kind, Path, Step
from envoy_plugin.workflows.definitions.documents import assigned_words, assignment_of, diagram_document, parse_diagram
from tests.workflows.generated import make_diagram

VISIT: dict[str, Any] = {
    "diagramName": "visit",
    "active": True,
    "initialStepId": "",
    "displayGrid": False,
    "steps": [
        {
            "id": "s-access",
            "name": "Provision access",
            "automatic": True,
            "position": "0,75,100,50",
            "action": {"actionType": "EnvoyPlugin", "args": {"worker": "provision_access"}},
            "paths": [
                {"nextStep": "s-host", "expression": "returnCode == 0", "assignedType": "Group", "assignedTo": "desk"}
            ],
        },
        {"id": "s-host", "name": "Host", "shape": 3, "action": {"actionType": "Manual"}, "paths": []},
        {"id": "s-in", "name": "Signs in", "canSkip": True, "paths": [{"nextStep": "s-access", "points": []}]},
    ],
}


def test_a_visit_is_read_and_the_first_step_is_the_one_that_nothing_leads_to() -> None:
    diagram = parse_diagram(VISIT, diagram_id="d")
    access = diagram["s-access"]
    assert (diagram.initial, access.kind, access.args) == ("s-in", Kind.FUNCTION, {"function": "provision_access"})
    assert access.paths == (Path(to="s-host", when="returnCode == 0", assigned="group:desk"),)
    assert (diagram["s-in"].can_skip, diagram["s-in"].proceeds, diagram["s-in"].kind) == (True, True, Kind.MANUAL)


def test_what_is_drawn_comes_back_as_it_came() -> None:
    told = diagram_document(parse_diagram(VISIT, diagram_id="d"))
    assert (told["displayGrid"], told["initialStepName"], told["diagramId"]) == (False, "Signs in", "d")
    assert [step.get("position") or step.get("shape") for step in told["steps"]] == ["0,75,100,50", 3, None]
    assert told["steps"][0]["action"] == VISIT["steps"][0]["action"]
    assert told["steps"][2]["paths"] == VISIT["steps"][2]["paths"]


def test_the_diagram_in_the_docs_can_be_active() -> None:
    page = (pathlib.Path(__file__).parents[2] / "docs" / "workflows.md").read_text()
    [block] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    diagram = parse_diagram(json.loads(block), diagram_id="visit")
    check(diagram, {"provision_access"})
    assert (diagram.initial, diagram["access"].paths[0].assigned) == ("access", "owner")


def test_every_diagram_survives_the_way_through_json() -> None:
    for seed in range(50):
        diagram = make_diagram(Random(seed))
        assert parse_diagram(diagram_document(diagram), diagram_id="d") == diagram


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        ([], ["the diagram must be an object."]),
        ({"steps": 1, "diagramName": 2}, ["steps of the diagram must be a list.", "diagramName of the diagram must"]),
        ({"steps": ["a"]}, ["steps[0] must be an object."]),
        ({"steps": [{"id": "a", "automatic": "yes", "paths": [7]}]}, ["automatic of steps[0]", "paths[0] of steps[0]"]),
        ({"steps": [{"id": "a", "action": 1}]}, ["action of steps[0] must be an object."]),
    ],
)
def test_what_has_another_shape_is_named_all_at_once(document: Any, faults: list[str]) -> None:
    with pytest.raises(BadDiagram) as refused:
        parse_diagram(document, diagram_id="d")
    assert len(refused.value.faults) >= len(faults)
    assert [fault for fault in faults if fault not in str(refused.value)] == []


def test_what_has_another_shape_and_what_can_not_be_done_are_said_together() -> None:
    document = {"steps": [{"id": "a", "automatic": "yes", "paths": [{"nextStep": "b"}]}]}
    with pytest.raises(BadDiagram) as refused:
        parse_diagram(document, diagram_id="d", faults_in=faults_in)
    assert refused.value.faults == (
        "automatic of steps[0] must be true or false.",
        "A path of 'a' leads to 'b', and there is no such step.",
    )


@pytest.mark.parametrize(
    ("kind", "name", "assignee"),
    [
        ("Unassigned", None, "unassigned"),
        ("User", "ada", "user:ada"),
        ("Group", "desk", "group:desk"),
        ("User", "JobCreator($job)", "creator"),
        ("User", "LastRunBy($job)", "last_run_by"),
    ],
)
def test_assignments_have_words_in_both_tongues(kind: str, name: str | None, assignee: str) -> None:
    assert assignment_of(kind, name) == assignee
    assert assigned_words(assignee) == (kind, name)


def test_everything_that_is_wrong_with_a_diagram_is_said_at_once() -> None:
    steps = (
        Step(id="a", kind="ExecuteGP", paths=(Path(to="nowhere", when="x ==", assigned="nobody"),)),
        Step(id="a", join="most", assigned="robot:7"),
        Step(id="update", kind=Kind.FUNCTION, args={"function": "fly"}),
        Step(id="a/b", kind=Kind.DEVICE),
        Step(id="", kind=Kind.QUESTION, args={"question": "Well?", "answers": []}),
        Step(id="p", paths=tuple(Path(to="p") for _ in range(51))),
        Step(id=".."),
    )
    with pytest.raises(BadDiagram) as refused:
        check(Diagram(id="d", initial="first", steps=steps), {"walk"})
    said = str(refused.value)
    expected = [
        "Two steps have the id 'a'",
        "The first step is 'first', and there is no such step",
        "is a 'ExecuteGP', which nobody here can do",
        "leads to 'nowhere'",
        "there is no 'x'",
        "can't assign to 'nobody'",
        "joins by 'most'",
        "can't be assigned to 'robot:7'",
        "No step can have the id 'update'",
        "No step can have the id '..'",
        "wants the function 'fly', which the plugin doesn't have; it has walk",
        "not 'a/b'",
        "doesn't say its thing",
        "doesn't say its document",
        "doesn't say its answers",
        "more than 50 paths",
    ]
    assert [fault for fault in expected if fault not in said] == []
    assert len(refused.value.faults) == len(expected) + 1


@pytest.mark.parametrize(
    ("action", "args", "fault"),
    [
        ("EnvoyDevice", {"thing": "t", "document": [1]}, "document of step 'a' must be a text or a JSON object"),
        ("EnvoyDevice", {"thing": "t", "document": "x" * 300_000}, "of at most 261120 bytes"),
        ("EnvoyDevice", {"thing": 7, "document": "d"}, "The thing of step 'a' must be a text"),
        ("EnvoyDevice", {"thing": "t", "document": "d", "timeout": "1"}, "timeout of step 'a' must be a whole number"),
        ("EnvoyDevice", {"thing": "t", "document": "d", "timeout": True}, "from 0 to 604800"),
        (
            "Manual",
            {"timeout": -86_399_999_913_601},
            "The timeout of step 'a' must be a whole number from 0 to 2678400",
        ),
        ("Manual", {"timeout": [1]}, "The timeout of step 'a' must be a whole number"),
        ("EnvoyTitan", {"payload": "p", "timeout": 0}, "from 1 to 2147483647"),
        ("EnvoyTitan", {"payload": "p", "timeout": 1e300}, "from 1 to 2147483647"),
        ("EnvoyTitan", {"payload": "p", "image": 7}, "The image of step 'a' must be a text"),
        ("EnvoyTitan", {"payload": {"x": object()}}, "The payload of step 'a' must be"),
        ("EnvoyPlugin", {"worker": "f", "retries": -1}, "retries of step 'a' must be a whole number from 0 to 100"),
        ("EnvoyPlugin", {"worker": ["f"]}, "The function of step 'a' must be a text"),
        ("Question", {"question": "Well?", "questionResponses": [{"name": "Yes"}]}, "The answers of step 'a' must be"),
        ("Question", {"question": "Well?", "questionResponses": ["Yes", "Yes"]}, "texts or numbers, each once"),
        ("Question", {"question": "Well?", "questionResponses": "Yes"}, "The answers of step 'a' must be a list"),
    ],
)
def test_a_step_whose_work_can_not_be_done_is_refused_before_anybody_comes_to_it(
    action: str, args: dict[str, Any], fault: str
) -> None:
    told = {"id": "a", "action": {"actionType": action, "args": args | {"later": None}}, "paths": [{"nextStep": "a"}]}
    document = {"steps": [told]}
    with pytest.raises(BadDiagram) as refused:
        check(parse_diagram(document, diagram_id="d"), {"f"})
    assert [fault in one for one in refused.value.faults] == [True]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x00", "x" * 257])
def test_nobody_has_a_name_that_can_not_be_shown(name: str) -> None:
    with pytest.raises(BadDiagram, match="can't assign to") as refused:
        check(Diagram(id="d", initial="a", steps=(Step(id="a", paths=(Path(to="a", assigned=f"user:{name}"),)),)))
    assert len(str(refused.value)) < 200


def waiting_joins(number: int) -> Diagram:
    """Joins that are reached from `b` and `c`, and wait for `last`, which can come to them and doesn't."""
    joins = [Step.function(str(at), "f", join="all") for at in range(number)]
    some, others = [join.id for join in joins[:50]], [join.id for join in joins[50:]]
    reached = [Step.manual("b", then=some), Step.manual("c", then=others)]
    never = [Step.manual("d", then=some), Step.manual("e", then=others), Step.manual("end")]
    first = Step.manual("a", then=["b", "c", "last"])
    last = Step.manual("last", then={"d": "input", "e": "input", "end": ""})
    return Diagram(id="d", initial="a", steps=(first, *reached, last, *never, *joins))


def test_no_end_may_open_more_steps_than_one_call_can() -> None:
    check(waiting_joins(57))
    far = [fault.split("'")[1] for fault in faults_in(waiting_joins(62))]
    assert far == ["a", "last"]
    timed = [Step.manual(str(at), timeout=60) for at in range(50)]
    first = Step.manual("a", then=[step.id for step in timed])
    assert list(faults_in(Diagram(id="d", initial="a", steps=(first, *timed)))) != []
    with pytest.raises(BadDiagram, match="The end of step 'a' could open 61 steps at once, with joins behind it"):
        check(waiting_joins(58))


def test_a_diagram_has_from_1_to_200_steps_and_may_have_some_that_nothing_leads_to() -> None:
    many = tuple(Step(id=str(at)) for at in range(201))
    with pytest.raises(BadDiagram, match="at least one step"):
        check(Diagram(id="d", initial="", steps=()))
    with pytest.raises(BadDiagram, match="at most 200 steps, not 201"):
        check(Diagram(id="d", initial="0", steps=many))
    small = Diagram(id="d", initial="0", steps=(Step(id="0", paths=(Path(to="1"),)), Step(id="1"), Step(id="2")))
    check(small)
    assert unreachable(small) == ["2"]
