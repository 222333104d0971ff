"""What a handler is given, by the types of its parameters."""

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Optional

import pytest

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.config import Config
from envoy_plugin.envoy.events import Event, Meta
from envoy_plugin.envoy.job import EnvoyPluginJob
from envoy_plugin.envoy.payloads import Entry, Invite
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection.handlers import check_needs, find_missing, gather_arguments, read_needs
from envoy_plugin.outcomes import Done
from envoy_plugin.run import Run

if TYPE_CHECKING:
    from decimal import Decimal


class Doors:
    """A type of the plugin's own."""


class DoorConfig(Config):
    """The plugin's config."""


class OtherConfig(Config):
    """Another plugin's."""


def check(function: Any, event: str = "entry_sign_in", *, background: bool = False, config: Any = DoorConfig) -> None:
    check_needs(function, read_needs(function), event=event, background=background, config=config)


async def everything(
    entry: Entry, event: Event, meta: Meta, config: DoorConfig, job: EnvoyPluginJob, api: EnvoyPluginAPI, doors: Doors
) -> Done:
    return Done()


def test_parameters_are_read_in_order() -> None:
    assert read_needs(everything) == (
        ("entry", Entry),
        ("event", Event),
        ("meta", Meta),
        ("config", DoorConfig),
        ("job", EnvoyPluginJob),
        ("api", EnvoyPluginAPI),
        ("doors", Doors),
    )


def test_a_handler_may_ask_for_nothing() -> None:
    async def handler() -> None: ...

    assert read_needs(handler) == ()


def test_annotations_may_be_text_annotated_or_keyword_only() -> None:
    async def handler(entry: "Entry", *, doors: Annotated[Doors, "the front ones"]) -> "None": ...

    assert read_needs(handler) == (("entry", Entry), ("doors", Doors))


def test_a_wrapped_handler_is_read_through_its_wrapper() -> None:
    @functools.wraps(everything)
    async def wrapper(*args: Any, **kwargs: Any) -> Done:
        return await everything(*args, **kwargs)

    assert read_needs(wrapper) == read_needs(everything)


async def untyped(entry): ...  # type: ignore[no-untyped-def]  # what is tried here
async def optional(entry: Entry | None) -> None: ...
async def old_optional(entry: Optional[Entry]) -> None: ...  # noqa: UP045 - people write it
async def either(visit: Entry | Invite) -> None: ...
async def starred(*entry: Entry) -> None: ...
async def double_starred(**entry: Entry) -> None: ...
async def positional(entry: Entry, /) -> None: ...
async def defaulted(entry: Entry = None) -> None: ...  # type: ignore[assignment]  # people write it
async def text(search: str) -> None: ...
async def anything(x: Any) -> None: ...
async def listed(x: list[Entry]) -> None: ...
async def hidden(price: "Decimal") -> None: ...
def sync(entry: Entry) -> None: ...
async def generator(entry: Entry):  # type: ignore[no-untyped-def]  # what is tried here
    yield


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (untyped, "'entry' has no type; arguments are found by type"),
        (optional, "'entry' asks for .*Entry.*always there and of one type; write Entry"),
        (old_optional, "'entry' asks for .*Entry.*always there and of one type; write Entry"),
        (either, "write Entry or Invite"),
        (starred, "'entry' takes any number of arguments"),
        (double_starred, "'entry' takes any number of arguments"),
        (positional, "'entry' is positional-only"),
        (defaulted, "'entry' has a default"),
        (text, "'search' asks for str, but that is not a class of its own; a handler can have Event, Meta,"),
        (anything, "'x' asks for Any, but"),
        (listed, r"'x' asks for list\[.*Entry\], but"),
        (hidden, "annotation 'Decimal' can't be found at run time; import it at the top"),
        (sync, "must be an async function"),
        (generator, "must be an async function"),
        (functools.partial(text), "must be an async function"),
    ],
)
def test_a_signature_that_nobody_could_serve_is_refused(function: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        read_needs(function)


def test_a_refusal_names_function_file_and_line() -> None:
    with pytest.raises(DeclarationError) as caught:
        read_needs(text)
    assert f"{text.__module__}.text ({__file__}:{text.__code__.co_firstlineno})" in str(caught.value)


async def entry_only(entry: Entry) -> None: ...
async def invite_only(invite: Invite) -> None: ...
async def with_config(config: DoorConfig) -> None: ...
async def with_bare_config(config: Config) -> None: ...
async def with_other_config(config: OtherConfig) -> None: ...
async def with_run(run: Run) -> None: ...
async def with_outcome(outcome: Done) -> None: ...


def test_all_that_the_framework_has_may_be_asked_for() -> None:
    check(everything)
    check(invite_only, "invite_created")
    check(with_run, background=True)


def test_either_payload_may_be_asked_for_where_the_event_is_not_known() -> None:
    check(entry_only, "parcel_delivered")
    check(invite_only, "parcel_delivered")


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (invite_only, {}, "'invite' asks for Invite, but entry_sign_in carries an Entry"),
        (entry_only, {"event": "invite_created"}, "carries an Invite"),
        (entry_only, {"event": "plugin_uninstalled"}, "carries no such payload; ask for Event"),
        (entry_only, {"event": "invite_*"}, r"'entry' asks for Entry, but invite_\w+ carries an Invite"),
        (entry_only, {"event": "*_sign_in"}, "desk_sign_in carries no such payload; ask for Event"),
        (with_config, {"config": None}, "the plugin has none: Plugin"),
        (with_bare_config, {}, "the plugin's config is DoorConfig"),
        (with_other_config, {}, "the plugin's config is DoorConfig"),
        (with_run, {}, "only a background handler has one"),
        (with_outcome, {}, "that is nothing a handler is given"),
    ],
)
def test_what_the_event_or_the_plugin_does_not_have_is_refused(
    function: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DeclarationError, match=message):
        check(function, **options)


ALWAYS = (
    "Event, Meta, EnvoyPluginJob, EnvoyPluginAPI, EnvoyUserAPI,"
    " Storage, GlobalStorage, RedisStorage, RedisGlobalStorage"
)


@pytest.mark.parametrize(
    ("event", "background", "config", "had"),
    [
        ("entry_sign_in", True, DoorConfig, "can have Entry, DoorConfig, Run, "),
        ("invite_*", False, None, "can have Invite, "),
        ("*", True, None, "can have Run, "),
        ("plugin_uninstalled", False, None, "can have "),
        ("parcel_delivered", False, None, "can have Entry, Invite, Notification, Location, Takeover, "),
    ],
)
def test_a_refusal_lists_what_can_be_had(event: str, background: bool, config: Any, had: str) -> None:  # noqa: FBT001 - a column of the table
    with pytest.raises(DeclarationError, match=f"{had}{ALWAYS}, and what @plugin.provides gives"):
        check(with_outcome, event, background=background, config=config)


def test_a_type_without_a_provider_is_missing() -> None:
    needs = read_needs(everything)
    assert find_missing(everything, needs, [Doors]) == []
    [sentence] = find_missing(everything, needs, [])
    assert "everything" in sentence
    assert "'doors' asks for Doors, which nothing provides; @plugin.provides gives nothing yet." in sentence
    assert find_missing(everything, needs, [SimpleNamespace])[0].endswith("gives SimpleNamespace.")


async def test_arguments_are_made_from_the_subject_and_awaited_where_needed() -> None:
    async def handler(entry: Entry, config: DoorConfig) -> None: ...

    async def read_config(subject: str) -> str:
        return f"config of {subject}"

    sources: dict[type, Callable[[str], object]] = {
        Entry: lambda subject: f"entry of {subject}",
        DoorConfig: read_config,
    }
    arguments = await gather_arguments(read_needs(handler), sources, "d1")
    assert arguments == {"entry": "entry of d1", "config": "config of d1"}


async def test_nothing_is_made_that_is_not_asked_for() -> None:
    made: list[str] = []
    sources: dict[type, Callable[[None], object]] = {
        Entry: lambda _: made.append("entry"),
        DoorConfig: lambda _: made.append("config"),
    }
    await gather_arguments(read_needs(entry_only), sources, None)
    assert made == ["entry"]


async def test_what_a_source_raises_is_raised() -> None:
    async def broken(subject: None) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await gather_arguments(read_needs(with_config), {DoorConfig: broken}, None)
