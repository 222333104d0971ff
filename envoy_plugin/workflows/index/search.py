"""The `search` of a query: words that a job has in the fields that are searched, without regard to case.

Lovelace badge              both
'front desk'                one after the other, in one field
Lovelace OR Hopper          AND, OR, NOT and round brackets; AND is read where nothing stands
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from envoy_plugin.errors import BadQuery
from envoy_plugin.workflows.index.summary import ENGINE_ID, Pair, split

Texts: TypeAlias = Sequence[Sequence[str]]
"""The words of each text of a job."""
MOST_BYTES: Final = 4096
MOST_PIECES: Final = 64
DEEPEST: Final = 16
PIECE: Final = re.compile(r"""\s*(?:'((?:[^']|(?<=\w)'(?=\w))*)'(?!\w)|([()])|((?:[^\s()']|(?<=\w)'(?=\w))+))\s*""")
"""A phrase, a bracket, or a word; a quote between two letters is an apostrophe."""
AND: Final = "AND"
OR: Final = "OR"
NOT: Final = "NOT"


@dataclass(frozen=True, slots=True)
class Search:
    """A search that was read.

    `choices`: of each, every job that fits has one; none, where nothing can be said. `is_told`: they say it all.
    """

    fits: Callable[[Texts], bool]
    choices: tuple[tuple[Pair, ...], ...]
    is_told: bool = False


def parse_search(text: str) -> Search:
    """Read a search.

    Raises:
        BadQuery: what can't be read.
    """
    if len(text.encode()) > MOST_BYTES:
        raise BadQuery(f"the search has more than {MOST_BYTES} bytes")
    pieces = [(found[1], found[2] or found[3]) for found in PIECE.finditer(text)]
    if PIECE.sub("", text).strip():
        raise BadQuery("a single quote in the search has no other")
    if not 1 <= len(pieces) <= MOST_PIECES:
        raise BadQuery(f"a search has 1 to {MOST_PIECES} words and signs")
    return _Reader(pieces).all()


class _Reader:
    """Reads pieces from left to right: OR is looser than AND, which is looser than NOT."""

    def __init__(self, pieces: Sequence[tuple[str | None, str | None]]) -> None:
        self._pieces = pieces
        self._at = 0

    def all(self) -> Search:
        """The search; nothing may be left."""
        found = self._either(0)
        if self._at < len(self._pieces):
            raise BadQuery("a bracket in the search closes nothing")
        return found

    @property
    def _next(self) -> str | None:
        """The word or sign that is next; None: a phrase is, or nothing."""
        return self._pieces[self._at][1] if self._at < len(self._pieces) else None

    def _either(self, depth: int) -> Search:
        sides = [self._both(depth)]
        while self._next == OR:
            self._at += 1
            sides.append(self._both(depth))
        if len(sides) == 1:
            return sides[0]
        fewest = [min(side.choices, key=len, default=None) for side in sides]
        told = [choice for choice in fewest if choice is not None]
        union = tuple(dict.fromkeys(pair for choice in told for pair in choice))
        choices = (union,) if len(told) == len(sides) else ()
        is_told = all(side.is_told and len(side.choices) == 1 for side in sides)
        return Search(lambda texts: any(side.fits(texts) for side in sides), choices, is_told)

    def _both(self, depth: int) -> Search:
        sides = [self._one(depth)]
        while self._at < len(self._pieces) and self._next not in {OR, ")"}:
            self._at += self._next == AND
            sides.append(self._one(depth))
        if len(sides) == 1:
            return sides[0]
        choices = tuple(choice for side in sides for choice in side.choices)
        is_told = all(side.is_told for side in sides)
        return Search(lambda texts: all(side.fits(texts) for side in sides), choices, is_told)

    def _one(self, depth: int) -> Search:
        if self._at == len(self._pieces) or depth > DEEPEST:
            raise BadQuery(f"a word of the search is missing, or it is more than {DEEPEST} levels deep")
        phrase, word = self._pieces[self._at]
        self._at += 1
        if word == NOT:
            inner = self._one(depth + 1)
            return Search(lambda texts: not inner.fits(texts), ())
        if word == "(":
            inside = self._either(depth + 1)
            if self._next != ")":
                raise BadQuery("a bracket of the search isn't closed")
            self._at += 1
            return inside
        if word in {")", AND, OR}:
            raise BadQuery(f"a word of the search is missing before {word}")
        return _words(split(phrase if phrase is not None else word or ""))


def _words(words: Sequence[str]) -> Search:
    """One word, or several that follow each other."""
    if not words:
        raise BadQuery("a word of the search has neither letters nor digits")

    def fits(texts: Texts) -> bool:
        return any(_follow(text, words) for text in texts)

    return Search(fits, tuple(_pairs(word) for word in words), len(words) == 1)


def _follow(text: Sequence[str], words: Sequence[str]) -> bool:
    starts = range(len(text) - len(words) + 1)
    return any(text[at : at + len(words)] == words for at in starts)


def _pairs(word: str) -> tuple[Pair, ...]:
    by_word = ("word", word)
    return (by_word, ("jobId", word)) if ENGINE_ID.fullmatch(word) else (by_word,)
