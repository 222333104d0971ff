"""`web`, `worker` and `run` as processes."""

import asyncio
import json
import os
import pty
import re
import signal
import socket
from http import HTTPStatus
from importlib.util import find_spec

import pytest
from aiohttp import ClientSession

from tests.envoy_server import CLIENT_SECRET, SimulatedEnvoy
from tests.framework.cli.project import CREDENTIALS, Project, Running
from tests.redis_server import RedisServers

WEB_STARTED = r'"port": (\d+), "event": "web.started"'
STARTED = r'"(web|worker)\.started"'
ENDED = r'"job.ended"'


async def port_of(web: Running) -> str:
    return (await web.line(WEB_STARTED))[1]


async def status_of(port: str, path: str) -> int:
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status


async def sign_out(project: Project, port: str) -> tuple[int, dict[str, object]]:
    code, out, _ = await project.run_here("trigger", "entry_sign_out", "--to", f"http://127.0.0.1:{port}", "--json")
    return code, json.loads(out)


async def test_web_answers_events_on_the_port_that_it_names(served: Project) -> None:
    async with served.running("web", "--port", "0") as web:
        port = await port_of(web)
        code, told = await sign_out(served, port)
        assert await status_of(port, "/readyz") == HTTPStatus.OK
    assert (code, told["status"]) == (0, 200)


async def test_the_loop_is_uvloop_where_it_is_installed(served: Project) -> None:
    async with served.running("run", "--port", "0", "--host", "127.0.0.1") as run:
        _, told = await sign_out(served, await port_of(run))
    assert "uvloop" in str(told["body"]) or find_spec("uvloop") is None


async def test_without_uvloop_the_loop_is_asyncios(project: Project) -> None:
    project.write(
        "import asyncio\nfrom envoy_plugin import Plugin\nplugin = Plugin('doors')\nclass Doors: ...\n"
        "@plugin.provides\nasync def doors() -> Doors:\n"
        "    raise SystemExit(type(asyncio.get_running_loop()).__module__)\n"
    )
    script = "import sys; sys.modules['uvloop'] = None; from envoy_plugin.cli import main; main()"
    _, _, err = await project.run_script(script, "worker")
    assert err.startswith("asyncio.")


async def test_web_starts_without_redis_and_isnt_ready(project: Project) -> None:
    async with project.running("web", "--port", "0") as web:
        port = await port_of(web)
        assert await status_of(port, "/healthz") == HTTPStatus.OK
        assert await status_of(port, "/readyz") == HTTPStatus.SERVICE_UNAVAILABLE


async def test_a_worker_waits_for_redis_and_finishes_what_web_took(
    project: Project, redis_server: RedisServers, envoy: SimulatedEnvoy
) -> None:
    server = redis_server(appendonly="yes", appendfsync="always")
    project.settings.update(REDIS_URL=server.url, ENVOY_BASE_URL=envoy.url)
    async with project.running("web", "--port", "0") as web:
        to = f"http://127.0.0.1:{await port_of(web)}"
        code, _, _ = await project.run_here("trigger", "entry_sign_in", "--to", to, "--expect", "ongoing")
    server.kill()
    async with project.running("worker") as worker:
        await worker.line("redis.unreachable")
        server.start()
        ended = await worker.line(ENDED)
    assert code == 0
    assert '"state": "succeeded"' in ended.string


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", [("web", "--port", "0"), ("worker",), ("run", "--port", "0")])
async def test_a_signal_ends_it_with_0(served: Project, command: tuple[str, ...], number: signal.Signals) -> None:
    async with served.running(*command) as process:
        await process.line(STARTED)
        assert await process.stop(number) == 0
    assert "process.stopped" in process.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_while_the_plugin_is_imported_ends_it_with_0(project: Project, number: signal.Signals) -> None:
    project.write("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    async with project.running("web") as web:
        await web.line("importing")
        assert await web.stop(number) == 0


async def test_a_port_in_use_is_said_in_one_sentence(served: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = await served.run("web", "--port", port, "--host", "127.0.0.1")
    assert code == 1
    assert err == f"Port {port} of 127.0.0.1 can't be used: Address already in use. --port takes another one.\n"


async def test_all_bad_settings_are_told_at_once(project: Project) -> None:
    code, out, err = await project.run("web", ENVOY_CLIENT_ID="", JWT_SECRET="short", JOB_LEASE="soon")
    assert (code, out) == (78, "")
    assert [line.split(":")[0] for line in err.splitlines()] == ["ENVOY_CLIENT_ID", "JWT_SECRET", "JOB_LEASE"]
    assert "soon" not in err


async def test_a_file_gives_what_the_environment_lacks_to_the_plugin_too(project: Project) -> None:
    file = "".join(f"{name}={value}\n" for name, value in CREDENTIALS.items()) + "LOG_LEVEL=error\nDOOR=$north\n"
    project.write(file, "settings.env")
    project.write("import os\nprint(os.environ['DOOR'], os.environ['LOG_LEVEL'])\n")
    project.settings.clear()
    code, out, err = await project.run("web", "--env-file", "settings.env", LOG_LEVEL="debug")
    assert (code, out) == (1, "$north debug\n")
    assert "no plugin" in err


async def test_a_file_of_settings_must_be_text(project: Project) -> None:
    (project.directory / "settings.env").write_bytes(b"\xff\xfe")
    code, _, err = await project.run("web", "--env-file", "settings.env")
    assert (code, "UTF-8" in err) == (2, True)


async def test_a_provider_that_fails_is_logged_without_its_words(project: Project) -> None:
    project.write(
        "from envoy_plugin import Plugin\nplugin = Plugin('doors')\nclass Doors: ...\n"
        f"@plugin.provides\nasync def doors() -> Doors:\n    raise ConnectionError('{CLIENT_SECRET}')\n"
    )
    code, out, err = await project.run("worker")
    assert code == 1
    assert "process.failed" in out
    assert "ConnectionError" in out
    assert CLIENT_SECRET not in out + err


async def test_keys_of_a_newer_release_are_refused(served: Project, redis_server: RedisServers) -> None:
    server = redis_server()
    with socket.create_connection(("127.0.0.1", server.port)) as redis:
        redis.sendall(b"SET {shop-doors}:schema 99\r\n")
        assert redis.recv(100) == b"+OK\r\n"
    code, _, err = await served.run("worker", REDIS_URL=server.url)
    assert (code, "schema 99" in err) == (1, True)


async def test_lines_on_a_terminal_are_for_people(project: Project) -> None:
    ours, theirs = pty.openpty()
    process = await project.start(("worker",), {}, stdout=theirs)
    os.close(theirs)
    output = b""
    while b"worker.started" not in output:
        output += await asyncio.to_thread(os.read, ours, 4096)
    process.terminate()
    assert await process.wait() == 0
    os.close(ours)
    assert re.search(rb"^[\d:.]{12} info +worker\.started ", output, re.MULTILINE)
