"""Attachments: what a plugin adds to Envoy's job, shown with the visit in the dashboard.

`repr` shows labels at most: values are PINs, codes and visitors' data.

Source: Node SDK 2.5.2, src/sdk/EnvoyPluginJobAttachment.ts. The credential image also goes into the invitee's welcome
mail.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Attachment:
    """One labelled thing. Use `Text`, `Password`, `Json`, `Link` or `CredentialImage`."""

    type: ClassVar[str]

    label: str
    value: Any = field(repr=False)

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy takes it: `type`, `label`, `value` and what the type adds."""
        return {"type": self.type, "label": self.label, "value": self.value}

    @staticmethod
    def from_wire(wire: Mapping[str, Any]) -> "Attachment":
        """The attachment that `to_wire` wrote.

        Raises:
            ValueError: a type that is not known, or a field that is missing or can't be used.
        """
        kind = KINDS.get(wire.get("type", Text.type))
        if kind is None:
            raise ValueError("An attachment's type is one of " + ", ".join(KINDS) + ".")
        return kind.read(wire)

    @classmethod
    def read(cls, wire: Mapping[str, Any]) -> "Attachment":
        """An attachment of this type from its wire form."""
        return cls(_text(wire, "label"), _text(wire, "value"))


@dataclass(frozen=True, slots=True)
class Text(Attachment):
    """A line of text."""

    type: ClassVar[str] = "text"

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Password(Attachment):
    """A secret, which the dashboard hides until it is asked for."""

    type: ClassVar[str] = "password"

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Json(Attachment):
    """Any JSON value."""

    type: ClassVar[str] = "json"

    value: JsonValue = field(repr=False)

    @classmethod
    def read(cls, wire: Mapping[str, Any]) -> "Json":
        """A JSON attachment from its wire form."""
        return cls(_text(wire, "label"), wire.get("value"))


@dataclass(frozen=True, slots=True)
class Link(Attachment):
    """A link: `value` is the text, `url` where it leads (http or https, without credentials)."""

    type: ClassVar[str] = "link"

    value: str = field(repr=False)
    url: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what must not be clicked."""
        check_link(self.url, self.label)

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy takes it."""
        return Attachment.to_wire(self) | {"url": self.url}

    @classmethod
    def read(cls, wire: Mapping[str, Any]) -> "Link":
        """A link from its wire form."""
        return cls(_text(wire, "label"), _text(wire, "value"), _text(wire, "url"))


@dataclass(frozen=True, slots=True)
class CredentialImage(Attachment):
    """An image that opens a door, as a QR code: `link` leads to it, `title` stands over it."""

    type: ClassVar[str] = "credential_image"

    value: str = field(repr=False)
    title: str = field(repr=False)
    link: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what must not be fetched."""
        check_link(self.link, self.label)

    def to_wire(self) -> dict[str, JsonValue]:
        """As Envoy takes it: the link inside `image`, of type `s3`."""
        return Attachment.to_wire(self) | {"title": self.title, "image": {"type": "s3", "link": self.link}}

    @classmethod
    def read(cls, wire: Mapping[str, Any]) -> "CredentialImage":
        """A credential image from its wire form."""
        image = wire.get("image")
        link = _text(image if isinstance(image, Mapping) else {}, "link")
        return cls(_text(wire, "label"), _text(wire, "value"), _text(wire, "title"), link)


KINDS: Final[Mapping[str, type[Attachment]]] = {
    kind.type: kind for kind in (Text, Password, Json, Link, CredentialImage)
}


def _text(wire: Mapping[str, Any], name: str) -> str:
    value = wire.get(name)
    if not isinstance(value, str):
        raise ValueError(f"An attachment's {name} is text.")  # noqa: TRY004 - it reads outside data
    return value


def check_link(url: str, label: str) -> None:
    """Refuse a link that must not be clicked.

    Browsers skip control characters and read a backslash as a slash, so neither may be in a link.

    Raises:
        ValueError: not http or https, no host, or credentials.
    """
    fault = ValueError(f"The link of attachment {label!r} must be http or https, with a host and without credentials.")
    if any(character <= " " or character in "\\\x7f" for character in url):
        raise fault
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise fault from None
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc:
        raise fault
