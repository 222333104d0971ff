"""`envoy-plugin route`: what a setup step of Envoy's installer would ask, and how the answer is read."""

import asyncio
import secrets
from typing import Annotated

import typer
from aiohttp import ClientSession

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.sending.asking import Asked, Question, as_json, as_text, ask
from envoy_plugin.cli.sending.preparing import Changes
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
from envoy_plugin.simulator.payloads import RouteKind
from envoy_plugin.simulator.tampering import SignatureFault, Tampering
from envoy_plugin.simulator.visitors import FakerMissing

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def route(  # noqa: PLR0913 - one parameter is one option
    kind: Annotated[RouteKind, typer.Argument(help="What is asked for.")],
    name: Annotated[str, typer.Argument(help="The route's name, as in the plugin's decorator.")],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            help=f"The plugin. An origin alone gets {defaults.ROUTES_PATH}/KIND/NAME added; a path is used as it "
            "stands. [default: http://127.0.0.1:$PORT, or 8000]"
        ),
    ] = None,
    install: Annotated[str, typer.Option(help="The install that is being set up.")] = defaults.INSTALL_ID,
    config: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE of the install's config, also at the simulated Envoy; repeatable."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE of meta.params, as search, page, cursor or value; a KEY again makes an array."),
    ] = None,
    form: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE that the installer filled in; for a validation. Repeatable.")
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option("--override", "-o", help="PATH=VALUE within the payload, or meta.…; JSON or text; repeatable."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="PATH to leave out, within the payload or meta.…; repeatable.")
    ] = None,
    odd: Annotated[list[Oddity] | None, typer.Option(help="Something unusual that is right; repeatable.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed is the same place. [default: any]")] = None,
    signature: Annotated[SignatureFault | None, typer.Option(help="Sign wrongly in this way.")] = None,
    expect: Annotated[Outcome | None, typer.Option(help="Exit 3 unless this is the outcome: done or failed.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    i_know: Annotated[bool, typer.Option("--i-know", help="Send to another machine.")] = False,
    plugin_app: Annotated[str | None, typer.Option("--app", help="Accepted, as by every command; not needed.")] = None,
) -> None:
    """Ask a plugin what a setup step would ask it, signed as Envoy does, and show how Envoy reads the answer.

    The outcome is done, or failed where the step stays: a 4xx with a message, or an answer of the wrong shape. What a
    validation answers is merged into the install's config at the simulated Envoy (null removes); what a migration
    answers replaces it.

    Example: envoy-plugin route validation credentials --form api_key=abc --form group=staff --expect done
    """
    if form and kind is not RouteKind.VALIDATION:
        raise typer.BadParameter(f"Only a validation has a form; {kind} has --param.", param_hint="--form")
    if name in {"", ".", ".."} or "/" in name:
        raise typer.BadParameter(f"{name!r} can't stand in a URL as the name of a route.", param_hint="NAME")
    url = find_target(to, f"{defaults.ROUTES_PATH}/{kind}/{name}", i_know=i_know)
    question = Question(
        kind=kind,
        name=name,
        url=url,
        secret=find_secret(url),
        envoy_url=find_envoy(),
        install_id=install,
        seed=secrets.randbelow(2**32) if seed is None else seed,
        config=read_pairs(config or (), "--config"),
        params=read_pairs(param or (), "--param"),
        form=read_pairs(form or (), "--form"),
        changes=Changes(
            overrides=read_overrides(override or ()), removed=read_paths(remove or ()), oddities=tuple(odd or ())
        ),
        tampering=Tampering(signature=signature),
        expect=expect,
    )
    asked = _ask(question)
    typer.echo(as_json(asked) if json else as_text(asked))
    _say_why(asked)
    raise typer.Exit(asked.exit_code)


def _ask(question: Question) -> Asked:
    async def run() -> Asked:
        async with ClientSession() as session:
            return await ask(session, question)

    try:
        return asyncio.run(run())
    except BadOverride as error:
        raise typer.BadParameter(str(error), param_hint="--override or --remove") from None
    except UnicodeEncodeError:
        raise typer.BadParameter("A value can't be written as UTF-8.", param_hint="--form or --param") from None
    except (SimulatedEnvoyLost, FakerMissing) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(ExitCode.FAILED) from None


def _say_why(asked: Asked) -> None:
    """One sentence on standard error where the end isn't a good one."""
    if asked.exit_code is ExitCode.OK:
        return
    reading = asked.reading
    if asked.exit_code is ExitCode.UNEXPECTED_OUTCOME and reading is not None:
        typer.echo(f"Expected {asked.question.expect}, and it was {reading.outcome}.", err=True)
    else:
        typer.echo(asked.delivery.fault if reading is None else reading.fault, err=True)
