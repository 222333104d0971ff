"""`envoy-plugin check`, as a host's release phase runs it."""

import json
from pathlib import Path

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.keys import SCHEMA
from envoy_plugin.memory_redis import memory_redis
from tests.framework.cli.project import Project
from tests.redis_server import RedisServers, TlsFiles

UNPROVIDED = """
class Doors: ...

@plugin.on("invite_created")
async def invited(doors: Doors) -> None: ...
"""


def findings(out: str) -> dict[str, str]:
    """The status of each thing that was looked at."""
    return {found["about"]: found["status"] for found in json.loads(out)["checks"]}


async def test_everything_in_order_is_exit_code_0(project: Project, redis_server: RedisServers) -> None:
    server = redis_server(appendonly="yes")
    code, out, err = await project.run("check", REDIS_URL=server.url)
    assert (code, err) == (0, "")
    assert {line.split()[0] for line in out.splitlines()} == {"ok"}
    assert "shop-doors handles 2 events" in out


async def test_nothing_is_written(served: Project, redis: Redis) -> None:
    code, out, _ = await served.run_here("check", "--json")
    assert (code, findings(out)["redis keys"]) == (0, "ok")
    assert await redis.dbsize() == 0


async def test_what_is_risky_about_redis_is_a_warning(project: Project, redis_server: RedisServers) -> None:
    server = redis_server()
    async with Redis.from_url(server.url) as redis:
        await redis.config_set("maxmemory-policy", "allkeys-lru")
    elsewhere = server.url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - this machine, under a name that doesn't say so
    code, out, _ = await project.run_here("check", "--json", REDIS_URL=elsewhere)
    told = findings(out)
    assert (code, json.loads(out)["ok"]) == (0, True)
    assert [told[f"redis {about}"] for about in ("connection", "memory", "persistence")] == ["warning"] * 3
    assert "allkeys-lru" in out


async def test_tls_is_well(project: Project, redis_server: RedisServers, tls_files: TlsFiles) -> None:
    server = redis_server(tls=tls_files)
    code, out, _ = await project.run_here(
        "check", "--json", REDIS_URL=f"{server.url}?ssl_ca_certs={tls_files.authority}"
    )
    assert (code, findings(out)["redis connection"]) == (0, "ok")


async def test_a_socket_is_on_this_machine(project: Project, redis_server: RedisServers, tmp_path: Path) -> None:
    redis_server(unixsocket=str(tmp_path / "redis.sock"))
    code, out, _ = await project.run_here("check", "--json", REDIS_URL=f"unix://{tmp_path}/redis.sock")
    assert (code, findings(out)["redis connection"]) == (0, "ok")


async def test_a_redis_that_tells_nothing_of_itself_is_a_warning(project: Project) -> None:
    with memory_redis() as url:
        code, out, _ = await project.run_here("check", "--json", REDIS_URL=url)
    told = findings(out)
    assert (code, told["redis"], told["redis memory"], told["redis persistence"]) == (0, "ok", "warning", "warning")


async def test_a_redis_that_doesnt_answer_fails_the_release(project: Project) -> None:
    code, _, err = await project.run("check")
    assert (code, err) == (1, "failed   redis  can't be used: ConnectionError\n")


async def test_offline_leaves_redis_alone(project: Project) -> None:
    code, out, err = await project.run_here("check", "--offline")
    assert (code, err) == (0, "")
    assert "redis " not in out


async def test_a_first_deploy_may_have_no_redis_yet(project: Project) -> None:
    code, out, err = await project.run_here("check", REDIS_URL="")
    assert (code, err) == (0, "")
    assert "warning  REDIS_URL  is not set: web and worker won't start without it" in out


@pytest.mark.parametrize("redis_url", ["", "redis://127.0.0.1:9/0"])
async def test_bad_settings_are_told_at_once_beside_everything_else(project: Project, redis_url: str) -> None:
    project.write("1 +\n")
    code, _, err = await project.run_here("check", ENVOY_CLIENT_ID="", JOB_LEASE="soon", REDIS_URL=redis_url)
    assert code == 78
    for fault in ("ENVOY_CLIENT_ID: is not set", "JOB_LEASE: must be", "Importing doors failed: SyntaxError"):
        assert fault in err
    assert "soon" not in err


async def test_what_no_handler_can_be_given_fails_the_release(served: Project) -> None:
    path = served.directory / "doors.py"
    path.write_text(path.read_text() + UNPROVIDED)
    code, _, err = await served.run_here("check")
    assert (code, "asks for Doors, which nothing provides" in err) == (1, True)


async def test_keys_of_a_newer_release_fail_this_one(served: Project, redis: Redis) -> None:
    await redis.set("{shop-doors}:schema", SCHEMA + 1)
    code, out, _ = await served.run_here("check", "--json")
    assert (code, findings(out)["redis keys"], json.loads(out)["ok"]) == (1, "failed", False)
    await redis.set("{shop-doors}:schema", SCHEMA)
    code, out, _ = await served.run_here("check", "--json")
    assert (code, findings(out)["redis keys"]) == (0, "ok")
