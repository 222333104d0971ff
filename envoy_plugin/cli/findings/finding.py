"""What `check` and `doctor` find, and how it is shown."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import typer

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.table import table


class Status(StrEnum):
    """How good a finding is."""

    OK = "ok"
    WARNING = "warning"
    """It works, with a risk that somebody should know of."""
    FAILED = "failed"
    """It won't work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at, and a sentence that says what to do about it. Neither quotes a value."""

    about: str
    status: Status
    text: str
    advice: str = ""
    is_setting: bool = False


def ok(about: str, text: str) -> Finding:
    """A good one."""
    return Finding(about=about, status=Status.OK, text=text)


def warning(about: str, text: str, advice: str = "") -> Finding:
    """One that stops nothing."""
    return Finding(about=about, status=Status.WARNING, text=text, advice=advice)


def failed(about: str, text: str, advice: str = "") -> Finding:
    """One that has to be put right."""
    return Finding(about=about, status=Status.FAILED, text=text, advice=advice)


def verdict(findings: Sequence[Finding]) -> ExitCode:
    """How the command ends: bad settings go before everything else."""
    faults = [finding for finding in findings if finding.status is Status.FAILED]
    if any(fault.is_setting for fault in faults):
        return ExitCode.BAD_CONFIGURATION
    return ExitCode.FAILED if faults else ExitCode.OK


def show(findings: Sequence[Finding], *, advise: bool, json_wanted: bool) -> None:
    """Print them: failures on standard error, or all as one JSON document; `advise`: with what to do."""
    if json_wanted:
        records = [_record(finding, advise=advise) for finding in findings]
        typer.echo(json.dumps({"ok": verdict(findings) == 0, "checks": records}, ensure_ascii=False))
        return
    for faulty in (False, True):
        rows = [row for one in findings if (one.status is Status.FAILED) is faulty for row in _rows(one, advise=advise)]
        if rows:
            typer.echo(table(rows), err=faulty)


def _rows(finding: Finding, *, advise: bool) -> Iterator[tuple[str, str, str]]:
    yield (finding.status.ljust(7), finding.about, finding.text)
    if advise and finding.advice:
        yield ("", "", f"-> {finding.advice}")


def _record(finding: Finding, *, advise: bool) -> dict[str, str]:
    record = {"about": finding.about, "status": finding.status, "text": finding.text}
    return record | ({"advice": finding.advice} if advise else {})
