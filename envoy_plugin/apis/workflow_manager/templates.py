"""Job templates, as who configures an item makes and changes them.

Source: `@arcgis/workflow-manager` 1.0.9, JobTemplate; what the Python client was seen to send. Those in a plugin's code
can be read here, and changed there alone. `closes` is ours: whether a job ends with its last step.
"""

from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ConfigDict, Field

from envoy_plugin.apis.workflow_manager.answers import DONE
from envoy_plugin.apis.workflow_manager.asked import Asked
from envoy_plugin.apis.workflow_manager.diagrams import new_id
from envoy_plugin.apis.workflow_manager.fields import Word, read_moment
from envoy_plugin.apis.workflow_manager.operation import Nothing
from envoy_plugin.apis.workflow_manager.reading import parse
from envoy_plugin.apis.workflow_manager.refusals import bad_request, not_found
from envoy_plugin.apis.workflow_manager.wire import Shape, Wire, timestamp
from envoy_plugin.workflows.definitions.documents import assigned_words
from envoy_plugin.workflows.definitions.templates import ACTIVE, STATES, Template
from envoy_plugin.workflows.models import CreateJobOverrides
from envoy_plugin.workflows.operating.making import assignee_of
from envoy_plugin.workflows.operating.privileges import Privilege
from envoy_plugin.workflows.operating.properties import check_dates, plain_values

DRAFT: Final = "Draft"
SPECIFIC: Final = "SpecificDate"
LOOK: Final[Shape] = {
    "category": "",
    "jobStartDateType": "CreationDate",
    "defaultJobDuration": 0,
    "defaultStartDate": None,
    "defaultDueDate": None,
    "extendedPropertyTableDefinitions": [],
    "activities": [],
    "lastUpdatedBy": "",
    "lastUpdatedDate": None,
}
"""What a template says beside what acts here, kept as it came. Dates act where `jobStartDateType` is SpecificDate."""
PROPERTIES: Final = {
    "defaultJobName": "job_name",
    "defaultPriorityName": "priority",
    "defaultDescription": "description",
    "defaultStatus": "job_status",
}


class TemplateBody(Wire):
    """A job template; members that aren't here are kept as they come."""

    model_config = ConfigDict(extra="allow")

    job_template_id: Word | None = None
    job_template_name: Word | None = None
    description: str | None = Field(default=None, max_length=4_000, repr=False)
    state: Word | None = None
    diagram_id: Word | None = None
    diagram_name: Any = None
    default_priority_name: str | None = None
    default_assigned_type: Word | None = None
    default_assigned_to: Word | None = None
    default_job_name: str | None = None
    default_description: str | None = Field(default=None, repr=False)
    default_status: str | None = None
    default_final_status: Word | None = None
    closes: bool | None = None

    def template(self, template_id: str, asked: Asked) -> Template:
        """As it is kept.

        Raises:
            BadProperty: a value that a template can't have.
            Refused: 400, the same.
        """
        state = self.state or DRAFT
        if state not in STATES:
            raise bad_request(f"state must be one of: {', '.join(STATES)}.")
        kind = self.default_assigned_type
        return Template(
            id=template_id,
            name=self.job_template_name or template_id,
            description=self.description or "",
            state=state,
            diagram_id=self.diagram_id or "",
            assigned=assignee_of(kind, self.default_assigned_to or None) if kind else "",
            final_status=self.default_final_status or "",
            closes=bool(self.closes),
            properties=self._properties(),
            look=self._look(asked.operator.name),
        )

    def _properties(self) -> dict[str, Any]:
        """What every job made from it begins with."""
        look = self.model_extra or {}
        is_specific = look.get("jobStartDateType") == SPECIFIC
        told = CreateJobOverrides(
            job_name=self.default_job_name or None,
            priority=self.default_priority_name or None,
            description=self.default_description,
            job_status=self.default_status or None,
            start_date=_moment(look, "defaultStartDate") if is_specific else None,
            due_date=_moment(look, "defaultDueDate") if is_specific else None,
        )
        properties = {name: value for name, value in plain_values(told, unset=None).items() if value is not None}
        check_dates(properties)
        return properties

    def _look(self, who: str) -> dict[str, Any]:
        told = {name: value for name, value in (self.model_extra or {}).items() if value is not None}
        return {**told, "lastUpdatedBy": who, "lastUpdatedDate": timestamp(datetime.now(UTC))}


async def create(asked: Asked, body: TemplateBody) -> Shape:
    """Make a job template."""
    _demand(asked)
    template_id = new_id(body.job_template_id)
    if await asked.store.find_template(asked.item, template_id):
        raise bad_request("There is a job template of this id.")
    await _save(asked, body, template_id)
    return {"jobTemplateId": template_id}


async def templates(asked: Asked, _: Nothing) -> Shape:
    """Every job template, the plugin's own among them."""
    return {"jobTemplates": [await _document(asked, one) for one in await asked.store.list_templates(asked.item)]}


async def get(asked: Asked, _: Nothing) -> Shape:
    """A job template."""
    return await _document(asked, await _found(asked))


async def update(asked: Asked, body: TemplateBody) -> Shape:
    """Change a job template; what isn't named stays."""
    _demand(asked)
    before = await _stored(asked)
    told = {
        name: value for name, value in body.model_dump(by_alias=True, exclude_unset=True).items() if value is not None
    }
    await _save(asked, parse(TemplateBody, {**await _document(asked, before), **told}), before.id)
    return DONE


async def delete(asked: Asked, _: Nothing) -> Shape:
    """Delete a job template; jobs that were made from it go on."""
    _demand(asked)
    await asked.store.delete_template(asked.item, (await _stored(asked)).id)
    return DONE


async def _save(asked: Asked, body: TemplateBody, template_id: str) -> None:
    template = body.template(template_id, asked)
    if template.state == ACTIVE and await asked.store.find_diagram(asked.item, template.diagram_id) is None:
        raise bad_request("An active job template needs the diagramId of a diagram that has an active version.")
    await asked.store.save_template(asked.item, template)


async def _document(asked: Asked, template: Template) -> Shape:
    diagram = template.diagram or await asked.store.find_diagram(asked.item, template.diagram_id)
    kind, name = assigned_words(template.assigned)
    return {
        **LOOK,
        **template.look,
        **{word: template.properties.get(name) for word, name in PROPERTIES.items()},
        "jobTemplateId": template.id,
        "jobTemplateName": template.name,
        "description": template.description,
        "state": template.state,
        "diagramId": template.diagram_id,
        "diagramName": diagram.name if diagram else "",
        "defaultAssignedType": kind,
        "defaultAssignedTo": name,
        "defaultFinalStatus": template.final_status,
        "closes": template.closes,
    }


def _demand(asked: Asked) -> None:
    """Refuse whoever has neither privilege to configure."""
    if not asked.caller.may(Privilege.ADMIN_ADVANCED):
        asked.caller.demand(Privilege.ADMIN_BASIC)


async def _found(asked: Asked) -> Template:
    found = await asked.store.find_template(asked.item, asked.path["templateId"])
    if found is None:
        raise not_found("There is no such job template.")
    return found


async def _stored(asked: Asked) -> Template:
    found = await _found(asked)
    if found.diagram is not None:
        raise bad_request("This job template is in the plugin's code, and is changed there.")
    return found


def _moment(look: Shape, name: str) -> datetime | None:
    try:
        return read_moment(look.get(name))
    except ValueError:
        raise bad_request(f"{name} must be an RFC 3339 text with an offset.") from None
