"""Where a webhook goes, and with which secret: from options and the environment, checked before anything is sent."""

import os
from collections.abc import Sequence
from typing import Final

import typer
from yarl import URL

from envoy_plugin.errors import Problem, SettingsError
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.control import is_local_url
from envoy_plugin.simulator.overrides import BadOverride, Override, parse_override, parse_path, parse_value
from envoy_plugin.simulator.wire import JsonObject

MAX_PORT: Final = 65535
SECRET_VARIABLE: Final = "ENVOY_CLIENT_SECRET"  # noqa: S105 - a variable's name


def find_target(to: str | None, path: str, *, i_know: bool) -> URL:
    """Where to send, checked: a local http or https URL without credentials in it. A bare origin gets `path`.

    Raises:
        typer.BadParameter: it isn't one, or it is on another machine without `i_know`.
        SettingsError: PORT isn't a port.
    """
    url = _parsed(to) if to is not None else _default_target()
    if url is None or url.scheme not in {"http", "https"} or not url.host or url.user is not None:
        raise typer.BadParameter("Give a URL such as http://127.0.0.1:8000, without credentials.", param_hint="--to")
    if not (is_local_url(url) or i_know):
        raise typer.BadParameter(f"{url.host} isn't this machine. --i-know sends it there.", param_hint="--to")
    return url.with_path(path, keep_query=True) if url.path in {"", "/"} else url


def find_secret(url: URL) -> str:
    """The secret to sign with; the one of development is used for this machine alone.

    Raises:
        SettingsError: there is none.
    """
    if SECRET_VARIABLE not in os.environ and is_local_url(url):
        return defaults.CLIENT_SECRET
    return read_secrets(SECRET_VARIABLE)[0]


def read_secrets(variable: str) -> list[str]:
    """The secrets of an environment variable: two while one replaces the other, the first of which signs.

    Raises:
        SettingsError: there is none.
        typer.BadParameter: no variable can have this name.
    """
    if not variable.isidentifier():
        raise typer.BadParameter("Give the name of an environment variable.", param_hint="--secret-env")
    words = os.environ.get(variable, "").split()
    if not words:
        where = "It is in Envoy's Dev Dashboard."
        raise _bad_setting(variable, "is missing or empty", where, "0123456789abcdef0123456789abcdef")
    return words


def find_envoy() -> URL:
    """Where the simulated Envoy is, if there is one.

    Raises:
        SettingsError: ENVOY_BASE_URL isn't a URL.
    """
    url = _parsed(os.environ.get("ENVOY_BASE_URL") or defaults.PLATFORM_URL)
    if url is None or url.scheme not in {"http", "https"} or not url.host:
        raise _bad_setting("ENVOY_BASE_URL", "is not a URL", "Leave it out to use the default.", defaults.PLATFORM_URL)
    return url


def read_overrides(texts: Sequence[str]) -> tuple[Override, ...]:
    """What `--override PATH=VALUE` says."""
    try:
        return tuple(parse_override(text) for text in texts)
    except BadOverride as error:
        raise typer.BadParameter(str(error), param_hint="--override") from None


def read_paths(texts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """What `--remove PATH` says."""
    try:
        return tuple(parse_path(text) for text in texts)
    except BadOverride as error:
        raise typer.BadParameter(str(error), param_hint="--remove") from None


def read_pairs(texts: Sequence[str], option: str) -> JsonObject:
    """What an option `KEY=VALUE` says; the value is JSON or text. A key that occurs again makes an array."""
    pairs: JsonObject = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise typer.BadParameter("Give KEY=VALUE.", param_hint=option)
        pairs.setdefault(key, []).append(parse_value(value))
    return {key: values[0] if len(values) == 1 else values for key, values in pairs.items()}


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


def _bad_setting(name: str, fault: str, source: str, example: str) -> SettingsError:
    return SettingsError([Problem(name=name, fault=fault, source=source, example=example)])
