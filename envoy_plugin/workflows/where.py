"""The `q` of a query: an SQL where-clause over named fields. Parsed by sqlglot, then read node by node against a list.

    closed = 0 AND priority IN ('High', 'Medium')
    "assignedType='User' AND assignedTo='" + $currentUser + "'"

    = <> != < <= > >=    LIKE (% and _)    IN (…)    BETWEEN … AND …    IS NULL    IS NOT NULL    AND OR NOT ( )

A clause in double quotes is a text of the original's expression language, which may be put together with `+` and
`$currentUser`; nothing else of that language is understood. A comparison with a field that has no value is neither true
nor false, as in SQL. Of a field with several values (there may be several current steps) one that fits is enough.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from envoy_plugin.errors import BadQuery

Value: TypeAlias = str | float | datetime
Facts: TypeAlias = Mapping[str, Sequence[Value]]
"""The values of each field; none where a job has none."""
Truth: TypeAlias = bool | None
Test: TypeAlias = Callable[[Facts], Truth]

MOST_BYTES: Final = 4096
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
    "percentComplete": NUMBER,
    "createdDate": DATE,
    "startDate": DATE,
    "startedDate": DATE,
    "dueDate": DATE,
    "endDate": DATE,
}
"""What a clause may name, in any case of its letters, and of what kind each is. `closed` is 0 or 1."""
BY_LOWER: Final = {name.lower(): name for name in FIELDS} | {"jobpriority": "priority"}
CURRENT_USER: Final = "\x00currentUser\x00"
PIECE: Final = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(\$currentUser))\s*', re.DOTALL)
ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "EQ": lambda left, right: bool(left == right),
    "NEQ": lambda left, right: bool(left != right),
    "LT": lambda left, right: bool(left < right),
    "LTE": lambda left, right: bool(left <= right),
    "GT": lambda left, right: bool(left > right),
    "GTE": lambda left, right: bool(left >= right),
}
TURNED: Final = {"LT": "GT", "LTE": "GTE", "GT": "LT", "GTE": "LTE"}


@dataclass(frozen=True, slots=True)
class Where:
    """A clause that was read.

    `required`: equalities that every job that fits fulfils, so that one of them can choose the jobs to look at.
    `choices`: the same, with the lists of IN, of which every job that fits has one value. `is_equality`: it says no
    more than the one equality that is required.
    """

    _test: Test
    required: tuple[tuple[str, Value], ...]
    choices: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    is_equality: bool = False

    def fits(self, facts: Facts) -> bool:
        """Whether the clause is true of these facts."""
        return self._test(facts) is True


def parse_where(text: str, *, user: str | None = None) -> Where:
    """Read a clause; `user` is who `$currentUser` is.

    Raises:
        BadQuery: what can't be read, or isn't understood; named.
    """
    if len(text.encode()) > MOST_BYTES:
        raise BadQuery(f"it has more than {MOST_BYTES} bytes")
    clause = _put_together(text) if text.lstrip().startswith(('"', "$")) else text
    if CURRENT_USER in clause and user is None:
        raise BadQuery("$currentUser is nobody here")
    root = _tree(clause)
    reader = _Reader(user or "")
    test, choices = reader.read(root, 0), tuple(reader.choices(root))
    required = tuple((field, values[0]) for field, values in choices if len(values) == 1)
    return Where(test, required, choices, type(root.unnest()).__name__ == "EQ")


def _put_together(text: str) -> str:
    clause, at = "", 0
    while True:
        piece = PIECE.match(text, at)
        if piece is None:
            raise BadQuery("a text in double quotes or $currentUser is expected")
        quoted = piece[1]
        clause += CURRENT_USER if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = piece.end()
        if at == len(text):
            return clause
        if text[at] != "+":
            raise BadQuery(f"{text[at]!r} is not understood: texts are put together with +")
        at += 1


def _tree(clause: str) -> Any:
    import sqlglot  # noqa: PLC0415 (heavy, and for queries alone)
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    try:
        found = sqlglot.Dialect.get_or_raise(None).parse_into(sqlglot.exp.Condition, clause)
    except (SqlglotError, RecursionError):
        found = []
    if len(found) != 1 or found[0] is None:
        raise BadQuery("it can't be read as one where-clause")
    return found[0]


class _Reader:
    """Makes tests of the nodes that are understood, and refuses every other by its name."""

    def __init__(self, user: str) -> None:
        self._user = user

    def read(self, node: Any, depth: int) -> Test:
        """The test that a node stands for."""
        if depth > DEEPEST:
            raise BadQuery(f"it is more than {DEEPEST} levels deep")
        name = type(node).__name__
        if name in {"And", "Or"}:
            left, right = self.read(node.this, depth + 1), self.read(node.expression, depth + 1)
            return _both(left, right) if name == "And" else _either(left, right)
        if name == "Not":
            return _negated(self.read(node.this, depth + 1))
        if name == "Paren":
            return self.read(node.this, depth + 1)
        read_leaf = {"In": self._in, "Between": self._between, "Like": self._like, "Is": self._is_null}.get(name)
        if read_leaf:
            return read_leaf(node)
        if name in ORDER:
            return self._comparison(node, name)
        raise BadQuery(f"{name.upper()} is not understood")

    def choices(self, node: Any) -> Iterator[tuple[str, tuple[Value, ...]]]:
        """The equalities, and the lists of IN, that stand between ANDs."""
        name = type(node).__name__
        if name == "And":
            yield from self.choices(node.this)
            yield from self.choices(node.expression)
        elif name == "Paren":
            yield from self.choices(node.this)
        elif name == "EQ":
            field, value, _ = self._sides(node, name)
            yield field, (value,)
        elif name == "In":
            field = self._field(node.this)
            yield field, tuple(self._value(field, item) for item in node.expressions)

    def _sides(self, node: Any, name: str) -> tuple[str, Value, str]:
        """The field, the value, and the comparison with the field on the left."""
        left, right = node.this, node.expression
        if type(left).__name__ != "Column":
            left, right, name = right, left, TURNED.get(name, name)
        field = self._field(left)
        return field, self._value(field, right), name

    def _comparison(self, node: Any, name: str) -> Test:
        field, value, name = self._sides(node, name)
        compare = ORDER[name]
        return _any_of(field, lambda found: compare(found, value))

    def _in(self, node: Any) -> Test:
        field = self._field(node.this)
        if not node.expressions:
            raise BadQuery("IN needs a list of values")
        values = [self._value(field, item) for item in node.expressions]
        return _any_of(field, lambda found: found in values)

    def _between(self, node: Any) -> Test:
        field = self._field(node.this)
        low: Any = self._value(field, node.args["low"])
        high: Any = self._value(field, node.args["high"])
        return _any_of(field, lambda found: bool(low <= found <= high))

    def _like(self, node: Any) -> Test:
        field = self._field(node.this)
        if FIELDS[field] != TEXT:
            raise BadQuery(f"LIKE is for texts, and {field} is a {FIELDS[field]}")
        shape = "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in str(self._value(field, node.expression)))
        pattern = re.compile(shape, re.DOTALL)
        return _any_of(field, lambda found: bool(pattern.fullmatch(str(found))))

    def _is_null(self, node: Any) -> Test:
        field = self._field(node.this)
        if type(node.expression).__name__ != "Null":
            raise BadQuery("IS is for NULL alone")
        return lambda facts: not facts.get(field)

    def _field(self, node: Any) -> str:
        if type(node).__name__ != "Column" or node.table:
            raise BadQuery("a comparison has a field on one side and a value on the other")
        field = BY_LOWER.get(node.name.lower())
        if field is None:
            raise BadQuery(f"there is no field {node.name!r}")
        return field

    def _value(self, field: str, node: Any) -> Value:
        name, negative = type(node).__name__, 1
        if name == "Neg":
            node, name, negative = node.this, type(node.this).__name__, -1
        if name == "Cast":  # DATE '…' and TIMESTAMP '…'
            node, name = node.this, type(node.this).__name__
        if name == "Boolean":
            return self._number(field, str(int(node.this)), 1)
        if name != "Literal":
            raise BadQuery(f"{field} can be compared with a value alone")
        if FIELDS[field] == NUMBER:
            return self._number(field, node.this, negative)
        text = node.this.replace(CURRENT_USER, self._user)
        return _moment(field, text) if FIELDS[field] == DATE else text

    def _number(self, field: str, text: str, sign: int) -> float:
        try:
            return sign * float(text)
        except ValueError:
            raise BadQuery(f"{field} is a number") from None


def _moment(field: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadQuery(f"{field} is a date, like 2026-01-31 or 2026-01-31T09:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _any_of(field: str, fits: Callable[[Any], bool]) -> Test:
    def test(facts: Facts) -> Truth:
        values = facts.get(field)
        return any(map(fits, values)) if values else None

    return test


def _both(left: Test, right: Test) -> Test:
    def test(facts: Facts) -> Truth:
        first, second = left(facts), right(facts)
        if first is False or second is False:
            return False
        return True if first and second else None

    return test


def _either(left: Test, right: Test) -> Test:
    def test(facts: Facts) -> Truth:
        first, second = left(facts), right(facts)
        if first or second:
            return True
        return False if first is False and second is False else None

    return test


def _negated(inner: Test) -> Test:
    def test(facts: Facts) -> Truth:
        found = inner(facts)
        return None if found is None else not found

    return test
