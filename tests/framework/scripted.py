"""A server that answers as a test says, on a real port."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

Answers: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Scripted:
    """Gives its answers in order, the last one for ever, and keeps what it was asked."""

    def __init__(self, answers: list[Answers], session: aiohttp.ClientSession) -> None:
        self.answers = answers
        self.session = session
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        return await self.answers[min(len(self.asked), len(self.answers)) - 1](request)

    def sent(self, number: int = -1) -> tuple[str, str, Any]:
        """Method, path with query as on the wire, and body of a request."""
        request, body = self.asked[number], self.bodies[number]
        return request.method, request.raw_path, json.loads(body) if body else None


@asynccontextmanager
async def scripted(*answers: Answers) -> AsyncIterator[Scripted]:
    """A running server, and a session for whoever asks it."""
    async with aiohttp.ClientSession() as session:
        server = Scripted(list(answers), session)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", server.answer)
        async with TestServer(app) as running:
            server.url = str(running.make_url("/"))
            yield server


def status(code: int, body: object = None, **headers: str) -> Answers:
    """Answers with a status and JSON."""

    async def respond(_: web.Request) -> web.StreamResponse:
        text = "" if body is None else json.dumps(body)
        return web.Response(status=code, text=text, headers={name.replace("_", "-"): v for name, v in headers.items()})

    return respond


def raw(body: bytes) -> Answers:
    """Answers 200 with these bytes."""

    async def respond(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body)

    return respond


async def drop(request: web.Request) -> web.StreamResponse:
    """Cut the connection."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def hang(_: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    return web.Response()
