"""What callers give of another type than they should: said by name, before anything is done."""

import inspect
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from envoy_plugin.errors import BadProperty
from envoy_plugin.workflows.location import Location
from envoy_plugin.workflows.models import (
    CreateJobOverrides,
    ExtendedProperty,
    JobAttachmentDetails,
    JobHoldDetails,
    JobProperty,
    Query,
    RelatedEntry,
    RelatedTable,
    RelatedUpdates,
    SortField,
    UpdateJobOverrides,
)
from tests.workflows.office import Office
from tests.workflows.test_privileges import METHODS

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LIST, ONE = "it is a list", "it is a list, not one text"


def related(name: Any = "t", value: Any = "x") -> UpdateJobOverrides:
    """A row that is added to a table."""
    row = RelatedEntry(properties=[JobProperty(property_name="p", value=value)])
    return UpdateJobOverrides(related_properties=RelatedUpdates(adds=[RelatedTable(table_name=name, entries=[row])]))


class Priority(StrEnum):
    """Names that a plugin has for its own."""

    HIGH = "High"


def wrong(value: Any) -> Any:
    """A value that a type checker would refuse."""
    return value


GIVEN: dict[str, tuple[str, tuple[Any, ...], str, str]] = {
    "an id that is a number": ("get_job", (7,), "job_id", "it is a text"),
    "bytes for an id": ("get_job", (b"x",), "job_id", "it is a text"),
    "one id": ("close_jobs", ("visit-7",), "job_ids", ONE),
    "no ids": ("close_jobs", (None,), "job_ids", LIST),
    "a set": ("close_jobs", ({"visit-7"},), "job_ids", LIST),
    "one of two": ("close_jobs", (["visit-7", 7],), "job_ids.1", "it is a text"),
    "one step": ("start_steps", ("visit-7", "sign"), "step_ids", ONE),
    "a dict": ("update_job", ("visit-7", {"notes": "x"}), "job_updates", "it is an instance of UpdateJobOverrides"),
    "a name": ("update_job", ("x", UpdateJobOverrides(job_name=wrong(7))), "job_name", "it is a text"),
    "a table": ("update_job", ("x", related(name=7)), "related_properties.adds.0.table_name", "it is a text"),
    "a value": (
        "update_job",
        ("x", related(value=7)),
        "related_properties.adds.0.entries.0.properties.0.value",
        "it is a text",
    ),
    "a date": ("create_jobs", ("t", CreateJobOverrides(due_date=wrong("2026"))), "due_date", "it is a datetime"),
    "a number": ("create_jobs", ("t", CreateJobOverrides(number_of_jobs=wrong("2"))), "number_of_jobs",
                 "it is a whole number"),
    "a boolean": ("create_jobs", ("t", CreateJobOverrides(number_of_jobs=True)), "number_of_jobs",
                  "it is a whole number"),
    "a place": ("create_jobs", ("t", CreateJobOverrides(location=wrong(7))), "location", "it is a mapping"),
    "a hold": ("add_holds", (JobHoldDetails(job_id="x", scheduled_release=wrong(7)),), "scheduled_release",
               "it is a datetime"),
    "a text for bytes": ("add_attachment", (JobAttachmentDetails(job_id="x", attachment=wrong("x")),), "attachment",
                         "it is bytes"),
    "a link": ("add_attachment_linked", ([JobAttachmentDetails(job_id="x", url=wrong(7))],), "params.0.url",
               "it is a text"),
    "an order": ("query_jobs", (Query(q="closed=0", sort_fields=[SortField(field="x", sort_order=wrong("Up"))]),),
                 "sort_fields.0.sort_order", "it is 'Asc' or 'Desc'"),
    "half a character": ("add_job_comment", ("x", "\ud800"), "comment", "it has half a character, which"),
    "half a character in a tuple": ("start_steps", ("x", ("sign", "\ud800")), "step_ids", "it has half a character"),
    "half a character inside": (
        "create_jobs",
        ("t", CreateJobOverrides(extended_properties=[ExtendedProperty(identifier="a.b", value="\udfff")])),
        "value",
        "it has half a character, which",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", GIVEN)
async def test_what_is_of_another_type_is_said_by_its_name(office: Office, what: str) -> None:
    method, given, field, why = GIVEN[what]
    with pytest.raises(BadProperty) as refused:
        await getattr(office.plugin, method)(*given)
    assert (refused.value.field, refused.value.why[: len(why)]) == (field, why)


async def test_arguments_that_are_missing_or_not_there_are_pythons_to_refuse(office: Office) -> None:
    read: Any = office.plugin.get_job
    for call in (read, lambda: read("x", deep=True), lambda: read("x", {"holds": True})):
        with pytest.raises(TypeError):
            await call()


async def test_words_of_an_enumeration_and_places_are_taken(office: Office) -> None:
    for location in (Location.from_degrees(1, 2), {"type": "Point", "coordinates": [2, 1]}, None):
        job_id = await office.job(priority=Priority.HIGH, location=location, due_date=NOW)
        job = await office.plugin.get_job(job_id)
        assert (job.priority, job.has_location) == ("High", location is not None)


SAMPLES: dict[str, Any] = {
    "job_ids": ["x"],
    "step_ids": ["x"],
    "job_overrides": CreateJobOverrides(),
    "job_updates": UpdateJobOverrides(),
    "ext_props": True,
    "holds": True,
    "include_token": True,
    "geometry": None,
}
"""What the other arguments are; those that aren't here are texts."""


JUNK = {"int": 7, "float": 2.5, "bytes": b"x", "object": object(), "set": {"x"}, "function": print, "class": datetime}


@pytest.mark.parametrize("kind", JUNK)
async def test_no_argument_of_any_method_is_of_a_type_that_it_cannot_be(office: Office, kind: str) -> None:
    refused = dict[tuple[str, str], str]()
    for method in METHODS:
        call = getattr(office.plugin, method)
        names = list(inspect.signature(call).parameters)
        for name in names:
            with pytest.raises(BadProperty) as error:
                await call(**{other: SAMPLES.get(other, "x") for other in names} | {name: JUNK[kind]})
            refused[method, name] = error.value.field
    assert {where for where, field in refused.items() if where[1] != field} == set()
    assert len(refused) > len(METHODS)
