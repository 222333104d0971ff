"""What several requests say: words, moments, places, and the tables of properties that a job has.

Sources: `@arcgis/workflow-manager` 1.0.9, ExtendedPropertyUpdate, RelatedPropertyUpdate and JobLocation.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, Field, TypeAdapter
from pydantic_core import to_json

from envoy_plugin.apis.workflow_manager.refusals import bad_request
from envoy_plugin.apis.workflow_manager.wire import Wire
from envoy_plugin.workflows.location import Location
from envoy_plugin.workflows.models import (
    ExtendedProperty,
    JobProperty,
    RelatedDeletes,
    RelatedEntry,
    RelatedTable,
    RelatedUpdates,
)

MOST_WORD: Final = 256
MOST_STEPS: Final = 256
MOST_LIST: Final = 1_000
"""Of jobs and of rows: more is refused as a whole. The layer below takes fewer, and names its limit."""

DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
"""How a moment begins; a number of seconds, in a text too, begins otherwise, and is refused."""
_instant: Final = TypeAdapter(datetime)


def read_moment(given: Any) -> datetime | None:
    """A moment of the wire: an RFC 3339 text with an offset; empty counts as not given."""
    if given is None or given == "":
        return None
    if not isinstance(given, str) or not DAY.match(given):
        raise ValueError("must be an RFC 3339 text")
    found = _instant.validate_python(given)
    if found.tzinfo is None:
        raise ValueError("must have an offset, as Z")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be within the years 1 to 9999") from None


Moment: TypeAlias = Annotated[datetime | None, BeforeValidator(read_moment)]
Word: TypeAlias = Annotated[str, Field(max_length=MOST_WORD)]
Steps: TypeAlias = Annotated[list[Word], Field(max_length=MOST_STEPS)] | None


class Place(Wire):
    """A geometry: its type, and Esri's JSON as a text; as an object it is taken, too."""

    geometry_type: Word
    geometry: str | dict[str, Any] = Field(repr=False)

    def location(self) -> Location:
        """The place.

        Raises:
            BadLocation: what is wrong with it.
        """
        text = self.geometry if isinstance(self.geometry, str) else to_json(self.geometry).decode()
        return Location.from_esri(self.geometry_type, text)


class Property(Wire):
    """A property and its value, which may be a number: it is kept as a text."""

    property_name: Word
    value: str | int | float | bool | None = Field(default=None, repr=False)

    def property(self) -> JobProperty:
        """As it is kept."""
        return JobProperty(property_name=self.property_name, value=_text(self.value))


class Extended(Wire):
    """A property that a job has once: by `table.property`, or, as a job has it, a whole table."""

    identifier: Word | None = None
    value: str | int | float | bool | None = Field(default=None, repr=False)
    table_name: Word | None = None
    properties: Annotated[list[Property], Field(max_length=MOST_LIST)] = Field(default_factory=list)

    def properties_of(self) -> list[ExtendedProperty]:
        """Each of its properties."""
        if self.identifier is not None:
            return [ExtendedProperty(identifier=self.identifier, value=_text(self.value))]
        if self.table_name is None:
            raise bad_request("An extended property needs an identifier, as table.property.")
        told = [(one.property_name, _text(one.value)) for one in self.properties]
        return [ExtendedProperty(identifier=f"{self.table_name}.{name}", value=value) for name, value in told]


class Row(Wire):
    """A row of a table of which a job has many."""

    id: Word = ""
    properties: Annotated[list[Property], Field(max_length=MOST_LIST)] = Field(default_factory=list)


class Rows(Wire):
    """Rows of one table."""

    table_name: Word
    entries: Annotated[list[Row], Field(max_length=MOST_LIST)] = Field(default_factory=list)

    def table(self) -> RelatedTable:
        """As it is kept."""
        entries = [
            RelatedEntry(id=row.id, properties=[one.property() for one in row.properties]) for row in self.entries
        ]
        return RelatedTable(table_name=self.table_name, entries=entries)


class GoneRows(Wire):
    """Ids of rows of one table that are to go."""

    table_name: Word
    ids: Annotated[list[Word], Field(max_length=MOST_LIST)]


Tables: TypeAlias = Annotated[list[Rows], Field(max_length=MOST_LIST)]
ExtendedList: TypeAlias = Annotated[list[Extended], Field(max_length=MOST_LIST)]


class RowUpdates(Wire):
    """What becomes of rows."""

    adds: Tables | None = None
    updates: Tables | None = None
    deletes: Annotated[list[GoneRows], Field(max_length=MOST_LIST)] | None = None

    def related(self) -> RelatedUpdates:
        """As the layer below takes it."""
        return RelatedUpdates(
            adds=[rows.table() for rows in self.adds or ()],
            updates=[rows.table() for rows in self.updates or ()],
            deletes=[RelatedDeletes(table_name=gone.table_name, ids=gone.ids) for gone in self.deletes or ()],
        )


def _text(value: object) -> str | None:
    """A value of a property, as it is kept."""
    if value is None or isinstance(value, str):
        return value
    return to_json(value).decode()
