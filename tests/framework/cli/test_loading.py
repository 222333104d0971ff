"""Which plugin a command is about, and what is said when it can't be had."""

import gc
import os
import sys
from pathlib import Path

import pytest

from tests.framework.cli.project import PLUGIN, Project

SECRET = "a-value-nobody-may-see"
BROKEN = f"password = '{SECRET}'\n\nraise RuntimeError(password)\n"
TWICE = PLUGIN + PLUGIN.partition('plugin = Plugin("shop-doors")')[2]


@pytest.mark.parametrize(
    ("app", "code", "text"),
    [
        ("doors", 2, "'doors' is not of the form MODULE:ATTR"),
        ("doors.py:plugin.", 2, "MODULE:ATTR"),
        ("", 2, "MODULE:ATTR"),
        ("windows:plugin", 1, "There is no module windows"),
        ("windows.left:plugin", 1, "There is no module windows"),
        ("doors:handle", 1, "Module doors has no handle."),
        ("doors:number", 1, "doors:number is no Plugin but of type int."),
    ],
)
async def test_a_plugin_that_isnt_there_is_said_in_one_sentence(
    project: Project, app: str, code: int, text: str
) -> None:
    exit_code, out, err = await project.run_here("routes", "--app", app)
    assert (exit_code, out) == (code, "")
    assert text in " ".join(err.split())
    assert code == 2 or err.count("\n") == 1


NO_FUNCTION = "TypeError (Step.function() missing 1 required positional argument: 'function') at {}:2."


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (BROKEN, "RuntimeError at {}:3."),
        ("\n1 +\n", "SyntaxError at {}:2."),
        ("import no_such_library\n", "ModuleNotFoundError (no_such_library) at {}:1."),
        ("raise SystemExit(0)\n", "SystemExit at {}:1."),
        (
            "from envoy_plugin import Step\nStep.function('a', 'f', zzz=5)\n",
            "TypeError (Step.__init__() got an unexpected keyword argument 'zzz') at {}:2.",
        ),
        ("from envoy_plugin import Step\nStep.function('a')\n", NO_FUNCTION),
        ("int([])\n", "TypeError at {}:1."),
    ],
)
async def test_a_module_that_raises_is_told_by_type_and_line_alone(project: Project, source: str, what: str) -> None:
    project.write(source)
    code, out, err = await project.run_here("routes")
    assert (code, out) == (1, "")
    assert err == f"Importing doors failed: {what.format(project.directory / 'doors.py')}\n"


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (
            "Template.of(\n  'v',\n  Step.manual('a', then='b'))",
            "A path of 'a' leads to 'b', and there is no such step.",
        ),
        ("Plugin('x').step(print)", 'step takes a name, as in @plugin.step("print_badge"), not a function.'),
    ],
)
async def test_what_is_refused_at_import_is_told_with_its_place(project: Project, source: str, what: str) -> None:
    project.write(f"from envoy_plugin import Plugin, Step, Template\n{source}\n")
    code, _, err = await project.run_here("routes")
    assert (code, err) == (1, f"{project.directory / 'doors.py'}:2: {what}\n")


async def test_a_declaration_that_makes_no_sense_is_told_as_it_is(project: Project) -> None:
    project.write(TWICE)
    code, _, err = await project.run("routes")
    assert code == 1
    assert "'entry_sign_in' has two handlers" in err


@pytest.mark.parametrize(
    ("pyproject", "code", "text"),
    [
        ("", 2, "No plugin is named."),
        ("[tool.envoy_plugin]\napp = 3\n", 2, "MODULE:ATTR"),
        ("[tool.envoy_plugin\n", 1, "pyproject.toml can't be read: TOMLDecodeError."),
        ('[tool]\nenvoy_plugin = "doors"\n', 2, "No plugin is named."),
    ],
)
async def test_a_project_that_names_no_plugin_is_told_how_to(
    project: Project, pyproject: str, code: int, text: str
) -> None:
    project.write(pyproject, "pyproject.toml")
    exit_code, _, err = await project.run_here("routes")
    assert exit_code == code
    assert text in " ".join(err.split())


async def test_without_a_project_file_the_option_is_enough(project: Project) -> None:
    (project.directory / "pyproject.toml").unlink()
    code, out, _ = await project.run_here("routes", "--app", "doors:plugin")
    assert (code, "entry_sign_in" in out) == (0, True)


async def test_the_working_directory_goes_before_what_is_installed(project: Project) -> None:
    project.write(PLUGIN.replace("shop-doors", "own-yaml"), "yaml.py")
    code, out, _ = await project.run("routes", "--app", "yaml:plugin", "--json")
    assert (code, '"own-yaml"' in out) == (0, True)


async def test_a_directory_without_a_project_file_is_told_how_to_name_one(project: Project) -> None:
    (project.directory / "pyproject.toml").unlink()
    code, _, err = await project.run("routes")
    assert code == 2
    assert "Give --app MODULE:ATTR, or set app under [tool.envoy_plugin]" in " ".join(err.split())


async def test_the_installed_command_finds_the_plugin_of_its_directory(project: Project) -> None:
    code, out, _ = await project.run_script(
        "import sys; sys.path.pop(0); from envoy_plugin.cli import main; main()", "routes"
    )
    assert (code, "entry_sign_in" in out) == (0, True)


async def test_a_command_in_this_process_leaves_nothing_of_its_own_behind(project: Project) -> None:
    def state() -> tuple[object, ...]:
        return Path.cwd(), sys.path[:], sys.argv[:], dict(os.environ), gc.get_threshold(), "doors" in sys.modules

    before = state()
    for name in ("shop-doors", "other-doors"):
        project.write(PLUGIN.replace("shop-doors", name))
        code, out, _ = await project.run_here("routes", "--json", DOOR="7")
        assert (code, f'"plugin": "{name}"' in out, state()) == (0, True, before)
