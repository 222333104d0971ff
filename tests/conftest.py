"""Fixtures of the whole suite: real Redis servers; `--soak`, `--cluster`, `--arcgis` and `--screenshots`."""

import logging
import signal
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
import redis as redis_py
import structlog
from redis.asyncio import Redis

from envoy_plugin.logs import ACCESS_LOGGER, SOCKET_LOGGER
from tests.redis_server import RedisCluster, RedisServer, RedisServers, TlsFiles, running_cluster, running_redis

SOAK_FACTOR = 10


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help=f"run the long tests, {SOAK_FACTOR} times as long")
    parser.addoption("--cluster", action="store_true", help="run the engine's tests on a cluster of three nodes")
    parser.addoption("--arcgis", metavar="PYTHON", help="an interpreter that has the client that tests/outside drives")
    parser.addoption("--screenshots", action="store_true", help="write the inspector's docs/screenshots")


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Let pytest-asyncio start without `asyncio_default_fixture_loop_scope`, and what tests start hear SIGINT."""
    warnings.filterwarnings("ignore", message=".*asyncio_default_fixture_loop_scope", category=pytest.PytestWarning)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so a shell starts what is to run behind it
        signal.signal(signal.SIGINT, signal.default_int_handler)  # else all that tests start would ignore it, too


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long ones begin first: nobody waits for them in the end. Those marked `soak` are for `--soak` alone."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if config.getoption("soak"):
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def soak(pytestconfig: pytest.Config) -> int:
    """How many times as long a long test runs: 1, or 10 with `--soak`."""
    return SOAK_FACTOR if pytestconfig.getoption("soak") else 1


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Put the process's logging back after the test: `configure_logs` is for a whole process."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    levels = {logger: logger.level for logger in (root, *map(logging.getLogger, (ACCESS_LOGGER, SOCKET_LOGGER)))}
    with warnings.catch_warnings():
        yield
    root.handlers[:] = handlers
    for logger, level in levels.items():
        logger.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The server of this test process, without persistence. Ask for `redis_url` or `redis`, which empty it."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """Three servers of this test process that are one cluster."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def redis_url(shared_redis: RedisServer) -> str:
    """`redis://127.0.0.1:PORT/0` of a real, empty Redis."""
    with redis_py.Redis.from_url(shared_redis.url) as client:
        client.flushall()
    return shared_redis.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of a real, empty Redis; answers are bytes."""
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServers]:
    """Starts further servers, each with a data directory of its own; all are killed when the test ends."""
    with ExitStack() as servers:

        def start(*, tls: TlsFiles | None = None, **options: str) -> RedisServer:
            directory = tmp_path_factory.mktemp("redis")
            return servers.enter_context(running_redis(directory, tls=tls, **options))

        yield start


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """A certificate for 127.0.0.1 from an authority that no system trusts: `redis_server(tls=tls_files)`."""
    return TlsFiles.make(tmp_path_factory.mktemp("tls"))
