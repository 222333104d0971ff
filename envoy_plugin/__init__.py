"""Write plugins for Envoy as decorated Python functions.

The public names, and nothing else. Each is imported when it is first used, so that importing the package costs nothing.
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envoy_plugin.apis.iot_jobs.client import Things
    from envoy_plugin.apis.titan.client import Titan
    from envoy_plugin.app import create_app, open_plugin
    from envoy_plugin.declarations import Routes
    from envoy_plugin.engine.model import Enqueued
    from envoy_plugin.envoy.api import EnvoyPluginAPI
    from envoy_plugin.envoy.attachments import CredentialImage, Json, Link, Password, Text
    from envoy_plugin.envoy.config import Config, Secret
    from envoy_plugin.envoy.drafts import InviteDraft, ReservationDraft
    from envoy_plugin.envoy.events import Event, Meta
    from envoy_plugin.envoy.filters import config_enabled, employee_sign_in_enabled, excluded_employees, invite_only
    from envoy_plugin.envoy.job import EnvoyPluginJob
    from envoy_plugin.envoy.jwt import EnvoyJWT
    from envoy_plugin.envoy.oauth import OAuthClient
    from envoy_plugin.envoy.payloads import Entry, Invite, Notification
    from envoy_plugin.envoy.redis_storage import RedisGlobalStorage, RedisStorage
    from envoy_plugin.envoy.resources import (
        Agreement,
        AgreementPage,
        Company,
        Employee,
        Flow,
        Location,
        Reservation,
        SignInField,
        SignInFieldPage,
        Takeover,
        User,
        Zone,
    )
    from envoy_plugin.envoy.routes import Route, RouteMeta, RouteParams
    from envoy_plugin.envoy.screener import ScreenerField, ScreenerMatch, ScreenerReport
    from envoy_plugin.envoy.storage import GlobalStorage, Item, Storage
    from envoy_plugin.envoy.user_api import EnvoyUserAPI
    from envoy_plugin.errors import (
        ApiRefused,
        ApiUnavailable,
        AuthFailed,
        BadArguments,
        BadCondition,
        BadCursor,
        BadDiagram,
        BadLocation,
        BadPayload,
        BadProperty,
        BadQuery,
        BadSignature,
        CallRefused,
        ConfigMismatch,
        DeclarationError,
        DependencyCycle,
        EngineError,
        EnvoyError,
        EnvoyPluginError,
        JobNotFound,
        JobRefused,
        JWTError,
        JWTExpired,
        JWTInvalid,
        LostLease,
        NoAttachment,
        NotAllowed,
        NoTemplate,
        NotEntered,
        NotRunning,
        SchemaTooNew,
        SealError,
        SettingsError,
        StorageRefused,
        TaskError,
        ThingRefused,
        TooLarge,
        VersionMismatch,
        WebhookError,
        WorkflowError,
        WrongState,
    )
    from envoy_plugin.outcomes import Done, Failed, Ignored, Ongoing, Outcome, Reject, Retry, Snooze
    from envoy_plugin.plugin import Plugin
    from envoy_plugin.run import Run
    from envoy_plugin.settings import Settings
    from envoy_plugin.setup_steps import Option, Options
    from envoy_plugin.tasks import Task
    from envoy_plugin.workflows.diagrams import Step
    from envoy_plugin.workflows.handles import WorkflowHandle, Workflows
    from envoy_plugin.workflows.templates import Template

__all__ = [
    "Agreement",
    "AgreementPage",
    "ApiRefused",
    "ApiUnavailable",
    "AuthFailed",
    "BadArguments",
    "BadCondition",
    "BadCursor",
    "BadDiagram",
    "BadLocation",
    "BadPayload",
    "BadProperty",
    "BadQuery",
    "BadSignature",
    "CallRefused",
    "Company",
    "Config",
    "ConfigMismatch",
    "CredentialImage",
    "DeclarationError",
    "DependencyCycle",
    "Done",
    "Employee",
    "EngineError",
    "Enqueued",
    "Entry",
    "EnvoyError",
    "EnvoyJWT",
    "EnvoyPluginAPI",
    "EnvoyPluginError",
    "EnvoyPluginJob",
    "EnvoyUserAPI",
    "Event",
    "Failed",
    "Flow",
    "GlobalStorage",
    "Ignored",
    "Invite",
    "InviteDraft",
    "Item",
    "JWTError",
    "JWTExpired",
    "JWTInvalid",
    "JobNotFound",
    "JobRefused",
    "Json",
    "Link",
    "Location",
    "LostLease",
    "Meta",
    "NoAttachment",
    "NoTemplate",
    "NotAllowed",
    "NotEntered",
    "NotRunning",
    "Notification",
    "OAuthClient",
    "Ongoing",
    "Option",
    "Options",
    "Outcome",
    "Password",
    "Plugin",
    "RedisGlobalStorage",
    "RedisStorage",
    "Reject",
    "Reservation",
    "ReservationDraft",
    "Retry",
    "Route",
    "RouteMeta",
    "RouteParams",
    "Routes",
    "Run",
    "SchemaTooNew",
    "ScreenerField",
    "ScreenerMatch",
    "ScreenerReport",
    "SealError",
    "Secret",
    "Settings",
    "SettingsError",
    "SignInField",
    "SignInFieldPage",
    "Snooze",
    "Step",
    "Storage",
    "StorageRefused",
    "Takeover",
    "Task",
    "TaskError",
    "Template",
    "Text",
    "ThingRefused",
    "Things",
    "Titan",
    "TooLarge",
    "User",
    "VersionMismatch",
    "WebhookError",
    "WorkflowError",
    "WorkflowHandle",
    "Workflows",
    "WrongState",
    "Zone",
    "config_enabled",
    "create_app",
    "employee_sign_in_enabled",
    "excluded_employees",
    "invite_only",
    "open_plugin",
]

_HOMES = MappingProxyType(
    {
        "Agreement": "envoy.resources",
        "AgreementPage": "envoy.resources",
        "Company": "envoy.resources",
        "Config": "envoy.config",
        "CredentialImage": "envoy.attachments",
        "Done": "outcomes",
        "Employee": "envoy.resources",
        "Enqueued": "engine.model",
        "Entry": "envoy.payloads",
        "EnvoyJWT": "envoy.jwt",
        "EnvoyPluginAPI": "envoy.api",
        "EnvoyPluginJob": "envoy.job",
        "EnvoyUserAPI": "envoy.user_api",
        "Event": "envoy.events",
        "Failed": "outcomes",
        "Flow": "envoy.resources",
        "GlobalStorage": "envoy.storage",
        "Ignored": "outcomes",
        "Invite": "envoy.payloads",
        "InviteDraft": "envoy.drafts",
        "Item": "envoy.storage",
        "Json": "envoy.attachments",
        "Link": "envoy.attachments",
        "Location": "envoy.resources",
        "Meta": "envoy.events",
        "Notification": "envoy.payloads",
        "OAuthClient": "envoy.oauth",
        "Ongoing": "outcomes",
        "Option": "setup_steps",
        "Options": "setup_steps",
        "Outcome": "outcomes",
        "Password": "envoy.attachments",
        "Plugin": "plugin",
        "RedisGlobalStorage": "envoy.redis_storage",
        "RedisStorage": "envoy.redis_storage",
        "Reject": "outcomes",
        "Reservation": "envoy.resources",
        "ReservationDraft": "envoy.drafts",
        "Retry": "outcomes",
        "Route": "envoy.routes",
        "RouteMeta": "envoy.routes",
        "RouteParams": "envoy.routes",
        "Routes": "declarations",
        "Run": "run",
        "ScreenerField": "envoy.screener",
        "ScreenerMatch": "envoy.screener",
        "ScreenerReport": "envoy.screener",
        "Secret": "envoy.config",
        "Settings": "settings",
        "SignInField": "envoy.resources",
        "SignInFieldPage": "envoy.resources",
        "Snooze": "outcomes",
        "Step": "workflows.diagrams",
        "Storage": "envoy.storage",
        "Takeover": "envoy.resources",
        "Task": "tasks",
        "Template": "workflows.templates",
        "Text": "envoy.attachments",
        "Things": "apis.iot_jobs.client",
        "Titan": "apis.titan.client",
        "User": "envoy.resources",
        "WorkflowHandle": "workflows.handles",
        "Workflows": "workflows.handles",
        "Zone": "envoy.resources",
        "config_enabled": "envoy.filters",
        "create_app": "app",
        "employee_sign_in_enabled": "envoy.filters",
        "excluded_employees": "envoy.filters",
        "invite_only": "envoy.filters",
        "open_plugin": "app",
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
