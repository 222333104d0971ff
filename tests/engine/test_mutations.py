"""What no test notices may as well be wrong: faults of one line in the scripts, and that each of them is noticed."""

import inspect
from typing import Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import EngineError
from tests.engine.clock import Clock
from tests.engine.faults import FAULTS, Fault
from tests.engine.mutating import patch_lua

NOTICED: Final = (AssertionError, EngineError, ValueError, pytest.fail.Exception)
"""How a test may fail; an error of the script itself would show nothing."""


async def run(fault: Fault, **fixtures: object) -> None:
    """The test of a fault, with what it asks for."""
    wanted = inspect.signature(fault.test).parameters.keys()
    await fault.test(**{name: value for name, value in fixtures.items() if name in wanted}, **fault.facts)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what.replace(" ", "_"))
async def test_a_fault_of_one_line_is_noticed(
    engine: Engine, clock: Clock, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(fault, engine=engine, clock=clock)
    await engine.redis.flushdb()
    patch_lua(monkeypatch, fault.file, fault.old, fault.new)

    with pytest.raises(NOTICED):
        await run(fault, engine=engine, clock=clock)
