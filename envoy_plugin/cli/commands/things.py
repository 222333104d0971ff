"""`envoy-plugin things`: devices, the keys that they sign with, and their work."""

import json
import time
from typing import Annotated, Any, Final

import typer

from envoy_plugin.apis.iot_jobs.access_keys import AccessKey, AccessKeys, of_thing
from envoy_plugin.apis.iot_jobs.constraints import MOST_STEP_MINUTES, check_job_id, check_thing, read
from envoy_plugin.apis.iot_jobs.ending import cancel_execution, remove_thing
from envoy_plugin.apis.iot_jobs.executions import find_execution, find_pending
from envoy_plugin.apis.iot_jobs.fleets import create_fleet
from envoy_plugin.apis.iot_jobs.presence import find_ended, find_unseen, look_at
from envoy_plugin.apis.iot_jobs.refusals import Refusal, busy, no_thing
from envoy_plugin.apis.iot_jobs.registry import NO_INSTALL, Registry
from envoy_plugin.apis.iot_jobs.requests import MOST_RETRIES, CreateJob
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import ask_with_secrets
from envoy_plugin.cli.thing_arguments import (
    AllOption,
    LocationOption,
    NameArgument,
    ThingOption,
    check_word,
    checked,
    holder_of,
    lifetime_of,
)
from envoy_plugin.cli.thing_text import as_key, as_list, as_page, as_record, as_secret, as_work
from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import ThingRefused

PAGE: Final = 250
MOST_SHOWN: Final = 10
TRIES: Final = 3

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
    checked(check_thing, name)
    check_word(install, "--install")
    place = "" if location is None else check_word(location, "--location")

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
        checked(check_thing, after)

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
    checked(check_thing, name)

    async def look(engine: Engine) -> dict[str, Any]:
        thing = await _registry(engine).get(name)
        keys = await _keys(engine).of(of_thing(name))
        work = await find_pending(engine, name, MOST_SHOWN) + await find_unseen(engine, thing, MOST_SHOWN)
        return as_page(await look_at(engine, thing), keys, work, await find_ended(engine, thing, MOST_SHOWN))

    told = ask_with_secrets(plugin_app, env_file, look)
    typer.echo(json.dumps(told) if json_wanted else json.dumps(told, indent=2))


@app.command()
def remove(
    name: NameArgument,
    *,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Forget a device: its keys end, and so does all that it has to do; Envoy is told.

    Example: envoy-plugin things remove front-door-printer
    """
    checked(check_thing, name)

    async def forget(engine: Engine) -> list[str]:
        found = await _registry(engine).find(name)
        revoked = await remove_thing(_registry(engine), _keys(engine), engine, name)
        if found is None:  # whoever was cut short has its work removed all the same
            raise no_thing(name)
        return revoked

    revoked = ask_with_secrets(plugin_app, env_file, forget)
    typer.echo(json.dumps({"thing": name, "revoked": revoked}) if json_wanted else f"{name} is removed.")


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
    holder = holder_of(thing, location, every=every)
    lifetime, shared = lifetime_of(valid_for, "--valid-for"), lifetime_of(overlap, "--overlap")

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
        holder = holder_of(thing, location, every=every)
    elif thing is None and location is None and not every:
        check_word(key_id, "KEY_ID")
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
    checked(check_thing, name)
    criteria = [{"failureType": "ALL", "numberOfRetries": retries}]
    said = {
        "targets": [name],
        "document": document,
        "timeoutConfig": {"inProgressTimeoutInMinutes": in_progress_timeout},
        "jobExecutionsRetryConfig": {"criteriaList": criteria},
    }
    plan = checked(lambda _: read(CreateJob, said), "").plan(checked(check_job_id, job_id), [name])

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
    checked(check_thing, name)
    checked(check_job_id, job_id)

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
