"""What whoever installs the plugin enters, and what is said where the door system refuses it."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import Field

from envoy_plugin import Config, Failed, Secret
from example_plugin.doors import DEMO_KEY, KeyRejected


class DoorConfig(Config):
    """What whoever installs the plugin enters. Each install has a config of its own."""

    api_key: Secret = Secret(DEMO_KEY)
    """A `Secret` is shown by no log and no repr; `api_key.reveal()` is the text."""

    group: str = "Visitors"
    """The doors that open."""

    flows_without_badge: tuple[str, ...] = ("Delivery",)

    printer: str = ""
    """The badge printer at the front desk, by the name that `envoy-plugin things add` gave it. Empty: there is none."""

    host_decides: bool = False
    """Whether each visit takes the way of `visits.py`, where the host decides; this needs a printer."""

    seconds_to_open: float = Field(default=0, ge=0, le=60)
    """How slow the door system is. Real ones are slow without being asked."""


@contextmanager
def door_errors() -> Iterator[None]:
    """Turn what the door system refuses into an outcome that people can act on. An outcome can be raised anywhere."""
    try:
        yield
    except KeyRejected as error:
        raise Failed("The door system rejected the API key. Check it in the plugin's setup.", str(error)) from error
