"""Testing a plugin: the types of the fixture `envoy`, and payloads to call handlers with.

The fixtures come with the package; install the extra `testing`. `make_entry` and its like need nothing but that extra.
"""

from envoy_plugin.testing.clock import MovableClock
from envoy_plugin.testing.delivery import Delivery, JobAtEnvoy, RouteAnswer
from envoy_plugin.testing.draining import Unfinished
from envoy_plugin.testing.local_envoy import LocalEnvoy
from envoy_plugin.testing.makers import (
    make_entry,
    make_event,
    make_invite,
    make_location,
    make_notification,
    make_takeover,
)

__all__ = [
    "Delivery",
    "JobAtEnvoy",
    "LocalEnvoy",
    "MovableClock",
    "RouteAnswer",
    "Unfinished",
    "make_entry",
    "make_event",
    "make_invite",
    "make_location",
    "make_notification",
    "make_takeover",
]
