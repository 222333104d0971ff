"""The text of a where-clause becomes a tree: put together where it is quoted, then parsed by sqlglot.

What the nodes of the tree may have beside their names is said here, too: another release of the parser may say more
with a node, and then it means another thing (`NOT LIKE` is a Like that is negated since 30, and was a Not before).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from envoy_plugin.errors import BadQuery

Node: TypeAlias = Any
"""Of sqlglot, which is loaded for queries alone; told apart by the names of their classes."""
MOST_BYTES: Final = 4096
CURRENT_USER: Final = "\x00currentUser\x00"
PIECE: Final = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(\$currentUser))\s*', re.DOTALL)
TWO_SIDES: Final = frozenset({"this", "expression"})
MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("And", "Or", "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "Is", "Escape"), TWO_SIDES),
    "Between": frozenset({"this", "low", "high"}),
    "Cast": frozenset({"this", "to"}),
    "In": frozenset({"this", "expressions"}),
    "Like": frozenset({"this", "expression", "negate"}),
    "Literal": frozenset({"this", "is_string"}),
    **dict.fromkeys(("Boolean", "Column", "Neg", "Not", "Paren"), frozenset({"this"})),
}
"""What a node that is understood may have."""


def parse_clause(text: str, *, has_user: bool) -> Node:
    """The tree of a clause, in which the value `CURRENT_USER` stands for whoever asks.

    Raises:
        BadQuery: it can't be read, or asks for the user where there is none.
    """
    if len(text.encode()) > MOST_BYTES:
        raise BadQuery(f"it has more than {MOST_BYTES} bytes")
    clause = _put_together(text) if text.lstrip().startswith(('"', "$")) else text
    if CURRENT_USER in clause and not has_user:
        raise BadQuery("$currentUser is nobody here")
    return _tree_of(clause)


def _put_together(text: str) -> str:
    clause, at = "", 0
    while True:
        piece = PIECE.match(text, at)
        if piece is None:
            raise BadQuery("a text in double quotes or $currentUser is expected")
        quoted = piece[1]
        clause += CURRENT_USER if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        at = piece.end()
        if at == len(text):
            return clause
        if text[at] != "+":
            raise BadQuery(f"{text[at]!r} is not understood: texts are put together with +")
        at += 1


def _tree_of(clause: str) -> Node:
    import sqlglot  # noqa: PLC0415 (heavy, and for queries alone)
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    dialect, where = sqlglot.Dialect.get_or_raise(None), ""
    try:
        tokens = dialect.tokenize(clause)
        found = dialect.parser().parse_into(sqlglot.exp.Condition, tokens, clause)
    except (SqlglotError, RecursionError) as error:
        tokens, found, where = [], [], _place_of(error)
    if any(token.comments for token in tokens):
        raise BadQuery("a comment is not understood")
    if len(found) != 1 or found[0] is None:
        raise BadQuery(f"it can't be read as one where-clause{where}")
    return found[0]


def _place_of(error: Exception) -> str:
    """Where a clause can't be read; not what stands there, which may be a name."""
    [first, *_] = getattr(error, "errors", None) or [{}]
    if first.get("line") != 1:
        return ""
    return f": see its character {first['col'] - len(first['highlight']) + 1}"


def sides_of(node: Node) -> Iterator[Node]:
    """The parts of a chain of ANDs or ORs, in order, however long it is."""
    kind, left = type(node), [node]
    while left:
        node = left.pop()
        if type(node) is kind:
            left += [node.expression, node.this]
        else:
            yield node


def conjuncts_of(node: Node) -> Iterator[Node]:
    """What all has to be true; of a clause that was read, so it isn't too deep."""
    node = node.unnest()
    if type(node).__name__ != "And":
        yield node
        return
    for side in sides_of(node):
        yield from conjuncts_of(side)


def kind_of(node: Node) -> str:
    """The name of a node, which decides what it means.

    Raises:
        BadQuery: the node says more than that name is known to mean.
    """
    name = type(node).__name__
    more = members_of(node) - MEMBERS.get(name, members_of(node))
    if more:
        raise BadQuery(f"{name.upper()} with {', '.join(sorted(more)).upper()} is not understood")
    return name


def members_of(node: Node) -> set[str]:
    """What a node has."""
    return {name for name, value in node.args.items() if value}
