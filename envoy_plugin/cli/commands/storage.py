"""`envoy-plugin storage`: what a plugin stores for an install, or for itself."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import typer
from redis.exceptions import RedisError

from envoy_plugin.cli.envoy_access import Asked, ask_envoy
from envoy_plugin.cli.loading import load_plugin
from envoy_plugin.cli.options import AppOption, EnvFileOption, JsonOption
from envoy_plugin.cli.redis_access import RedisLost, ask_redis
from envoy_plugin.cli.table import table
from envoy_plugin.engine.engine import Engine
from envoy_plugin.envoy.storage import EnvoyStorages, Item, Storage, Storages
from envoy_plugin.envoy.storages import make_storages
from envoy_plugin.settings import StorageKind
from envoy_plugin.simulator.overrides import parse_value

Answer = TypeVar("Answer")
KeyArgument: TypeAlias = Annotated[str, typer.Argument(metavar="KEY", help="The item's key.")]
InstallOption: TypeAlias = Annotated[str | None, typer.Option(metavar="ID", help="Envoy's id of the install.")]
GlobalOption: TypeAlias = Annotated[bool, typer.Option("--global", help="What is stored for the whole plugin.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def storage() -> None:
    """Show or change what a plugin stores: at Envoy, or with STORAGE=redis in the plugin's Redis.

    Name an install, or --global. Where no ENVOY_CLIENT_ID is set it is that of `envoy-plugin dev` on this machine.

    Example: envoy-plugin storage list --install 1001
    """


@app.command()
def get(
    key: KeyArgument,
    *,
    install: InstallOption = None,
    global_: GlobalOption = False,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Show the value of an item.

    Example: envoy-plugin storage get door --install 1001
    """
    scope = _scope(install, is_global=global_)
    _tell(scope, key, _ask(scope, plugin_app, env_file, lambda storage: storage.get(key)), json_wanted=json_wanted)


@app.command("set")
def set_(  # noqa: PLR0913 - one parameter is one option
    key: KeyArgument,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="JSON or text.")],
    *,
    install: InstallOption = None,
    global_: GlobalOption = False,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Store a value in place of whatever is there.

    Example: envoy-plugin storage set door '{"id": 7}' --install 1001
    """
    scope, parsed = _scope(install, is_global=global_), parse_value(value)
    item = _ask(scope, plugin_app, env_file, lambda storage: storage.set(key, parsed))
    _tell(scope, key, item, json_wanted=json_wanted)


@app.command()
def unset(
    key: KeyArgument,
    *,
    install: InstallOption = None,
    global_: GlobalOption = False,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Remove an item, and show the value that it had.

    Example: envoy-plugin storage unset door --install 1001
    """
    scope = _scope(install, is_global=global_)
    _tell(scope, key, _ask(scope, plugin_app, env_file, lambda storage: storage.unset(key)), json_wanted=json_wanted)


@app.command("list")
def list_(
    *,
    install: InstallOption = None,
    global_: GlobalOption = False,
    page: Annotated[int, typer.Option(min=1, help="Which page of 100.")] = 1,
    json_wanted: JsonOption = False,
    plugin_app: AppOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Show a page of items, sorted by key.

    Example: envoy-plugin storage list --global --page 2
    """
    scope = _scope(install, is_global=global_)
    found = _ask(scope, plugin_app, env_file, lambda storage: storage.list(page))
    if json_wanted:
        typer.echo(_dump({"install": scope, "page": page, "items": [_record(item) for item in found]}))
    else:
        typer.echo(table([(item.key, _dump(item.value)) for item in found]) if found else "No items.")


def _scope(install: str | None, *, is_global: bool) -> str | None:
    """The install; None for what is the whole plugin's."""
    if bool(install) == is_global:
        raise typer.BadParameter("Give --install ID, or --global.", param_hint="--install")
    return install


def _ask(
    scope: str | None,
    plugin_app: str | None,
    env_file: Path | None,
    question: Callable[[Storage], Awaitable[Answer]],
) -> Answer:
    async def ask_of(storages: Storages) -> Answer:
        return await question(storages.of_plugin() if scope is None else storages.of_install(scope))

    async def ask(asked: Asked) -> Answer:
        settings = asked.settings
        if settings.storage is StorageKind.ENVOY:
            return await ask_of(EnvoyStorages(asked.api))

        async def ask_there(engine: Engine) -> Answer:
            keys_of = engine.keys.storage
            return await ask_of(make_storages(settings, api=asked.api, redis=engine.redis, keys_of=keys_of))

        return await ask_redis(settings, settings.redis_prefix or load_plugin(plugin_app).name, ask_there)

    try:
        return ask_envoy(env_file, ask)
    except (RedisError, TimeoutError) as error:
        raise RedisLost(f"Redis can't be read: {type(error).__name__}.") from None


def _tell(scope: str | None, key: str, item: Item[Any] | None, *, json_wanted: bool) -> None:
    if json_wanted:
        typer.echo(_dump({"install": scope, "item": item and _record(item)}))
    elif item is None:
        typer.echo(f"There is no item {key!r}.", err=True)
    else:
        typer.echo(_dump(item.value))


def _record(item: Item[Any]) -> dict[str, Any]:
    return {"key": item.key, "value": item.value}


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
