"""What the demo does when something is not as its story says."""

from typing import Any

import pytest

from example_plugin.demo import story
from example_plugin.demo.__main__ import play
from example_plugin.demo.scene import Expected, Scene, Step
from example_plugin.demo.stage import Differs, until
from example_plugin.demo.telling import Teller

SHOWN: dict[str, Any] = {"status": "done", "status_message": "Badge ready", "failure_reason": None, "attachments": []}
TIMELINE: list[dict[str, Any]] = [{"what": "created"}, {"what": "answered", "http_status": 202}]
AS_IT_IS = Expected(answer=202, status="done", says="ready")


def test_what_is_as_expected_passes() -> None:
    AS_IT_IS.check(SHOWN, TIMELINE)


@pytest.mark.parametrize(
    ("expected", "how"),
    [
        (Expected(answer=200, status="done", says=""), "expected answer 200, and found 202"),
        (Expected(answer=202, status="failed", says=""), "expected status 'failed', and found 'done'"),
        (Expected(answer=202, status="done", says="late"), "a message with 'late', and it is 'Badge ready'"),
        (Expected(answer=202, status="done", says="", attached=("PIN",)), "expected attachments"),
    ],
)
def test_a_difference_says_what_was_expected_and_what_was_found(expected: Expected, how: str) -> None:
    with pytest.raises(Differs, match=how):
        expected.check(SHOWN, TIMELINE)


async def test_a_wait_that_is_in_vain_says_what_for() -> None:
    async def never() -> bool:
        return False

    with pytest.raises(Differs, match="expected that the sun shines"):
        await until("the sun shines", never, within=0)


async def test_a_step_that_differs_is_named_and_the_demo_ends_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def differ(scene: Scene) -> None:
        await scene.send("entry_sign_out", job_id="1", expected=Expected(answer=202, status="done", says="door"))

    monkeypatch.setattr(story, "STORY", [Step(title="A visitor leaves", shows="", act=differ)])
    assert await play(Teller(full=True, coloured=True)) == 1
    told = capsys.readouterr().out
    assert "Step 1, 'A visitor leaves': expected answer 202, and found 200" in told
    assert '"full-name"' in told
    assert "--- web" in told
    assert "\x1b[31m" in told


async def test_a_trigger_that_fails_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    async def misspell(scene: Scene) -> None:
        with pytest.raises(Differs, match=r"(?s)trigger ended with 2, not 0: .*entry_sign_in"):
            await scene.stage.trigger("entry_sing_in", job_id="1")

    monkeypatch.setattr(story, "STORY", [Step(title="A visitor sings", shows="", act=misspell)])
    assert await play(Teller()) == 0
