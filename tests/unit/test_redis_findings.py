"""What `check` and `doctor` make of what Redis tells of itself."""

from typing import Any, Final

import pytest

from envoy_plugin.cli.findings.redis import way_finding
from envoy_plugin.cli.findings.redis_health import judge, latency_finding, version_finding
from envoy_plugin.settings import Settings

GOOD: Final = {"redis_version": "7.0.15", "maxmemory_policy": "noeviction", "aof_enabled": 1}


@pytest.mark.parametrize(
    ("version", "status"),
    [("6.0.16", "failed"), ("5.0", "failed"), ("6.2.0", "ok"), ("7.4.1", "ok"), ("255.255.255", "ok"), ("", "ok")],
)
def test_an_old_version_will_not_do(version: str, status: str) -> None:
    assert version_finding({"redis_version": version}).status == status


def test_a_good_redis_has_nothing_but_good_findings() -> None:
    roomy = {"role": "master", "used_memory": 1, "maxmemory": 100, "connected_clients": 1, "maxclients": 100}
    assert [finding.status for finding in judge(GOOD | roomy)] == ["ok", "ok", "ok"]
    assert [finding.status for finding in judge(GOOD)] == ["ok", "ok", "ok"]


@pytest.mark.parametrize(
    ("facts", "about", "status", "words"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "redis memory", "warning", "allkeys-lru"),
        ({"evicted_keys": 3}, "redis memory", "warning", "forgotten 3 keys"),
        ({"aof_enabled": 0}, "redis persistence", "warning", "append-only"),
        ({"aof_last_write_status": "err"}, "redis persistence", "failed", "write to disk failed"),
        ({"rdb_last_bgsave_status": "err"}, "redis persistence", "failed", "write to disk failed"),
        ({"role": "slave"}, "redis role", "failed", "replica"),
        ({"used_memory": 81, "maxmemory": 100}, "redis fill", "warning", "81 %"),
        ({"connected_clients": 18, "maxclients": 20}, "redis clients", "warning", "18 of 20"),
    ],
)
def test_what_is_bad_about_redis_is_said(facts: dict[str, Any], about: str, status: str, words: str) -> None:
    (bad,) = [finding for finding in judge(GOOD | facts) if finding.status != "ok"]
    assert (bad.about, bad.status, words in bad.text, bad.advice != "") == (about, status, True, True)


@pytest.mark.parametrize(("median", "status"), [(0.3, "ok"), (10.0, "ok"), (25.0, "warning")])
def test_a_redis_that_is_far_away_is_pointed_out(median: float, status: str) -> None:
    finding = latency_finding(median, 99.94)
    assert (finding.status, f"{median:.1f} ms" in finding.text, "99.9 ms" in finding.text) == (status, True, True)


@pytest.mark.parametrize(
    ("url", "variables", "status", "words"),
    [
        ("redis://127.0.0.1/0", {}, "ok", "on this machine"),
        ("unix:///tmp/redis.sock", {}, "ok", "on this machine"),
        ("redis://example.com/0", {}, "warning", "neither TLS"),
        ("rediss://example.com/0", {}, "ok", "TLS"),
        ("rediss://example.com/0?ssl_cert_reqs=none", {}, "warning", "isn't checked"),
        ("rediss://example.com/0?ssl_cert_reqs=none", {"REDIS_TLS_VERIFY": "full"}, "ok", "TLS"),
        ("rediss://example.com/0", {"REDIS_TLS_VERIFY": "none"}, "warning", "isn't checked"),
        ("rediss://example.com/0", {"DYNO": "web.1"}, "ok", "as on Heroku"),
    ],
)
def test_whether_others_can_listen_is_said(url: str, variables: dict[str, str], status: str, words: str) -> None:
    secrets = {"ENVOY_CLIENT_ID": "id", "ENVOY_CLIENT_SECRET": "0123456789abcdef"}
    finding = way_finding(Settings.from_env({**secrets, "REDIS_URL": url, **variables}))
    assert (finding.status, words in finding.text) == (status, True)
