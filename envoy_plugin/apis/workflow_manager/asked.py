"""A request that was let in: what it names, who sent it, and what answers it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from envoy_plugin.apis.workflow_manager.access import Access
from envoy_plugin.apis.workflow_manager.hub import Hub
from envoy_plugin.apis.workflow_manager.tokens import Operator
from envoy_plugin.engine.engine import Engine
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.links import Links
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.operating.privileges import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What operations work with: one per process."""

    engine: Engine
    store: Store
    links: Links
    access: Access
    hub: Hub


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of somebody for an item that their token names; `path` are the decoded parameters of the path."""

    service: Service
    request: web.Request = field(repr=False)
    operator: Operator
    item: str
    path: Mapping[str, str]

    @property
    def store(self) -> Store:
        """The diagrams and templates."""
        return self.service.store

    @property
    def caller(self) -> Caller:
        """Who asks, as the layer below knows them."""
        operator = self.operator
        return Caller(user=operator.name, groups=operator.groups, privileges=operator.privileges)

    @property
    def job_id(self) -> str:
        """The job that the path names."""
        return self.path["jobId"]

    @property
    def jobs(self) -> JobsManager:
        """The jobs of the item, for whoever asks."""
        operator = self.operator
        return JobsManager(
            self.store,
            item=self.item,
            user=operator.name,
            groups=operator.groups,
            privileges=operator.privileges,
        )
