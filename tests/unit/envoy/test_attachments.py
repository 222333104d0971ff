"""Attachments: the wire form, and what is refused."""

import pytest

from envoy_plugin.envoy.attachments import Attachment, CredentialImage, Json, Link, Password, Text

ALL = [
    (Text("Door code", "4711"), {"type": "text", "label": "Door code", "value": "4711"}),
    (Password("PIN", "0042"), {"type": "password", "label": "PIN", "value": "0042"}),
    (Json("Report", {"ok": True}), {"type": "json", "label": "Report", "value": {"ok": True}}),
    (
        Link("Badge", "open", "https://doors.example/b?x=1"),
        {"type": "link", "label": "Badge", "value": "open", "url": "https://doors.example/b?x=1"},
    ),
    (
        CredentialImage("QR", "code", "Your key", "https://img.example/q.png"),
        {
            "type": "credential_image",
            "label": "QR",
            "value": "code",
            "title": "Your key",
            "image": {"type": "s3", "link": "https://img.example/q.png"},
        },
    ),
]


@pytest.mark.parametrize(("attachment", "wire"), ALL)
def test_an_attachment_has_envoys_wire_form(attachment: Attachment, wire: dict[str, object]) -> None:
    assert attachment.to_wire() == wire
    assert Attachment.from_wire(wire) == attachment


def test_an_attachment_without_type_is_text() -> None:
    assert Attachment.from_wire({"label": "a", "value": "b"}) == Text("a", "b")


@pytest.mark.parametrize(
    "wire",
    [
        {"type": "canary", "label": "a"},
        {"label": 1, "value": "canary"},
        {"label": "a", "value": 1},
        {"type": "link", "label": "a", "value": "b"},
        {"type": "credential_image", "label": "a", "value": "b", "title": "c", "image": "canary"},
    ],
)
def test_a_wire_form_that_cannot_be_read_is_refused(wire: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="attachment") as caught:
        Attachment.from_wire(wire)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,canary",
        "https://user:canary@doors.example/",
        "https://canary@doors.example/",
        "https:\\\\doors.example",
        "https://",
        "https://[::1",
        "//doors.example",
        "ftp://doors.example/",
        "",
    ],
)
def test_a_link_that_must_not_be_clicked_is_refused(url: str) -> None:
    for make in (lambda: Link("Badge", "open", url), lambda: CredentialImage("Badge", "v", "t", url)):
        with pytest.raises(ValueError, match="'Badge' must be http or https") as caught:
            make()
        assert "canary" not in str(caught.value)


def test_reprs_show_no_values() -> None:
    for attachment, _ in ALL:
        assert repr(attachment) == f"{type(attachment).__name__}(label={attachment.label!r})"
