"""What `trigger` does once it knows what is wanted: build, send, wait, and look at the job."""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

from aiohttp import ClientSession
from yarl import URL

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.progress import Progress
from envoy_plugin.cli.sending.preparing import (
    UNCHANGED,
    Changes,
    Subject,
    agree_on_config,
    all_have_jobs_of_their_own,
    introduce,
    read_body,
)
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.answers import Outcome
from envoy_plugin.simulator.control import SimulatedEnvoy, SimulatedEnvoyLost
from envoy_plugin.simulator.payloads import Webhook, build_webhook
from envoy_plugin.simulator.redelivery import ONCE, RetryPolicy, deliver_until_answered
from envoy_plugin.simulator.sender import Delivery, Sender
from envoy_plugin.simulator.tampering import UNTOUCHED, Tampering
from envoy_plugin.simulator.times import utc_now
from envoy_plugin.simulator.wire import JsonObject

FURTHEST_SEED = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One event to be sent. Without `dated` its times follow from the seed; `follow` is how long to wait at most.

    `body` is sent instead of a built one; then None as job or install leaves what it says.
    """

    event: str
    url: URL
    secret: str = field(repr=False)
    envoy_url: URL
    job_id: str | None
    install_id: str | None
    seed: int
    dated: bool
    config: JsonObject = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    changes: Changes = UNCHANGED
    tampering: Tampering = UNTOUCHED
    retries: RetryPolicy = ONCE
    follow: timedelta | None = None
    expect: Outcome | None = None
    dry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """How many events, how many of them at a time, how long from one start to the next, each how often at once."""

    repeat: int = 1
    concurrency: int = 1
    interval: timedelta = timedelta(0)
    duplicates: int = 1

    @property
    def total(self) -> int:
        """How many deliveries, retries aside."""
        return self.repeat * self.duplicates


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """What the simulated Envoy shows of a job."""

    shown: JsonObject
    timeline: list[JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a plan; `job` is None where no simulated Envoy answers. `attempts` ends with `delivery`."""

    plan: Plan
    webhook: Webhook
    attempts: tuple[Delivery, ...]
    job: JobView | None

    @property
    def delivery(self) -> Delivery:
        """The last attempt."""
        return self.attempts[-1]

    @property
    def is_still_in_progress(self) -> bool:
        """Whether a job that was to be followed to its end hasn't ended, as far as is known."""
        return self.plan.follow is not None and self._final_status in {None, "in_progress"}

    @property
    def is_as_expected(self) -> bool:
        """Whether the answer, or the end of an ongoing job that was followed, is the expected outcome."""
        if self.delivery.outcome == self.plan.expect:
            return True
        followed = self.plan.follow is not None and self.delivery.outcome is Outcome.ONGOING
        return followed and self._final_status == self.plan.expect

    @property
    def exit_code(self) -> ExitCode:
        """How the command ends."""
        if self.delivery.answer is None:
            return ExitCode.FAILED
        if self.plan.expect is not None and not self.is_as_expected:
            return ExitCode.UNEXPECTED_OUTCOME
        if self.is_still_in_progress:
            return ExitCode.FAILED
        return ExitCode.OK if self.plan.expect or self.delivery.answer.is_understood else ExitCode.FAILED

    @property
    def _final_status(self) -> str | None:
        return None if self.job is None else str(self.job.shown["status"])


def exit_code_of(reports: Sequence[Report]) -> ExitCode:
    """How a command with several deliveries ends: well only if all did."""
    codes = {report.exit_code for report in reports}
    return next(code for code in (ExitCode.FAILED, ExitCode.UNEXPECTED_OUTCOME, ExitCode.OK) if code in codes)


class NobodyToFollow(Exception):
    """A job is to be followed, and there is no simulated Envoy that would show it."""


async def prepare(session: ClientSession, plan: Plan) -> Webhook:
    """The webhook of a plan, without sending it or telling anybody.

    Raises:
        BadOverride: it can't be changed as the plan wants it.
    """
    envoy = SimulatedEnvoy(session=session, base_url=plan.envoy_url)
    return await _webhook(envoy if await envoy.is_there() else None, plan)


async def deliver(session: ClientSession, plan: Plan, volume: Volume, progress: Progress) -> list[Report]:
    """Send the events, tell the simulated Envoy of them if there is one, and wait for the jobs' end if that is wanted.

    Raises:
        NobodyToFollow: before anything was sent.
        BadOverride: likewise.
        SimulatedEnvoyLost: it went away; before anything of that event was sent.
    """
    envoy = await _simulated_envoy(session, plan)
    plans = list(enumerate(_plans(plan, volume.repeat)))
    started = asyncio.get_running_loop().time()
    reports: list[list[Report]] = [[] for _ in plans]

    async def work() -> None:
        while plans:
            number, one = plans.pop(0)
            await _wait_until(started + number * volume.interval.total_seconds())
            reports[number] = await _deliver_one(session, envoy, one, volume.duplicates, progress)

    await asyncio.gather(*(work() for _ in range(volume.concurrency)))
    return [report for some in reports for report in some]


def _plans(plan: Plan, repeat: int) -> list[Plan]:
    """The plan for each event: visits of seeds that follow each other, each with a job of its own."""
    jobs = all_have_jobs_of_their_own(plan.job_id, repeat)
    seeds = [(plan.seed + number) % FURTHEST_SEED if repeat > 1 else plan.seed for number in range(repeat)]
    return [replace(plan, seed=seed, job_id=job_id) for seed, job_id in zip(seeds, jobs, strict=True)]


async def _wait_until(moment: float) -> None:
    await asyncio.sleep(max(0, moment - asyncio.get_running_loop().time()))


async def _simulated_envoy(session: ClientSession, plan: Plan) -> SimulatedEnvoy | None:
    envoy = SimulatedEnvoy(session=session, base_url=plan.envoy_url)
    if await envoy.is_there():
        return envoy
    if plan.follow is not None:
        raise NobodyToFollow(f"--follow needs a simulated Envoy, and none answers at {plan.envoy_url}.")
    return None


async def _deliver_one(
    session: ClientSession, envoy: SimulatedEnvoy | None, plan: Plan, duplicates: int, progress: Progress
) -> list[Report]:
    """The same bytes, `duplicates` times at the same instant."""
    webhook = await _webhook(envoy, plan)
    sender = Sender(session=session, url=str(plan.url), secret=plan.secret, envoy=envoy, tampering=plan.tampering)

    async def one() -> tuple[Delivery, ...]:
        attempts = await deliver_until_answered(sender, webhook, plan.retries)
        progress.step()
        return attempts

    all_attempts = await asyncio.gather(*(one() for _ in range(duplicates)))
    if plan.follow is not None:
        progress.say(f"Waiting for the end of the job, {plan.follow.total_seconds():g} s at most")
    job = await _view(envoy, webhook, all_attempts[0][-1], plan)
    return [Report(plan=plan, webhook=webhook, attempts=attempts, job=job) for attempts in all_attempts]


async def _webhook(envoy: SimulatedEnvoy | None, plan: Plan) -> Webhook:
    if plan.body is not None:
        subject = Subject(job_id=plan.job_id, install_id=plan.install_id, config=plan.config)
        webhook = plan.changes.applied_to(read_body(plan.body, subject))
        await introduce(None if plan.dry else envoy, webhook)
        return webhook
    install_id = plan.install_id or defaults.INSTALL_ID
    webhook = build_webhook(
        plan.event,
        seed=plan.seed,
        now=utc_now() if plan.dated else None,
        job_id=plan.job_id or str(uuid.uuid4()),
        install_id=install_id,
        config=await agree_on_config(envoy, install_id, plan.config, dry=plan.dry),
    )
    return plan.changes.applied_to(webhook)


async def _view(envoy: SimulatedEnvoy | None, webhook: Webhook, delivery: Delivery, plan: Plan) -> JobView | None:
    """The job as it is in the end; None where nobody shows it (any more)."""
    if envoy is None or webhook.job_id is None:
        return None
    with suppress(SimulatedEnvoyLost):
        return await _look(envoy, webhook.job_id, delivery, plan)
    return None


async def _look(envoy: SimulatedEnvoy, job_id: str, delivery: Delivery, plan: Plan) -> JobView:
    if plan.follow is not None and delivery.answer is not None:
        await envoy.settled_job(job_id, timeout=plan.follow)
    return JobView(shown=await envoy.job(job_id), timeline=await envoy.timeline(job_id))
