"""Fixtures for people who write plugins; pytest finds them where `envoy_plugin[testing]` is installed.

* `envoy`: a simulated Envoy and the plugin, in this process; see `envoy_plugin.testing.LocalEnvoy`.
* `plugin`: the plugin under test, for you to override. Else it is what `--envoy-app`, the ini option `envoy_app`, or
  `app` under `[tool.envoy_plugin]` in pytest's root directory names.
* `envoy_variables`: settings of the plugin's process by their names in the environment, for you to override.
* `envoy_redis_url`: where the plugin keeps its jobs: a Redis in memory for the whole session, for you to override.

Every run of pytest loads this module, so it imports nothing before a fixture is used.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from envoy_plugin.plugin import Plugin
    from envoy_plugin.testing import LocalEnvoy

async_fixture: Callable[[Callable[..., Any]], Any] = pytest.fixture
try:
    import pytest_asyncio

    async_fixture = pytest_asyncio.fixture
except ImportError:  # pytest is here, and the extra isn't: using the fixture says so
    pass


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--envoy-app` and `envoy_app`."""
    about = "the plugin under test; without it, what [tool.envoy_plugin] names"
    parser.getgroup("envoy_plugin").addoption("--envoy-app", metavar="MODULE:ATTR", help=about)
    parser.addini("envoy_app", f"MODULE:ATTR of {about}")


@pytest.fixture
def plugin(pytestconfig: pytest.Config) -> "Plugin":
    """The plugin under test. Override it to test another: `@pytest.fixture def plugin(): return my_plugin`."""
    _check_installed()
    import typer  # noqa: PLC0415 - see the module's docstring

    from envoy_plugin.cli.loading import load_plugin  # noqa: PLC0415
    from envoy_plugin.errors import EnvoyPluginError  # noqa: PLC0415

    named = pytestconfig.getoption("envoy_app") or pytestconfig.getini("envoy_app") or None
    try:
        return load_plugin(named, directory=pytestconfig.rootpath)
    except typer.BadParameter as error:
        fault = f"No plugin to test: {error.message}"
    except EnvoyPluginError as error:
        fault = str(error)
    pytest.fail(fault, pytrace=False)


@pytest.fixture(scope="session")
def envoy_redis_url() -> Iterator[str]:
    """The URL of a Redis in memory; each test has keys of its own there."""
    _check_installed()
    from envoy_plugin.memory_redis import memory_redis  # noqa: PLC0415 - see the module's docstring

    with memory_redis() as url:
        yield url


@pytest.fixture
def envoy_variables() -> Mapping[str, str]:
    """No settings but the defaults. Override it to test with others: `return {"HANDLER_TIMEOUT": "1"}`."""
    return {}


@async_fixture
async def envoy(
    plugin: "Plugin", envoy_redis_url: str, envoy_variables: Mapping[str, str]
) -> "AsyncIterator[LocalEnvoy]":
    """A simulated Envoy that knows install 1001, and the plugin beside it, for one test."""
    from envoy_plugin.testing.local_envoy import local_envoy  # noqa: PLC0415 - see the module's docstring

    async with local_envoy(plugin, redis_url=envoy_redis_url, variables=envoy_variables) as opened:
        yield opened


def _check_installed() -> None:
    """Fail with one sentence where the extra isn't installed."""
    from importlib.util import find_spec  # noqa: PLC0415 - see the module's docstring

    missing = [name for name in ("fakeredis", "lupa", "faker", "pytest_asyncio") if find_spec(name) is None]
    if missing:
        fault = f"Testing needs pip install 'envoy_plugin[testing]': there is no {', '.join(missing)}."
        pytest.fail(fault, pytrace=False)
