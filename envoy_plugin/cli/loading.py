"""Finding the plugin that a command is about, and importing it."""

import os
import re
import sys
import tomllib
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

import typer

from envoy_plugin.errors import EnvoyPluginError
from envoy_plugin.plugin import Plugin

PYPROJECT: Final = "pyproject.toml"
HERE: Final = Path()
OURS: Final = str(Path(__file__).parents[1]) + os.sep
OF_A_CALL: Final = re.compile(
    r"[\w.<>]+\(\) (got an unexpected keyword argument|missing \d+ required|takes \d+|got multiple values for).*"
)
"""What Python says of a call with other arguments than the function has: it quotes names alone."""
HOW_TO_NAME: Final = (
    "Give --app MODULE:ATTR, or set app under [tool.envoy_plugin] in the pyproject.toml of this directory."
)


class AppUnusable(EnvoyPluginError):
    """The plugin that was named can't be had; the message is one sentence and quotes no value."""


def find_app(app: str | None, *, directory: Path = HERE) -> str:
    """`MODULE:ATTR` of the plugin: `app`, else what `pyproject.toml` in `directory` (the working directory) names.

    Raises:
        typer.BadParameter: none is named, or not in this form.
        AppUnusable: `pyproject.toml` can't be read.
    """
    named = app if app is not None else _named_by_project(directory / PYPROJECT)
    if named is None:
        raise typer.BadParameter(f"No plugin is named. {HOW_TO_NAME}", param_hint="--app")
    module, _, attribute = named.partition(":")
    if not all(word.isidentifier() for word in (*module.split("."), *attribute.split("."))):
        raise typer.BadParameter(f"{named!r} is not of the form MODULE:ATTR.", param_hint="--app")
    return named


def load_plugin(app: str | None, *, directory: Path = HERE) -> Plugin:
    """Import the plugin that `app` or `pyproject.toml` names, with `directory` (the working directory) first on the
    import path; where that is the package itself, the directory above it.

    Raises:
        typer.BadParameter: none is named.
        AppUnusable: it isn't there, or is something else, or its module raised.
        DeclarationError: a decorator or a handler in it makes no sense.
    """
    module_name, _, attribute = find_app(app, directory=directory).partition(":")
    found: object = _import(module_name, _root(directory.resolve(), module_name))
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise AppUnusable(f"Module {module_name} has no {attribute}.")
        found = getattr(found, name)
    if not isinstance(found, Plugin):
        raise AppUnusable(f"{module_name}:{attribute} is no Plugin but of type {type(found).__name__}.")
    return found


def load_plugin_if_named(app: str | None) -> Plugin | None:
    """The plugin as `load_plugin` has it, or None where neither `app` nor `pyproject.toml` names one."""
    return None if app is None and _named_by_project(HERE / PYPROJECT) is None else load_plugin(app)


def _named_by_project(project: Path) -> str | None:
    try:
        found: object = tomllib.loads(project.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise AppUnusable(f"{PYPROJECT} can't be read: {type(error).__name__}.") from None
    for name in ("tool", "envoy_plugin", "app"):
        found = found.get(name) if isinstance(found, dict) else None
    return None if found is None else str(found)


def _root(directory: Path, module: str) -> str:
    """Where the import begins: a package that is the directory itself, as a copied example is, is found from above."""
    is_package = directory.name == module.partition(".")[0] and directory.joinpath("__init__.py").exists()
    return str(directory.parent if is_package else directory)


def _import(name: str, root: str) -> ModuleType:
    if sys.path[0] != root:
        sys.path.insert(0, root)
    try:
        return import_module(name)
    except EnvoyPluginError as error:
        if (where := _where(error)).rpartition(":")[0] in str(error):
            raise
        raise AppUnusable(f"{where}: {error}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin's module raises is its author's to see
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            raise AppUnusable(f"There is no module {error.name}, seen from {root}.") from None
        raise AppUnusable(f"Importing {name} failed: {_what(error)} at {_where(error)}.") from None


def _what(error: BaseException) -> str:
    """The type, and the module or the argument where one is missing; never another text, which may quote a value."""
    name = type(error).__name__
    if isinstance(error, TypeError) and OF_A_CALL.fullmatch(f"{error}"):
        return f"{name} ({error})"
    return f"{name} ({error.name})" if isinstance(error, ImportError) and error.name else name


def _where(error: BaseException) -> str:
    """The place in the plugin, or in what it imports, that was wrong: the innermost that isn't ours."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    theirs = [place for place in places if not place[0].startswith((OURS, "<frozen "))]
    file, line = (theirs or places)[-1]
    return f"{file}:{line}"
