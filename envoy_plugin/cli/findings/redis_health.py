"""What Redis' own facts mean: its version, what it forgets, what it keeps, how full it is, how far away."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from envoy_plugin.cli.findings.finding import Finding, failed, ok, warning

Facts: TypeAlias = Mapping[str, Any]
"""What `INFO` answers; nothing where it isn't told."""

OLDEST: Final = (6, 2)
KEEPS_EVERYTHING: Final = "noeviction"
FULL: Final = 0.8
"""Which part of its memory or its connections is too much."""
FAR_MS: Final = 10.0
"""A median round trip from which a webhook, which takes several, is noticeably slow."""
UPGRADE: Final = "Take a newer version at your host."
KEEP: Final = "Set maxmemory-policy to noeviction at your host, or by CONFIG SET."
PERSIST: Final = "Set appendonly to yes, or take a plan of your host's that keeps what is in it."
DISK: Final = "See whether Redis' disk is full, and what its log says."
PRIMARY: Final = "Name the primary in REDIS_URL."
GROW: Final = "Take a larger one, or keep less: JOB_KEEP, JOB_KEEP_FAILED and JOB_KEEP_PAYLOAD."
FEWER: Final = "Run fewer processes, or take a plan with more connections."
NEARER: Final = "Let Redis and the plugin run in one region, at one host."


def judge(facts: Facts) -> list[Finding]:
    """What these facts mean, the bad ones of the less usual only."""
    usual = [version_finding(facts), policy_finding(facts), persistence_finding(facts)]
    return usual + [finding for finding in (_role(facts), _fill(facts), _clients(facts)) if finding is not None]


def version_finding(facts: Facts) -> Finding:
    """Whether `redis_version` is one that will do; where it isn't told, it will."""
    version = str(facts.get("redis_version", ""))
    numbers = tuple(int(word) for word in version.split(".")[:2] if word.isdecimal())
    if numbers and numbers < OLDEST:
        return failed("redis", f"is version {version}; 6.2 or later is needed", UPGRADE)
    return ok("redis", f"answers, version {version or 'unknown'}")


def policy_finding(facts: Facts) -> Finding:
    """Whether it may forget jobs, or has done so."""
    policy = facts.get("maxmemory_policy")
    if gone := int(facts.get("evicted_keys", 0)):
        return warning("redis memory", f"has forgotten {gone} keys since it was started: it was full", KEEP)
    if policy == KEEPS_EVERYTHING:
        return ok("redis memory", "refuses when it is full (noeviction)")
    if policy is None:
        return warning("redis memory", "doesn't tell its maxmemory-policy, which must be noeviction", KEEP)
    text = f"may forget jobs when it is full: maxmemory-policy is {policy}, not noeviction"
    return warning("redis memory", text, KEEP)


def persistence_finding(facts: Facts) -> Finding:
    """Whether a restart of Redis loses jobs."""
    if "err" in (facts.get("aof_last_write_status"), facts.get("rdb_last_bgsave_status")):
        return failed("redis persistence", "its last write to disk failed", DISK)
    if facts.get("aof_enabled") == 1:
        return ok("redis persistence", "append-only file")
    if "aof_enabled" not in facts:
        return warning("redis persistence", "doesn't tell whether it is append-only", PERSIST)
    return warning("redis persistence", "not append-only: jobs may be lost when Redis itself is restarted", PERSIST)


def latency_finding(median_ms: float, worst_ms: float) -> Finding:
    """What round trips of so many milliseconds mean."""
    text = f"{median_ms:.1f} ms for a round trip, {worst_ms:.1f} ms at worst"
    return ok("redis latency", text) if median_ms <= FAR_MS else warning("redis latency", text, NEARER)


def _role(facts: Facts) -> Finding | None:
    if facts.get("role") != "slave":
        return None
    return failed("redis role", "is a replica, which takes no writes", PRIMARY)


def _fill(facts: Facts) -> Finding | None:
    used, most = int(facts.get("used_memory", 0)), int(facts.get("maxmemory", 0))
    if not most or used < FULL * most:
        return None
    text = f"{100 * used // most} % of its memory is used; when it is full, webhooks get 503"
    return warning("redis fill", text, GROW)


def _clients(facts: Facts) -> Finding | None:
    there, most = int(facts.get("connected_clients", 0)), int(facts.get("maxclients", 0))
    if not most or there < FULL * most:
        return None
    return warning("redis clients", f"{there} of {most} connections are taken", FEWER)
