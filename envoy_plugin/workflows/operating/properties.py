"""What is said of a job, as it is kept: checked when it is given, and only what differs is a change."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic_core import to_json

from envoy_plugin.engine.ids import Ids, made_at
from envoy_plugin.errors import BadProperty, JobRefused, NotAllowed
from envoy_plugin.workflows.definitions.diagrams import UNASSIGNED
from envoy_plugin.workflows.given import moment_of
from envoy_plugin.workflows.index.summary import read_date
from envoy_plugin.workflows.models import (
    UNCHANGED,
    ExtendedProperty,
    JobHistoryAction,
    JobProperty,
    PropertyTable,
    RelatedEntry,
    RelatedTable,
    RelatedUpdates,
    UpdateJobOverrides,
)
from envoy_plugin.workflows.operating.privileges import Caller, Privilege
from envoy_plugin.workflows.operating.scope import Scope, running_steps
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.history import said_facts
from envoy_plugin.workflows.running.record import Workflow

SHORT: Final = ("job_name", "priority", "owned_by", "job_status", "parent_job")
LONG: Final = ("description", "notes")
DATES: Final = ("start_date", "due_date")
NEEDED: Final = frozenset({"job_name", "priority", "owned_by", "job_status"})
MOST_SHORT: Final = 256
NAME: Final = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f]{1,256}")
"""That of a user or a group, which stands in the name of a queue, too: in one line, and not blank."""
MOST_LONG: Final = 4_000
"""In characters."""
MOST_TABLES: Final = 64 * 1024
"""In bytes of JSON, all tables together."""
EXTENDED: Final = "extended_properties"
RELATED: Final = "related_properties"
TAKES: Final[Mapping[str, Privilege]] = {
    "job_name": Privilege.NAME,
    "priority": Privilege.PRIORITY,
    "owned_by": Privilege.OWNER,
    "job_status": Privilege.STATUS,
    "parent_job": Privilege.PARENT,
    "description": Privilege.DESCRIPTION,
    "notes": Privilege.NOTES,
    "start_date": Privilege.DATES,
    "due_date": Privilege.DATES,
    EXTENDED: Privilege.EXTENDED,
    RELATED: Privilege.RELATED,
}
Tables = dict[str, Any]
_ids: Final = Ids()


def plain_values(given: object, *, unset: object = UNCHANGED) -> dict[str, Any]:
    """The properties that an override names, as they are kept; `unset` is the value of one that it doesn't name.

    Raises:
        BadProperty: a text that is too long, a date without an offset, or nothing where something must be.
    """
    told = {name: getattr(given, name) for name in (*SHORT, *LONG, *DATES)}
    return {name: plain_value(name, value) for name, value in told.items() if value is not unset}


def check_dates(properties: Mapping[str, Any]) -> None:
    """Refuse a job that is due before it begins.

    Raises:
        BadProperty: it would be.
    """
    start, due = properties.get("start_date"), properties.get("due_date")
    if start and due and read_date(due) < read_date(start):
        raise BadProperty("due_date", "it is before start_date")


async def update(scope: Scope, job_id: str, updates: UpdateJobOverrides, allow_running_step_id: str | None) -> None:
    """Change what is said of a job; see `JobsManager.update_job`."""
    given = await name_parent(scope, plain_values(updates))

    def change(draft: Draft) -> None:
        properties = draft.workflow.properties
        if given.get("parent_job") == draft.workflow.public_id:
            raise BadProperty("parent_job", "a job is not its own parent")
        after = {**given, **_tables(properties, updates)}
        changed = {name: value for name, value in after.items() if value != properties.get(name)}
        if not changed:
            return
        _check_allowed(scope.caller, draft.workflow, changed)
        _check_state(draft.workflow, changed, allow_running_step_id)
        check_dates({**properties, **changed})
        draft.say(**changed)
        draft.record(JobHistoryAction.UPDATED, **said_facts(changed))

    await scope.revise([job_id], change)


async def name_parent(scope: Scope, given: Mapping[str, Any]) -> dict[str, Any]:
    """These properties, where the parent is named by the id that it is found by.

    Raises:
        JobNotFound: there is no such parent.
    """
    parent = given.get("parent_job")
    return {**given, **({"parent_job": (await scope.load(parent)).public_id} if parent else {})}


def extend(tables: Mapping[str, Any], given: Iterable[ExtendedProperty]) -> Tables:
    """The tables that a job has once, with these values.

    Raises:
        BadProperty: an identifier isn't `table.property`, or they are too large.
    """
    after = {name: dict(values) for name, values in tables.items()}
    for one in given:
        table, _, name = one.identifier.partition(".")
        if not table or not name:
            raise BadProperty(EXTENDED, "an identifier is table.property")
        after.setdefault(table, {})[name] = one.value
    return _bounded(EXTENDED, after)


def relate(tables: Mapping[str, Any], given: RelatedUpdates) -> Tables:
    """The tables of which a job has many rows, with these added, changed and taken away.

    Raises:
        BadProperty: there is no such row, a name is empty, or they are too large.
    """
    after = {name: [dict(entry) for entry in entries] for name, entries in tables.items()}
    for added in given.adds:
        if not added.table_name:
            raise BadProperty(RELATED, "a table has a name")
        after.setdefault(added.table_name, []).extend(_new_entry(entry) for entry in added.entries)
    for updated in given.updates:
        for entry in updated.entries:
            kept = _find(after, updated.table_name, entry.id)
            kept["properties"] = {**kept["properties"], **_values(entry)}
    for deleted in given.deletes:
        for entry_id in deleted.ids:
            gone = _find(after, deleted.table_name, entry_id)
            after[deleted.table_name].remove(gone)
    return _bounded(RELATED, {name: entries for name, entries in after.items() if entries})


def extended_of(properties: Mapping[str, Any]) -> tuple[PropertyTable, ...]:
    """The tables that a job has once."""
    tables = properties.get(EXTENDED) or {}
    return tuple(PropertyTable(table_name=name, properties=_properties(values)) for name, values in tables.items())


def related_of(properties: Mapping[str, Any]) -> tuple[RelatedTable, ...]:
    """The tables of which a job has many rows."""
    tables = properties.get(RELATED) or {}
    return tuple(RelatedTable(table_name=name, entries=tuple(map(_entry, entries))) for name, entries in tables.items())


def is_assignee(caller: Caller, workflow: Workflow) -> bool:
    """Whether a current step is the caller's, or their group's."""
    theirs = {f"user:{caller.user}", *(f"group:{group}" for group in caller.groups)}
    return any((workflow.jobs[step_id].assignee or UNASSIGNED) in theirs for step_id in workflow.current)


def _check_allowed(caller: Caller, workflow: Workflow, changed: Mapping[str, Any]) -> None:
    caller.demand(*(TAKES[name] for name in changed))
    is_owner = caller.user == workflow.properties.get("owned_by")
    if not (caller.is_plugin or is_owner or is_assignee(caller, workflow)):
        raise NotAllowed("of its owner, or of whoever a current step is assigned to")


def _check_state(workflow: Workflow, changed: Mapping[str, Any], allowed: str | None) -> None:
    if workflow.closed:
        raise JobRefused(workflow.public_id, "it is closed")
    running = [step_id for step_id in running_steps(workflow) if step_id != allowed]
    if running and changed.keys() != {"notes"}:
        why = f"its step {running[0]!r} is running, and whoever does it changes this by naming it"
        raise JobRefused(workflow.public_id, why)


def _tables(properties: Mapping[str, Any], updates: UpdateJobOverrides) -> Tables:
    """The tables that are changed."""
    after: Tables = {}
    if updates.extended_properties:
        after[EXTENDED] = extend(properties.get(EXTENDED) or {}, updates.extended_properties)
    if updates.related_properties != RelatedUpdates():
        after[RELATED] = relate(properties.get(RELATED) or {}, updates.related_properties)
    return after


def plain_value(name: str, value: Any) -> Any:
    """One of them as it is kept; raises as `plain_values`."""
    if value is None or value == "" or (name in NEEDED and isinstance(value, str) and not value.strip()):
        if name in NEEDED:
            raise BadProperty(name, "it is empty")
        return None
    if name in DATES:
        return _date(name, value)
    most = MOST_SHORT if name in SHORT else MOST_LONG
    if not isinstance(value, str) or len(value) > most:
        raise BadProperty(name, f"it is a text of at most {most} characters")
    if name == "owned_by" and not NAME.fullmatch(value):
        raise BadProperty(name, "it is a name, in one line")
    return value


def _date(name: str, value: Any) -> str:
    return moment_of(name, value).isoformat()


def _bounded(name: str, tables: Tables) -> Tables:
    if len(to_json(tables)) > MOST_TABLES:
        raise BadProperty(name, f"they have more than {MOST_TABLES} bytes together")
    return tables


def _new_entry(entry: RelatedEntry) -> dict[str, Any]:
    return {"id": _ids.next(), "properties": _values(entry)}


def _find(tables: Tables, table: str, entry_id: str) -> dict[str, Any]:
    found: dict[str, Any] | None = next((entry for entry in tables.get(table, ()) if entry["id"] == entry_id), None)
    if found is None:
        raise BadProperty(RELATED, f"there is no row {entry_id!r} in {table!r}")
    return found


def _values(entry: RelatedEntry) -> dict[str, str | None]:
    if not all(one.property_name for one in entry.properties):
        raise BadProperty(RELATED, "a property has a name")
    return {one.property_name: one.value for one in entry.properties}


def _properties(values: Mapping[str, str | None]) -> tuple[JobProperty, ...]:
    return tuple(JobProperty(property_name=name, value=value) for name, value in values.items())


def _entry(told: Mapping[str, Any]) -> RelatedEntry:
    return RelatedEntry(id=told["id"], created_date=made_at(told["id"]), properties=_properties(told["properties"]))


def new_tables(extended: Sequence[ExtendedProperty], related: Sequence[RelatedTable]) -> Tables:
    """The tables of a new job."""
    tables = {EXTENDED: extend({}, extended), RELATED: relate({}, RelatedUpdates(adds=related))}
    return {name: table for name, table in tables.items() if table}
