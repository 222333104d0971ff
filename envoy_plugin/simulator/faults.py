"""Faults on purpose: the simulated Envoy answers wrongly, late, or not at all."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import Field, TypeAdapter, model_validator

from envoy_plugin.simulator.request_log import Dropped
from envoy_plugin.simulator.times import Clock
from envoy_plugin.simulator.wire import API_TYPE, JsonObject, StrictModel, api_error, read_json

MAX_FAULTS: Final = 100
CUT_OFF_JSON: Final = '{"data": {"id": '


class Fault(StrictModel):
    """What goes wrong, for which requests, how often and how long.

    The first fault that matches a request is used. Without `times` and `seconds` it lasts until it is deleted.
    """

    method: str | None = Field(None, description="any method, unless given")
    path: str = Field("/", description="the beginning of the path")
    status: int | None = Field(None, ge=200, le=599, description="answer this instead")
    delay: float = Field(0, ge=0, le=600, description="seconds to wait first")
    drop: bool = Field(default=False, description="cut the connection instead of answering")
    retry_after: int | None = Field(None, ge=0, description="Retry-After in seconds; the status is 429 unless given")
    malformed: bool = Field(default=False, description="answer with cut off JSON")
    applied: bool = Field(default=False, description="the request takes effect, only its answer is lost or wrong")
    times: int | None = Field(None, ge=1, description="for so many requests")
    seconds: float | None = Field(None, gt=0, description="for so long, from now")

    @model_validator(mode="after")
    def _goes_wrong(self) -> Self:
        if not (self.replaces_answer or self.delay):
            raise ValueError("a fault needs status, delay, drop, retry_after or malformed")
        return self

    @property
    def replaces_answer(self) -> bool:
        """Whether the client gets something else than the answer."""
        return self.drop or self.malformed or self.status is not None or self.retry_after is not None

    def matches(self, method: str, path: str) -> bool:
        """Whether the fault is meant for a request."""
        return path.startswith(self.path) and (self.method is None or self.method.upper() == method)

    def answer(self) -> web.Response:
        """The wrong answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.malformed:
            return web.Response(status=self.status or 200, text=CUT_OFF_JSON, content_type=API_TYPE, headers=headers)
        status = self.status or 429
        return web.json_response(api_error(status, "Fault", "On purpose.").body, status=status, headers=headers)


FAULT_LIST: Final = TypeAdapter(Annotated[list[Fault], Field(max_length=MAX_FAULTS)])


class Armed:
    """A fault that waits for its requests."""

    def __init__(self, fault: Fault, now: datetime) -> None:
        self.fault = fault
        self.left = fault.times
        self.until = None if fault.seconds is None else now + timedelta(seconds=fault.seconds)

    def is_over(self, now: datetime) -> bool:
        """Whether it was used up or its time has passed."""
        return self.left == 0 or (self.until is not None and now >= self.until)

    def use(self) -> Fault:
        """The fault, with one time less to go."""
        if self.left is not None:
            self.left -= 1
        return self.fault


class Faults:
    """The faults that are set, in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._armed: list[Armed] = []

    def arm(self, faults: Sequence[Fault]) -> None:
        """Set these faults, and only these; their times and seconds count from now."""
        now = self._clock()
        self._armed = [Armed(fault, now) for fault in faults]

    def add(self, fault: Fault) -> None:
        """Set a fault beside those that are set, behind them."""
        self._armed = [*self.live(), Armed(fault, self._clock())]

    def live(self) -> list[Armed]:
        """The faults that aren't over."""
        now = self._clock()
        self._armed = [armed for armed in self._armed if not armed.is_over(now)]
        return self._armed

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of this request, if there is one; uses it once."""
        return next((armed.use() for armed in self.live() if armed.fault.matches(method, path)), None)


FAULTS: Final = web.AppKey("faults", Faults)
routes = web.RouteTableDef()


@web.middleware
async def inject_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the first matching fault happen to a request outside `/_sim/`."""
    if request.path.startswith("/_sim"):
        return await handler(request)
    fault = request.app[FAULTS].take(request.method, request.raw_path)
    if fault is None:
        return await handler(request)
    await asyncio.sleep(fault.delay)
    if not fault.replaces_answer:
        return await handler(request)
    if fault.applied:
        await handler(request)
    if fault.drop:
        raise Dropped
    return fault.answer()


def _shown(faults: Faults) -> web.Response:
    rows: list[JsonObject] = [{**armed.fault.model_dump(), "times": armed.left} for armed in faults.live()]
    return web.json_response(rows)


@routes.get("/_sim/faults")
async def show_faults(request: web.Request) -> web.Response:
    """The faults that aren't over, with the times that are left."""
    return _shown(request.app[FAULTS])


@routes.put("/_sim/faults")
async def set_faults(request: web.Request) -> web.Response:
    """Replace the list of faults."""
    faults = await read_json(request, FAULT_LIST)
    request.app[FAULTS].arm(faults)
    return _shown(request.app[FAULTS])


@routes.delete("/_sim/faults")
async def clear_faults(request: web.Request) -> web.Response:
    """Be well again."""
    request.app[FAULTS].arm([])
    return web.Response(status=204)
