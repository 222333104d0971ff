"""The APIs can be left out: a plugin is served without them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVE = """
import asyncio, sys
from importlib.util import find_spec
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
import envoy_plugin
from envoy_plugin import Done, Entry, Plugin, Settings, create_app

assert envoy_plugin.__file__.startswith(sys.argv[1]) and find_spec("envoy_plugin.apis") is None
plugin = Plugin("visitor-doors")

@plugin.on("entry_sign_in")
async def open_door(entry: Entry) -> Done:
    return Done()

async def main():
    environ = {"ENVOY_CLIENT_ID": "a", "ENVOY_CLIENT_SECRET": "0123456789abcdef", "REDIS_URL": sys.argv[2]}
    async with TestServer(create_app(plugin, Settings.from_env(environ))) as server, ClientSession() as http:
        for path in ("/readyz", "/things"):
            async with http.get(server.make_url(path)) as answer:
                print(answer.status)

asyncio.run(main())
"""


def test_a_plugin_is_served_without_them(tmp_path: Path, redis_url: str) -> None:
    ignored = shutil.ignore_patterns("apis", "__pycache__")
    shutil.copytree(ROOT / "envoy_plugin", tmp_path / "envoy_plugin", ignore=ignored)
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path), redis_url],
        cwd=tmp_path, env={"PATH": os.defpath}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout.split(), done.returncode) == (["200", "404"], 0), done.stderr
