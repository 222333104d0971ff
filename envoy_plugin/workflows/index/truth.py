"""Whether something is true of a job's facts, false, or neither: SQL's logic, in which what has no value is unknown."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

Value: TypeAlias = str | float | datetime
Facts: TypeAlias = Mapping[str, Sequence[Value]]
"""The values of each field; none where a job has none."""
Truth: TypeAlias = bool | None
Test: TypeAlias = Callable[[Facts], Truth]

ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "EQ": lambda left, right: bool(left == right),
    "NEQ": lambda left, right: bool(left != right),
    "LT": lambda left, right: bool(left < right),
    "LTE": lambda left, right: bool(left <= right),
    "GT": lambda left, right: bool(left > right),
    "GTE": lambda left, right: bool(left >= right),
}


def any_of(field: str, fits: Callable[[Any], bool]) -> Test:
    """One of the field's values fits; unknown where it has none."""

    def test(facts: Facts) -> Truth:
        values = facts.get(field)
        return any(map(fits, values)) if values else None

    return test


def is_null(field: str) -> Test:
    """The field has no value."""
    return lambda facts: not facts.get(field)


def all_of(tests: Sequence[Test]) -> Test:
    """AND."""

    def test(facts: Facts) -> Truth:
        found: Truth = True
        for one in tests:
            truth = one(facts)
            if truth is False:
                return False
            found = found and truth
        return found

    return test


def one_of(tests: Sequence[Test]) -> Test:
    """OR."""
    inner = all_of([negated(test) for test in tests])
    return negated(inner)


def negated(inner: Test) -> Test:
    """NOT: what is unknown stays so."""

    def test(facts: Facts) -> Truth:
        found = inner(facts)
        return None if found is None else not found

    return test


def like(pattern: str, escape: str = "") -> Callable[[str], bool] | None:
    """What LIKE asks of a text: `%` is any text, `_` any character, and what follows `escape` is itself.

    None: the escape character stands before nothing. The time is that of the text times the pattern at most: between
    two `%` the first place that fits is as good as any, and isn't left again.
    """
    pieces, taken = [""], iter(pattern)
    for character in taken:
        if escape and character == escape:
            itself = next(taken, None)
            if itself is None:
                return None
            pieces[-1] += re.escape(itself)
        elif character == "%":
            pieces.append("")
        else:
            pieces[-1] += "." if character == "_" else re.escape(character)
    first, *others = pieces
    between = "".join(f"(?>.*?{piece})" for piece in others[:-1] if piece)
    ends = f".*{others[-1]}" if others else ""
    shape = re.compile(f"{first}{between}{ends}", re.DOTALL)
    return lambda text: shape.fullmatch(text) is not None
