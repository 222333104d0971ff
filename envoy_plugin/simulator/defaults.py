"""What a laptop without any settings uses, so that the simulated Envoy, the plugin and the sender agree."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PLUGIN_PORT: Final = 8000
PLATFORM_PORT: Final = 8010
PLATFORM_URL: Final = f"http://127.0.0.1:{PLATFORM_PORT}"
CLIENT_ID: Final = "dev-client-id"
CLIENT_SECRET: Final = "dev-client-secret-0123456789"  # noqa: S105 - public by design, and accepted on loopback only
INSTALL_ID: Final = "1001"
PLUGIN_ID: Final = "77"
USERS: Final[Mapping[str, str]] = MappingProxyType({"dev@example.com": "dev-password"})
EVENTS_PATH: Final = "/envoy/events"
ROUTES_PATH: Final = "/envoy/routes"
FIXTURES: Final = "fixtures"
