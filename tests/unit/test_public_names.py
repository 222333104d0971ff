"""The public surface: these names, each imported when it is first used."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import envoy_plugin
from envoy_plugin import errors

WRITING = "Plugin Routes Config Secret Entry Invite Event Meta EnvoyPluginJob EnvoyPluginAPI Run"
OUTCOMES = "Outcome Done Ongoing Ignored Failed Reject Retry Snooze"
ATTACHMENTS = "Text Password Json Link CredentialImage"
RESOURCES = (
    "Agreement AgreementPage Company Employee Flow Location Reservation SignInField SignInFieldPage Takeover User Zone"
)
ROUTES = "Route RouteMeta RouteParams Option Options"
SCREENING = "ScreenerReport ScreenerField ScreenerMatch"
FILTERS = "config_enabled employee_sign_in_enabled excluded_employees invite_only"
ACTING_AS_A_USER = "EnvoyUserAPI InviteDraft ReservationDraft OAuthClient"
STORING = "Storage GlobalStorage Item RedisStorage RedisGlobalStorage"
FURTHER = f"{RESOURCES} {ROUTES} {SCREENING} {FILTERS} {ACTING_AS_A_USER} {STORING} Notification EnvoyJWT Things Titan"
SERVING = "create_app open_plugin Settings"
WORKFLOWS = "Template Step Workflows WorkflowHandle JobsManager"
JOBS = (
    "Job CreateJobOverrides UpdateJobOverrides AssignedType JobHoldDetails JobDependencyDetails JobAttachmentDetails"
    " ExtendedProperty RelatedTable RelatedEntry RelatedUpdates RelatedDeletes JobProperty"
    " Query SortField JobStatisticsDetails NotificationManager NotificationMessage StepInfoResponse"
    " CreateJobsResponse CurrentStep JobHold JobHistory JobHistoryAction JobComment JobAttachment"
    " AddJobAttachmentResponse JobActionResponse StepResponse QueryResult JobStatistics GroupedValue"
    " PropertyTable QueryField"
)
TASKS = "Task Enqueued"
DRAWN_ERRORS = re.findall(r"[├└]── (\w+)", inspect.getdoc(errors) or "")
SURFACE = [
    *f"{WRITING} {OUTCOMES} {ATTACHMENTS} {FURTHER} {SERVING} {TASKS} {WORKFLOWS} {JOBS}".split(),
    "EnvoyPluginError",
    *DRAWN_ERRORS,
]


def in_a_fresh_process(code: str) -> str:
    """What `code` prints, in an interpreter that has imported nothing yet."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_the_surface_is_exactly_this() -> None:
    assert sorted(envoy_plugin.__all__) == sorted(SURFACE)
    assert dir(envoy_plugin) == sorted(envoy_plugin.__all__)


@pytest.mark.parametrize("name", SURFACE)
def test_each_name_is_what_it_says(name: str) -> None:
    value = getattr(envoy_plugin, name)
    assert value.__name__ == name
    assert value.__module__.startswith("envoy_plugin.")
    assert inspect.getdoc(value)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'envoy_plugin' has no attribute 'Plugins'"):
        envoy_plugin.Plugins  # noqa: B018 - looking it up is what fails


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(inspect.getfile(envoy_plugin)).read_text())
    [guarded] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = [alias.name for node in ast.walk(guarded) if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(seen) == sorted(envoy_plugin.__all__)


def test_importing_the_package_loads_nothing_else() -> None:
    heavy = in_a_fresh_process(
        "import sys, envoy_plugin; print(*sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'aiohttp', 'redis', 'typer', 'pydantic', 'structlog', 'cryptography', 'stamina'}))"
    )
    assert heavy == ""


def test_outcomes_and_errors_are_had_without_a_client() -> None:
    code = "import sys; from envoy_plugin import {}; print('aiohttp' in sys.modules, 'redis' in sys.modules)"
    assert in_a_fresh_process(code.format("Done, Failed, Text, EnvoyPluginError, Entry, Event")) == "False False"


def test_a_name_is_looked_up_once() -> None:
    code = "import envoy_plugin as e; print('Done' in vars(e)); e.Done; print('Done' in vars(e), e.Done is e.Done)"
    assert in_a_fresh_process(code).split() == ["False", "True", "True"]
