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
    from envoy_plugin.declarations.handlers import Routes
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
        NoThing,
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
    from envoy_plugin.tasks.task import Task
    from envoy_plugin.workflows.definitions.diagrams import Step
    from envoy_plugin.workflows.definitions.templates import Template
    from envoy_plugin.workflows.handles import WorkflowHandle, Workflows
    from envoy_plugin.workflows.manager import JobsManager
    from envoy_plugin.workflows.models import (
        AddJobAttachmentResponse,
        AssignedType,
        CreateJobOverrides,
        CreateJobsResponse,
        CurrentStep,
        ExtendedProperty,
        GroupedValue,
        Job,
        JobAttachment,
        JobAttachmentDetails,
        JobComment,
        JobDependencyDetails,
        JobHistory,
        JobHistoryAction,
        JobHold,
        JobHoldDetails,
        JobProperty,
        JobStatistics,
        JobStatisticsDetails,
        PropertyTable,
        Query,
        QueryField,
        QueryResult,
        RelatedDeletes,
        RelatedEntry,
        RelatedTable,
        RelatedUpdates,
        SortField,
        UpdateJobOverrides,
    )
    from envoy_plugin.workflows.notifications import NotificationManager, StepInfoResponse
    from envoy_plugin.workflows.responses import JobActionResponse, StepResponse
    from envoy_plugin.workflows.telling.messages import NotificationMessage

__all__ = [
    "AddJobAttachmentResponse",
    "Agreement",
    "AgreementPage",
    "ApiRefused",
    "ApiUnavailable",
    "AssignedType",
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
    "CreateJobOverrides",
    "CreateJobsResponse",
    "CredentialImage",
    "CurrentStep",
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
    "ExtendedProperty",
    "Failed",
    "Flow",
    "GlobalStorage",
    "GroupedValue",
    "Ignored",
    "Invite",
    "InviteDraft",
    "Item",
    "JWTError",
    "JWTExpired",
    "JWTInvalid",
    "Job",
    "JobActionResponse",
    "JobAttachment",
    "JobAttachmentDetails",
    "JobComment",
    "JobDependencyDetails",
    "JobHistory",
    "JobHistoryAction",
    "JobHold",
    "JobHoldDetails",
    "JobNotFound",
    "JobProperty",
    "JobRefused",
    "JobStatistics",
    "JobStatisticsDetails",
    "JobsManager",
    "Json",
    "Link",
    "Location",
    "LostLease",
    "Meta",
    "NoAttachment",
    "NoTemplate",
    "NoThing",
    "NotAllowed",
    "NotEntered",
    "NotRunning",
    "Notification",
    "NotificationManager",
    "NotificationMessage",
    "OAuthClient",
    "Ongoing",
    "Option",
    "Options",
    "Outcome",
    "Password",
    "Plugin",
    "PropertyTable",
    "Query",
    "QueryField",
    "QueryResult",
    "RedisGlobalStorage",
    "RedisStorage",
    "Reject",
    "RelatedDeletes",
    "RelatedEntry",
    "RelatedTable",
    "RelatedUpdates",
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
    "SortField",
    "Step",
    "StepInfoResponse",
    "StepResponse",
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
    "UpdateJobOverrides",
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
        name: module
        for module, names in {
            "apis.iot_jobs.client": "Things",
            "apis.titan.client": "Titan",
            "app": "create_app open_plugin",
            "declarations.handlers": "Routes",
            "engine.model": "Enqueued",
            "envoy.api": "EnvoyPluginAPI",
            "envoy.attachments": "CredentialImage Json Link Password Text",
            "envoy.config": "Config Secret",
            "envoy.drafts": "InviteDraft ReservationDraft",
            "envoy.events": "Event Meta",
            "envoy.filters": "config_enabled employee_sign_in_enabled excluded_employees invite_only",
            "envoy.job": "EnvoyPluginJob",
            "envoy.jwt": "EnvoyJWT",
            "envoy.oauth": "OAuthClient",
            "envoy.payloads": "Entry Invite Notification",
            "envoy.redis_storage": "RedisGlobalStorage RedisStorage",
            "envoy.resources": (
                "Agreement AgreementPage Company Employee Flow Location Reservation SignInField "
                "SignInFieldPage Takeover User Zone"
            ),
            "envoy.routes": "Route RouteMeta RouteParams",
            "envoy.screener": "ScreenerField ScreenerMatch ScreenerReport",
            "envoy.storage": "GlobalStorage Item Storage",
            "envoy.user_api": "EnvoyUserAPI",
            "outcomes": "Done Failed Ignored Ongoing Outcome Reject Retry Snooze",
            "plugin": "Plugin",
            "run": "Run",
            "settings": "Settings",
            "setup_steps": "Option Options",
            "tasks.task": "Task",
            "workflows.definitions.diagrams": "Step",
            "workflows.definitions.templates": "Template",
            "workflows.handles": "WorkflowHandle Workflows",
            "workflows.manager": "JobsManager",
            "workflows.models": (
                "AddJobAttachmentResponse AssignedType CreateJobOverrides CreateJobsResponse "
                "CurrentStep ExtendedProperty GroupedValue Job JobAttachment JobAttachmentDetails "
                "JobComment JobDependencyDetails JobHistory JobHistoryAction JobHold JobHoldDetails "
                "JobProperty JobStatistics JobStatisticsDetails PropertyTable Query QueryField "
                "QueryResult RelatedDeletes RelatedEntry RelatedTable RelatedUpdates SortField "
                "UpdateJobOverrides"
            ),
            "workflows.notifications": "NotificationManager StepInfoResponse",
            "workflows.responses": "JobActionResponse StepResponse",
            "workflows.telling.messages": "NotificationMessage",
        }.items()
        for name in names.split()
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
