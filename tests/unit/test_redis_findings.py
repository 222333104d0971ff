"""What `check` makes of what Redis tells of itself."""

import pytest

from envoy_plugin.cli.findings import Status
from envoy_plugin.cli.redis_findings import version_finding


@pytest.mark.parametrize(
    ("version", "status"),
    [("6.0.16", "failed"), ("5.0", "failed"), ("6.2.0", "ok"), ("7.4.1", "ok"), ("255.255.255", "ok"), ("", "ok")],
)
def test_an_old_version_will_not_do(version: str, status: str) -> None:
    assert version_finding({"redis_version": version}).status is Status(status)
