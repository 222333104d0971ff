"""Resources and links between them, as JSON:API writes them, and the ids that the simulated company has."""

from typing import Final

from envoy_plugin.simulator.wire import JsonObject

COMPANY_ID: Final = "12"
FLOW_ID: Final = "5"
EMPLOYEE_ID: Final = "7"
USER_ID: Final = "70"


def resource(resource_id: str, kind: str, attributes: JsonObject) -> JsonObject:
    """A resource without relationships."""
    return {"id": resource_id, "type": kind, "attributes": attributes}


def link(resource_id: str, kind: str) -> JsonObject:
    """A relationship to one resource."""
    return {"data": {"id": resource_id, "type": kind}}
