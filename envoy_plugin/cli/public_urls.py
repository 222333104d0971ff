"""Where Envoy reaches a plugin: the URLs for its Dev Dashboard."""

from urllib.parse import quote, urlsplit

import typer

from envoy_plugin.simulator.defaults import EVENTS_PATH, ROUTES_PATH


def read_base(url: str, option: str) -> str:
    """What comes before the paths of a plugin, without a slash at the end; nothing for an empty text.

    Raises:
        typer.BadParameter: it is no URL, or holds more than scheme, host and path.
    """
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None and parts.port != 0
    except ValueError:
        whole = False
    if url and (not whole or "?" in url or "#" in url or any(letter.isspace() for letter in url)):
        raise typer.BadParameter("Give a URL such as https://doors.example.com.", param_hint=option)
    return url.rstrip("/")


def events_url(base: str, event: str | None = None) -> str:
    """The URL of every event, or of one, below `base`."""
    return base + EVENTS_PATH + (f"/{event}" if event else "")


def route_url(base: str, kind: str, name: str) -> str:
    """The URL of a setup step's question below `base`."""
    return f"{base}{ROUTES_PATH}/{kind}/{quote(name)}"
