"""Documents that are nearly right, for hypothesis."""

from typing import Any

from hypothesis import strategies as st

Way = tuple[Any, ...]


def json_of(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Small JSON of these values."""
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
        max_leaves=6,
    )


def places(document: Any, way: Way = ()) -> list[Way]:
    """The way to every value in a document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [way, *(place for step, value in inner for place in places(value, (*way, step)))]


def damage(draw: st.DrawFn, document: Any, values: st.SearchStrategy[Any], otherwise: str) -> None:
    """Replace or remove up to three values of a document; `otherwise` is a member to set where it has none."""
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(places(document)[1:] or [(otherwise,)]))
        place = document
        for step in way:
            place = place[step]
        if draw(st.booleans()):
            place[last] = draw(values)
        elif isinstance(place, dict):
            place.pop(last, None)
