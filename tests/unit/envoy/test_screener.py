"""The report of a screening: Envoy's own form, found by its label."""

import pytest

from envoy_plugin.envoy.attachments import Attachment, Json
from envoy_plugin.envoy.screener import ScreenerField, ScreenerMatch, ScreenerReport
from envoy_plugin.outcomes import Failed, answer

REPORT = ScreenerReport(
    [ScreenerField("Full name", "Ada Example"), ScreenerField("Photo", "https://img.example/a.png", "image")],
    [
        ScreenerMatch("Name", "Ada E.", [ScreenerField("Country", "PT"), ScreenerField("List", "A")], visible_fields=1),
        ScreenerMatch("Name", "Eda A."),
    ],
)
WIRE = {
    "type": "json",
    "label": "Screener Details",
    "value": {
        "input": {
            "fields": [
                {"name": "Full name", "value": "Ada Example", "type": "text"},
                {"name": "Photo", "value": "https://img.example/a.png", "type": "image"},
            ]
        },
        "matches": [
            {
                "headers": {"name": "Name", "value": "Ada E."},
                "visible-fields-count": 1,
                "fields": [
                    {"name": "Country", "value": "PT", "type": "text"},
                    {"name": "List", "value": "A", "type": "text"},
                ],
            },
            {"headers": {"name": "Name", "value": "Eda A."}, "visible-fields-count": 0, "fields": []},
        ],
    },
}


def test_a_report_has_envoys_form_and_label() -> None:
    assert REPORT.to_wire() == WIRE
    assert Attachment.from_wire(WIRE) == Json("Screener Details", WIRE["value"])  # type: ignore[arg-type]  # JSON


def test_a_visitor_who_needs_a_review_fails_with_the_report() -> None:
    given = answer(Failed("Needs review", attachments=[REPORT]))
    assert (given.status, given.body["message"], given.body["attachments"]) == (412, "Needs review", [WIRE])


def test_all_fields_of_a_match_are_seen_unless_fewer_are_asked_for() -> None:
    match = ScreenerMatch("Name", "Ada", [ScreenerField("a", "1"), ScreenerField("b", "2")])
    assert match.to_wire()["visible-fields-count"] == 2


def test_an_image_that_must_not_be_fetched_is_refused() -> None:
    with pytest.raises(ValueError, match="'Photo' must be http or https"):
        ScreenerField("Photo", "javascript:alert(1)", "image")


def test_what_is_shown_of_a_report_names_nobody() -> None:
    shown = repr([REPORT, ScreenerField("Full name", "Ada"), ScreenerMatch("Name", "Ada")])
    assert "Ada" not in shown
    assert "Screener Details" in shown
