"""`envoy-plugin sign`, `verify`, `events` and `fixtures`: what surrounds `trigger`."""

import json
import sys
from pathlib import Path

import pytest
import typer

from envoy_plugin.cli.sending import fixture_files
from envoy_plugin.errors import SettingsError
from envoy_plugin.simulator.payloads import EVENTS
from tests.framework.recording_plugin import invoke, run_here

SECRET = {"ENVOY_CLIENT_SECRET": "plugin-client-secret an-older-secret"}
BODY = b'{"meta":{"event":"entry_sign_in"},"payload":{}}'
SIGNATURE = "ZAls6E3dClCoJaT9IpDTCO4MFSlsJMBl9OI5BaRs3Ho="


@pytest.fixture
def body_file(tmp_path: Path) -> Path:
    path = tmp_path / "body.json"
    path.write_bytes(BODY)
    return path


@pytest.fixture
def fixtures(tmp_path: Path) -> Path:
    directory = tmp_path / "fixtures"
    directory.mkdir()
    (directory / "late.json").write_bytes(BODY)
    (directory / "odd.json").write_bytes(b"\xff")
    return directory


def test_a_file_and_the_input_have_the_same_signature(body_file: Path) -> None:
    assert invoke("sign", [str(body_file)], environment=SECRET).out == f"{SIGNATURE}\n"
    for arguments in ([], ["-"]):
        assert invoke("sign", arguments, BODY, SECRET).out == f"{SIGNATURE}\n"
    told = invoke("sign", [str(body_file), "--json"], environment=SECRET).told
    assert told == {"header": "X-Envoy-Signature", "signature": SIGNATURE, "bytes": len(BODY)}


def test_the_secret_may_be_in_another_variable() -> None:
    signed = invoke("sign", ["--secret-env", "OTHER_SECRET"], '{"n":"Ünï ☃"}'.encode(), {"OTHER_SECRET": "sécret"})
    assert signed.out == "/M91TMW9o6u8jyy/9rNB+ikEVOgVbfvL2NoOGug2cOs=\n"


@pytest.mark.parametrize("command", [["sign"], ["verify", "--signature", SIGNATURE]])
@pytest.mark.parametrize("secret", [{}, {"ENVOY_CLIENT_SECRET": " "}])
def test_without_a_secret_nothing_is_signed_or_checked(command: list[str], secret: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="ENVOY_CLIENT_SECRET"):
        invoke(command[0], command[1:], BODY, secret)


@pytest.mark.parametrize("secret", ["plugin-client-secret", "newer-secret plugin-client-secret"])
def test_a_genuine_file_is_told_from_another(body_file: Path, secret: str) -> None:
    arguments, environment = ["--signature", SIGNATURE], {"ENVOY_CLIENT_SECRET": secret}
    right = invoke("verify", [str(body_file), *arguments], environment=environment)
    wrong = invoke("verify", arguments, BODY + b"\n", environment)
    assert (right.code, right.out) == (0, "The signature is right.\n")
    assert (wrong.code, wrong.out, "does not belong" in wrong.err) == (1, "", True)
    assert invoke("verify", [str(body_file), *arguments, "--json"], environment=environment).told["valid"] is True
    refused = invoke("verify", [*arguments, "--json"], b"", environment)
    assert (refused.code, refused.told["valid"]) == (1, False)


def test_what_is_too_large_or_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixture_files, "MAX_BYTES", len(BODY) - 1)
    (tmp_path / "large").write_bytes(BODY)
    for arguments, stdin in (([], BODY), ([str(tmp_path / "large")], b""), ([str(tmp_path / "none")], b"")):
        assert invoke("sign", arguments, stdin, SECRET).code == 2


def test_every_known_event_is_listed_and_shown() -> None:
    listed = invoke("events", ["--json"]).told
    assert {row["event"] for row in listed} == EVENTS
    assert [row["event"] for row in listed if row["synchronous"]] == [
        "entry_screen_requested",
        "identity_verification_requested",
        "invite_screen_requested",
    ]
    assert "Envoy waits for the answer" in invoke("events", []).out
    shown = [invoke("events", ["invite_created", "--seed", "7", *options]).out for options in ([], ["--json"])]
    assert json.loads(shown[0]) == json.loads(shown[1])
    assert shown[0].count("\n") > shown[1].count("\n") == 1


def test_an_event_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = invoke("events", ["invite_craeted"])
    assert (missing.code, "invite_created" in missing.err) == (2, True)
    assert invoke("events", ["zzz"]).code == 2
    monkeypatch.setitem(sys.modules, "faker", None)
    assert (invoke("events", ["invite_created"]).code, invoke("events", []).code) == (1, 0)


def test_fixtures_are_listed_with_their_events(fixtures: Path) -> None:
    listed = invoke("fixtures", ["list", "--dir", str(fixtures), "--json"]).told
    assert [(row["name"], row["event"], row["bytes"]) for row in listed] == [
        ("late", "entry_sign_in", 47),
        ("odd", "-", 1),
    ]
    assert "entry_sign_in" in invoke("fixtures", ["list", "--dir", str(fixtures)]).out


def test_no_fixtures_are_an_empty_list(tmp_path: Path) -> None:
    none = ["list", "--dir", str(tmp_path / "nothing")]
    assert invoke("fixtures", [*none, "--json"]).told == []
    assert "--save NAME" in invoke("fixtures", none).err


def test_a_fixture_is_shown_byte_for_byte(fixtures: Path) -> None:
    for name, body in (("late", BODY), ("late.json", BODY), ("odd", b"\xff")):
        assert invoke("fixtures", ["show", name, "--dir", str(fixtures)]).raw == body
    assert invoke("fixtures", ["show", "late", "--dir", str(fixtures), "--json"]).told["body"] == BODY.decode()
    for name in ("nowhere", "../late", ""):
        assert invoke("fixtures", ["show", name, "--dir", str(fixtures)]).code == 2


def test_a_fixture_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(typer.BadParameter, match="can't be written"):
        fixture_files.save_fixture(tmp_path / "file" / "x.json", BODY)


@pytest.mark.parametrize("name", ["route", "sign", "verify", "events", "fixtures"])
async def test_help_has_an_example(name: str) -> None:
    code, out, _ = await run_here(name, "--help")
    assert (code, f"Example: envoy-plugin {name}" in out) == (0, True)
