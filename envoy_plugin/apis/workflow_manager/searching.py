"""What requests for several jobs say: which are wanted, and what of them.

Source: `@arcgis/workflow-manager` 1.0.9, Query and JobStatisticsParameters; what the Python client was seen to send.
"""

from typing import Annotated, Literal

from pydantic import Field

from envoy_plugin.apis.workflow_manager.fields import MOST_WORD, Word
from envoy_plugin.apis.workflow_manager.wire import Wire
from envoy_plugin.workflows.models import JobStatisticsDetails, Query, SortField


class Sort(Wire):
    """One field to sort by."""

    field: Word
    sort_order: Literal["Asc", "Desc"] | None = None


class Which(Wire):
    """Which jobs: by a where-clause, by words, by both."""

    q: str | None = Field(default=None, repr=False)
    search: str | None = Field(default=None, repr=False)
    spatial_extent: Word | None = None
    has_location: bool | None = None


class Search(Which):
    """Query. The Python client has both `q` and `search`, one of them null; `displayNames` change nothing."""

    fields: Annotated[list[Word], Field(max_length=MOST_WORD)] | None = None
    sort_fields: Annotated[list[Sort], Field(max_length=MOST_WORD)] | None = None
    start: int | None = None
    num: int | None = None

    def query(self) -> Query:
        """As the layer below takes it."""
        sort = [SortField(field=one.field, sort_order=one.sort_order or "Asc") for one in self.sort_fields or ()]
        return Query(
            q=self.q,
            search=self.search,
            fields=self.fields or (),
            sort_fields=sort,
            start=0 if self.start is None else self.start,
            num=50 if self.num is None else self.num,
            spatial_extent=self.spatial_extent or None,
            has_location=self.has_location,
        )


class Count(Which):
    """What is counted, and by which field it is told apart."""

    group_by: Word | None = None

    def details(self) -> JobStatisticsDetails:
        """As the layer below takes it."""
        return JobStatisticsDetails(
            q=self.q,
            search=self.search,
            group_by=self.group_by or None,
            spatial_extent=self.spatial_extent or None,
            has_location=self.has_location,
        )
