"""What of the tests here didn't run is said aloud, at the end of the run."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each test of this directory that was skipped, and why."""
    for report in terminalreporter.getreports("skipped"):
        if report.nodeid.startswith("tests/outside/") and isinstance(report.longrepr, tuple):
            terminalreporter.write_line(f"NOT RUN: {report.nodeid}: {report.longrepr[2]}", yellow=True, bold=True)
