"""The fixtures for people who write plugins, in runs of pytest of their own: what is found, and what is said."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ("pytester",)

PLUGINS = ("pytest_asyncio.plugin", "pytest_aiohttp.plugin", "envoy_plugin.pytest_plugin")
DOORS = """\
from envoy_plugin import Done, Entry, Plugin, Text

plugin = Plugin("{name}")


@plugin.on("entry_sign_in", background=True)
async def hand_out(entry: Entry) -> Done:
    return Done(f"Badge for {{entry.full_name}}", Text("badge", plugin.name))
"""
PYPROJECT = """\
[tool.envoy_plugin]
app = "doors:plugin"

[tool.pytest.ini_options]
asyncio_mode = "{mode}"
asyncio_default_fixture_loop_scope = "function"
filterwarnings = ["error"]
"""
BADGE = """\
import pytest


{mark}
async def test_a_badge(envoy):
    delivery = await envoy.trigger("entry_sign_in", full_name="Ada")
    assert delivery.ongoing
    await envoy.drain()
    assert envoy.job(delivery).attachments == {{"badge": "{name}"}}
"""


def project(pytester: pytest.Pytester, *, mode: str = "auto", mark: str = "", name: str = "shop-doors") -> None:
    """A plugin `shop-doors`, and a test that finds the plugin `name` under test."""
    pytester.makefile(".toml", pyproject=PYPROJECT.format(mode=mode))
    pytester.makepyfile(doors=DOORS.format(name="shop-doors"), test_doors=BADGE.format(mark=mark, name=name))


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """A run in a process of its own, which doesn't spend its time on plugins that have no part in this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_subprocess(*(f"-p{name}" for name in PLUGINS), *arguments)


def test_pytest_finds_the_fixtures_by_itself(pytester: pytest.Pytester) -> None:
    project(pytester)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_asyncio_may_be_in_its_strict_mode_too(pytester: pytest.Pytester) -> None:
    project(pytester, mode="strict", mark="@pytest.mark.asyncio")
    run(pytester).assert_outcomes(passed=1)


def test_it_works_beside_the_fixtures_of_aiohttp(pytester: pytest.Pytester) -> None:
    project(pytester)
    pytester.makepyfile(
        test_both="""
        from aiohttp import web

        async def test_both(envoy, aiohttp_client):
            client = await aiohttp_client(web.Application())
            assert (await client.get("/")).status == 404
            assert (await envoy.trigger("entry_sign_in")).ongoing
        """
    )
    run(pytester).assert_outcomes(passed=2)


def test_a_loop_for_the_whole_session_serves_it_too(pytester: pytest.Pytester) -> None:
    project(pytester)
    scopes = "".join(f'asyncio_default_{what}_loop_scope = "session"\n' for what in ("fixture", "test"))
    text = PYPROJECT.format(mode="auto").replace('asyncio_default_fixture_loop_scope = "function"\n', scopes)
    pytester.makefile(".toml", pyproject=text)
    run(pytester).assert_outcomes(passed=1)


def test_another_plugin_can_be_named_or_given(pytester: pytest.Pytester) -> None:
    project(pytester, name="other-doors")
    given = "import pytest, givens\n\n@pytest.fixture\ndef plugin():\n    return givens.plugin"
    pytester.makepyfile(others=DOORS.format(name="other-doors"), givens=DOORS.format(name="given-doors"))
    in_a_directory = {"given/conftest": given, "given/test_given": BADGE.format(mark="", name="given-doors")}
    pytester.mkdir("given")
    pytester.makepyfile(**in_a_directory)
    run(pytester, "-o", "envoy_app=others:plugin").assert_outcomes(passed=2)
    run(pytester, "-o", "envoy_app=doors:plugin", "--envoy-app", "others:plugin").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("app", "text"),
    [
        ("doors:plugin", "There is no module doors, seen from *"),
        (None, "No plugin to test: No plugin is named. Give --app MODULE:ATTR, or set app under *"),
    ],
)
def test_without_a_plugin_one_sentence_says_why(pytester: pytest.Pytester, app: str | None, text: str) -> None:
    project(pytester)
    pytester.path.joinpath("doors.py").unlink()
    if app is None:
        pytester.path.joinpath("pyproject.toml").write_text("[tool.pytest.ini_options]\nasyncio_mode = 'auto'\n")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([text])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_run_from_elsewhere_finds_the_plugin_of_the_root_directory(pytester: pytest.Pytester) -> None:
    project(pytester)
    here = pytester.mkdir("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        run(pytester, f"--rootdir={pytester.path}", "-c", "../pyproject.toml", "..").assert_outcomes(passed=1)


def test_settings_are_given_by_a_fixture(pytester: pytest.Pytester) -> None:
    project(pytester)
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def envoy_variables():
            return {"ENVOY_PLUGIN_ID": "another"}
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*status=422*"])


def test_a_missing_extra_is_said_in_one_sentence(pytester: pytest.Pytester) -> None:
    project(pytester)
    pytester.makeconftest("import sys\n\nsys.modules['fakeredis'] = None")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["Testing needs pip install 'envoy_plugin[[]testing]': there is no fakeredis."])


def test_without_asyncio_for_pytest_other_tests_run_and_the_fixture_says_what_is_missing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(pytester)
    pytester.makepyfile(test_doors="def test_plain(): pass\n\ndef test_envoy(envoy): pass")
    program = "import sys; sys.modules['pytest_asyncio'] = None; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    arguments = ["-p", "envoy_plugin.pytest_plugin", "-W", "ignore::pytest.PytestConfigWarning"]
    result = pytester.run(sys.executable, "-c", program, *arguments)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["Testing needs *there is no pytest_asyncio."])


def test_a_run_that_asks_for_nothing_imports_nothing(tmp_path: Path) -> None:
    heavy = "{'aiohttp', 'redis', 'pydantic', 'typer', 'faker', 'fakeredis'}"
    code = f"import sys, envoy_plugin.pytest_plugin; print({heavy} & {{name for name in sys.modules}} or 'nothing')"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "nothing\n"
