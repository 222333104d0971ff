"""Injection: a handler is given what the types of its parameters ask for, and nothing else is made.

A signature is read once, when the decorator runs. What can be known then fails then; whether a type of the plugin's
own has a provider is known only when the whole plugin has been imported, and `Plugin.check` looks.
"""

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import CoroutineType, MappingProxyType, UnionType
from typing import Any, Final, TypeAlias, TypeGuard, TypeVar, Union, get_args, get_origin, get_type_hints

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.config import Config
from envoy_plugin.envoy.events import KNOWN_EVENTS, PAYLOADS, Event, Meta
from envoy_plugin.envoy.job import EnvoyPluginJob
from envoy_plugin.envoy.redis_storage import RedisGlobalStorage, RedisStorage
from envoy_plugin.envoy.storage import GlobalStorage, Storage
from envoy_plugin.envoy.user_api import EnvoyUserAPI
from envoy_plugin.errors import DeclarationError
from envoy_plugin.run import Run

Subject = TypeVar("Subject")
Function: TypeAlias = Callable[..., Coroutine[Any, Any, object]]
Needs: TypeAlias = tuple[tuple[str, type], ...]
"""Parameter names and the types they ask for, in the order of the signature."""


@dataclass(frozen=True, slots=True)
class Named:
    """A parameter that is found by its name: for each annotation that it may have, the type that stands for it."""

    types: Mapping[object, type]


PAYLOAD_MODELS: Final = frozenset(PAYLOADS.values())
STORAGES: Final = (Storage, GlobalStorage, RedisStorage, RedisGlobalStorage)
"""The last two with STORAGE=redis alone, which is known when a process starts."""
ALWAYS_HAD: Final = (Event, Meta, EnvoyPluginJob, EnvoyPluginAPI, EnvoyUserAPI, *STORAGES)
OF_EVENTS: Final = PAYLOAD_MODELS | {Event, Meta, EnvoyUserAPI}
"""What there is only while an event is handled, so not for tasks."""
FRAMEWORK: Final = "envoy_plugin"
APIS: Final = f"{FRAMEWORK}.apis."
WORKFLOWS: Final = f"{FRAMEWORK}.workflows."
NOBODY_PROVIDES: Final = frozenset({"builtins", "typing", "typing_extensions", "collections.abc"})


async def gather_arguments(
    needs: Needs, sources: Mapping[type, Callable[[Subject], object]], subject: Subject
) -> dict[str, object]:
    """Make what a handler needs, by parameter name.

    `sources` has a function for each type, which is given `subject`, the delivery or the job at hand. One that is
    `async` is awaited; those of types that nobody asks for are not called.
    """
    arguments: dict[str, object] = {}
    for parameter, wanted in needs:
        made = sources[wanted](subject)
        arguments[parameter] = await made if isinstance(made, CoroutineType) else made
    return arguments


def read_needs(function: Function, by_name: Mapping[str, Named] = MappingProxyType({})) -> Needs:
    """What the parameters of a handler ask for: by type, but for those in `by_name`.

    Raises:
        DeclarationError: not an `async def`, or a parameter that can't be given.
    """
    if not (inspect.isroutine(function) and inspect.iscoroutinefunction(function)):
        raise DeclarationError(f"{place(function)} must be an async function: async def.")
    hints = read_hints(function)
    return tuple(
        (name, _by_name(function, name, hints, by_name[name]) if name in by_name else _wanted(function, name, hints))
        for name in _parameters(function)
    )


def check_needs(function: Function, needs: Needs, *, event: str, background: bool, config: type[Config] | None) -> None:
    """Refuse what a handler of `event` can never be given, whatever the plugin provides.

    Raises:
        DeclarationError: naming function, parameter and type, and what can be had instead.
    """
    for parameter, wanted in needs:
        fault = _fault(wanted, event=event, background=background, config=config)
        if fault:
            had = ", ".join(_had(event=event, background=background, config=config))
            raise DeclarationError(
                f"{place(function)}: parameter {parameter!r} asks for {wanted.__name__}, but {fault}."
                f" A handler of {event!r} can have {had}, and what @plugin.provides gives."
            )


def task_fault(wanted: type, config: type[Config] | None) -> str | None:
    """Why a task can't be given this class of the framework's; None: it can."""
    if wanted in OF_EVENTS:
        return "a task runs without the event; hand over as arguments what it needs of it"
    if issubclass(wanted, Config):
        return config_fault(wanted, config)
    is_had = wanted is Run or wanted in ALWAYS_HAD or is_of_an_api(wanted)
    return None if is_had else "that is nothing a task is given"


def find_missing(function: Function, needs: Needs, provided: Iterable[type]) -> list[str]:
    """A sentence for each parameter whose type is neither the framework's nor among `provided`."""
    known = set(provided)
    names = ", ".join(sorted(one.__name__ for one in known)) or "nothing yet"
    return [
        f"{place(function)}: parameter {parameter!r} asks for {wanted.__name__}, which nothing provides;"
        f" @plugin.provides gives {names}."
        for parameter, wanted in needs
        if wanted not in known and not is_framework(wanted)
    ]


def is_framework(wanted: type) -> bool:
    """Whether the framework itself gives this type: no provider is needed, or allowed."""
    return wanted.__module__.partition(".")[0] == FRAMEWORK or issubclass(wanted, Config)


def is_of_an_api(wanted: type) -> bool:
    """Whether one of the plugin's own APIs gives this class, which makes itself by `for_install(engine, install)`.

    Those of workflows do by `for_item(store, item, unique)`.
    """
    is_theirs = wanted.__module__.startswith(APIS) and hasattr(wanted, "for_install")
    return is_theirs or is_of_workflows(wanted)


def is_of_workflows(wanted: type) -> bool:
    """Whether this is a class that stands for the workflows of an install."""
    return wanted.__module__.startswith(WORKFLOWS) and hasattr(wanted, "for_item")


def can_be_provided(wanted: object) -> TypeGuard[type]:
    """Whether a provider may give this: a class that stands for one thing, not `str`, `Any` or `list[int]`."""
    return isinstance(wanted, type) and wanted.__module__ not in NOBODY_PROVIDES


def read_hints(function: Callable[..., object]) -> dict[str, Any]:
    """The function's annotations with strings resolved.

    Raises:
        DeclarationError: an annotation names something that isn't there at run time.
    """
    try:
        return get_type_hints(function)
    except NameError as error:
        raise DeclarationError(
            f"{place(function)}: the annotation {error.name!r} can't be found at run time;"
            " import it at the top of the module, not under TYPE_CHECKING."
        ) from error


def place(function: Callable[..., object]) -> str:
    """Where a function was written, for a message: `plugin.open_door (/app/plugin.py:12)`."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__name__)}{where}"


def _parameters(function: Function) -> Iterable[str]:
    for parameter in inspect.signature(function).parameters.values():
        fault = form_fault(parameter) or default_fault(parameter)
        if fault:
            raise DeclarationError(f"{place(function)}: parameter {parameter.name!r} {fault}.")
        yield parameter.name


def form_fault(parameter: inspect.Parameter) -> str | None:
    """Why a parameter of this form can't be given a value by its name and type; None: it can."""
    if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        return "takes any number of arguments; name each with its type"
    if parameter.kind is parameter.POSITIONAL_ONLY:
        return "is positional-only; handlers are called by name, so remove the '/'"
    if parameter.annotation is parameter.empty:
        return f"has no type; arguments are found by type, as in {parameter.name}: Event"
    return None


def default_fault(parameter: inspect.Parameter) -> str | None:
    """What is wrong with the default of a parameter that is given a value in any case."""
    has_default = parameter.default is not parameter.empty
    return "has a default, which would never be used; remove it" if has_default else None


def _by_name(function: Function, parameter: str, hints: Mapping[str, Any], named: Named) -> type:
    stands_for = named.types.get(hints[parameter])
    if stands_for is None:
        shown = " or ".join(one.__name__ if isinstance(one, type) else str(one) for one in named.types)
        raise DeclarationError(f"{place(function)}: parameter {parameter!r} must be annotated {shown}.")
    return stands_for


def _wanted(function: Function, parameter: str, hints: Mapping[str, Any]) -> type:
    annotation = hints[parameter]
    if can_be_provided(annotation):
        return annotation
    shown = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    raise DeclarationError(f"{place(function)}: parameter {parameter!r} asks for {shown}, but {_why_not(annotation)}.")


def _why_not(annotation: object) -> str:
    """Why an annotation can't be given, and what to write instead."""
    if get_origin(annotation) in {Union, UnionType}:
        classes = [one.__name__ for one in get_args(annotation) if one is not type(None) and isinstance(one, type)]
        return f"an argument is always there and of one type; write {' or '.join(classes) or 'one class'}"
    return f"that is not a class of its own; a handler can have {', '.join(_always())}, or what @plugin.provides gives"


def _fault(wanted: type, *, event: str, background: bool, config: type[Config] | None) -> str | None:
    if wanted in PAYLOAD_MODELS:
        return _payload_fault(wanted, event)
    if issubclass(wanted, Config):
        return config_fault(wanted, config)
    if wanted is Run:
        return None if background else "only a background handler has one: on(…, background=True)"
    if is_framework(wanted) and wanted not in ALWAYS_HAD and not is_of_an_api(wanted):
        return "that is nothing a handler is given"
    return None


def _payload_fault(wanted: type, event: str) -> str | None:
    for known in _known(event):
        carried = PAYLOADS.get(known)
        if carried is not wanted:
            return f"{known} carries {_one(carried) if carried else 'no such payload; ask for Event'}"
    return None


def _known(event: str) -> list[str]:
    """The known events that a name or a pattern means."""
    return sorted(known for known in KNOWN_EVENTS if fnmatchcase(known, event))


def _one(wanted: type) -> str:
    return f"{'an' if wanted.__name__[0] in 'AEIOU' else 'a'} {wanted.__name__}"


def config_fault(wanted: type, config: type[Config] | None) -> str | None:
    """Why a handler can't be given this config; None: it can."""
    if wanted is config:
        return None
    return f"the plugin's config is {config.__name__}" if config else "the plugin has none: Plugin(…, config=…)"


def _had(*, event: str, background: bool, config: type[Config] | None) -> list[str]:
    known = _known(event)
    carried = {PAYLOADS.get(one) for one in known} if known else set(PAYLOAD_MODELS)
    payloads = sorted((one for one in carried if one), key=str) if len(carried) == 1 or not known else []
    classes = [*payloads, *([config] if config else []), *([Run] if background else [])]
    return [*(one.__name__ for one in classes), *_always()]


def _always() -> list[str]:
    return [one.__name__ for one in ALWAYS_HAD]
