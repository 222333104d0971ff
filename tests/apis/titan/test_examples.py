"""The workers of `examples/`, as real processes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envoy_plugin.apis.titan.tokens import Scope, Tokens
from tests.apis.titan.site import Site, serving

EXAMPLES = Path(__file__).parents[3] / "examples"
SHELL = str(EXAMPLES / "pull_worker.sh")
PYTHON = (sys.executable, str(EXAMPLES / "pull_worker.py"))
PATIENCE = 30


@pytest.fixture
async def guarded(site: Site) -> AsyncIterator[Site]:
    """The API, for those who have tokens."""
    async with serving(site.engine, TITAN_ACCESS="tokens") as url:
        yield replace(site, url=url)


@pytest.fixture
async def token(site: Site) -> str:
    """One that is good for consuming."""
    return (await Tokens(site.engine.redis, site.engine.keys.titan_tokens).add("worker", [Scope.CONSUME]))[1]


async def run(*command: str, **environment: str) -> tuple[int | None, str]:
    """Exit code and errors."""
    pipe = asyncio.subprocess.PIPE
    own = {"PATH": os.environ["PATH"], **environment}
    process = await asyncio.create_subprocess_exec(*command, env=own, stdout=pipe, stderr=pipe)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert out == b""
    return process.returncode, err.decode()


async def ended(site: Site, job_id: str) -> tuple[Any, bytes]:
    """A job, and its log."""
    return await site.job(job_id), (await site.ask("GET", f"/job/{job_id}/log")).content


async def test_the_worker_in_shell_gives_jobs_to_a_command_and_sends_what_it_prints(
    site: Site, guarded: Site, token: str
) -> None:
    good = await site.enqueue(image="echo", payload='say "hi"', max_retries=0)
    bad = await site.enqueue(image="fail", max_retries=0)
    command = 'read -r job; echo "$TITAN_JOB: $job"; case $job in *fail*) exit 3;; esac'
    assert await run(SHELL, guarded.url, "sh", "-c", command, ONCE="1", TITAN_TOKEN=token) == (0, "")
    job, log = await ended(site, good["id"])
    assert job["status"] == "succeeded"
    assert log.startswith(f'{good["id"]}: {{"id":"{good["id"]}","status":"running"'.encode())
    assert b'"payload":"say \\"hi\\""' in log
    job, log = await ended(site, bad["id"])
    assert (job["status"], job["reason"], job["details"]) == ("failed", "bad_exit", "exit code 3")


async def test_the_worker_in_shell_stops_what_was_cancelled(site: Site) -> None:
    made = await site.enqueue(timeout=1)
    process = await asyncio.create_subprocess_exec(SHELL, site.url, "sleep", "60", stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    while (await site.job(made["id"]))["status"] == "queued":  # noqa: ASYNC110 - the worker tells nobody
        await asyncio.sleep(0.02)
    await site.ask("POST", f"/job/{made['id']}/cancel")
    async with asyncio.timeout(PATIENCE):
        while b"was refused" not in await process.stderr.readline():
            assert process.returncode is None
    process.terminate()
    assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    assert (await site.job(made["id"]))["status"] == "cancelled"


async def test_the_worker_in_python_does_what_the_image_says(site: Site, guarded: Site, token: str) -> None:
    good = await site.enqueue(image="count-words", payload="one two three", max_retries=0)
    bad = await site.enqueue(image="nothing", max_retries=0)
    assert await run(*PYTHON, guarded.url, "--once", TITAN_TOKEN=token) == (0, "")
    job, log = await ended(site, good["id"])
    assert (job["status"], log) == ("succeeded", b"3 words\n")
    job, _ = await ended(site, bad["id"])
    assert (job["status"], job["details"]) == ("failed", "KeyError: 'nothing'")


async def test_the_worker_in_python_says_when_its_token_is_none(guarded: Site) -> None:
    code, err = await run(*PYTHON, guarded.url, TITAN_TOKEN="titan.worker.x")
    assert (code, err.startswith("401: ")) == (1, True)
