"""A request that was let in: what it names, what it says, and who signed it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from envoy_plugin.apis.iot_jobs.access_keys import AccessKey, AccessKeys
from envoy_plugin.apis.iot_jobs.constraints import Wire, check_job_id, check_thing, read, read_body
from envoy_plugin.apis.iot_jobs.refusals import invalid
from envoy_plugin.apis.iot_jobs.registry import Registry
from envoy_plugin.apis.iot_jobs.shapes import Place
from envoy_plugin.engine.engine import Engine

Model = TypeVar("Model", bound=Wire)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What operations work on."""

    engine: Engine
    registry: Registry
    keys: AccessKeys
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: the parameters of its path, decoded, its query, its body."""

    service: Service
    key: AccessKey
    path: Mapping[str, str]
    query: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def engine(self) -> Engine:
        """The engine of the service."""
        return self.service.engine

    @property
    def thing(self) -> str:
        """The thing that the path names.

        Raises:
            ThingRefused: it can't be one's name.
        """
        return check_thing(self.path["thing"])

    @property
    def job_id(self) -> str:
        """The job that the path names.

        Raises:
            ThingRefused: it can't be one's id.
        """
        return check_job_id(self.path["job"])

    def body(self, model: type[Model]) -> Model:
        """The body, as a value.

        Raises:
            ThingRefused: it isn't what it must be.
        """
        return read_body(model, self.content)

    def asked(self, model: type[Model]) -> Model:
        """The query, as a value.

        Raises:
            ThingRefused: it isn't what it must be; or a name is there twice: a signature doesn't tell which is first.
        """
        if len(set(self.query)) < len(self.query):
            raise invalid("A parameter of the query is there twice.")
        return read(model, self.query)
