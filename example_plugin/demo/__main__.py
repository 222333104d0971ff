"""`python -m example_plugin.demo`: play the story, and end with 0, or with 1 if a step differs."""

import argparse
import asyncio
import signal
import sys
import time
from typing import Final

from envoy_plugin.simulator.control import SimulatedEnvoyLost
from example_plugin.demo.scene import Scene
from example_plugin.demo.stage import Differs, set_stage
from example_plugin.demo.story import tell
from example_plugin.demo.telling import Colour, Teller

AT_MOST_SECONDS: Final = 120
STOPPED: Final = 130


async def play(teller: Teller) -> int:
    """Set the stage, tell the story; answers the exit code."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    started = time.monotonic()
    async with asyncio.timeout(AT_MOST_SECONDS), set_stage() as stage:
        try:
            await tell(Scene(stage=stage, teller=teller))
        except (Differs, SimulatedEnvoyLost) as difference:
            teller.say(f"\n{difference}", Colour.BAD)
            teller.say(stage.last_words(), Colour.FAINT)
            return 1
    teller.say(f"\nEvery step ended as expected, after {time.monotonic() - started:.0f} s.", Colour.GOOD)
    return 0


def main() -> int:
    """Read the options, and play."""
    parser = argparse.ArgumentParser(prog="demo", description="A visit from start to end, with real processes.")
    parser.add_argument("--full", action="store_true", help="show each request's whole body")
    options = parser.parse_args()
    try:
        return asyncio.run(play(Teller.for_output(full=options.full)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return STOPPED
    except (Differs, TimeoutError) as error:
        sys.stderr.write(f"{error or f'The demo took longer than {AT_MOST_SECONDS} s.'}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
