"""`envoy-plugin trigger`: events, signed and sent as Envoy would, and what became of them."""

import asyncio
import re
import secrets
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from aiohttp import ClientSession, TCPConnector

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.progress import Progress
from envoy_plugin.cli.sending.delivering import NobodyToFollow, Plan, Report, Volume, deliver, exit_code_of, prepare
from envoy_plugin.cli.sending.delivery_text import as_json, as_text
from envoy_plugin.cli.sending.fixture_files import fixture_path, read_body, read_fixture, save_fixture
from envoy_plugin.cli.sending.preparing import Changes
from envoy_plugin.cli.sending.request_text import as_curl, as_request, as_request_json
from envoy_plugin.cli.sending.targets import (
    find_envoy,
    find_secret,
    find_target,
    read_overrides,
    read_pairs,
    read_paths,
)
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.answers import Outcome
from envoy_plugin.simulator.control import SimulatedEnvoyLost
from envoy_plugin.simulator.oddities import Oddity
from envoy_plugin.simulator.overrides import BadOverride
from envoy_plugin.simulator.payloads import EVENTS, Webhook, read_webhook
from envoy_plugin.simulator.redelivery import ONCE, RetryPolicy
from envoy_plugin.simulator.tampering import SignatureFault, Tampering
from envoy_plugin.simulator.visitors import FakerMissing

Result = TypeVar("Result")

FOLLOW_SECONDS: Final = 60
MAX_REPEAT: Final = 100_000
MAX_CONCURRENCY: Final = 1_000
MAX_DUPLICATES: Final = 100
RATE: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(?:/(s|m|min|h))?")
RATE_SECONDS: Final = {None: 1, "s": 1, "m": 60, "min": 60, "h": 3600}
DURATION: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)s?")


class Retries(StrEnum):
    """When a delivery is sent again."""

    NEVER = "never"
    FAILURES = "failures"
    NON_2XX = "non-2xx"


POLICIES: Final = {
    Retries.NEVER: ONCE,
    Retries.FAILURES: RetryPolicy(),
    Retries.NON_2XX: RetryPolicy(every_non_2xx=True),
}

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def trigger(  # noqa: PLR0913 - one parameter is one option
    event: Annotated[
        str | None,
        typer.Argument(help="The event's name, as entry_sign_in; `envoy-plugin events` lists them."),
    ] = None,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            help=f"The plugin. An origin alone gets {defaults.EVENTS_PATH} added; a path is used as it stands. "
            "[default: http://127.0.0.1:$PORT, or 8000]"
        ),
    ] = None,
    job: Annotated[str | None, typer.Option(help="Envoy's id of the job. [default: a new one]")] = None,
    install: Annotated[
        str | None, typer.Option(help=f"The install that the event belongs to. [default: {defaults.INSTALL_ID}]")
    ] = None,
    config: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE of the install's config, also at the simulated Envoy; repeatable."),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option("--override", "-o", help="PATH=VALUE within the payload, or meta.…; JSON or text; repeatable."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="PATH to leave out, within the payload or meta.…; repeatable.")
    ] = None,
    odd: Annotated[list[Oddity] | None, typer.Option(help="Something unusual that is right; repeatable.")] = None,
    fixture: Annotated[
        str | None,
        typer.Option(help=f"Send exactly this body: a file, or the name of one in {defaults.FIXTURES}/."),
    ] = None,
    body: Annotated[
        str | None, typer.Option(metavar="@FILE", help="Send exactly these bytes, signed, whatever they are.")
    ] = None,
    edit: Annotated[bool, typer.Option("--edit", help="Open the event in $EDITOR first.")] = False,
    seed: Annotated[
        int | None, typer.Option(help="The same seed is the same visit. [default: another each time]")
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, max=MAX_REPEAT, help="So many events, each with a job of its own.")] = 1,
    concurrency: Annotated[int, typer.Option(min=1, max=MAX_CONCURRENCY, help="So many of them at a time.")] = 1,
    rate: Annotated[str | None, typer.Option(help="Start no more than so many, as 10/s or 30/m.")] = None,
    duplicate: Annotated[
        int, typer.Option(min=1, max=MAX_DUPLICATES, help="Deliver each event so many times, at the same instant.")
    ] = 1,
    retries: Annotated[
        Retries,
        typer.Option(
            help="Deliver again as Envoy does, 5 times within 10 minutes: after no answer or 5xx, or non-2xx."
        ),
    ] = Retries.NEVER,
    retry_speed: Annotated[
        float, typer.Option(min=1, max=100_000, help="Let Envoy's waits pass so many times faster.")
    ] = 1,
    bad_signature: Annotated[
        bool, typer.Option("--bad-signature", help="Sign with another secret; short for --signature wrong.")
    ] = False,
    signature: Annotated[SignatureFault | None, typer.Option(help="Sign wrongly in this way.")] = None,
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Send the first half, under the signature of the whole.")
    ] = False,
    slow: Annotated[str | None, typer.Option(metavar="SECONDS", help="Let the body take so long.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the request, and send nothing.")] = False,
    curl: Annotated[bool, typer.Option("--curl", help="Print a curl command that sends it, and send nothing.")] = False,
    save: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Keep the body as {defaults.FIXTURES}/NAME.json, then send it.")
    ] = None,
    expect: Annotated[
        Outcome | None, typer.Option(help="Exit 3 unless this is the outcome; with --follow, of the job.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Wait until the job is no longer in progress.")] = False,
    timeout: Annotated[
        int, typer.Option(min=0, max=3600, help="Seconds that --follow waits at most.")
    ] = FOLLOW_SECONDS,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Send an event that isn't known here, with an entry.")
    ] = False,
    i_know: Annotated[bool, typer.Option("--i-know", help="Send to another machine.")] = False,
    plugin_app: Annotated[str | None, typer.Option("--app", help="Accepted, as by every command; not needed.")] = None,
) -> None:
    """Send a signed event to a plugin, as Envoy would, and show both sides and what Envoy's dashboard then shows.

    The secret is the first one in ENVOY_CLIENT_SECRET; without it, one that only a local plugin in development takes.
    The simulated Envoy is the one at ENVOY_BASE_URL, or at http://127.0.0.1:8010.

    A fixture goes out byte for byte, job id included, so that a plugin takes a second one for a duplicate; --job,
    --install, --config, --override, --remove, --edit and --odd make another body of it.

    Example: envoy-plugin trigger entry_sign_in -o attributes.full-name="Grace Hopper" --follow --expect done
    """
    given = _given_body(fixture, body)
    _refuse_contradictions(repeat * duplicate > 1, edit=edit, shown=dry_run or curl, save=save is not None)
    if bad_signature and signature is not None:
        raise typer.BadParameter("Give --bad-signature or --signature, not both.", param_hint="--signature")
    url = find_target(to, defaults.EVENTS_PATH, i_know=i_know)
    plan = Plan(
        event=_event_of(event, given, unknown=unknown),
        url=url,
        secret=find_secret(url),
        envoy_url=find_envoy(),
        job_id=job,
        install_id=install,
        seed=secrets.randbelow(2**32) if seed is None else seed,
        dated=seed is None,
        config=read_pairs(config or (), "--config"),
        body=given,
        changes=Changes(
            overrides=read_overrides(override or ()),
            removed=read_paths(remove or ()),
            edit=edit,
            oddities=tuple(odd or ()),
        ),
        tampering=Tampering(
            signature=SignatureFault.WRONG if bad_signature else signature,
            truncated=truncate,
            slow=_duration(slow),
        ),
        retries=POLICIES[retries].faster(retry_speed),
        follow=timedelta(seconds=timeout) if follow else None,
        expect=expect,
        dry=dry_run or curl,
    )
    if save is not None or plan.dry:
        plan = _settle(plan, save=None if save is None else fixture_path(save), curl=curl, json=json)
    volume = Volume(repeat=repeat, concurrency=concurrency, interval=_interval(rate), duplicates=duplicate)
    reports = _carry_out(plan, volume)
    typer.echo(as_json(reports) if json else as_text(reports))
    _say_why(reports)
    raise typer.Exit(exit_code_of(reports))


def _settle(plan: Plan, *, save: Path | None, curl: bool, json: bool) -> Plan:
    """Settle the bytes of a single event: keep them, or show them and end here; the plan that sends just these."""
    webhook = _prepared(plan)
    if save is not None:
        save_fixture(save, webhook.body)
        typer.echo(f"Saved {save}", err=True)
    if plan.dry:
        show = as_curl if curl else as_request_json if json else as_request
        typer.echo(show(plan.url, webhook.body, plan.secret, plan.tampering))
        raise typer.Exit
    return _sending(plan, webhook)


def _sending(plan: Plan, webhook: Webhook) -> Plan:
    """The plan that sends the bytes of this webhook."""
    return Plan(
        event=plan.event,
        url=plan.url,
        secret=plan.secret,
        envoy_url=plan.envoy_url,
        job_id=None,
        install_id=None,
        seed=plan.seed,
        dated=plan.dated,
        body=webhook.body,
        tampering=plan.tampering,
        retries=plan.retries,
        follow=plan.follow,
        expect=plan.expect,
    )


def _prepared(plan: Plan) -> Webhook:
    async def run() -> Webhook:
        async with ClientSession() as session:
            return await prepare(session, plan)

    return _asked_for(run)


def _carry_out(plan: Plan, volume: Volume) -> list[Report]:
    progress = Progress(volume.total)

    async def run() -> list[Report]:
        async with ClientSession(connector=TCPConnector(limit=0)) as session:
            return await deliver(session, plan, volume, progress)

    try:
        return _asked_for(run)
    finally:
        progress.end()


def _asked_for(run: Callable[[], Coroutine[object, object, Result]]) -> Result:
    """Run it; what can't be done ends the command with one sentence."""
    try:
        return asyncio.run(run())
    except BadOverride as error:
        raise typer.BadParameter(str(error), param_hint="--override, --remove or --edit") from None
    except UnicodeEncodeError:
        raise typer.BadParameter("A value can't be written as UTF-8.", param_hint="--override or --config") from None
    except (NobodyToFollow, SimulatedEnvoyLost, FakerMissing) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(ExitCode.FAILED) from None


def _say_why(reports: Sequence[Report]) -> None:
    """One sentence on standard error where the end isn't a good one."""
    report = next((one for one in reports if one.exit_code), reports[0])
    expected = report.plan.expect
    if report.delivery.fault is not None:
        typer.echo(report.delivery.fault, err=True)
    elif expected is not None and not report.is_as_expected:
        typer.echo(f"Expected {expected}, and it was {report.delivery.outcome}.", err=True)
    elif report.is_still_in_progress:
        typer.echo("The job is still in progress.", err=True)


def _given_body(fixture: str | None, body: str | None) -> bytes | None:
    if fixture is not None and body is not None:
        raise typer.BadParameter("Give --fixture or --body, not both.", param_hint="--body")
    if body is not None:
        if not body.startswith("@") or len(body) == 1:
            raise typer.BadParameter("Give @ and the name of a file.", param_hint="--body")
        return read_body(Path(body[1:]), "--body")
    return None if fixture is None else read_fixture(fixture)


def _refuse_contradictions(several: bool, *, edit: bool, shown: bool, save: bool) -> None:  # noqa: FBT001 - a fact
    options = {"--edit": edit, "--dry-run or --curl": shown, "--save": save}
    for name in (name for name, given in options.items() if given and several):
        raise typer.BadParameter("It is for one delivery, not for --repeat or --duplicate.", param_hint=name)


def _event_of(event: str | None, body: bytes | None, *, unknown: bool) -> str:
    """The event's name, checked against those that are known, or against the one of the body."""
    if body is not None:
        return _event_of_body(event, body)
    if event is None:
        raise typer.BadParameter("Give an event, or --fixture, or --body.", param_hint="EVENT")
    if event in EVENTS or unknown:
        return event
    names = get_close_matches(event, EVENTS, n=3)
    hint = f"Did you mean {', '.join(names)}?" if names else f"Known are {', '.join(sorted(EVENTS))}."
    raise typer.BadParameter(f"{event!r} isn't known here. {hint} --unknown sends it all the same.", param_hint="EVENT")


def _event_of_body(event: str | None, body: bytes) -> str:
    said = read_webhook(body).event
    if event not in {None, said} and said != "-":
        raise typer.BadParameter(f"The body is {said}, not {event}.", param_hint="EVENT")
    return event or said


def _duration(text: str | None) -> timedelta:
    found = DURATION.fullmatch(text or "0")
    if found is None:
        raise typer.BadParameter("Give seconds, as 5 or 40s.", param_hint="--slow")
    return timedelta(seconds=float(found[1]))


def _interval(text: str | None) -> timedelta:
    """The time from one start to the next."""
    if text is None:
        return timedelta(0)
    found = RATE.fullmatch(text)
    if found is None or not float(found[1]):
        raise typer.BadParameter("Give a rate, as 10/s or 30/m.", param_hint="--rate")
    return timedelta(seconds=RATE_SECONDS[found[2]] / float(found[1]))
