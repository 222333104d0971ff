"""Moments as the simulated Envoy writes them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias

from aiohttp import web

Clock: TypeAlias = Callable[[], datetime]
CLOCK: Final = web.AppKey[Clock]("clock")


def utc_now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC to the millisecond: `2026-11-21T09:15:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sql(moment: datetime) -> str:
    """The time format of Envoy's payloads, `2026-11-21 09:15:00 UTC`.

    Source: Node SDK 2.5.2, src/payloads/EntryPayload.ts.
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
