"""The `q` of a query: an SQL where-clause over named fields, read node by node against a list of what is understood.

    closed = 0 AND priority IN ('High', 'Medium')
    "assignedType='User' AND assignedTo='" + $currentUser + "'"

    = <> != < <= > >=    LIKE (% and _, ESCAPE)    IN (…)    BETWEEN … AND …    IS NULL    IS NOT NULL    AND OR NOT ( )

A clause in double quotes is a text of the original's expression language, which may be put together with `+` and
`$currentUser`; nothing else of that language is understood. A comparison with a field that has no value is neither true
nor false, as in SQL. Of a field with several values (there may be several current steps) one that fits is enough.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from envoy_plugin.errors import BadQuery
from envoy_plugin.workflows.index.clauses import (
    CURRENT_USER,
    Node,
    conjuncts_of,
    kind_of,
    members_of,
    parse_clause,
    sides_of,
)
from envoy_plugin.workflows.index.truth import ORDER, Facts, Test, Value, all_of, any_of, is_null, like, negated, one_of

DEEPEST: Final = 32
TEXT: Final = "text"
NUMBER: Final = "number"
DATE: Final = "date"
FIELDS: Final[Mapping[str, str]] = {
    "jobId": TEXT,
    "jobName": TEXT,
    "jobStatus": TEXT,
    "jobTemplateId": TEXT,
    "jobTemplateName": TEXT,
    "diagramId": TEXT,
    "description": TEXT,
    "notes": TEXT,
    "ownedBy": TEXT,
    "createdBy": TEXT,
    "priority": TEXT,
    "parentJob": TEXT,
    "currentStep": TEXT,
    "currentStepId": TEXT,
    "assignedType": TEXT,
    "assignedTo": TEXT,
    "closed": NUMBER,
    "hasLocation": NUMBER,
    "percentComplete": NUMBER,
    "createdDate": DATE,
    "startDate": DATE,
    "startedDate": DATE,
    "dueDate": DATE,
    "endDate": DATE,
}
"""What a clause may name, in either spelling and any case, and of what kind it is; a yes is the number 1, a no 0."""
BY_LOWER: Final = {name.lower(): name for name in FIELDS} | {"jobpriority": "priority"}
TURNED: Final = {"LT": "GT", "LTE": "GTE", "GT": "LT", "GTE": "LTE"}
MOMENTS: Final = frozenset({"DATE", "DATETIME", "TIMESTAMP", "TIMESTAMPTZ"})
CURRENT_HINT: Final = """; $currentUser goes between texts, "assignedTo='" + $currentUser + "'\""""


@dataclass(frozen=True, slots=True)
class Where:
    """A clause that was read.

    `fields`: those that it names. `choices`: equalities and lists of IN, of each of which every job that fits has one
    value. `is_told`: they are all that the clause says.
    """

    _test: Test
    fields: frozenset[str]
    choices: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    is_told: bool = False

    def fits(self, facts: Facts) -> bool:
        """Whether the clause is true of these facts."""
        return self._test(facts) is True


def parse_where(text: str, *, user: str | None = None) -> Where:
    """Read a clause; `user` is who `$currentUser` is.

    Raises:
        BadQuery: what can't be read, or isn't understood; named.
    """
    root, reader = parse_clause(text, has_user=user is not None), _Reader(user or "")
    test, parts = reader.read(root, 0), list(conjuncts_of(root))
    choices = tuple(choice for part in parts if (choice := reader.choice(part)) is not None)
    return Where(test, frozenset(reader.fields), choices, len(choices) == len(parts))


def field_of(name: str) -> str | None:
    """The field that a name means, in either spelling: `jobStatus`, `job_status`; None: there is none."""
    return BY_LOWER.get(name.replace("_", "").lower())


class _Reader:
    """Makes tests of the nodes that are understood, and refuses every other by its name."""

    def __init__(self, user: str) -> None:
        self.fields: set[str] = set()
        self._user = user

    def read(self, node: Node, depth: int) -> Test:
        """The test that a node stands for."""
        name = kind_of(node)
        if depth > DEEPEST:
            raise BadQuery(f"it is more than {DEEPEST} levels deep")
        if name in {"And", "Or"}:
            sides = [self.read(side, depth + 1) for side in sides_of(node)]
            return all_of(sides) if name == "And" else one_of(sides)
        if name == "Not":
            return negated(self.read(node.this, depth + 1))
        if name == "Paren":
            return self.read(node.this, depth + 1)
        leaves = {"In": self._in, "Between": self._between, "Like": self._like, "Is": self._is, "Escape": self._escape}
        read_leaf = leaves.get(name)
        if read_leaf:
            return read_leaf(node)
        if name in ORDER:
            return self._comparison(node, name)
        raise BadQuery(f"{name.upper()} is not understood")

    def choice(self, node: Node) -> tuple[str, tuple[Value, ...]] | None:
        """The field, and the values of which it has one; None: it isn't that simple."""
        name = kind_of(node)
        if name == "EQ":
            field, value, _ = self._sides(node, name)
            return field, (value,)
        return self._list(node) if name == "In" else None

    def _sides(self, node: Node, name: str) -> tuple[str, Value, str]:
        """The field, the value, and the comparison with the field on the left."""
        left, right = node.this, node.expression
        if type(left).__name__ != "Column":
            left, right, name = right, left, TURNED.get(name, name)
        field = self._field(left)
        return field, self._value(field, right), name

    def _comparison(self, node: Node, name: str) -> Test:
        field, value, name = self._sides(node, name)
        compare = ORDER[name]
        return any_of(field, lambda found: compare(found, value))

    def _list(self, node: Node) -> tuple[str, tuple[Value, ...]]:
        field = self._field(node.this)
        return field, tuple(self._value(field, item) for item in node.expressions)

    def _in(self, node: Node) -> Test:
        field, values = self._list(node)
        if not values:
            raise BadQuery("IN needs a list of values")
        known = frozenset(values)
        return any_of(field, lambda found: found in known)

    def _between(self, node: Node) -> Test:
        field = self._field(node.this)
        low: Any = self._value(field, node.args["low"])
        high: Any = self._value(field, node.args["high"])
        return any_of(field, lambda found: bool(low <= found <= high))

    def _like(self, node: Node, escape: str = "") -> Test:
        field = self._field(node.this)
        if FIELDS[field] != TEXT:
            raise BadQuery(f"LIKE is for texts, and {field} is a {FIELDS[field]}")
        fits = like(str(self._value(field, node.expression)), escape)
        if fits is None:
            raise BadQuery("the character of ESCAPE stands before nothing")
        test = any_of(field, fits)
        return negated(test) if node.args.get("negate") else test

    def _escape(self, node: Node) -> Test:
        inner, escape = node.this, node.expression
        negates = kind_of(inner) == "Not"
        inner = inner.this if negates else inner
        if kind_of(inner) != "Like" or kind_of(escape) != "Literal" or len(escape.this) != 1:
            raise BadQuery("ESCAPE is one character, after LIKE")
        test = self._like(inner, escape.this)
        return negated(test) if negates else test

    def _is(self, node: Node) -> Test:
        field = self._field(node.this)
        if type(node.expression).__name__ != "Null":
            raise BadQuery("IS is for NULL alone")
        return is_null(field)

    def _field(self, node: Node) -> str:
        if type(node).__name__ != "Column" or members_of(node) != {"this"}:
            raise BadQuery("a comparison has a field on one side and a value on the other")
        field = field_of(node.name)
        if field is None:
            raise BadQuery(f"there is no field {node.name!r}")
        self.fields.add(field)
        return field

    def _value(self, field: str, node: Node) -> Value:
        kind, name, sign = FIELDS[field], kind_of(node), ""
        if name == "Neg":
            node, name, sign = node.this, kind_of(node.this), "-"
        elif name == "Cast" and kind == DATE and node.args["to"].this.name in MOMENTS:  # DATE '…', TIMESTAMP '…'
            node, name = node.this, kind_of(node.this)
        if name == "Boolean" and kind == NUMBER and not sign:
            return float(node.this)
        if name == "Null":
            raise BadQuery(f"nothing is equal to NULL: it is {field} IS NULL, or IS NOT NULL")
        if name != "Literal" or (sign and node.is_string):
            hint = CURRENT_HINT if name == "Column" and node.name == "$currentUser" else ""
            raise BadQuery(f"{field} can be compared with a value alone{hint}")
        if kind == NUMBER:
            return _number(field, sign + node.this)
        text = sign + node.this.replace(CURRENT_USER, self._user)
        return _moment(field, text) if kind == DATE else text


def _number(field: str, text: str) -> float:
    try:
        found = math.nan if "_" in text else float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise BadQuery(f"{field} is a number")
    return found


def _moment(field: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadQuery(f"{field} is a date, like 2026-01-31 or 2026-01-31T09:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
