"""What `trigger` does once it knows what is wanted: build, send, wait, and look at the job."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from aiohttp import ClientSession
from yarl import URL

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.simulator.answers import Outcome
from envoy_plugin.simulator.control import SimulatedEnvoy, SimulatedEnvoyLost
from envoy_plugin.simulator.overrides import Override, override
from envoy_plugin.simulator.payloads import Webhook, build_webhook
from envoy_plugin.simulator.sender import Delivery, Sender
from envoy_plugin.simulator.times import utc_now
from envoy_plugin.simulator.wire import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One event to be sent. Without `dated` its times follow from the seed; `follow` is how long to wait at most."""

    event: str
    url: URL
    secret: str = field(repr=False)
    envoy_url: URL
    job_id: str
    install_id: str
    seed: int
    dated: bool
    config: JsonObject
    overrides: tuple[Override, ...]
    follow: timedelta | None
    expect: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """What the simulated Envoy shows of a job."""

    shown: JsonObject
    timeline: list[JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a plan; `job` is None where no simulated Envoy answers."""

    plan: Plan
    webhook: Webhook
    delivery: Delivery
    job: JobView | None

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


class NobodyToFollow(Exception):
    """A job is to be followed, and there is no simulated Envoy that would show it."""


async def deliver(session: ClientSession, plan: Plan) -> Report:
    """Send the event, tell the simulated Envoy of it if there is one, and wait for the job's end if that is wanted.

    Raises:
        NobodyToFollow: before anything was sent.
        BadOverride: likewise.
        SimulatedEnvoyLost: likewise; it went away meanwhile.
    """
    envoy = await _simulated_envoy(session, plan)
    webhook = override(await _build(envoy, plan), plan.overrides)
    sender = Sender(session=session, url=str(plan.url), secret=plan.secret, envoy=envoy)
    delivery = await sender.deliver(webhook)
    return Report(plan=plan, webhook=webhook, delivery=delivery, job=await _view(envoy, webhook, delivery, plan))


async def _simulated_envoy(session: ClientSession, plan: Plan) -> SimulatedEnvoy | None:
    envoy = SimulatedEnvoy(session=session, base_url=plan.envoy_url)
    if await envoy.is_there():
        return envoy
    if plan.follow is not None:
        raise NobodyToFollow(f"--follow needs a simulated Envoy, and none answers at {plan.envoy_url}.")
    return None


async def _build(envoy: SimulatedEnvoy | None, plan: Plan) -> Webhook:
    return build_webhook(
        plan.event,
        seed=plan.seed,
        now=utc_now() if plan.dated else None,
        job_id=plan.job_id,
        install_id=plan.install_id,
        config=plan.config if envoy is None else await _agreed_config(envoy, plan),
    )


async def _agreed_config(envoy: SimulatedEnvoy, plan: Plan) -> JsonObject:
    """The install's config with the plan's on top, which the simulated Envoy then holds too."""
    known = await envoy.install_config(plan.install_id)
    config = {**(known or {}), **plan.config}
    if config != known:
        await envoy.put_install_config(plan.install_id, config)
    return config


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
