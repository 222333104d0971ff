"""`envoy-plugin trigger`: one event, signed and sent as Envoy would, and what became of it."""

import asyncio
import os
import secrets
import uuid
from collections.abc import Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Final

import typer
from aiohttp import ClientSession
from yarl import URL

from envoy_plugin.cli.delivering import NobodyToFollow, Plan, Report, deliver
from envoy_plugin.cli.delivery_text import as_json, as_text
from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.errors import Problem, SettingsError
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.answers import Outcome
from envoy_plugin.simulator.control import SimulatedEnvoyLost, is_local_url
from envoy_plugin.simulator.overrides import BadOverride, Override, parse_override, parse_value
from envoy_plugin.simulator.payloads import EVENTS
from envoy_plugin.simulator.visitors import FakerMissing
from envoy_plugin.simulator.wire import JsonObject

FOLLOW_SECONDS: Final = 60
MAX_PORT: Final = 65535

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def trigger(  # noqa: PLR0913 - one parameter is one option
    event: Annotated[str, typer.Argument(help="The event's name, as entry_sign_in or invite_created.")],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            help=f"The plugin. An origin alone gets {defaults.EVENTS_PATH} added; a path is used as it stands. "
            "[default: http://127.0.0.1:$PORT, or 8000]"
        ),
    ] = None,
    job: Annotated[str | None, typer.Option(help="Envoy's id of the job. [default: a new one]")] = None,
    install: Annotated[str, typer.Option(help="The install that the event belongs to.")] = defaults.INSTALL_ID,
    config: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE of the install's config, also at the simulated Envoy; repeatable."),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option("--override", "-o", help="PATH=VALUE within the payload, or meta.…; JSON or text; repeatable."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed is the same visit. [default: another each time]")
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

    Example: envoy-plugin trigger entry_sign_in -o attributes.full-name="Grace Hopper" --follow --expect done
    """
    _check_event(event, unknown=unknown)
    url = _target(to, i_know=i_know)
    plan = Plan(
        event=event,
        url=url,
        secret=_secret(url),
        envoy_url=_envoy_url(),
        job_id=job or str(uuid.uuid4()),
        install_id=install,
        seed=secrets.randbelow(2**32) if seed is None else seed,
        dated=seed is None,
        config=_config(config or ()),
        overrides=_overrides(override or ()),
        follow=timedelta(seconds=timeout) if follow else None,
        expect=expect,
    )
    report = _carry_out(plan)
    typer.echo(as_json(report) if json else as_text(report))
    _say_why(report)
    raise typer.Exit(report.exit_code)


def _carry_out(plan: Plan) -> Report:
    try:
        return asyncio.run(_deliver(plan))
    except BadOverride as error:
        raise typer.BadParameter(str(error), param_hint="--override") from None
    except UnicodeEncodeError:
        raise typer.BadParameter("A value can't be written as UTF-8.", param_hint="--override or --config") from None
    except (NobodyToFollow, SimulatedEnvoyLost, FakerMissing) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(ExitCode.FAILED) from None


async def _deliver(plan: Plan) -> Report:
    async with ClientSession() as session:
        return await deliver(session, plan)


def _say_why(report: Report) -> None:
    """One sentence on standard error where the end isn't a good one."""
    expected = report.plan.expect
    if report.delivery.fault is not None:
        typer.echo(report.delivery.fault, err=True)
    elif expected is not None and not report.is_as_expected:
        typer.echo(f"Expected {expected}, and it was {report.delivery.outcome}.", err=True)
    elif report.is_still_in_progress:
        typer.echo("The job is still in progress.", err=True)


def _check_event(event: str, *, unknown: bool) -> None:
    if event in EVENTS or unknown:
        return
    names = get_close_matches(event, EVENTS, n=3)
    hint = f"Did you mean {', '.join(names)}?" if names else f"Known are {', '.join(sorted(EVENTS))}."
    raise typer.BadParameter(f"{event!r} isn't known here. {hint} --unknown sends it all the same.", param_hint="EVENT")


def _target(to: str | None, *, i_know: bool) -> URL:
    """Where to send, checked: a local http or https URL without credentials in it."""
    url = _parsed(to) if to is not None else _default_target()
    if url is None or url.scheme not in {"http", "https"} or not url.host or url.user is not None:
        raise typer.BadParameter("Give a URL such as http://127.0.0.1:8000, without credentials.", param_hint="--to")
    if not (is_local_url(url) or i_know):
        raise typer.BadParameter(f"{url.host} isn't this machine. --i-know sends it there.", param_hint="--to")
    return url.with_path(defaults.EVENTS_PATH, keep_query=True) if url.path in {"", "/"} else url


def _parsed(text: str) -> URL | None:
    try:
        return URL(text)
    except ValueError:
        return None


def _default_target() -> URL:
    port = os.environ.get("PORT") or str(defaults.PLUGIN_PORT)
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT):
        raise _bad_setting("PORT", "is not a port number", "Your host sets it.", str(defaults.PLUGIN_PORT))
    return URL(f"http://127.0.0.1:{port}")


def _secret(url: URL) -> str:
    """The secret to sign with; the one of development is used for this machine alone."""
    given = os.environ.get("ENVOY_CLIENT_SECRET")
    if given is None and is_local_url(url):
        return defaults.CLIENT_SECRET
    words = (given or "").split()
    if not words:
        where = "It is in Envoy's Dev Dashboard."
        raise _bad_setting("ENVOY_CLIENT_SECRET", "is missing or empty", where, "0123456789abcdef0123456789abcdef")
    return words[0]


def _envoy_url() -> URL:
    url = _parsed(os.environ.get("ENVOY_BASE_URL") or defaults.PLATFORM_URL)
    if url is None or url.scheme not in {"http", "https"} or not url.host:
        raise _bad_setting("ENVOY_BASE_URL", "is not a URL", "Leave it out to use the default.", defaults.PLATFORM_URL)
    return url


def _bad_setting(name: str, fault: str, source: str, example: str) -> SettingsError:
    return SettingsError([Problem(name=name, fault=fault, source=source, example=example)])


def _overrides(texts: Sequence[str]) -> tuple[Override, ...]:
    try:
        return tuple(parse_override(text) for text in texts)
    except BadOverride as error:
        raise typer.BadParameter(str(error), param_hint="--override") from None


def _config(texts: Sequence[str]) -> JsonObject:
    pairs = [text.partition("=") for text in texts]
    if not all(key and equals for key, equals, _ in pairs):
        raise typer.BadParameter("Give KEY=VALUE.", param_hint="--config")
    return {key: parse_value(value) for key, _, value in pairs}
