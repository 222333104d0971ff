"""Half-filled configs, and configs on their way back to Envoy."""

from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, Field, field_validator, model_validator

from envoy_plugin.envoy.config import Config, Secret, dump_config, parse_partial
from envoy_plugin.errors import ConfigMismatch, NotEntered


class Door(BaseModel):
    pin: Secret
    floor: int = 0


class DoorConfig(Config):
    api_key: Secret
    group: str = ""
    floor: int = Field(alias="floorNumber")
    doors: tuple[Door, ...] = ()

    @field_validator("group")
    @classmethod
    def _in_capitals(cls, value: str) -> str:
        return value.upper()


class Dates(Config):
    first: date
    last: date

    @model_validator(mode="after")
    def _in_order(self) -> "Dates":
        if self.last < self.first:
            raise ValueError("canary")
        return self


def test_a_whole_form_is_read_as_a_config_is() -> None:
    form = parse_partial(DoorConfig, {"api_key": "k", "group": "a", "floorNumber": "7", "unknown": 1})
    assert form == DoorConfig(api_key=Secret("k"), group="a", floor=7)
    assert (form.group, form.floor, form.model_fields_set) == ("A", 7, {"api_key", "group", "floor"})


def test_what_is_there_of_a_half_filled_form_is_typed() -> None:
    form = parse_partial(DoorConfig, {"group": "a", "floor": "7"})
    assert (form.group, form.floor, form.doors) == ("A", 7, ())
    assert form.model_fields_set == {"group", "floor"}
    assert parse_partial(DoorConfig, {"api_key": 4711}).api_key.reveal() == "4711"


@pytest.mark.parametrize("raw", [{}, {"api_key": None}, {"api_key": ["canary"]}])
def test_what_nobody_has_entered_says_so_when_it_is_asked_for(raw: dict[str, Any]) -> None:
    form = parse_partial(DoorConfig, raw)
    with pytest.raises(NotEntered, match=r"^Please fill in: api_key\.$") as caught:
        _ = form.api_key
    assert isinstance(caught.value, ConfigMismatch)
    assert (caught.value.fields, hasattr(form, "api_key"), form.model_fields_set) == (("api_key",), False, set())
    assert repr(form) == "DoorConfig(api_key=…, group=…, floor=…, doors=…)"


def test_other_attributes_are_missing_as_ever() -> None:
    with pytest.raises(AttributeError, match="no attribute 'canary'"):
        _ = parse_partial(DoorConfig, {}).canary  # type: ignore[attr-defined]  # what is tried here


def test_what_cannot_be_read_has_its_default_and_is_not_set() -> None:
    form = parse_partial(DoorConfig, {"api_key": "k", "group": ["canary"], "floorNumber": "canary"})
    assert (form.group, form.model_fields_set) == ("", {"api_key"})


def test_validators_of_the_whole_do_not_stand_in_the_way_of_its_parts() -> None:
    half = parse_partial(Dates, {"first": "2026-01-02"})
    assert (half.first, hasattr(half, "last")) == (date(2026, 1, 2), False)
    wrong = parse_partial(Dates, {"first": "2026-01-02", "last": "2026-01-01"})
    assert (wrong.first, wrong.last) == (date(2026, 1, 2), date(2026, 1, 1))


def test_a_config_goes_back_as_it_was_set_with_its_secrets() -> None:
    doors = (Door(pin=Secret("1")), Door(pin=Secret("2"), floor=4))
    config = DoorConfig.model_validate({"api_key": Secret("k"), "floorNumber": 3, "doors": doors})
    assert dump_config(config) == {
        "api_key": "k",
        "floorNumber": 3,
        "doors": [{"pin": "1"}, {"pin": "2", "floor": 4}],
    }


def test_what_is_not_set_stays_away_and_none_is_kept() -> None:
    class Mixed(Config):
        first: date | None = None
        secrets: dict[str, Secret] = Field(default_factory=dict)
        tags: frozenset[Secret] = frozenset()

    assert dump_config(parse_partial(DoorConfig, {"group": "a"})) == {"group": "A"}
    mixed = Mixed(first=date(2026, 1, 2), secrets={"a": Secret("k")}, tags=frozenset({Secret("t")}))
    assert dump_config(mixed) == {"first": "2026-01-02", "secrets": {"a": "k"}, "tags": ["t"]}
    assert dump_config(Mixed(first=None)) == {"first": None}
