"""What a plugin says on the pipe to `dev`: log lines, and what its keys in Redis begin with."""

import asyncio
import json

import pytest
from redis.asyncio import Redis

from envoy_plugin.cli.developing.inspecting import LONGEST_LINE, _hear
from envoy_plugin.inspector.backstage import NOT_STARTED, Backstage
from envoy_plugin.inspector.recording import Recorder
from envoy_plugin.inspector.views import Viewer
from envoy_plugin.simulator.jobs import Jobs
from envoy_plugin.simulator.times import utc_now

LINE = json.dumps({"event": "x", "job": "j"}).encode() + b"\n"


async def heard(redis: Redis, said: bytes) -> Viewer:
    """Who has heard all of it, to its end."""
    viewer = Viewer(recorder=Recorder(), envoy_jobs=Jobs(utc_now), backstage=Backstage(redis))
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    reader.feed_data(said)
    reader.feed_eof()
    await _hear(reader, viewer)
    return viewer


async def test_the_prefix_opens_the_backstage_and_lines_are_kept(redis: Redis) -> None:
    viewer = await heard(redis, b'{"redis_prefix": "doors"}\n' + LINE)
    assert (await viewer.backstage.behind(b"{}")).fault is None
    assert len(viewer.recorder.lines_of_job("j")) == 1


@pytest.mark.parametrize("line", [b'{"redis_prefix": "a", "event": "logged"}\n', b'{"redis_prefix": \n'])
async def test_what_only_looks_like_a_prefix_is_none(redis: Redis, line: bytes) -> None:
    viewer = await heard(redis, line + LINE)
    assert (await viewer.backstage.behind(b"{}")).fault == NOT_STARTED
    assert len(viewer.recorder.lines_of_job("j")) == 1


async def test_a_line_that_is_too_long_is_passed_over(redis: Redis) -> None:
    viewer = await heard(redis, b"x" * (2 * LONGEST_LINE) + b"\n" + LINE)
    assert len(viewer.recorder.lines_of_job("j")) == 1
