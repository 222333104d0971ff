"""A visitor signs in, a printer on site prints the badge, and Envoy's dashboard shows its number."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from envoy_plugin.simulator.payloads import build_webhook
from tests.acceptance.envoy_side import Envoy, Event
from tests.acceptance.processes import Site, eventually, passed_on

ROOT = Path(__file__).parents[2]
APP = "example_plugin.plugin:plugin"
PRINTER = "front-door-printer"
JOB = "visit-1"


@contextmanager
def printer(directory: Path, url: str, key: dict[str, str]) -> Iterator[Path]:
    """A simulated printer that is switched on; answers where its paper is."""
    paper = directory / "paper.txt"
    keys = {"AWS_ACCESS_KEY_ID": key["accessKeyId"], "AWS_SECRET_ACCESS_KEY": key["secretAccessKey"]}
    command = [sys.executable, "examples/badge_printer.py", "--endpoint-url", url, "--thing", PRINTER]
    with paper.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=passed_on() | keys, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield paper
        finally:
            process.kill()
            process.wait(10)


async def shown(envoy: Envoy, status: str) -> Any:
    """What the dashboard shows once Envoy's job has this status."""

    async def look() -> Any:
        job = await envoy.job(JOB)
        return job if job["status"] == status else None

    return await eventually(f"Envoy's job is {status}", look)


async def test_a_simulated_printer_prints_the_badge_and_envoy_shows_its_number(site: Site) -> None:
    example = replace(site, cwd=ROOT, app=APP)
    envoy = await example.platform()
    await envoy.know(JOB)
    web = await example.web()
    await example.worker()
    key = (await example.run("things", "add", PRINTER, "--install", "1001", "--json", "--app", APP)).json
    body = build_webhook("entry_sign_in", seed=1, job_id=JOB, config={"printer": PRINTER}).body
    answer = await example.deliver(web, Event(job_id=JOB, body=body))
    assert answer is not None
    assert answer.status == 202
    with printer(site.directory, web.url, key) as paper:
        job = await shown(envoy, "done")
        [number] = [one["value"] for one in job["attachments"] if one["label"] == "Badge"]
        assert f"| {number} |" in paper.read_text()
    assert job["status_message"] == f"Badge {number} is being printed"
