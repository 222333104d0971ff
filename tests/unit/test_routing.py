"""Which function handles an event."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin.envoy.events import KNOWN_EVENTS, SYNCHRONOUS_HOOKS, Event, parse_event
from envoy_plugin.envoy.filters import config_enabled, employee_sign_in_enabled, excluded_employees, invite_only
from envoy_plugin.envoy.routes import RouteKind
from envoy_plugin.errors import DeclarationError
from envoy_plugin.routing import Condition, Handler, RouteHandler, Router, check_event, make_filters


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


def test_a_pattern_finds_what_fits_and_a_name_goes_before_it() -> None:
    router = Router()
    pattern, mine = handler("entry_*"), handler("entry_sign_in", greet_again)
    router.add(pattern)
    router.add(mine)
    assert router.find("entry_sign_in") is mine
    assert router.find("entry_sign_out") is router.find("entry_of_next_year") is pattern
    assert router.find("invite_created") is None
    assert list(router.handlers) == ["entry_*", "entry_sign_in"]


def test_a_pattern_is_no_name_of_itself_and_looks_at_case() -> None:
    router = Router()
    router.add(handler("invite_[cu]*"))
    assert (router.find("invite_[cu]*"), router.find("Invite_created"), router.find("invite_removed")) == (None,) * 3
    assert router.find("invite_created") is router.find("invite_updated") is not None


@pytest.mark.parametrize("second", ["entry_*", "*_sign_in", "*"])
def test_two_patterns_that_mean_one_event_are_refused_naming_it(second: str) -> None:
    router = Router()
    router.add(handler("entry_*"))
    with pytest.raises(DeclarationError, match=r"'entry_\w+' has two handlers|'entry_\*' has two handlers"):
        router.add(handler(second, greet_again))
    assert list(router.handlers) == ["entry_*"]


def test_of_patterns_that_share_unknown_events_alone_the_first_goes_first() -> None:
    router = Router()
    first, second = handler("parcel_*"), handler("*_delivered")
    router.add(first)
    router.add(second)
    assert router.find("parcel_delivered") is first
    assert router.find("letter_delivered") is second


def test_a_pattern_that_means_no_known_event_is_refused_unless_said_to_be_unknown() -> None:
    with pytest.raises(DeclarationError, match=r"No known event fits the pattern 'parcel_\*'"):
        check_event("parcel_*", unknown=False, background=False)
    check_event("parcel_*", unknown=True, background=True)


def test_a_pattern_that_means_a_hook_stays_inline() -> None:
    check_event("invite_*", unknown=False, background=False)
    with pytest.raises(DeclarationError, match="Envoy waits for the answer to 'invite_screen_requested'"):
        check_event("invite_*", unknown=False, background=True)
    check_event("invite_[cu]*", unknown=False, background=True)


def test_a_setup_step_of_one_kind_has_one_function() -> None:
    router = Router()
    mine = RouteHandler(kind=RouteKind.OPTIONS, name="groups", function=greet, timeout=None, needs=())
    router.add_route(mine)
    router.add_route(replace(mine, kind=RouteKind.VALIDATION))
    with pytest.raises(DeclarationError, match=r"options route 'groups' has two functions, .*\.greet .*\.greet_again "):
        router.add_route(replace(mine, function=greet_again))
    assert router.routes[RouteKind.OPTIONS, "groups"] is mine


def an_event(**attributes: object) -> Event:
    payload = {"id": "1", "attributes": attributes, "relationships": {}}
    return parse_event(json.dumps({"meta": META, "payload": payload}).encode())


META = {"event": "entry_sign_in", "install_id": "1", "config": {"on": True, "excluded": ["7"]}}


def is_delivery(event: Event, config: Mapping[str, Any]) -> bool:
    return bool(event.payload["attributes"].get("is-delivery"))


def too_late(event: Event, config: Mapping[str, Any]) -> str:
    return "Closed after six."


class OnSundays:
    """A condition that is no function."""

    def __call__(self, event: Event, config: Mapping[str, Any]) -> bool:
        return True


def why_not(event: Event, **conditions: Sequence[Condition]) -> str | None:
    filters = make_filters(when=conditions.get("when", ()), unless=conditions.get("unless", ()))
    return replace(handler(), filters=filters).why_not(event)


def test_conditions_say_why_an_event_is_ignored() -> None:
    delivery = an_event(**{"is-delivery": True})
    assert why_not(an_event()) is None
    assert why_not(delivery, when=[is_delivery]) is why_not(an_event(), unless=[is_delivery]) is None
    assert why_not(an_event(), when=[is_delivery]) == "Only handled if: is delivery."
    assert why_not(delivery, unless=[is_delivery]) == "Not handled if: is delivery."
    assert why_not(delivery, when=[is_delivery], unless=[too_late]) == "Closed after six."
    assert why_not(delivery, unless=[OnSundays()]) == "Not handled if: OnSundays."
    assert why_not(delivery, when=[lambda _, config: not config["on"]]) == (
        "Only handled if: a condition of the plugin's."
    )


def test_the_ready_made_filters_say_their_own_reason() -> None:
    event = an_event()
    lets_pass = [config_enabled("on", "Off."), employee_sign_in_enabled("on"), invite_only("off")]
    assert why_not(event, when=lets_pass, unless=[excluded_employees("excluded")]) is None
    assert why_not(event, when=[config_enabled("off", "Off.")]) == "Off."
    assert why_not(event, when=[employee_sign_in_enabled("off")]) == "Envoy Protect is disabled."
    assert why_not(event, when=[invite_only("on")]) == "Visitors must be invited."
    employee = parse_event(
        json.dumps(
            {
                "meta": META,
                "payload": {
                    "id": "1",
                    "attributes": {"employee-screening-flow": True},
                    "relationships": {"employee": {"data": {"id": 7, "type": "employees"}}},
                },
            }
        ).encode()
    )
    assert why_not(employee, unless=[excluded_employees("excluded")]) == "Employee excluded from integration."


@pytest.mark.parametrize(
    ("place", "condition", "name"),
    [
        ("unless", config_enabled("on", "Off."), "config_enabled goes to when="),
        ("unless", employee_sign_in_enabled("on"), "employee_sign_in_enabled goes to when="),
        ("unless", invite_only("on"), "invite_only goes to when="),
        ("when", excluded_employees("on"), "excluded_employees goes to unless="),
    ],
)
def test_a_ready_made_filter_in_the_place_that_would_turn_it_round_is_refused(
    place: str, condition: Condition, name: str
) -> None:
    with pytest.raises(DeclarationError, match=name):
        why_not(an_event(), **{place: [condition]})


@pytest.mark.parametrize("condition", [greet, True, "is_delivery"])
def test_what_could_not_be_asked_at_once_is_no_condition(condition: Any) -> None:
    with pytest.raises(DeclarationError, match="unless= takes functions of an event and its install's config"):
        why_not(an_event(), unless=[condition])
