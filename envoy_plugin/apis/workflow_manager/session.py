"""One socket of an operator: what is asked on it, what it is told, and why it is closed."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from redis.exceptions import RedisError

from envoy_plugin.apis.workflow_manager.access import BAD_TOKEN, Access
from envoy_plugin.apis.workflow_manager.errors import refusal_of
from envoy_plugin.apis.workflow_manager.frames import (
    CONNECTED,
    MOST_JOBS,
    BadFrame,
    Respond,
    Subscribe,
    Unsubscribe,
    read_frame,
    write_message,
    write_refusal,
)
from envoy_plugin.apis.workflow_manager.outbox import Outbox
from envoy_plugin.apis.workflow_manager.refusals import Refused, bad_request, unauthorized, unavailable
from envoy_plugin.apis.workflow_manager.tokens import Operator
from envoy_plugin.errors import EngineError, SealError, WorkflowError
from envoy_plugin.logs import get_logger
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.notifications import NotificationManager, StepInfoResponse
from envoy_plugin.workflows.operating.privileges import Caller
from envoy_plugin.workflows.operating.scope import Scope
from envoy_plugin.workflows.responses import Status
from envoy_plugin.workflows.telling.messages import NotificationMessage, state_of
from envoy_plugin.workflows.telling.watching import Watcher

CLOSE_SECONDS: Final = 2
"""For how long the other side is given to answer that a socket is closed."""
MOST_FAULTS: Final = 20
"""How many frames that can't be read are answered before the socket is closed."""
NO_JOBS: Final = "A socket is told of at most {most} jobs."

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all sockets of a process share. `write` writes a message, once for all; `clock` is in s since 1970."""

    store: Store
    access: Access
    watcher: Watcher
    write: Callable[[NotificationMessage], str]
    clock: Callable[[], float]


class Session:
    """A socket of somebody, for the jobs of one item; `abort` ends its connection at once."""

    def __init__(
        self, desk: Desk, socket: web.WebSocketResponse, operator: Operator, item: str, abort: Callable[[], None]
    ) -> None:
        self.operator = operator
        self._desk = desk
        self._socket = socket
        self._item = item
        self._abort = abort
        self._outbox = Outbox()
        self._numbers: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._faults = 0
        self._writer: asyncio.Task[None] | None = None
        self._end: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Answer the socket until it is closed."""
        self._writer = asyncio.create_task(self._write())
        try:
            self._tell(CONNECTED)
            async for frame in self._socket:
                await self._read(frame)
        finally:
            self._leave(list(self._numbers))
            self._writer.cancel()
            await asyncio.gather(self._writer, self.ended(), return_exceptions=True)

    def end(self, code: int, why: str) -> None:
        """Close the socket, with what is still to be sent unsent."""
        if self._end is None:
            self._end = asyncio.create_task(self._close(code, why))

    async def ended(self) -> None:
        """Return once it is closed, if it was told to be."""
        if self._end is not None:
            await self._end

    @property
    def has_expired(self) -> bool:
        """Whether the token has ended with which this socket was opened, or the newest that was sent on it."""
        return self._desk.clock() >= self.operator.exp.timestamp()

    async def _close(self, code: int, why: str) -> None:
        if self._writer is not None:
            self._writer.cancel()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close(code=code, message=why.encode(), drain=False)
        except TimeoutError:
            pass  # it doesn't even take that
        finally:
            self._abort()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._socket.send_str(await self._outbox.next())

    def _tell(self, text: str) -> None:
        """Send a frame as soon as its turn comes; whoever reads so slowly that there is no room for it is dropped."""
        if self._end is None and not self._outbox.put(text):
            log.warning("socket.dropped", why="slow")
            self.end(WSCloseCode.TRY_AGAIN_LATER, "You read too slowly.")

    async def _hear(self, message: NotificationMessage) -> None:
        if self.has_expired:
            self.end(WSCloseCode.POLICY_VIOLATION, "The token has ended.")
        else:
            self._tell(self._desk.write(message))

    async def _read(self, frame: WSMessage) -> None:
        if frame.type is WSMsgType.BINARY:
            self.end(WSCloseCode.UNSUPPORTED_DATA, "Frames are text.")
        elif frame.type is WSMsgType.TEXT and self._end is None:
            job_id = step_id = ""
            try:
                told = read_frame(frame.data)
                if isinstance(told, Respond):
                    job_id, step_id = told.message.job_id, told.message.step_id
                await self._do(told)
            except BadFrame as bad:
                self._count_fault()
                self._refuse(bad_request(str(bad)))
            except Refused as refused:
                self._refuse(refused, job_id, step_id)
            except (WorkflowError, EngineError) as error:
                self._refuse(refusal_of(error), job_id, step_id)
            except (RedisError, TimeoutError, SealError) as error:
                log.error("socket.unavailable", error=type(error).__name__)
                self._refuse(unavailable(), job_id, step_id)

    def _count_fault(self) -> None:
        self._faults += 1
        if self._faults > MOST_FAULTS:
            self.end(WSCloseCode.POLICY_VIOLATION, "Too many frames that can't be read.")

    def _refuse(self, refused: Refused, job_id: str = "", step_id: str = "") -> None:
        now = datetime.fromtimestamp(self._desk.clock(), UTC)
        self._tell(write_refusal(refused, now, job_id=job_id, step_id=step_id))

    async def _do(self, told: Subscribe | Unsubscribe | Respond) -> None:
        operator = await self._operator_of(told.token)
        match told:
            case Subscribe():
                await self._subscribe(told, operator)
            case Unsubscribe():
                known = (self._names.get(name, "") for name in told.job_ids)
                self._leave(list(self._numbers) if told.all else [one for one in known if one])
            case Respond():
                await self._respond(told, operator)

    async def _operator_of(self, token: str | None) -> Operator:
        """Who sends a frame: by its own token, if it has one, else by that of the socket.

        One that lasts longer keeps the socket open for longer.

        Raises:
            Refused: the token isn't good, is somebody else's, or isn't for this item.
        """
        if token is None:
            if self.has_expired or await self._desk.access.is_revoked(self.operator):
                raise unauthorized(BAD_TOKEN)
            return self.operator
        operator = await self._desk.access.read(token)
        if operator.name != self.operator.name or self._item not in operator.items:
            raise Refused(HTTPStatus.FORBIDDEN, "The token isn't one of whoever has opened this socket.")
        if operator.exp > self.operator.exp:
            self.operator = operator
        return operator

    async def _subscribe(self, told: Subscribe, operator: Operator) -> None:
        wanted = list(dict.fromkeys(told.job_ids))
        if len(self._numbers) + sum(name not in self._names for name in wanted) > MOST_JOBS:
            raise bad_request(NO_JOBS.format(most=MOST_JOBS))
        caller = Caller(user=operator.name, groups=operator.groups, privileges=operator.privileges)
        scope = Scope(store=self._desk.store, item=self._item, caller=caller)
        for job_id in wanted:
            await self._outbox.room()
            try:
                await self._watch(scope, job_id, told.sender_id)
            except (WorkflowError, EngineError) as error:
                self._refuse(refusal_of(error), job_id)

    async def _watch(self, scope: Scope, job_id: str, sender_id: str | None) -> None:
        """Be told of a job: how it stands, at once. Nothing is awaited between the look and that."""
        number, look = await self._desk.watcher.watch(scope, job_id, self._hear)
        workflow = look.workflow
        before = self._numbers.pop(workflow.id, None)
        if before is not None:
            self._desk.watcher.unwatch(before)
        self._numbers[workflow.id] = number
        self._names |= {workflow.id: workflow.id, workflow.public_id: workflow.id}
        self._tell(write_message(state_of(look), sender_id))

    def _leave(self, workflow_ids: list[str]) -> None:
        for workflow_id in workflow_ids:
            number = self._numbers.pop(workflow_id, None)
            if number is not None:
                self._desk.watcher.unwatch(number)
        gone = {name for name, workflow_id in self._names.items() if workflow_id not in self._numbers}
        for name in gone:
            del self._names[name]

    async def _respond(self, told: Respond, operator: Operator) -> None:
        said = told.message
        manager = NotificationManager(self._desk.store, item=self._item, user=operator.name, groups=operator.groups)
        answer = await manager.send(
            StepInfoResponse(
                job_id=said.job_id,
                step_id=said.step_id,
                question_response=said.question_response,
                manual_response=said.manual_response,
                comment=said.comment or "",
            )
        )
        for response in answer.step_responses:
            if response.status is not Status.SUCCESS:
                raise Refused(HTTPStatus.CONFLICT, response.status_description, kind=response.status)
