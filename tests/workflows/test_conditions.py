"""The language of conditions: what it says, what it refuses, and that nothing in it can fail or run code."""

import inspect
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envoy_plugin.errors import BadCondition
from envoy_plugin.workflows.definitions.conditions import NAMES, parse

KNOWN = {
    "result": {"granted": True, "doors": ["A", {"name": "B"}], "n": 2.5, "empty": "", "quote": "it's"}
    | {"flags": [True], "and": 5, "in": 6, "not": {"true": 7}, "ärmel": "ü"},
    "answer": "Yes",
    "returnCode": 1,
    "state": "succeeded",
    "reason": None,
    "input": {"flow": "Interview"},
    "job": {"priority": "High"},
}


@pytest.mark.parametrize(
    "text",
    [
        "result.granted",
        "returnCode == 1 && state == 'succeeded'",
        'answer == "Yes"',
        "not (answer == 'No' || answer == 'Maybe')",
        "result.doors[0] == 'A' and result.doors[1].name == \"B\"",
        "result['n'] > 2 and result.n <= 2.5 and -1 < result.n",
        "input.flow in ['Delivery', 'Interview']",
        "input.flow not in ['Delivery',]",
        "'View' not in input.flow and 'view' in input.flow",
        "'granted' in result and not ('lost' in result)",
        "reason == null and result.nothing.at.all == null and result.doors[7] == null",
        "returnCode != true and true == true and returnCode == 1.0",
        "! result.empty",
        "result.quote == 'it\\'s'",
        "not answer < 3 and not (returnCode < '2') and 'a' < 'b'",
        "returnCode in [1] and not (true in [1]) and not (1 in 'x') and not ('x' in null)",
        "result.doors",
        "null == null or result.granted and false",
        "result.flags == [true] and not (result.flags == [1]) and not ([1] in [[true]])",
        "not (result.flags == [true, 1]) and not (result.flags == []) and result.doors[2] == null",
        " and ".join(["(answer)"] * 20),
        "result == result and not (result == input) and input == input",
        "result.and == 5 and result.in == 6 and result.not.true == 7 and result['or'] == null",
        "result.ärmel == 'ü' and result . größe == null",
        "'a\\\\b' == 'a\\\\b' and not ('\\'' == '')",
        "||".join(["result.empty"] * 70) + " || true",
    ],
)
def test_what_is_true(text: str) -> None:
    assert parse(text).holds(KNOWN)
    assert not parse(f"not ({text})").holds(KNOWN)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "a value is missing"),
        ("result.", "a name is missing"),
        ("result ==", "a value is missing"),
        ("returnCode = 1", "nothing can begin with '='; == asks whether two are equal"),
        ("returnCode + 1 == 2", "nothing can begin with '+'"),
        ("result.ok is true", "'is' is one too many; == asks whether two are equal"),
        ("result.ok == True", "there is no 'True'; it is true"),
        ("result == None", "there is no 'None'; it is null"),
        ("answer == Yes", "there is no 'Yes'; there are answer, input, job, reason, result, returnCode, state; texts"),
        ("(answer", "')' is missing"),
        ("answer in ['a' 'b']", "']' is missing"),
        ("answer answer", "'answer' is one too many"),
        ("outcome.granted", "there is no 'outcome'; there are answer, input"),
        ("__import__('os')", "there is no '__import__'"),
        ("result(1)", "'(' is one too many"),
        ("result[answer]", "an index is a text or a whole number"),
        ("result[-1]", "an index is a text or a whole number"),
        ("result[1", "']' is missing"),
        ("result[", "an index is a text"),
        ("'open", "the text that begins with ' has no end"),
        ("(" * 17 + "1" + ")" * 17, "more than 16 levels"),
        ("!" * 17 + "true", "more than 16 levels"),
        ("[" * 18 + "]" * 18, "more than 16 levels"),
        ("1 == 1 or " * 110 + "true", "more than 1024 bytes"),
        ("answer == '\ud83d'", "half a character stands there"),
        ("result.7", "a name is missing after '.'"),
        ("answer.", "a name is missing"),
    ],
)
def test_what_is_refused_says_where_and_why(text: str, why: str) -> None:
    with pytest.raises(BadCondition) as refused:
        parse(text)
    assert why in refused.value.why
    assert 0 <= refused.value.at <= len(text)


def test_a_row_of_any_length_is_as_deep_as_one_of_two() -> None:
    def deep(levels: int) -> bool:
        return deep(levels - 1) if levels else parse("0||" * 340 + "1").holds({})

    assert deep(sys.getrecursionlimit() - len(inspect.stack(0)) - 60)


words = st.sampled_from(
    [*NAMES, "and", "or", "not", "in", "==", "!=", "<", ">=", "(", ")", "[", "]", ".", ",", "granted", "1", "'x'"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(
    text=st.lists(words, max_size=9).map(" ".join) | st.text(max_size=20),
    known=st.dictionaries(st.sampled_from([*NAMES]), values),
)
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_is_a_condition_that_holds_or_not_or_is_refused(
    text: str, known: dict[str, object]
) -> None:
    try:
        condition = parse(text)
    except BadCondition:
        return
    assert condition.holds(known) in {True, False}
    assert condition.names <= NAMES.keys()


def test_which_conditions_are_about_failures() -> None:
    about = [text for text in NAMES if parse(f"true and {text} == 1").is_about_failure]
    assert about == ["returnCode", "state", "reason"]
