"""What a screening of a visitor found, for the people who decide: `Failed("Needs review", attachments=[report])`.

Source: Node SDK 2.5.2, src/sdk/middleware.ts, sendFailedScreen; Envoy finds the report by its label.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import JsonValue

from envoy_plugin.envoy.attachments import Json, check_link

LABEL: Final = "Screener Details"


@dataclass(frozen=True, slots=True)
class ScreenerField:
    """One fact: a text, or an image by its link (http or https)."""

    name: str
    value: str = field(repr=False)
    type: Literal["text", "image"] = "text"

    def __post_init__(self) -> None:
        """Refuse an image that must not be fetched."""
        if self.type == "image":
            check_link(self.value, self.name)

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy takes it."""
        return {"name": self.name, "value": self.value, "type": self.type}


@dataclass(frozen=True, slots=True)
class ScreenerMatch:
    """One entry of a list that the visitor matches: its heading, what is known of it, and how much of that is shown.

    `visible_fields` is the number of fields that are seen before somebody asks for more; all, if None.
    """

    name: str
    value: str = field(repr=False)
    fields: Sequence[ScreenerField] = ()
    visible_fields: int | None = None

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy takes it: `headers` is one object, although its name is plural."""
        visible = len(self.fields) if self.visible_fields is None else self.visible_fields
        return {
            "headers": {"name": self.name, "value": self.value},
            "visible-fields-count": visible,
            "fields": [one.to_wire() for one in self.fields],
        }


class ScreenerReport(Json):
    """What was looked for and what was found."""

    __slots__ = ()

    def __init__(self, fields: Iterable[ScreenerField], matches: Iterable[ScreenerMatch]) -> None:
        """Report that a visitor with these `fields` gave `matches`."""
        value: JsonValue = {
            "input": {"fields": [one.to_wire() for one in fields]},
            "matches": [one.to_wire() for one in matches],
        }
        super().__init__(LABEL, value)
