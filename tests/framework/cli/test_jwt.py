"""`envoy-plugin jwt`: tokens of the plugin's own, from a terminal."""

import json
from datetime import timedelta

import pytest

from envoy_plugin import EnvoyJWT
from tests.framework.command_line import run
from tests.framework.recording_plugin import Ended, invoke, run_here

SECRET = "0123456789abcdef0123456789abcdef"
OLD_SECRET = "old-0123456789abcdef0123456789abcdef"


def jwt(*arguments: str, stdin: bytes = b"", secret: str = SECRET) -> Ended:
    return invoke("jwt", arguments, stdin, {"JWT_SECRET": secret})


def test_a_token_is_made_that_the_plugin_reads() -> None:
    ended = jwt("encode", "entry-9001", "--expires-in", "1h", "door=7", "name=Zoë")
    claims = EnvoyJWT(SECRET).decode(ended.out.strip())
    assert claims.issued_at is not None
    assert (claims.subject, claims.payload) == ("entry-9001", {"door": 7, "name": "Zoë"})
    assert claims.expires_at - claims.issued_at == timedelta(hours=1)


def test_json_tells_what_was_made() -> None:
    told = jwt("encode", "entry-9001", "--expires-in", "90", "--json").told
    assert (told["subject"], told["expires_in"]) == ("entry-9001", 90)
    assert EnvoyJWT(SECRET).decode(told["token"]).payload == {}


@pytest.mark.parametrize("by_input", [True, False])
def test_a_token_is_read_from_an_argument_or_from_standard_input(*, by_input: bool) -> None:
    token = EnvoyJWT(SECRET).encode("entry-9001", timedelta(minutes=5), {"door": 7})
    ended = jwt("decode", "--json", stdin=f"{token}\n".encode()) if by_input else jwt("decode", token, "--json")
    assert (ended.code, ended.told["valid"], ended.told["subject"]) == (0, True, "entry-9001")
    assert (ended.told["payload"], ended.told["expires_at"][-6:]) == ({"door": 7}, "+00:00")
    assert json.loads(jwt("decode", token).out)["payload"] == {"door": 7}


def test_of_two_secrets_either_reads_and_the_first_one_makes() -> None:
    token = EnvoyJWT(OLD_SECRET).encode("x", timedelta(minutes=5))
    both = f"{SECRET} {OLD_SECRET}"
    assert jwt("decode", token, secret=both).code == 0
    assert jwt("decode", jwt("encode", "x", "--expires-in", "1m", secret=both).out.strip()).code == 0


@pytest.mark.parametrize("as_json", [True, False])
def test_a_token_that_has_ended_or_is_none_of_ours_is_exit_code_1(*, as_json: bool) -> None:
    ended_one = EnvoyJWT(SECRET, clock=lambda: 1000.0).encode("x", timedelta(minutes=5))
    for token, why in ((ended_one, "has ended"), ("x.y.z", "none of ours")):
        ended = jwt("decode", token, *(["--json"] if as_json else []))
        said = ended.told["error"] if as_json else ended.err
        assert (ended.code, why in said) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("x",), "--expires-in"),
        (("x", "--expires-in", "soon"), "must be a duration"),
        (("x", "--expires-in", "0"), "from 1s to 3650d"),
        (("x", "--expires-in", "4000d"), "from 1s to 3650d"),
        (("x", "--expires-in", "1h", "door"), "KEY=VALUE"),
        (("x", "--expires-in", "1h", "--algorithm", "none"), "HS256"),
    ],
)
def test_a_wrong_argument_is_a_usage_error_with_a_hint(arguments: tuple[str, ...], hint: str) -> None:
    ended = jwt("encode", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert hint in " ".join(ended.err.split())


async def test_a_claim_that_is_made_here_is_refused() -> None:
    code, out, err = await run("jwt", "encode", "x", "exp=1", "--expires-in", "1h", JWT_SECRET=SECRET)
    assert (code, out, "can't set exp" in err) == (1, "", True)


@pytest.mark.parametrize(
    ("secret", "fault"),
    [("", "JWT_SECRET: is empty"), ("canary", "fewer than 16"), ("canary-0123456789", "too short for HS256")],
)
async def test_a_secret_that_will_not_do_is_a_bad_setting(secret: str, fault: str) -> None:
    code, out, err = await run_here("jwt", "decode", "x.y.z", "--json", JWT_SECRET=secret)
    assert (code, out) == (78, "")
    assert (fault in err, "canary" in err) == (True, False)
