"""Write plugins for Envoy as decorated Python functions.

The public names, and nothing else. Each is imported when it is first used, so that importing the package costs nothing.
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envoy_plugin.app import create_app
    from envoy_plugin.envoy.api import EnvoyPluginAPI
    from envoy_plugin.envoy.attachments import CredentialImage, Json, Link, Password, Text
    from envoy_plugin.envoy.config import Config, Secret
    from envoy_plugin.envoy.events import Event, Meta
    from envoy_plugin.envoy.job import EnvoyPluginJob
    from envoy_plugin.envoy.payloads import Entry, Invite
    from envoy_plugin.errors import (
        ApiRefused,
        ApiUnavailable,
        AuthFailed,
        BadPayload,
        BadSignature,
        CallRefused,
        ConfigMismatch,
        DeclarationError,
        EngineError,
        EnvoyError,
        EnvoyPluginError,
        JobNotFound,
        LostLease,
        SchemaTooNew,
        SealError,
        SettingsError,
        TooLarge,
        VersionMismatch,
        WebhookError,
        WrongState,
    )
    from envoy_plugin.outcomes import Done, Failed, Ignored, Ongoing, Outcome, Retry, Snooze
    from envoy_plugin.plugin import Plugin
    from envoy_plugin.run import Run
    from envoy_plugin.settings import Settings

__all__ = [
    "ApiRefused",
    "ApiUnavailable",
    "AuthFailed",
    "BadPayload",
    "BadSignature",
    "CallRefused",
    "Config",
    "ConfigMismatch",
    "CredentialImage",
    "DeclarationError",
    "Done",
    "EngineError",
    "Entry",
    "EnvoyError",
    "EnvoyPluginAPI",
    "EnvoyPluginError",
    "EnvoyPluginJob",
    "Event",
    "Failed",
    "Ignored",
    "Invite",
    "JobNotFound",
    "Json",
    "Link",
    "LostLease",
    "Meta",
    "Ongoing",
    "Outcome",
    "Password",
    "Plugin",
    "Retry",
    "Run",
    "SchemaTooNew",
    "SealError",
    "Secret",
    "Settings",
    "SettingsError",
    "Snooze",
    "Text",
    "TooLarge",
    "VersionMismatch",
    "WebhookError",
    "WrongState",
    "create_app",
]

_HOMES = MappingProxyType(
    {
        "Config": "envoy.config",
        "CredentialImage": "envoy.attachments",
        "Done": "outcomes",
        "Entry": "envoy.payloads",
        "EnvoyPluginAPI": "envoy.api",
        "EnvoyPluginJob": "envoy.job",
        "Event": "envoy.events",
        "Failed": "outcomes",
        "Ignored": "outcomes",
        "Invite": "envoy.payloads",
        "Json": "envoy.attachments",
        "Link": "envoy.attachments",
        "Meta": "envoy.events",
        "Ongoing": "outcomes",
        "Outcome": "outcomes",
        "Password": "envoy.attachments",
        "Plugin": "plugin",
        "Retry": "outcomes",
        "Run": "run",
        "Secret": "envoy.config",
        "Settings": "settings",
        "Snooze": "outcomes",
        "Text": "envoy.attachments",
        "create_app": "app",
    }
)
"""The module of each name; those that are not here are in `errors`."""


def __getattr__(name: str) -> object:
    """Import a public name on its first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
