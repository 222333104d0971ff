"""All websockets of a process: one watcher tells all of them, and one guard looks at their tokens."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from aiohttp import WSCloseCode, web
from redis.exceptions import RedisError

from envoy_plugin.apis.workflow_manager.access import Access
from envoy_plugin.apis.workflow_manager.frames import write_message
from envoy_plugin.apis.workflow_manager.refusals import Refused
from envoy_plugin.apis.workflow_manager.session import Desk, Session
from envoy_plugin.apis.workflow_manager.tokens import Operator
from envoy_plugin.in_background import in_background
from envoy_plugin.logs import get_logger
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.telling.messages import NotificationMessage
from envoy_plugin.workflows.telling.watching import LEAST_REST, Watcher

LOOK_EVERY: Final = timedelta(milliseconds=250)
"""How often it is asked what other processes have changed; the longest that a message of theirs waits."""
CHECK_SECONDS: Final = 1
"""How often it is asked whether tokens were revoked."""
MOST_SOCKETS: Final = 1_000

log = get_logger(__name__)


class Hub:
    """The sockets of a process. `clock` is in seconds since 1970."""

    def __init__(
        self,
        store: Store,
        access: Access,
        is_stopping: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access = access
        self._is_stopping = is_stopping
        self._watcher = Watcher(store)
        self._desk = Desk(store=store, access=access, watcher=self._watcher, write=self._write, clock=clock)
        self._sessions: set[Session] = set()
        self._work = contextlib.AsyncExitStack()
        self._works = self._closed = False
        self._written: tuple[NotificationMessage | None, str] = (None, "")

    def admit(self) -> None:
        """Refuse a socket before it is opened.

        Raises:
            Refused: 503, the process is stopping, or has as many sockets as it can have.
        """
        if self._closed or self._is_stopping() or len(self._sessions) >= MOST_SOCKETS:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "No more sockets here now.", headers={"Retry-After": "5"})

    async def serve(
        self, socket: web.WebSocketResponse, operator: Operator, item: str, abort: Callable[[], None]
    ) -> None:
        """Answer an open socket until it is closed; `abort` ends its connection at once."""
        session = Session(self._desk, socket, operator, item, abort)
        self._sessions.add(session)
        try:
            await self._begin()
            await session.serve()
        except Exception:
            log.exception("socket.failed")
            session.end(WSCloseCode.INTERNAL_ERROR, "The server failed unexpectedly.")
            await session.ended()
        finally:
            self._sessions.discard(session)

    async def close(self) -> None:
        """Close every socket, and open no more."""
        self._closed = True
        sessions = list(self._sessions)
        for session in sessions:
            session.end(WSCloseCode.GOING_AWAY, "The server is stopping.")
        await asyncio.gather(*(session.ended() for session in sessions), return_exceptions=True)
        await self._work.aclose()

    async def check_tokens(self) -> None:
        """Close the sockets of tokens that have ended, or were revoked."""
        by_token: dict[str, list[Session]] = {}
        for session in self._sessions:
            if session.has_expired:
                session.end(WSCloseCode.POLICY_VIOLATION, "The token has ended.")
            by_token.setdefault(session.operator.jti, []).append(session)
        for sessions in by_token.values():
            if await self._access.is_revoked(sessions[0].operator):
                for session in sessions:
                    session.end(WSCloseCode.POLICY_VIOLATION, "The token was revoked.")

    async def _begin(self) -> None:
        """Look and guard from the first socket on."""
        if not self._works:
            self._works = True
            await self._work.enter_async_context(self._watcher.listening(LOOK_EVERY))
            await self._work.enter_async_context(in_background(self._guard()))

    async def _guard(self) -> None:
        has_complained = False
        while not self._closed:
            start = time.monotonic()
            try:
                await self.check_tokens()
                has_complained = False
            except RedisError as error:
                if not has_complained:
                    log.warning("socket.tokens_unread", error=type(error).__name__)
                has_complained = True
            await asyncio.sleep(max(CHECK_SECONDS, LEAST_REST * (time.monotonic() - start)))

    def _write(self, message: NotificationMessage) -> str:
        """A message as it is sent: each is told to all sockets before the next, and written once."""
        written, text = self._written
        if written is not message:
            text = write_message(message)
            self._written = (message, text)
        return text
