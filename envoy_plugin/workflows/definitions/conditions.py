"""The conditions of paths: a small language over what a step's end says. Parsed, never evaluated as code.

    result.granted and not (input.flow in ["Delivery", "Interview"])
    returnCode == 0 || state != "succeeded"
    answer == 'Yes'

    or, ||    and, &&    not, !    == != < <= > >=    in, not in    ( )    [a, b]    .name    ["name"]    [0]
    "text"    'text'    1    -2.5    true    false    null

Names are in `NAMES`. What isn't there is null. A condition can't fail: values of different kinds are unequal, and none
is less than the other. True is what isn't null, false, 0, "" or empty.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from envoy_plugin.errors import BadCondition

Value: TypeAlias = Any
"""A JSON value."""
Names: TypeAlias = Mapping[str, Value]

MOST_BYTES: Final = 1024
DEEPEST: Final = 16
ELSE: Final = "else"
"""In the place of a condition: where no other path is taken."""
NAMES: Final[Mapping[str, str]] = {
    "result": "what the step returned: of a function its dict, of a device its details",
    "answer": "what was answered to a question",
    "returnCode": "a whole number: what a function returned under this name, else 1 for a success and 0",
    "state": '"succeeded", "failed" or "cancelled"',
    "reason": 'why it failed or was cancelled: "timeout", "rejected", …; null after a success',
    "input": "what the workflow was started with",
    "job": "the workflow's own properties: job.status, job.priority, job.ownedBy, …",
}
ABOUT_FAILURE: Final = frozenset({"state", "reason", "returnCode"})
"""Names of which a condition must have one to be looked at after a failure."""

TOKEN: Final = re.compile(
    r"""\s*(?:(?P<number>-?\d+(?:\.\d+)?)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<word>[^\W\d]\w*)|(?P<sign>==|!=|<=|>=|&&|\|\||[<>!().,\[\]]))"""
)
ESCAPED: Final = re.compile(r"\\(.)")
WORDS: Final = {"and": "&&", "or": "||", "not": "!", "in": "in"}
"""Words that are signs."""
LITERALS: Final[Mapping[str, Value]] = {"true": True, "false": False, "null": None}
PYTHONS: Final = {"True": "it is true", "False": "it is false", "None": "it is null"}
"""What is called something else in Python."""
QUOTES: Final = "'\""
COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written out."""

    value: Value


@dataclass(frozen=True, slots=True)
class Place:
    """A name, and the way from there: `result.doors[0]`."""

    name: str
    way: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Many:
    """A list that is written out."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    """What stands between `||`, or between `&&`: side by side, so that a long row isn't deep."""

    sign: str
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """What isn't to be."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A sign, and what it stands between."""

    sign: str
    left: "Node"
    right: "Node"


Node: TypeAlias = Literal | Place | Many | Choice | Not | Comparison


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read."""

    root: Node
    names: frozenset[str]

    def holds(self, names: Names) -> bool:
        """Whether it is true, where these names have these values."""
        return is_true(_value_of(self.root, names))

    @property
    def is_about_failure(self) -> bool:
        """Whether it asks how the step ended, so that it is meant for a failure, too."""
        return bool(self.names & ABOUT_FAILURE)


@lru_cache(maxsize=1024)
def parse(text: str) -> Condition:
    """Read a condition.

    Raises:
        BadCondition: it is too long or too deep, or can't be read; says where.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise BadCondition(text, at=error.start, why="half a character stands there") from None
    if size > MOST_BYTES:
        raise BadCondition(text, at=MOST_BYTES, why=f"it has more than {MOST_BYTES} bytes")
    parser = _Parser(text)
    return Condition(root=parser.parse(), names=frozenset(parser.names))


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    at, end, names = 0, len(text.rstrip()), False
    while at < end:
        found = TOKEN.match(text, at)
        if found is None:
            raise BadCondition(text, at=at, why=_why_not(text[at:].strip()[:1]))
        kind, word = found.lastgroup or "", found[found.lastgroup or 0]
        if word in WORDS and not names:
            kind, word = "sign", WORDS[word]
        yield _Token(kind, word, found.start(found.lastgroup or 0))
        at, names = found.end(), word == "."  # what follows a dot is a name, whatever it means elsewhere
    yield _Token("end", "", len(text))


def _why_not(letter: str) -> str:
    if letter in QUOTES:
        return f"the text that begins with {letter} has no end"
    return f"nothing can begin with {letter!r}{'; == asks whether two are equal' if letter == '=' else ''}"


class _Parser:
    """Recursive descent: or, and, not, comparison, operand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: Sequence[_Token] = tuple(_tokens(text))
        self._next = 0
        self._depth = 0
        self.names: set[str] = set()

    def parse(self) -> Node:
        root = self._either()
        if self._token.kind != "end":
            hint = "; == asks whether two are equal" if self._token.text == "is" else ""
            raise self._fault(f"{self._token.text!r} is one too many{hint}")
        return root

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _fault(self, why: str) -> BadCondition:
        return BadCondition(self._text, at=self._token.at, why=why)

    def _take(self, *signs: str) -> str | None:
        """The next token, where it is one of these signs."""
        token = self._token
        if token.kind == "sign" and token.text in signs:
            self._next += 1
            return token.text
        return None

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._fault(f"{sign!r} is missing")

    def _deeper(self, read: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._fault(f"it is more than {DEEPEST} levels deep")
        node = read()
        self._depth -= 1
        return node

    def _either(self) -> Node:
        return self._row("||", self._both)

    def _both(self) -> Node:
        return self._row("&&", self._negated)

    def _row(self, sign: str, read: Callable[[], Node]) -> Node:
        parts = [read()]
        while self._take(sign):
            parts.append(read())
        return Choice(sign, tuple(parts)) if len(parts) > 1 else parts[0]

    def _negated(self) -> Node:
        return Not(self._deeper(self._negated)) if self._take("!") else self._comparison()

    def _comparison(self) -> Node:
        left = self._operand()
        negated = self._token.text == "!" and self._tokens[self._next + 1].text == "in" and self._take("!")
        sign = self._take(*COMPARISONS)
        if sign is None:
            return left
        node = Comparison(sign, left, self._operand())
        return Not(node) if negated else node

    def _operand(self) -> Node:
        if self._take("("):
            node = self._deeper(self._either)
            self._expect(")")
            return node
        if self._take("["):
            return self._many()
        token = self._token
        if token.kind in {"number", "text"}:
            self._next += 1
            return Literal(_number(token.text) if token.kind == "number" else _unquoted(token.text))
        if token.kind == "word":
            self._next += 1
            return Literal(LITERALS[token.text]) if token.text in LITERALS else self._place(token)
        raise self._fault("a value is missing")

    def _many(self) -> Node:
        items: list[Node] = []
        while not self._take("]"):
            items.append(self._deeper(self._operand))
            if not self._take(","):
                self._expect("]")
                break
        return Many(tuple(items))

    def _place(self, token: _Token) -> Node:
        if token.text not in NAMES:
            hint = PYTHONS.get(token.text) or f"there are {', '.join(sorted(NAMES))}; texts stand in quotes"
            raise BadCondition(self._text, at=token.at, why=f"there is no {token.text!r}; {hint}")
        self.names.add(token.text)
        way: list[str | int] = []
        while sign := self._take(".", "["):
            way.append(self._word() if sign == "." else self._index())
        return Place(token.text, tuple(way))

    def _word(self) -> str:
        token = self._token
        if token.kind != "word":
            raise self._fault("a name is missing after '.'")
        self._next += 1
        return token.text

    def _index(self) -> str | int:
        token = self._token
        if token.kind != "text" and not token.text.isdigit():
            raise self._fault("an index is a text or a whole number")
        self._next += 1
        self._expect("]")
        return _unquoted(token.text) if token.kind == "text" else int(token.text)


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def _unquoted(text: str) -> str:
    return ESCAPED.sub(r"\1", text[1:-1])


def is_true(value: Value) -> bool:
    """Whether a value counts as true."""
    return bool(value)


def _value_of(node: Node, names: Names) -> Value:
    match node:
        case Literal(value):
            return value
        case Place(name, way):
            return _follow(names.get(name), way)
        case Many(items):
            return [_value_of(item, names) for item in items]
        case Choice(sign, parts):
            enough = any if sign == "||" else all
            return enough(is_true(_value_of(part, names)) for part in parts)
        case Not(part):
            return not is_true(_value_of(part, names))
    return _compare(node.sign, _value_of(node.left, names), _value_of(node.right, names))


def _follow(value: Value, way: Sequence[str | int]) -> Value:
    for part in way:
        if isinstance(part, str) and isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(part, int) and isinstance(value, list):
            value = value[part] if part < len(value) else None
        else:
            return None
    return value


def _compare(sign: str, left: Value, right: Value) -> bool:
    match sign:
        case "==":
            return _same(left, right)
        case "!=":
            return not _same(left, right)
        case "in":
            return _is_in(left, right)
    if not _have_order(left, right):
        return False
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[sign])


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _have_order(left: Value, right: Value) -> bool:
    return (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str))


def _same(left: Value, right: Value) -> bool:
    """JSON's equality: true is not 1, in lists and objects neither."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(value, right[name]) for name, value in left.items())
    return bool(left == right)


def _is_in(part: Value, whole: Value) -> bool:
    if isinstance(whole, list):
        return any(_same(part, item) for item in whole)
    if isinstance(whole, str | Mapping):
        return isinstance(part, str) and part in whole
    return False
