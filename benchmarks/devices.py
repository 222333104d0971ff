"""A device's job over HTTP beside its peers: `python benchmarks/devices.py [--quick] [--json]`.

A job is two requests, StartNextPendingJobExecution and UpdateJobExecution, signed by botocore as boto3 signs them, over
connections that stay open, one request at a time on each: each connection is a device. ministack, an emulator of AWS
in Python, keeps everything in its memory, from one round to the next nothing, and checks no signature. The bare route
is aiohttp's, and makes an EVALSHA of an empty script in each of two requests.
"""

import argparse
import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from load import Answers, Connection, send
from loops import run
from ministack import Ministack, install
from redis_server import REDIS_CORE, RedisServer, pin_this_process
from rounds import Round, in_turns, paired, print_machine, print_rounds
from signing import ENVIRONMENT
from targets import DEVICES, print_targets
from webhook import Server

from envoy_plugin import Plugin, Settings
from envoy_plugin.apis.iot_jobs.access_keys import EVERYTHING, AccessKeys
from envoy_plugin.runtime import open_runtime

REGION: Final = "us-east-1"
THINGS: Final = tuple(f"printer-{number}" for number in range(32))
DOCUMENT: Final = json.dumps({"print": "B-0042", "text": "Ada Lovelace"})
SUCCEEDED: Final = json.dumps({"status": "SUCCEEDED"}).encode()
JOB_ID: Final = re.compile(rb'"jobId": ?"([\w-]+)"')
WARM_UP: Final = 64
UNCHECKED: Final = Credentials("test", "test")
NAMES: Final = {
    "ours": "ours: signatures checked, kept in Redis",
    "ministack": "ministack: nothing checked, in memory",
    "bare": "bare: two requests, an EVALSHA each",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a device sends: to start its next job, and to end each by its id."""

    start: bytes
    updates: Mapping[bytes, bytes]


class Device(Connection):
    """Starts its next job, ends it, and so on until there is none."""

    def __init__(self, script: Script, answers: Answers) -> None:
        super().__init__(self._work(script), answers)
        self.ended = 0

    def _work(self, script: Script) -> Iterator[bytes]:
        while True:
            yield script.start
            handed = JOB_ID.search(self.content)
            if handed is None:
                return
            self.ended += 1
            yield script.updates[handed[1]]


class Site:
    """An API with a thing for each device, and the requests that these send."""

    def __init__(self, port: int, credentials: Credentials) -> None:
        self._host = f"localhost:{port}"
        self._port = port
        self._signer = SigV4Auth(credentials, "iot-jobs-data", REGION)
        self._operator: Any = boto3.client(
            "iot",
            endpoint_url=f"http://{self._host}",
            region_name=REGION,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
        )

    def prepare(self, jobs: int) -> list["Script"]:
        """Enqueue so many jobs, the same number for each device, and sign what each will send."""
        targets = [self._operator.create_thing(thingName=thing)["thingArn"] for thing in THINGS]
        made = [secrets.token_hex(8) for _ in range(jobs // len(THINGS))]
        for job in made:
            self._operator.create_job(jobId=job, targets=targets, document=DOCUMENT)
        return [
            Script(
                start=self._signed("PUT", f"/things/{thing}/jobs/$next", b"{}"),
                updates={job.encode(): self._signed("POST", f"/things/{thing}/jobs/{job}", SUCCEEDED) for job in made},
            )
            for thing in THINGS
        ]

    def _signed(self, method: str, path: str, body: bytes) -> bytes:
        asked = AWSRequest(method, f"http://{self._host}{path}", {"Content-Type": "application/json"}, body)
        self._signer.add_auth(asked)
        headers = {"Host": self._host, **dict(asked.headers.items()), "Content-Length": str(len(body))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


async def make_key(redis_url: str) -> Credentials:
    """An operator's key, as `envoy-plugin things key --all` makes it."""
    settings = Settings.from_env(ENVIRONMENT | {"REDIS_URL": redis_url})
    async with open_runtime(Plugin("bench"), settings) as runtime:
        key = await AccessKeys(runtime.engine, time.time).make(EVERYTHING)
    return Credentials(key.id, key.secret)


async def work(port: int, scripts: list[Script]) -> Answers:
    """Let the devices do all their jobs."""
    answers, loop = Answers(), asyncio.get_running_loop()
    with answers.measured():
        made = [await loop.create_connection(partial(Device, script, answers), "127.0.0.1", port) for script in scripts]
        await asyncio.gather(*(device.over for _, device in made))
    assert [device.ended for _, device in made] == [len(script.updates) for script in scripts]
    return answers


async def make_no_jobs(port: int, jobs: int) -> Answers:
    """Ask the bare route as often as devices ask."""
    head = f"POST /one HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(SUCCEEDED)}\r\n\r\n"
    return await send(port, [head.encode() + SUCCEEDED] * (2 * jobs))


Contenders = dict[str, tuple[Server | Ministack, Site | None]]


async def measure_round(server: Server | Ministack, site: Site | None, jobs: int) -> Round:
    """One contender under load once."""
    if isinstance(server, Ministack):
        server.reset()
    scripts = [] if site is None else await asyncio.to_thread(site.prepare, jobs)
    before = server.cpu()
    answers = await (work(server.port, scripts) if scripts else make_no_jobs(server.port, jobs))
    assert set(answers.statuses) == {200}, answers.statuses
    return Round(rate=jobs / answers.wall, cpu_us=1e6 * (server.cpu() - before) / jobs, load_busy=answers.busy)


def contend(stack: ExitStack, redis: RedisServer, key: Credentials, *, with_ministack: bool) -> Contenders:
    """Start all contenders, and register what they need."""
    ours, bare = (stack.enter_context(Server.started(name, "uvloop", redis.url)) for name in ("titan", "evalsha"))
    contenders: Contenders = {"ours": (ours, Site(ours.port, key)), "bare": (bare, None)}
    missing = install() if with_ministack else "it isn't wanted"
    if missing is None:
        ministack = stack.enter_context(Ministack.started())
        contenders["ministack"] = (ministack, Site(ministack.port, UNCHECKED))
    else:
        print(f"Without ministack: {missing}.")
    return contenders


async def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """All contenders in turns; the figures."""
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer.started())
        print_machine(redis.version)
        key = await make_key(redis.url)
        contenders = contend(stack, redis, key, with_ministack=not arguments.without_ministack)
        for server, site in contenders.values():
            await measure_round(server, site, WARM_UP)
        results: dict[str, list[Round]] = {name: [] for name in contenders}
        for name in in_turns(list(contenders), arguments.rounds):
            results[name].append(await measure_round(*contenders[name], arguments.jobs))
    peers = [name for name in results if name != "ours"]
    print_rounds(results, NAMES, ((name, name) for name in peers))
    figures = {f"devices_vs_{peer}": paired(results, "ours", peer) for peer in peers}
    print_targets(DEVICES, figures)
    return figures


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer jobs, in about 20 s")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object in the last line")
    parser.add_argument("--jobs", type=int, help="a round's; default 3,200, quick: 640")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-ministack", action="store_true", help="install and measure no ministack")
    arguments = parser.parse_args()
    arguments.jobs = arguments.jobs or (640 if arguments.quick else 3_200)
    logging.disable(logging.WARNING)
    pin_this_process(REDIS_CORE)
    figures = run(measure(arguments))
    if arguments.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
