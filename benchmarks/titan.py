"""A pull-worker's job over HTTP beside a bare route: `python benchmarks/titan.py [--quick] [--json]`.

A job is two requests, GET /v1/jobs/consume and POST /v1/job/ID/success with a log of one line, over connections that
stay open, one request at a time on each. The bare route is aiohttp's, and makes two EVALSHA of an empty script per job:
in two requests, as a job is, or both in one.
"""

import argparse
import asyncio
import json
import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final
from urllib.request import Request, urlopen

from load import Answers, Connection, send
from loops import run
from redis_server import REDIS_CORE, RedisServer, pin_this_process
from rounds import Round, in_turns, paired, print_machine, print_rounds
from targets import TITAN, print_targets
from webhook import Server

CONNECTIONS: Final = 32
BATCH: Final = 250
WARM_UP: Final = 200
BOUNDARY: Final = "--------------------------104682034617903452123456"
ID: Final = re.compile(rb'"id":"([a-z0-9-]+)"')
LOG: Final = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="log"\r\n\r\nresized in 12 ms\r\n--{BOUNDARY}--'.encode()
)
NAMES: Final = {
    "titan": "consume and succeed, one job a request",
    "titan_10": "the same, consuming 10 at once",
    "two_requests": "bare: two requests, an EVALSHA each",
    "one_request": "bare: one request, two EVALSHA",
}


class Worker(Connection):
    """Consumes `n` jobs, ends each, and consumes again, until there are none."""

    def __init__(self, n: int, answers: Answers) -> None:
        super().__init__(self._work(), answers)
        self._n = n
        self.ended = 0

    def _work(self) -> Iterator[bytes]:
        while True:
            yield _request("GET", f"/v1/jobs/consume?n={self._n}")
            jobs = ID.findall(self.content)
            if not jobs:
                return
            for job in jobs:
                self.ended += 1
                yield _request("POST", f"/v1/job/{job.decode()}/success", LOG)


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    kind = f"multipart/form-data; boundary={BOUNDARY}" if body else "application/json"
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def enqueue(port: int, jobs: int) -> None:
    """Post so many jobs."""
    for first in range(0, jobs, BATCH):
        posted = [
            {"image": "resize", "payload": f"photo {number}"} for number in range(first, min(jobs, first + BATCH))
        ]
        body = json.dumps({"jobs": posted}).encode()
        asked = Request(f"http://localhost:{port}/v1/jobs", body, {"Content-Type": "application/json"})
        with urlopen(asked) as answer:  # noqa: S310 - it is http://localhost
            assert answer.status == 201


async def work(port: int, jobs: int, n: int) -> Answers:
    """Let workers take and end that many jobs."""
    await asyncio.to_thread(enqueue, port, jobs)
    answers, loop = Answers(), asyncio.get_running_loop()
    with answers.measured():
        made = [await loop.create_connection(lambda: Worker(n, answers), "127.0.0.1", port) for _ in range(CONNECTIONS)]
        await asyncio.gather(*(worker.over for _, worker in made))
    assert sum(worker.ended for _, worker in made) == jobs
    return answers


async def load(name: str, port: int, jobs: int) -> Answers:
    """One contender's jobs."""
    if name.startswith("titan"):
        return await work(port, jobs, 10 if name == "titan_10" else 1)
    if name == "one_request":
        return await send(port, [_request("POST", "/both", LOG)] * jobs)
    return await send(port, [_request("POST", "/one", LOG)] * (2 * jobs))


async def measure_round(name: str, server: Server, jobs: int) -> Round:
    """One contender under load once."""
    await load(name, server.port, WARM_UP)
    before = server.cpu()
    answers = await load(name, server.port, jobs)
    assert set(answers.statuses) == {200}, answers.statuses
    return Round(rate=jobs / answers.wall, cpu_us=1e6 * (server.cpu() - before) / jobs, load_busy=answers.busy)


async def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """All contenders, interleaved, each round beginning with another; the figures."""
    results: dict[str, list[Round]] = {name: [] for name in NAMES}
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer.started())
        print_machine(redis.version)
        titan, bare = (stack.enter_context(Server.started(name, "uvloop", redis.url)) for name in ("titan", "evalsha"))
        for name in in_turns(list(NAMES), arguments.rounds):
            server = titan if name.startswith("titan") else bare
            results[name].append(await measure_round(name, server, arguments.jobs))
    print_rounds(results, NAMES, (("two_requests", "two requests"), ("one_request", "one request")))
    figures = {
        "titan_vs_bare": paired(results, "titan", "two_requests"),
        "titan_vs_bare_in_one_request": paired(results, "titan", "one_request"),
        "titan_by_tens_vs_bare": paired(results, "titan_10", "two_requests"),
    }
    print_targets(TITAN, figures)
    return figures


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer jobs, in about 20 s")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object in the last line")
    parser.add_argument("--jobs", type=int, help="a round's; default 5,000, quick: 600")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    arguments.jobs = arguments.jobs or (600 if arguments.quick else 5_000)
    logging.disable(logging.WARNING)
    pin_this_process(REDIS_CORE)
    figures = run(measure(arguments))
    if arguments.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
