"""A device, as a test plays it: it is known, and does its work when the test says so."""

from typing import Any

from pydantic_core import from_json, to_json

from envoy_plugin.apis.iot_jobs.registry import Registry, queue_of
from envoy_plugin.apis.iot_jobs.words import REASONS, Status
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.verbs import Fail, Resume, Succeed


class LocalThing:
    """One device: `printer = await envoy.add_thing("printer")`, then `await printer.work()`."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name

    @classmethod
    async def add(cls, engine: Engine, name: str) -> "LocalThing":
        """Make a device known."""
        await Registry(engine, lambda: 0).add(name)
        return cls(engine, name)

    async def work(self, status: str = "SUCCEEDED", **details: str) -> Any:
        """Do the next piece of work: end it as SUCCEEDED, FAILED or REJECTED, with these details.

        Answers the document, read as JSON where it is JSON; None where there is nothing to do.
        """
        engine = self._engine
        handed = await engine.run(Resume(queue=queue_of(self.name), who=self.name))
        if not handed:
            return None
        [held] = handed
        said = engine.seal(to_json(details))
        succeeds = Status(status) is Status.SUCCEEDED
        await engine.run(
            Succeed.of(held, details=said) if succeeds else Fail.of(held, reason=REASONS[Status(status)], details=said)
        )
        return read_document(engine.open(held.payload or b""))


def read_document(document: bytes) -> Any:
    """What a device or a pull-worker is given: a JSON value where it is one, else the text."""
    try:
        return from_json(document)
    except ValueError:
        return document.decode()
