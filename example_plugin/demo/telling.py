"""How the demo tells its story: both sides of a delivery, what happened to the job, what Envoy's dashboard shows."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from example_plugin.demo.stage import Sent

SHOWN_FIELDS: Final = (
    "meta.event",
    "meta.install_id",
    "meta.job.id",
    "meta.route",
    "payload.api_key",
    "payload.id",
    "payload.attributes.full-name",
    "payload.attributes.flow-name",
)
HIDDEN: Final = "••••"


class Colour(StrEnum):
    """What stands before coloured text on a terminal."""

    TITLE = "\x1b[1m"
    FAINT = "\x1b[2m"
    GOOD = "\x1b[32m"
    BAD = "\x1b[31m"


PLAIN: Final = "\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Writes to standard output; `full` leaves nothing of a body out, `coloured` is for a terminal."""

    full: bool = False
    coloured: bool = False

    @classmethod
    def for_output(cls, *, full: bool) -> "Teller":
        """Coloured on a terminal that doesn't say NO_COLOR."""
        return cls(full=full, coloured=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))

    def say(self, text: str = "", colour: Colour | None = None) -> None:
        """Write a line."""
        sys.stdout.write(f"{colour}{text}{PLAIN}\n" if self.coloured and colour else f"{text}\n")
        sys.stdout.flush()

    def title(self, number: int, title: str, why: str) -> None:
        """Begin a step."""
        self.say()
        self.say(f"{number}. {title}", Colour.TITLE)
        self.say(f"   {why}", Colour.FAINT)

    def delivery(self, sent: Sent) -> None:
        """Show the command, the request and the answer."""
        self._parts(sent, 2)

    def question(self, sent: Sent) -> None:
        """Show the same of a setup step's question, and what the installer sees."""
        self._parts(sent, 3)

    def _parts(self, sent: Sent, count: int) -> None:
        request, *parts = sent.text.split("\n\n")[:count]
        self.say(f"   $ {sent.command}")
        lines = request.splitlines() if self.full else _shortened(request)
        for line in (*lines, *(line for part in parts for line in part.splitlines())):
            self.say(f"   {line}")

    def brief(self, sent: Sent, shown: Mapping[str, Any]) -> None:
        """Show the command, and what Envoy's dashboard says in the end."""
        self.say(f"   $ {sent.command}")
        for line in dashboard_lines(shown):
            self.say(f"   {line}")

    def job(self, shown: Mapping[str, Any], timeline: Sequence[Mapping[str, Any]]) -> None:
        """Show what happened to Envoy's job, and what the dashboard says in the end."""
        for moment in timeline:
            said = [str(moment[name]) for name in ("http_status", "status_message") if name in moment]
            self.say(f"   {moment['time'][11:23]}  {moment['what']:<8}  {' '.join(said)}".rstrip())
        for line in dashboard_lines(shown):
            self.say(f"   {line}")


def dashboard_lines(shown: Mapping[str, Any]) -> Iterator[str]:
    """What Envoy's dashboard shows of a job; a password is hidden, as it is there."""
    yield f"Envoy's dashboard: {shown['status']}: {shown['status_message']}"
    if shown["failure_reason"] is not None:
        yield f"   because: {shown['failure_reason']}"
    for attachment in shown["attachments"]:
        value = HIDDEN if attachment["type"] == "password" else attachment["value"]
        yield f"   {attachment['label']}: {value}"


def _shortened(request: str) -> list[str]:
    """The request's head, and of its body what the story is about."""
    head, brace, rest = request.partition("\n   {\n")
    fields = dict(_fields(json.loads(brace + rest), ""))
    shown = [name for name in fields if name in SHOWN_FIELDS or name.startswith(("meta.config.", "meta.params."))]
    lines = [f"   {name}: {fields[name]}" for name in shown]
    return [*head.splitlines(), *lines, f"   … and {len(fields) - len(shown)} more fields (--full shows them)"]


def _fields(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each value of a JSON object that is no object, by its dotted name."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        yield from _fields(inner, f"{name}.{key}" if name else key)
