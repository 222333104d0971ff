"""A websocket under load: `python benchmarks/websocket.py [--quick] [--json]`.

Comments are made over HTTP, one request at a time for each job; subscribers of every job are told of each, and some of
them read nothing. Both are in a process of their own beside a real web process.
"""

import argparse
import asyncio
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Final
from urllib.request import Request, urlopen

from load import Answers, Connection, send
from loops import run
from redis_server import REDIS_CORE, RedisServer, pin_this_process
from rounds import print_machine
from signing import ENVIRONMENT
from subscribers import Subscriber, subscribe
from targets import print_table
from webhook import Server

from envoy_plugin.apis.workflow_manager.tokens import OperatorTokens
from envoy_plugin.settings import Settings

BASE: Final = "/workflow/default"
SIZES: Final = {
    "subscribers": (200, 20),
    "slow": (10, 3),
    "jobs": (50, 10),
    "comments": (190, 60),
    "characters": (0, 3_500),
    "paced": (10, 4),
}
"""Of a full load, and of a small one."""
RATE: Final = 25
"""Comments a second, where it is measured how late they are told."""
PATIENCE: Final = 300
"""In seconds, for everybody to have been told everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked for: so many who read, and who don't; jobs; comments of each, characters of each.

    `paced` are those of each job, beyond `comments`, that are made so many a second. A job takes 200.
    """

    subscribers: int
    slow: int
    jobs: int
    comments: int
    characters: int
    paced: int
    connections: int = 8


def token() -> str:
    """That of an operator who may do everything."""
    tokens = OperatorTokens(Settings.from_env(ENVIRONMENT | {"REDIS_URL": "redis://127.0.0.1:9/0"}).root_secrets)
    return tokens.mint("ada", items=["default"], privileges=["all"])[1]


def make_jobs(port: int, count: int, bearer: str) -> list[str]:
    """The ids of so many new jobs."""
    body = json.dumps({"numberOfJobs": count}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
    asked = Request(f"http://localhost:{port}{BASE}/jobTemplates/visit/job", body, headers)
    with urlopen(asked) as answer:  # noqa: S310 - it is http://localhost
        return list(json.load(answer)["jobIds"])


def comment(job_id: str, number: int, load: Load, bearer: str) -> bytes:
    """A request for a comment that says its number, and when it was sent."""
    body = json.dumps({"comment": f"{number} {time.perf_counter_ns()} {'x' * load.characters}"}).encode()
    head = f"POST {BASE}/jobs/{job_id}/comments HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bearer}"
    return f"{head}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def flood(port: int, job_ids: Sequence[str], load: Load, bearer: str) -> Answers:
    """Make the comments as fast as they are answered, each connection those of its own jobs."""
    loop, answers = asyncio.get_running_loop(), Answers()
    shares = [job_ids[first :: load.connections] for first in range(min(load.connections, len(job_ids)))]

    def connection(share: Sequence[str]) -> Connection:
        numbers = range(1, load.comments + 1)
        return Connection((comment(job, number, load, bearer) for number in numbers for job in share), answers)

    with answers.measured():
        made = [await loop.create_connection(lambda s=share: connection(s), "127.0.0.1", port) for share in shares]  # type: ignore[misc] # bound at once
        await asyncio.gather(*(one.over for _, one in made))
    assert set(answers.statuses) == {200}, answers.statuses
    return answers


async def trickle(port: int, job_ids: Sequence[str], load: Load, bearer: str) -> None:
    """Make so many more comments of each job, so many a second."""
    start, made = time.perf_counter(), 0
    for number in range(load.comments + 1, load.comments + load.paced + 1):
        for job_id in job_ids:
            await asyncio.sleep(start + made / RATE - time.perf_counter())
            await send(port, [comment(job_id, number, load, bearer)], 1)
            made += 1


async def play(server: Server, load: Load) -> dict[str, float]:
    """Everybody subscribes, all is said, everybody is told; what came of it."""
    bearer = token()
    job_ids = make_jobs(server.port, load.jobs, bearer)
    path = f"{BASE}/notificationWs?token={bearer}"
    slow = [await subscribe(server.port, path, job_ids, reads=False) for _ in range(load.slow)]
    readers = [await subscribe(server.port, path, job_ids, reads=True) for _ in range(load.subscribers)]
    start, cpu, wanted = time.perf_counter(), server.cpu(), load.jobs * load.comments
    answers = await flood(server.port, job_ids, load, bearer)
    await all_told(readers, wanted)
    seconds, cpu = time.perf_counter() - start, server.cpu() - cpu
    flooded = delays_of(readers)
    await trickle(server.port, job_ids, load, bearer)
    await all_told(readers, wanted + load.jobs * load.paced)
    trickled = delays_of(readers)
    figures = {
        "messages": float(wanted + load.jobs * load.paced),
        "told": float(sum(one.heard.messages for one in readers)),
        "out_of_order": float(sum(one.heard.faults for one in readers)),
        "slow_dropped": float(await dropped(slow)),
        "comments_per_s": wanted / answers.wall,
        "told_per_s": wanted * load.subscribers / seconds,
        "cpu_us_per_told": 1e6 * cpu / (wanted * load.subscribers),
        "flood_p50_ms": flooded[49],
        "flood_p99_ms": flooded[98],
        "delay_p50_ms": trickled[49],
        "delay_p99_ms": trickled[98],
    }
    for one in readers:
        one.transport.abort()
    return figures


async def all_told(readers: Sequence[Subscriber], messages: int) -> None:
    """Return once every reader has been told so many."""
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(one.told(messages) for one in readers))


def delays_of(readers: Sequence[Subscriber]) -> list[float]:
    """The percentiles of the delays since this was last asked, in ms."""
    delays = [delay for one in readers for delay in one.heard.delays]
    for one in readers:
        del one.heard.delays[:]
    return quantiles(delays, n=100)


async def dropped(slow: Sequence[Subscriber]) -> int:
    """How many of those who read nothing the server has left."""
    for one in slow:
        one.transport.resume_reading()
    if slow:
        await asyncio.wait([one.over for one in slow], timeout=5)
    return sum(one.over.done() for one in slow)


async def measure(load: Load) -> dict[str, float]:
    """Play, print, and give the figures."""
    with RedisServer.started() as redis, Server.started("operators", "uvloop", redis.url) as server:
        print_machine(redis.version)
        figures = await play(server, load)
    print_table(("what", "measured"), figures.items())
    return figures


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer of everything, in about 5 s")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object in the last line")
    quick = parser.parse_known_args()[0].quick
    for name, (full, small) in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=small if quick else full)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    pin_this_process(REDIS_CORE)
    figures = run(measure(Load(**{name: getattr(arguments, name) for name in SIZES})))
    if arguments.json:
        print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
