"""Diagrams, as who configures an item makes and changes them.

Source: the REST reference's diagrams; what the Python client was seen to send. A version never changes: whoever posts a
diagram makes the next one. Those in a plugin's code can be read here, and changed there alone.
"""

import re
from typing import Any, Final

from pydantic import ConfigDict, Field

from envoy_plugin.apis.workflow_manager.answers import DONE
from envoy_plugin.apis.workflow_manager.asked import Asked
from envoy_plugin.apis.workflow_manager.fields import Word
from envoy_plugin.apis.workflow_manager.operation import Nothing
from envoy_plugin.apis.workflow_manager.refusals import Refused, bad_request, not_found
from envoy_plugin.apis.workflow_manager.wire import Shape, Wire
from envoy_plugin.engine.ids import Ids
from envoy_plugin.workflows.definitions.diagrams import Diagram
from envoy_plugin.workflows.definitions.documents import diagram_document, parse_diagram
from envoy_plugin.workflows.definitions.templates import GOOD_ID, OF_PLUGIN
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import JobStatisticsDetails
from envoy_plugin.workflows.operating.privileges import Privilege

VERSION: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
DRAFT: Final = 0
"""The version of a draft, of which a diagram has at most one."""
_ids: Final = Ids()


class DiagramBody(Wire):
    """A diagram, of which the layer below reads the rest; `active` False is a draft, which may have faults."""

    model_config = ConfigDict(extra="allow")

    diagram_id: Word | None = None
    active: bool | None = None

    @property
    def document(self) -> dict[str, Any]:
        """What it says of its steps, and how it is drawn."""
        return self.model_extra or {}


class DiagramUpdate(Wire):
    """A diagram to be the next version, or the draft; with an active one `deleteDraft` forgets the draft."""

    delete_draft: bool | None = None
    diagram: DiagramBody | None = Field(default=None, repr=False)


def new_id(wanted: str | None) -> str:
    """The id of something new: the caller's own, where there is one.

    Raises:
        Refused: 400, it can't be part of a path.
    """
    if wanted and not GOOD_ID.fullmatch(wanted):
        raise bad_request("An id has 1 to 64 of the characters A-Z, a-z, 0-9 and _ . -, and is neither . nor ..")
    return wanted or _ids.next()


async def create(asked: Asked, body: DiagramBody) -> Shape:
    """Make a diagram."""
    asked.caller.demand(Privilege.ADMIN_ADVANCED)
    diagram_id = new_id(body.diagram_id)
    if diagram_id in await asked.store.list_diagrams(asked.item) or _in_code(asked, diagram_id):
        raise bad_request("There is a diagram of this id.")
    await _save(asked, body, diagram_id)
    return {"diagramId": diagram_id}


async def update(asked: Asked, body: DiagramUpdate) -> Shape:
    """Make the next version of a diagram, or its draft."""
    asked.caller.demand(Privilege.ADMIN_ADVANCED)
    diagram_id = await _known(asked)
    if body.diagram is None and not body.delete_draft:
        raise bad_request("diagram is missing.")
    if body.diagram is not None:
        await _save(asked, body.diagram, diagram_id)
    if body.delete_draft and (body.diagram is None or body.diagram.active):
        await asked.store.delete_draft(asked.item, diagram_id)
    return DONE


async def diagrams(asked: Asked, _: Nothing) -> Shape:
    """Every diagram, by its active version, or else its draft."""
    ids = await asked.store.list_diagrams(asked.item)
    stored = [_document(found) for diagram_id in ids if (found := await _latest(asked, diagram_id)) is not None]
    in_code = [_document(_in_code(asked, own), is_active=True) for own in asked.store.own if own not in ids]
    return {"diagrams": [*stored, *in_code]}


async def get(asked: Asked, _: Nothing) -> Shape:
    """A diagram, by its active version, or else its draft."""
    stored = await _latest(asked, asked.path["diagramId"])
    return _document(stored or _in_code(asked, asked.path["diagramId"]), is_active=stored is None)


async def get_version(asked: Asked, _: Nothing) -> Shape:
    """A version of a diagram; 0 is the draft. Jobs name those of a diagram in code, too."""
    diagram_id, number = asked.path["diagramId"], _version(asked)
    found = await asked.store.find_diagram(asked.item, diagram_id, number)
    if found is None and _in_code(asked, diagram_id):
        found = await asked.store.find_diagram(OF_PLUGIN, diagram_id, number)
    return _document(found)


async def delete(asked: Asked, _: Nothing) -> Shape:
    """Delete a diagram that no template and no job has."""
    asked.caller.demand(Privilege.ADMIN_ADVANCED)
    diagram_id = await _known(asked)
    templates = await asked.store.list_templates(asked.item)
    users = [template.id for template in templates if template.diagram_id == diagram_id and template.diagram is None]
    if users:
        raise bad_request(f"Job template {users[0]!r} has this diagram.")
    jobs = JobsManager(asked.store, item=asked.item)
    found = await jobs.calculate_job_statistics(JobStatisticsDetails(q=f"diagramId='{diagram_id}'"))
    if found.total:
        raise bad_request("There are jobs that run on this diagram.")
    await asked.store.delete_diagram(asked.item, diagram_id)
    return DONE


async def delete_version(asked: Asked, _: Nothing) -> Shape:
    """Delete the draft of a diagram; any other version is kept, since a job may run on it."""
    asked.caller.demand(Privilege.ADMIN_ADVANCED)
    diagram_id = await _known(asked)
    number = _version(asked)
    if number != DRAFT:
        raise bad_request("A version stays as long as its diagram: a job may run on it. Version 0 is the draft.")
    if not await asked.store.delete_draft(asked.item, diagram_id):
        raise _no_diagram()
    return DONE


async def _save(asked: Asked, body: DiagramBody, diagram_id: str) -> None:
    faults_in = asked.store.faults_in if body.active else None
    diagram = parse_diagram(body.document, diagram_id=diagram_id, faults_in=faults_in)
    if body.active:
        await asked.store.save_diagram(asked.item, diagram)
    else:
        await asked.store.save_draft(asked.item, diagram)


async def _known(asked: Asked) -> str:
    diagram_id = asked.path["diagramId"]
    if diagram_id in await asked.store.list_diagrams(asked.item):
        return diagram_id
    if _in_code(asked, diagram_id):
        raise bad_request("This diagram is in the plugin's code, and is changed there.")
    raise _no_diagram()


async def _latest(asked: Asked, diagram_id: str) -> Diagram | None:
    store = asked.store
    found = await store.find_diagram(asked.item, diagram_id)
    return found or await store.find_diagram(asked.item, diagram_id, DRAFT)


def _in_code(asked: Asked, diagram_id: str) -> Diagram | None:
    template = asked.store.own.get(diagram_id)
    return template.diagram if template else None


def _version(asked: Asked) -> int:
    text = asked.path["version"]
    if not VERSION.fullmatch(text):
        raise _no_diagram()
    return int(text)


def _document(diagram: Diagram | None, *, is_active: bool = False) -> Shape:
    if diagram is None:
        raise _no_diagram()
    return {**diagram_document(diagram), "active": is_active or diagram.version != DRAFT}


def _no_diagram() -> Refused:
    return not_found("There is no such diagram.")
