"""What clients may add to a URL, and a header: each checked, with an error that names it."""

import re
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from envoy_plugin.apis.titan.refusals import Refused, bad_request
from envoy_plugin.apis.titan.words import ACTIVE, Status

MOST_LISTED: Final = 1000
LISTED: Final = 10
CONSUMED: Final = 1
MOST_WAIT: Final = 20
"""In seconds: hosts give up on a request after 30."""
MOST_CURSOR: Final = 512
WHOLE: Final = re.compile(r"-?\d{1,18}", re.ASCII)
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")


def one_of(request: web.Request, name: str) -> str | None:
    """The value of a parameter; None: it isn't there.

    Raises:
        Refused: 400, it is there more than once.
    """
    values = request.query.getall(name, [])
    if len(values) > 1:
        raise bad_request(f"{name} must be given once.", name)
    return values[0] if values else None


def number(request: web.Request, name: str, *, default: int, least: int, most: int) -> int:
    """A whole number in its bounds.

    Raises:
        Refused: 400, it is none.
    """
    text = one_of(request, name)
    if text is None:
        return default
    if not WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise bad_request(f"{name} must be a whole number from {least} to {most}.", name)
    return int(text)


def count(request: web.Request, default: int) -> int:
    """`n`: how many jobs are asked for. Fewer may be answered."""
    return number(request, "n", default=default, least=1, most=MOST_LISTED)


def statuses(request: web.Request) -> frozenset[Status]:
    """The statuses after `status`, with commas between them; left out, those of jobs that aren't over.

    Raises:
        Refused: 400, one of them is no status.
    """
    text = one_of(request, "status")
    try:
        return ACTIVE if text is None else frozenset(map(Status, text.split(",")))
    except ValueError:
        raise bad_request(f"status must be some of: {', '.join(Status)}.", "status") from None


def created_after(request: web.Request) -> datetime | None:
    """The moment in RFC 3339; None: any.

    Raises:
        Refused: 400, it is none, or has no zone.
    """
    text = one_of(request, "created_after")
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # `+` in a query is a space
        found.astimezone()
    except (ValueError, OverflowError):
        raise _no_time() from None
    if found.tzinfo is None:
        raise _no_time()
    return found


def _no_time() -> Refused:
    return bad_request("created_after must be a time in RFC 3339, as 2026-01-31T12:00:00Z.", "created_after")


def cursor(request: web.Request) -> str | None:
    """Where the last page ended, as it was told.

    Raises:
        Refused: 400, no cursor of ours is so long.
    """
    text = one_of(request, "cursor")
    if text is not None and len(text) > MOST_CURSOR:
        raise no_cursor()
    return text


def no_cursor() -> Refused:
    """400: the cursor isn't one that a page has told."""
    return bad_request("cursor must be one that the page before has told.", "cursor")


def wait(request: web.Request) -> timedelta:
    """How long to wait for a job, where there is none."""
    return timedelta(seconds=number(request, "wait", default=0, least=0, most=MOST_WAIT))


def idempotency_key(request: web.Request) -> str | None:
    """What makes a request that is sent again the same one; None: nothing does.

    Raises:
        Refused: 400, it is empty, too long, given twice or not ASCII.
    """
    values = request.headers.getall(IDEMPOTENCY_KEY, [])
    if not values:
        return None
    if len(values) > 1 or not KEY.fullmatch(values[0]):
        raise bad_request(f"{IDEMPOTENCY_KEY} must be one text of 1 to 255 characters in ASCII.", IDEMPOTENCY_KEY)
    return values[0]
