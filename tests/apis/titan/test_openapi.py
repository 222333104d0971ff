"""The OpenAPI document is made of what is served, and what is served keeps to it, whatever is sent."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis
from schemathesis.checks import CHECKS

from envoy_plugin.apis.titan.mounting import titan_routes
from envoy_plugin.apis.titan.openapi import document
from envoy_plugin.apis.titan.operations import OPERATIONS
from envoy_plugin.apis.titan.routes import HANDLERS
from envoy_plugin.engine.engine import Engine
from envoy_plugin.sealing import Sealer
from tests.apis.titan.site import Site, serving
from tests.redis_server import RedisServer

EXAMPLES = 25
PATIENT = set(map(str, range(1, 21)))
"""Times to wait that would be waited."""
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
schema = schemathesis.openapi.from_dict(document())


def test_every_operation_is_served_and_every_route_is_an_operation() -> None:
    assert [operation.name for operation in OPERATIONS] == list(HANDLERS)
    served = {(method, path) for method, path, _ in titan_routes() if method != "*"}
    described = {(method.upper(), f"/v1{path}") for path, methods in document()["paths"].items() for method in methods}
    assert served == described | {("GET", "/v1/openapi.json")}


async def test_the_document_is_served(site: Site) -> None:
    reply = await site.ask("GET", "/openapi.json")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.body == json.loads(json.dumps(document()))
    schema.validate()


@pytest.fixture(scope="module")
def live(shared_redis: RedisServer) -> Iterator[str]:
    """The API in a thread of its own, since what asks here waits for its answers."""
    started, over, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()
    found: list[str] = []

    async def serve() -> None:
        async with Redis.from_url(shared_redis.url) as redis:
            await redis.flushall()
            engine = Engine(redis, prefix="fuzzed", codec=Sealer(["a root secret of a test"]))
            async with serving(engine) as url:
                found.append(url)
                started.set()
                await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait(10)
    yield found[0]
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


@pytest.mark.no_cover  # it would take twice as long, and run no line that other tests don't
@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_the_answer_is_one_that_is_described(case: Any, live: str) -> None:
    if str(case.query.get("wait")) in PATIENT:
        case.query["wait"] = 0
    case.call_and_validate(base_url=f"{live}/v1", checks=CHECKS.get_by_names(CHECKED))
