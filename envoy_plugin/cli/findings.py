"""What `check` finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from envoy_plugin.cli.exits import ExitCode


class Status(StrEnum):
    """How good a finding is."""

    OK = "ok"
    WARNING = "warning"
    """It works, with a risk that somebody should know of."""
    FAILED = "failed"
    """It won't work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `text` quotes no value."""

    about: str
    status: Status
    text: str
    is_setting: bool = False


def ok(about: str, text: str) -> Finding:
    """A good one."""
    return Finding(about=about, status=Status.OK, text=text)


def warning(about: str, text: str) -> Finding:
    """One that stops nothing."""
    return Finding(about=about, status=Status.WARNING, text=text)


def failed(about: str, text: str) -> Finding:
    """One that has to be put right."""
    return Finding(about=about, status=Status.FAILED, text=text)


def verdict(findings: Sequence[Finding]) -> ExitCode:
    """How the command ends: bad settings go before everything else."""
    faults = [finding for finding in findings if finding.status is Status.FAILED]
    if any(fault.is_setting for fault in faults):
        return ExitCode.BAD_CONFIGURATION
    return ExitCode.FAILED if faults else ExitCode.OK
