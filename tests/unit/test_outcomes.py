"""What a handler returns or raises, and the answer that Envoy gets for it."""

import copy
from datetime import timedelta

import pytest

from envoy_plugin.envoy.attachments import Text
from envoy_plugin.errors import ConfigMismatch, DeclarationError
from envoy_plugin.outcomes import (
    Answer,
    Done,
    Failed,
    Ignored,
    Ongoing,
    Outcome,
    Retry,
    Snooze,
    answer,
    answer_raised,
    timed_out,
    to_outcome,
)

PIN = "canary-4711"


ONE_OF_EACH = [
    Done("Badge ready", Text("PIN", PIN), data={"pin": PIN}),
    Ongoing("On its way"),
    Ignored("Nothing to do", "Guest has no e-mail"),
    Failed("Door system down", "connect refused", attachments=[Text("PIN", PIN)]),
    Retry("Busy", after=timedelta(seconds=3)),
    Snooze(timedelta(minutes=1)),
]


def test_nothing_returned_means_done() -> None:
    assert to_outcome(None) == Done()


def test_a_returned_dict_is_the_data_of_done() -> None:
    assert to_outcome({"badge": 7}) == Done(data={"badge": 7})


@pytest.mark.parametrize("outcome", ONE_OF_EACH, ids=str)
def test_a_returned_outcome_is_taken_as_it_is(outcome: Outcome) -> None:
    assert to_outcome(outcome) is outcome


@pytest.mark.parametrize("value", ["Done", 200, True, [Done()], (200, {}), PIN.encode()])
def test_anything_else_returned_is_a_mistake_that_names_type_and_handler_but_no_value(value: object) -> None:
    with pytest.raises(DeclarationError) as caught:
        to_outcome(value, handler="doors.open_door")
    assert str(caught.value).startswith(f"doors.open_door returned a {type(value).__name__}; return None, a dict")
    assert PIN not in str(caught.value)


def test_a_returned_outcome_class_is_told_from_an_instance() -> None:
    with pytest.raises(DeclarationError, match="returned a class, Done, and not an instance"):
        to_outcome(Done)


def test_a_forgotten_await_is_called_by_its_name() -> None:
    async def enqueue() -> str:
        return "job"

    with pytest.raises(TypeError, match="this is a coroutine: an await is missing"):
        Ongoing("Going on", after=enqueue())  # type: ignore[arg-type] # the mistake


@pytest.mark.parametrize("outcome", ONE_OF_EACH, ids=str)
def test_each_outcome_can_be_raised_and_caught(outcome: Outcome) -> None:
    with pytest.raises(type(outcome)) as caught:
        raise outcome
    assert caught.value == outcome


@pytest.mark.parametrize("outcome", ONE_OF_EACH, ids=str)
def test_an_outcome_equals_a_copy_and_hashes_like_it(outcome: Outcome) -> None:
    twin = copy.copy(outcome)
    assert twin is not outcome
    assert twin == outcome
    assert hash(twin) == hash(outcome)


def test_outcomes_of_another_kind_or_content_differ() -> None:
    assert Ignored("No") != Failed("No")
    assert Done("a") != Done("b")
    assert Done("a", Text("Note", "1")) != Done("a", Text("Note", "2"))
    assert Done() != {}


@pytest.mark.parametrize("outcome", ONE_OF_EACH, ids=str)
def test_neither_attachments_nor_data_show_in_the_repr(outcome: Outcome) -> None:
    assert PIN not in repr(outcome)
    assert repr(outcome).startswith(f"{type(outcome).__name__}(")


def test_the_repr_counts_what_it_hides() -> None:
    assert repr(ONE_OF_EACH[0]) == "Done(message='Badge ready', attachments=<1>, data=<1>)"
    assert repr(Snooze(timedelta(minutes=1))) == "Snooze(after='0:01:00')"


WIRE_NOTE = {"type": "text", "label": "Note", "value": "x"}


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Done(), Answer(status=200, body={})),
        (Done("Ready"), Answer(status=200, body={"message": "Ready"})),
        (Done("Ready", data={"a": 1}), Answer(status=200, body={"a": 1, "message": "Ready"})),
        (Done("R", Text("Note", "x")), Answer(status=200, body={"message": "R"})),
        (Ongoing(), Answer(status=202, body={})),
        (Ongoing("Soon"), Answer(status=202, body={"message": "Soon"})),
        (Ignored("No"), Answer(status=400, body={"message": "No"})),
        (Ignored("No", "why"), Answer(status=400, body={"message": "No", "debugInfo": "why"})),
        (
            Failed("Down", "why", attachments=[Text("Note", "x")]),
            Answer(status=412, body={"message": "Down", "debugInfo": "why", "attachments": [WIRE_NOTE]}),
        ),
        (Retry(), Answer(status=500, body={"message": "Try again later"})),
        (Retry("Busy", after=timedelta(seconds=3)), Answer(status=500, body={"message": "Busy"}, retry_after=3)),
        (
            Snooze(timedelta(milliseconds=1500)),
            Answer(status=503, body={"message": "Try again later"}, retry_after=2),
        ),
        (Snooze(timedelta(0)), Answer(status=503, body={"message": "Try again later"}, retry_after=1)),
    ],
)
def test_each_outcome_has_the_answer_that_envoy_reads(outcome: Outcome, expected: Answer) -> None:
    assert answer(outcome) == expected


def test_answering_leaves_the_data_of_the_outcome_alone() -> None:
    data = {"a": 1}
    answer(Done("Ready", data=data))
    assert data == {"a": 1}


def test_a_raised_outcome_is_answered_as_if_returned() -> None:
    assert answer_raised(Ignored("No")) == answer(Ignored("No"))


def test_a_config_that_does_not_fit_is_a_failure_that_names_the_fields() -> None:
    got = answer_raised(ConfigMismatch(["config.api_key"]))
    assert got.status == 412
    assert "config.api_key" in got.body["message"]


@pytest.mark.parametrize("error", [ValueError(PIN), KeyError(PIN), TimeoutError(PIN), Exception(PIN)], ids=repr)
def test_nothing_of_an_unexpected_error_reaches_envoy(error: Exception) -> None:
    assert answer_raised(error) == Answer(status=500, body={"message": "The plugin failed unexpectedly"})


def test_a_time_out_is_a_500_that_says_so() -> None:
    assert timed_out() == Answer(status=500, body={"message": "Timed out"})
