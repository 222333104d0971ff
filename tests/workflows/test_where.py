"""Where-clauses: what they mean, with SQLite as the oracle; and what is refused."""

import contextlib
import re
import sqlite3
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envoy_plugin.errors import BadQuery
from envoy_plugin.workflows.index.truth import Facts
from envoy_plugin.workflows.index.where import FIELDS, parse_where

TEXTS: Final = ["", "a", "A", "it's", "100%", "a_c", "abc", "aabbc", "Ünïcode", "a\nb", "\\", "[a]*"]
PATTERNS: Final = st.text("ab%_c", max_size=6) | st.sampled_from(["%'%", "100%", "%\\%", "[a]*", "%ï%", "a%b"])
COLUMNS: Final = ("jobName", "priority", "closed", "percentComplete")


def literal(value: object) -> str:
    """As SQL has it."""
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


@st.composite
def leaves(draw: st.DrawFn) -> str:
    """A comparison of one field."""
    field = draw(st.sampled_from(COLUMNS))
    values = st.sampled_from(TEXTS) if FIELDS[field] == "text" else st.integers(-2, 2)
    one, other = literal(draw(values)), literal(draw(values))
    shapes = [f"{field} {sign} {one}" for sign in ("=", "<>", "!=", "<", "<=", ">", ">=")]
    shapes += [f"{one} {sign} {field}" for sign in ("=", "<", "<=", ">", ">=")]
    shapes += [f"{field} IN ({one}, {other})", f"{field} NOT IN ({one})"]
    shapes += [f"{field} BETWEEN {one} AND {other}", f"{field} NOT BETWEEN {one} AND {other}"]
    shapes += [f"{field} IS NULL", f"{field} IS NOT NULL", f"{one} <> {field}", f"{field} NOT IN ({one}, {other})"]
    if FIELDS[field] == "text":
        pattern = draw(PATTERNS)
        itself = re.sub("([%_!])", r"!\1", pattern)
        escaped = f"{literal(itself + '%')} ESCAPE '!'"
        shapes += [f"{field} {sign} {told}" for sign in ("LIKE", "NOT LIKE") for told in (literal(pattern), escaped)]
    return draw(st.sampled_from(shapes))


CLAUSES: Final = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        inner.map(lambda clause: f"NOT ({clause})"),
        st.tuples(inner, inner).map(lambda both: f"({both[0]} AND {both[1]})"),
        st.tuples(inner, inner).map(lambda both: f"{both[0]} or {both[1]}"),
    ),
    max_leaves=6,
)
ROWS: Final = st.fixed_dictionaries(
    {
        "jobName": st.none() | st.sampled_from(TEXTS),
        "priority": st.none() | st.sampled_from(TEXTS),
        "closed": st.integers(0, 1),
        "percentComplete": st.none() | st.integers(-2, 2),
    }
)


def in_sqlite(clause: str, row: dict[str, Any]) -> bool:
    """Whether SQLite selects the row."""
    with sqlite3.connect(":memory:") as database:
        database.execute("PRAGMA case_sensitive_like = ON")
        database.execute(f"CREATE TABLE t ({', '.join(row)})")
        database.execute("INSERT INTO t VALUES (?, ?, ?, ?)", list(row.values()))
        found = database.execute(f"SELECT count(*) FROM t WHERE {clause}").fetchone()[0]  # noqa: S608 (the clause is the point)
    database.close()
    return bool(found)


@settings(max_examples=300, deadline=None)
@given(clause=CLAUSES, row=ROWS)
def test_a_clause_means_what_it_means_in_sql(clause: str, row: dict[str, Any]) -> None:
    facts = {name: [] if value is None else [value] for name, value in row.items()}
    assert parse_where(clause).fits(facts) is in_sqlite(clause, row)


def test_of_several_current_steps_one_that_fits_is_enough() -> None:
    facts: Facts = {"assignedTo": ["ada", "grace"], "closed": [0]}
    assert parse_where("assignedTo = 'grace' AND closed = 0").fits(facts)
    assert not parse_where("NOT assignedTo = 'grace'").fits(facts)


def test_yes_and_no_are_one_and_nought() -> None:
    for clause in ("closed = TRUE", "closed = 1", "hasLocation = false", "closed <> 0", "has_location < true"):
        assert parse_where(clause).fits({"closed": [1.0], "hasLocation": [0.0]})


def test_names_are_known_in_any_case() -> None:
    assert parse_where("JOBNAME = 'a' and JobPriority = 'High'").fits({"jobName": ["a"], "priority": ["High"]})


@pytest.mark.parametrize("when", ["DATE '2026-02-01'", "TIMESTAMP '2026-01-31T23:00:00Z'", "'2026-02-01'"])
def test_dates_are_compared_as_moments(when: str) -> None:
    facts = {"dueDate": [datetime(2026, 2, 1, 12, tzinfo=UTC)]}
    assert parse_where(f"dueDate > {when}").fits(facts)
    assert not parse_where(f"dueDate < {when}").fits(facts)


@pytest.mark.parametrize(
    "clause",
    [
        "\"assignedType='User' AND assignedTo='ada'\"",
        "\"assignedType='User' AND assignedTo='\" + $currentUser + \"'\"",
        "  \"assignedType='User'\"  +  \" AND assignedTo='ada'\"  ",
    ],
)
def test_a_quoted_clause_is_put_together_first(clause: str) -> None:
    found = parse_where(clause, user="ada")
    assert found.fits({"assignedType": ["User"], "assignedTo": ["ada"]})
    assert not found.fits({"assignedType": ["User"], "assignedTo": ["grace"]})


@pytest.mark.parametrize("user", ["x' OR '1'='1", "'", "\\", '"; --', "\x00"])
def test_a_user_is_a_value_whatever_the_name(user: str) -> None:
    found = parse_where('"assignedTo=\'" + $currentUser + "\'"', user=user)
    assert found.fits({"assignedTo": [user]})
    assert not found.fits({"assignedTo": ["ada"]})


def test_equalities_between_ands_are_told() -> None:
    found = parse_where("(closed = 0) AND 'High' = priority AND (jobName = 'a' OR jobName = 'b')")
    assert found.choices == (("closed", (0.0,)), ("priority", ("High",)))
    assert not found.is_told
    assert found.fields == {"closed", "priority", "jobName"}


@pytest.mark.parametrize("clause", ["closed = 0", "(closed = 0 AND (priority IN ('a', 'b'))) AND jobName = 'c'"])
def test_equalities_may_be_all_that_is_said(clause: str) -> None:
    assert parse_where(clause).is_told


@pytest.mark.parametrize("sign", ["AND", "OR"])
def test_a_chain_may_be_as_long_as_a_clause(sign: str) -> None:
    clause = f" {sign} ".join(f"jobId='{number}'" for number in range(200))
    assert parse_where(clause).fits({"jobId": ["199"]}) is (sign == "OR")


def test_a_pattern_takes_steps_as_its_length_times_the_text_s_and_not_for_ever() -> None:
    pattern, text = "%a" * 500 + "b", "a" * 4_000
    assert not parse_where(f"notes LIKE '{pattern}'").fits({"notes": [text]})
    assert not parse_where(f"notes LIKE '{'%a' * 500}%b%'").fits({"notes": [text]})
    assert parse_where(f"notes LIKE '{'%a' * 500}%'").fits({"notes": [text]})


def test_a_pattern_goes_on_over_lines() -> None:
    for pattern in ("a%c", "a_b_c", "%b%"):
        assert parse_where(f"notes LIKE '{pattern}'").fits({"notes": ["a\nb\nc"]})


@pytest.mark.parametrize(
    ("clause", "name"),
    [
        ("jobName = 7", "7"),
        ("jobName = -7", "-7"),
        ("job_name = 'it''s'", "it's"),
        ("JOB_NAME LIKE 'a!_' ESCAPE '!'", "a_"),
    ],
)
def test_a_text_may_be_written_so(clause: str, name: str) -> None:
    assert parse_where(clause).fits({"jobName": [name]})
    assert not parse_where(clause).fits({"jobName": ["ab"]})


@pytest.mark.parametrize(
    ("clause", "why"),
    [
        ("", "can't be read"),
        ("closed =", "can't be read"),
        ("closed = 0; DROP TABLE jobs", "can't be read"),
        ("password = 'x'", "no field 'password'"),
        ("jobs.closed = 0", "a field on one side"),
        ("closed", "COLUMN is not understood"),
        ("1 = 1", "a field on one side"),
        ("jobName = priority", "a value alone"),
        ("jobName = upper('a')", "a value alone"),
        ("upper(jobName) = 'A'", "a field on one side"),
        ("closed IN (SELECT 1)", "IN with QUERY"),
        ("closed IN ()", "IN needs a list"),
        ("closed = 0 UNION SELECT 1", "character 12"),
        ("closed = 0 -- AND jobName = 'a'", "a comment"),
        ("closed /* 1 */ = 0", "a comment"),
        ("closed = 0 {# 1 #}", "a comment"),
        ("jobName = CAST('a' AS INT)", "jobName can be compared with a value alone"),
        ("closed = '0'::int", "closed can be compared with a value alone"),
        ("jobName < TRUE", "jobName can be compared with a value alone"),
        ("dueDate > FALSE", "dueDate can be compared with a value alone"),
        ("jobName = -'a'", "jobName can be compared with a value alone"),
        ("closed = -TRUE", "closed can be compared with a value alone"),
        ("closed = 1e400", "closed is a number"),
        ("closed = 'NaN'", "closed is a number"),
        ("closed = '1_0'", "closed is a number"),
        ("jobName BETWEEN SYMMETRIC 'b' AND 'a'", "not understood|a value alone"),
        ("jobName = NULL", "IS NULL"),
        ("jobName NOT IN ('a', NULL)", "IS NULL"),
        ("jobName LIKE 'a!' ESCAPE '!'", "stands before nothing"),
        ("jobName LIKE 'a' ESCAPE '!!'", "one character"),
        ("jobName = 'a' AND jobName ILIKE 'A'", "ILIKE is not understood"),
        ("assignedTo = $currentUser", "goes between texts"),
        ("EXISTS (SELECT 1)", "EXISTS is not understood"),
        ("closed LIKE '1'", "LIKE is for texts"),
        ("closed = 'many'", "closed is a number"),
        ("dueDate > 'tomorrow'", "dueDate is a date"),
        ("jobName IS TRUE", "IS is for NULL"),
        ("jobName || 'a' = 'b'", "a field on one side"),
        ("jobName = 'a' XOR closed = 1", "can't be read"),
        ('"closed=0" - "x"', "put together with +"),
        ('"closed=0" + jobName', "in double quotes"),
        ('"assignedTo=\'" + $currentUser + "\'"', "nobody here"),
        ("closed = 0 AND " * 300 + "closed = 0", "4096 bytes"),
        ("(" * 40 + "closed = 0" + ")" * 40, "32 levels deep"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(clause: str, why: str) -> None:
    with pytest.raises(BadQuery, match=why):
        parse_where(clause)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadQuery):
        assert parse_where(text, user="ada").fits({}) in {True, False}
