"""Where code runs: the keys of the jobs that a job makes."""

import pytest
from redis.asyncio import Redis

from envoy_plugin.context import Context, Entered, current_context, unique_here
from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.verbs import Unique


@pytest.fixture
def engine(redis: Redis) -> Engine:
    return Engine(redis, prefix="test")


def context_of(engine: Engine, job: str | None) -> Context:
    return Context(owner=None, engine=engine, batcher=Batcher(engine), job=job)


def test_the_jobs_that_a_function_makes_in_a_job_are_numbered(engine: Engine) -> None:
    with Entered(context_of(engine, "j")):
        keys = [unique_here(function) for function in ("badge", "door", "badge")]
    wanted = ["made:j:badge:1", "made:j:door:1", "made:j:badge:2"]
    assert keys == [Unique(key=key, kept=True) for key in wanted]


def test_another_run_of_the_job_numbers_them_anew(engine: Engine) -> None:
    keys = []
    for _ in range(2):
        with Entered(context_of(engine, "j")):
            keys.append(unique_here("badge"))
    assert keys[0] == keys[1]


def test_where_no_job_runs_there_is_no_key(engine: Engine) -> None:
    assert (unique_here("badge"), current_context()) == (None, None)
    inline = context_of(engine, None)
    with Entered(inline):
        assert (unique_here("badge"), current_context()) == (None, inline)
