"""Lists page by page. A token is good for the list that it is from, and for no other."""

import hashlib
from typing import Final

from envoy_plugin.apis.iot_jobs.requests import PageQuery
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter, Page, find_jobs
from envoy_plugin.errors import BadCursor

MARK: Final = 12


def token_of(name: str, place: str) -> str | None:
    """What to ask for the rest of a list with, which goes on at this place; None: there is no more of it."""
    return f"{_mark(name)}.{place}" if place else None


def place_of(name: str, token: str) -> str:
    """Where the list of this name goes on; empty: at its start.

    Raises:
        BadCursor: the token is of another list, or of none.
    """
    mark, _, place = token.partition(".")
    if token and (mark != _mark(name) or not place):
        raise BadCursor
    return place


async def find_page(engine: Engine, wanted: Filter, asked: PageQuery) -> Page:
    """The jobs that a question asks for; the page's cursor is the token of the next one.

    Raises:
        BadCursor: its token is of another list.
    """
    name = " ".join((*sorted(f"{fact}={value}" for fact, value in wanted.facts.items()), *sorted(wanted.states)))
    place = place_of(name, asked.next_token) or None
    page = await find_jobs(engine, wanted, cursor=place, limit=asked.max_results)
    return Page(jobs=page.jobs, cursor=token_of(name, page.cursor or ""))


def _mark(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:MARK]
