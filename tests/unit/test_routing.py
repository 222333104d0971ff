"""Which function handles an event."""

from datetime import timedelta

import pytest

from envoy_plugin.envoy.events import KNOWN_EVENTS, SYNCHRONOUS_HOOKS
from envoy_plugin.errors import DeclarationError
from envoy_plugin.routing import Handler, Router, check_event


async def greet() -> None:
    """A handler."""


async def greet_again() -> None:
    """Another."""


def handler(event: str = "entry_sign_in", function: object = greet) -> Handler:
    second = timedelta(seconds=1)
    return Handler(event=event, function=function, background=False, timeout=second, retries=0, needs=())  # type: ignore[arg-type]  # one of the two above


def test_an_event_finds_its_handler_and_no_other() -> None:
    router = Router()
    mine = handler()
    router.add(mine)
    assert router.handlers.get("entry_sign_in") is mine
    assert router.handlers.get("entry_sign_out") is None


def test_a_second_handler_of_an_event_is_refused_naming_both_places() -> None:
    router = Router()
    router.add(handler())
    with pytest.raises(
        DeclarationError, match=r"'entry_sign_in' has two handlers, .*\.greet .*\.greet_again "
    ) as caught:
        router.add(handler(function=greet_again))
    assert str(caught.value).count(f"({__file__}:") == 2
    assert router.handlers["entry_sign_in"].function is greet


def test_the_table_can_be_read_but_not_written() -> None:
    router = Router()
    router.add(handler())
    assert list(router.handlers) == ["entry_sign_in"]
    with pytest.raises(TypeError):
        router.handlers["other"] = handler("other")  # type: ignore[index]  # what is tried here


@pytest.mark.parametrize("event", sorted(KNOWN_EVENTS))
def test_known_events_are_taken(event: str) -> None:
    check_event(event, unknown=False, background=False)


@pytest.mark.parametrize("event", ["parcel_delivered", "host_notification", "x"])
def test_events_that_are_not_known_are_taken(event: str) -> None:
    check_event(event, unknown=False, background=True)


@pytest.mark.parametrize(
    ("event", "meant"),
    [
        ("entry_signin", "entry_sign_in"),
        ("entry-sign-in", "entry_sign_in"),
        ("invite_create", "invite_created"),
        ("employee_entry_signin", "employee_entry_sign_in"),
        ("plugin_unistalled", "plugin_uninstalled"),
    ],
)
def test_a_misspelt_event_is_refused_with_what_was_meant(event: str, meant: str) -> None:
    with pytest.raises(DeclarationError, match=f"no event '{event}'; did you mean '{meant}'"):
        check_event(event, unknown=False, background=False)


def test_a_name_like_a_known_one_is_taken_when_it_is_said_to_be_unknown() -> None:
    check_event("invite_create", unknown=True, background=False)


@pytest.mark.parametrize("event", sorted(SYNCHRONOUS_HOOKS))
def test_a_hook_whose_answer_envoy_waits_for_stays_inline(event: str) -> None:
    check_event(event, unknown=False, background=False)
    with pytest.raises(DeclarationError, match=f"Envoy waits for the answer to '{event}'"):
        check_event(event, unknown=False, background=True)


@pytest.mark.parametrize(("event", "named"), [("", "an empty one"), (greet, "a function"), (None, "a NoneType")])
def test_what_is_not_a_name_is_refused(event: object, named: str) -> None:
    with pytest.raises(DeclarationError, match=f"not {named}"):
        check_event(event, unknown=False, background=False)
