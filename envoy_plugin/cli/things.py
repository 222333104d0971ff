"""`envoy-plugin things`: devices, the keys that they sign with, and their work."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import typer

from envoy_plugin.apis.iot_jobs.access_keys import EVERYTHING, AccessKey, AccessKeys, of_location, of_thing
from envoy_plugin.apis.iot_jobs.constraints import MOST_STEP_MINUTES, check_job_id, check_thing, read
from envoy_plugin.apis.iot_jobs.ending import cancel_execution
from envoy_plugin.apis.iot_jobs.executions import find_execution, find_pending
from envoy_plugin.apis.iot_jobs.fleets import create_fleet
from envoy_plugin.apis.iot_jobs.presence import find_ended, find_unseen, look_at
from envoy_plugin.apis.iot_jobs.refusals import Refusal, busy
from envoy_plugin.apis.iot_jobs.registry import NO_INSTALL, Registry
from envoy_plugin.apis.iot_jobs.requests import MOST_RETRIES, CreateJob
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import ask_with_secrets
from envoy_plugin.cli.thing_text import as_key, as_list, as_page, as_record, as_secret, as_work
from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import ThingRefused
from envoy_plugin.variables import duration

Answer = TypeVar("Answer")

PAGE: Final = 250
MOST_SHOWN: Final = 10
LIFETIME: Final = duration("1s", "3650d")
TRIES: Final = 3
LONGEST_WORD: Final = 128

NameArgument: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="The thing's name.")]
ThingOption: TypeAlias = Annotated[str | None, typer.Option("--thing", metavar="NAME", help="For one thing.")]
LocationOption: TypeAlias = Annotated[
    str | None, typer.Option("--location", metavar="L", help="For every thing at a location.")
]
AllOption: TypeAlias = Annotated[
    bool, typer.Option("--all", help="For every thing, and to give out work: an operator's key.")
]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def things() -> None:
    """Register devices, make and revoke their keys, and give them work.

    Devices take it with AWS' SDKs from the port that `envoy-plugin web` listens on.

    Example: envoy-plugin things add front-door-printer --location 777
    """


@app.command()
def add(
    name: NameArgument,
    *,
    install: Annotated[str, typer.Option(metavar="ID", help="The one install whose work it does.")] = NO_INSTALL,
    location: Annotated[str | None, typer.Option(metavar="L", help="Where it stands. [nowhere]")] = None,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Register a device, and print its first key. The secret is shown this once.

    Example: envoy-plugin things add front-door-printer --install 1001 --location 777 --json
    """
    _checked(check_thing, name)
    _check_word(install, "--install")
    place = "" if location is None else _check_word(location, "--location")

    async def register(engine: Engine) -> AccessKey:
        await _registry(engine).add(name, install=install, location=place)
        return await _keys(engine).make(of_thing(name))

    made = ask_with_secrets(plugin_app, env_file, register)
    typer.echo(json.dumps({"thing": name, **as_secret(made)}) if json_wanted else as_key(made))


@app.command("list")
def list_(
    *,
    after: Annotated[str, typer.Option(metavar="NAME", help="Go on after this thing.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=PAGE, help="How many at most.")] = 100,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """List devices by name: when each was last heard of, its work, its failures in a row.

    Example: envoy-plugin things list --json
    """
    if after:
        _checked(check_thing, after)

    async def look(engine: Engine) -> tuple[list[Any], str]:
        found, following = await _registry(engine).page(after, limit)
        return [await look_at(engine, thing) for thing in found], following

    seen, following = ask_with_secrets(plugin_app, env_file, look)
    told = {"things": [as_record(presence) for presence in seen], "next": following or None}
    typer.echo(json.dumps(told) if json_wanted else as_list(seen, following))


@app.command()
def show(
    name: NameArgument,
    *,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Show a device: where it is, how it is doing, its keys without their secrets, what it has to do and did last.

    Example: envoy-plugin things show front-door-printer
    """
    _checked(check_thing, name)

    async def look(engine: Engine) -> dict[str, Any]:
        thing = await _registry(engine).get(name)
        keys = await _keys(engine).of(of_thing(name))
        work = await find_pending(engine, name, MOST_SHOWN) + await find_unseen(engine, thing, MOST_SHOWN)
        return as_page(await look_at(engine, thing), keys, work, await find_ended(engine, thing, MOST_SHOWN))

    told = ask_with_secrets(plugin_app, env_file, look)
    typer.echo(json.dumps(told) if json_wanted else json.dumps(told, indent=2))


@app.command()
def key(  # noqa: PLR0913 - one parameter is one option
    *,
    thing: ThingOption = None,
    location: LocationOption = None,
    every: AllOption = False,
    valid_for: Annotated[str | None, typer.Option(metavar="DURATION", help="When it ends: 12h, 30d. [never]")] = None,
    overlap: Annotated[
        str | None, typer.Option(metavar="DURATION", help="End the earlier keys after so long: 24h. [they stay]")
    ] = None,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Make a further key, and print it. The secret is shown this once.

    Example: envoy-plugin things key --thing front-door-printer --overlap 24h --json
    """
    holder = _holder(thing, location, every=every)
    lifetime, shared = _duration(valid_for, "--valid-for"), _duration(overlap, "--overlap")

    async def make(engine: Engine) -> AccessKey:
        if thing is not None:
            await _registry(engine).get(thing)
        return await _keys(engine).make(holder, lifetime=lifetime, overlap=shared)

    made = ask_with_secrets(plugin_app, env_file, make)
    typer.echo(json.dumps(as_secret(made)) if json_wanted else as_key(made))


@app.command()
def revoke(  # noqa: PLR0913 - one parameter is one option
    key_id: Annotated[str | None, typer.Argument(metavar="[KEY_ID]", help="The access key's id.")] = None,
    *,
    thing: ThingOption = None,
    location: LocationOption = None,
    every: AllOption = False,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """End a key, or every key of a holder, at once. Exit code 1 where there is none.

    Example: envoy-plugin things revoke EPTK0123456789ABCDEF
    """
    if key_id is None:
        holder = _holder(thing, location, every=every)
    elif thing is None and location is None and not every:
        _check_word(key_id, "KEY_ID")
        holder = None
    else:
        raise typer.BadParameter("Give KEY_ID, or one of --thing NAME, --location L and --all.", param_hint="KEY_ID")

    async def end(engine: Engine) -> list[str]:
        if holder is not None:
            return await _keys(engine).revoke_all(holder)
        return [str(key_id)] if await _keys(engine).revoke(str(key_id)) else []

    ended = ask_with_secrets(plugin_app, env_file, end)
    typer.echo(json.dumps({"revoked": ended}) if json_wanted else f"Revoked: {', '.join(ended) or 'none'}.")
    raise typer.Exit(0 if ended else 1)


@app.command()
def send(  # noqa: PLR0913 - one parameter is one option
    name: NameArgument,
    *,
    job_id: Annotated[str, typer.Option(metavar="ID", help="What the device will know it as.")],
    document: Annotated[str, typer.Option(metavar="JSON", help="What is to be done.")],
    in_progress_timeout: Annotated[
        int | None,
        typer.Option(metavar="MINUTES", min=1, max=MOST_STEP_MINUTES, help="How long it may take. [forever]"),
    ] = None,
    retries: Annotated[int, typer.Option(min=0, max=MOST_RETRIES, help="How often it is tried again.")] = 0,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Give a device work.

    Example: envoy-plugin things send front-door-printer --job-id badge-17 --document '{"print": "B-17"}'
    """
    _checked(check_thing, name)
    criteria = [{"failureType": "ALL", "numberOfRetries": retries}]
    said = {
        "targets": [name],
        "document": document,
        "timeoutConfig": {"inProgressTimeoutInMinutes": in_progress_timeout},
        "jobExecutionsRetryConfig": {"criteriaList": criteria},
    }
    plan = _checked(lambda _: read(CreateJob, said), "").plan(_checked(check_job_id, job_id), [name])

    async def give(engine: Engine) -> dict[str, Any]:
        sent = await create_fleet(engine, plan, await _registry(engine).find_many([name]))
        if not sent.created:
            raise ThingRefused(Refusal.EXISTS, f"Job {job_id} already exists.")
        return as_work(await find_execution(engine, name, job_id))

    told = ask_with_secrets(plugin_app, env_file, give)
    typer.echo(json.dumps(told) if json_wanted else f"{name} has {job_id} to do.")


@app.command()
def cancel(
    name: NameArgument,
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Also while the device is at it.")] = False,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Take work back from a device.

    Example: envoy-plugin things cancel front-door-printer badge-17 --force
    """
    _checked(check_thing, name)
    _checked(check_job_id, job_id)

    async def take_back(engine: Engine) -> dict[str, Any]:
        for _ in range(TRIES):
            found = await find_execution(engine, name, job_id)
            if await cancel_execution(engine, found, force=force):
                return as_work(await find_execution(engine, name, job_id))
        raise busy()

    told = ask_with_secrets(plugin_app, env_file, take_back)
    typer.echo(json.dumps(told) if json_wanted else f"{job_id} is canceled.")


def _registry(engine: Engine) -> Registry:
    return Registry(engine, time.time)


def _keys(engine: Engine) -> AccessKeys:
    return AccessKeys(engine, time.time)


def _holder(thing: str | None, location: str | None, *, every: bool) -> str:
    given = [thing is not None, location is not None, every]
    if given.count(True) != 1:
        raise typer.BadParameter("Give one of --thing NAME, --location L and --all.", param_hint="--thing")
    if thing is not None:
        return of_thing(_checked(check_thing, thing))
    return EVERYTHING if location is None else of_location(_check_word(location, "--location"))


def _check_word(text: str, option: str) -> str:
    if not text.isprintable() or " " in text or not 0 < len(text) <= LONGEST_WORD:
        raise typer.BadParameter(f"It has 1 to {LONGEST_WORD} characters without blanks.", param_hint=option)
    return text


def _checked(check: Callable[[str], Answer], text: str) -> Answer:
    try:
        return check(text)
    except ThingRefused as error:
        raise typer.BadParameter(str(error)) from None


def _duration(text: str | None, option: str) -> timedelta | None:
    try:
        return None if text is None else LIFETIME(text)
    except ValueError as error:
        raise typer.BadParameter(f"It {error}.", param_hint=option) from None
