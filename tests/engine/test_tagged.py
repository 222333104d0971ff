"""Pages of jobs that have a tag of each group: the same as by sets in Python, wherever pages end."""

from random import Random

import pytest

from envoy_plugin.engine import tagged
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.tagged import Group, find_tagged
from envoy_plugin.engine.verbs import Describe
from tests.engine.acting import make

JOBS = 1_300
"""More than Redis takes from a tag in one go, and more than it takes so before it takes all that is left."""
TAGS = {"all": 1.0, "most": 0.9, "half": 0.5, "few": 0.05, "one": 0.002, "none": 0.0}


async def fill(engine: Engine, dice: Random) -> dict[str, set[str]]:
    """Put made-up ids under tags; answers them."""
    ids = [f"a{number:015d}" for number in range(JOBS)]
    has = {tag: {one for one in ids if dice.random() < share} for tag, share in TAGS.items()}
    for tag, those in has.items():
        if those:
            await engine.redis.zadd(engine.keys.tag(tag), dict.fromkeys(those, 0))
    return has


def group_of(dice: Random, ids: list[str]) -> Group:
    """Some tags, some ids, or both."""
    tags = dice.sample([*TAGS], k=dice.choice([0, 1, 1, 1, 2, 3]))
    return Group(tags=tags, ids=[] if tags and dice.random() < 0.7 else dice.sample(ids, k=dice.choice([0, 1, 30])))


def by_sets(has: dict[str, set[str]], groups: list[Group]) -> list[str]:
    """The ids that fulfil every group, the newest first."""
    fits = [set(group.ids).union(*(has[tag] for tag in group.tags)) for group in groups]
    return sorted(set.intersection(*fits), reverse=True)


async def walk(engine: Engine, groups: list[Group], skip: int, limit: int) -> list[str]:
    """All pages, one after the other."""
    found: list[str] = []
    before = ""
    while True:
        page = await find_tagged(engine, groups, before=before, skip=skip, limit=limit)
        assert len(page.ids) <= limit
        found, before, skip = found + page.ids, page.before, skip - page.skipped
        if not before:
            return found


@pytest.mark.parametrize("seed", range(12))
async def test_pages_are_what_sets_say(engine: Engine, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    dice = Random(seed)
    monkeypatch.setattr(tagged, "MOST_PASSED", dice.choice([1, 1_100, 4_000]))
    has = await fill(engine, dice)
    for _ in range(5):
        groups = [group_of(dice, sorted(has["all"])) for _ in range(dice.choice([1, 1, 2, 3]))]
        skip = dice.choice([0, 0, 3, 400, 1_100])
        assert await walk(engine, groups, skip, dice.choice([7, 50, 499, 1_000])) == by_sets(has, groups)[skip:]


async def test_what_few_jobs_have_in_common_is_found_behind_many_that_have_one(engine: Engine) -> None:
    ids = [f"a{number:015d}" for number in range(3_000)]
    has = {"odd": {*ids[1::2], *ids[40:80]}, "even": {*ids[::2], *ids[40:80], ids[-1]}, "none": set[str]()}
    for tag, those in has.items():
        if those:
            await engine.redis.zadd(engine.keys.tag(tag), dict.fromkeys(those, 0))
    plain = [Group(tags=["odd"]), Group(tags=["even"])]
    named = [Group(tags=["odd"], ids=[ids[90]]), Group(tags=["even"])]
    several = [Group(tags=["odd"]), Group(tags=["none", "even"])]
    for groups in (plain, named, several):
        expected = by_sets(has, groups)
        assert len(expected) == 41 + (groups is named)
        for skip, limit in ((0, 50), (0, 7), (3, 7), (39, 1), (60, 5)):
            assert await walk(engine, groups, skip, limit) == expected[skip:]


async def test_many_may_be_left_out_of_what_tags_have_in_common(engine: Engine) -> None:
    ids = [f"a{number:015d}" for number in range(2_400)]
    for tag, those in (("all", ids), ("most", ids[:2_300])):
        await engine.redis.zadd(engine.keys.tag(tag), dict.fromkeys(those, 0))
    page = await find_tagged(engine, [Group(tags=["all"]), Group(tags=["most"])], skip=2_000, limit=3)
    assert (page.ids, page.skipped) == (ids[297:300][::-1], 2_000)


async def test_a_page_goes_on_though_the_last_job_has_lost_its_tag(engine: Engine) -> None:
    await engine.redis.zadd(engine.keys.tag("open"), {"a": 0, "b": 0, "d": 0})
    for before, expected in (("c", ["b", "a"]), ("d", ["b", "a"]), ("a", [])):
        assert (await find_tagged(engine, [Group(tags=["open"])], before=before)).ids == expected
    assert (await find_tagged(engine, [Group(tags=["open"])], before="c", skip=1)).ids == ["a"]
    assert (await find_tagged(engine, [Group(tags=["open"])], before="d", skip=1)).ids == ["a"]


async def test_what_jobs_keep_comes_with_them(engine: Engine) -> None:
    ids = ["x", "y", "z"]
    await make(engine, *ids)
    for number, job_id in enumerate(ids[:2]):
        await engine.run(Describe(id=job_id, fields={"n": b"%d" % number}, tags=["open"]))
    await engine.run(Describe(id=ids[2], fields={"m": b"other"}, tags=["open"]))
    page = await find_tagged(engine, [Group(tags=["open"])], kept="n")
    assert (page.ids, page.kept) == (ids[::-1], [None, b"1", b"0"])
    assert b"1" not in repr(page).encode()
    assert (await find_tagged(engine, [Group(tags=["open"])])).kept == []


async def test_what_is_rare_decides_how_many_jobs_are_passed(engine: Engine) -> None:
    has = await fill(engine, Random(1))
    groups = [Group(tags=["all"]), Group(tags=["few"]), Group(tags=["most", "half"])]
    assert (await find_tagged(engine, groups)).passed == len(has["few"])
    assert (await find_tagged(engine, [*groups, Group(tags=["none"])])).passed == 0
    assert (await find_tagged(engine, [Group(tags=["all"])], skip=600, limit=50)).passed == 50


async def test_redis_stops_where_it_has_passed_enough(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagged, "MOST_PASSED", 1)
    await fill(engine, Random(1))
    page = await find_tagged(engine, [Group(tags=["all"]), Group(tags=["all", "none"])], limit=1_000)
    assert (page.passed, len(page.ids), page.before) == (500, 500, page.ids[-1])
