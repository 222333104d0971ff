"""The inspector in a real browser: by keyboard, in both colours, on a phone, and without scripts."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.acceptance.browser import Browser, browsing
from tests.acceptance.pages import ROOT, Block
from tests.acceptance.terminals import Terminal, terminal

PLUGIN = Path(__file__).with_name("plugins") / "lobby.py"
PICTURES = ROOT / "docs/screenshots"
PAGES = {
    "deliveries": "/_envoy/",
    "delivery": "/_envoy/deliveries/1",
    "dashboard": "/_envoy/dashboard",
    "edit": "/_envoy/deliveries/1/edit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dev:
    """A running `dev` that has had two visits: an entry, in the background, and its end."""

    shell: Terminal
    browser: Browser

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.shell.environment['PORT']}"

    def type(self, command: str) -> None:
        """Run a command of `envoy-plugin`."""
        text = f"envoy-plugin {command}\n"
        self.shell.run(Block(page=Path(__file__), line=0, language="sh", title=None, text=text))

    def open(self, page: str, **look: bool | int) -> Browser:
        """A page in the browser, which has the token."""
        self.browser.look(**look)  # type: ignore[arg-type]  # each by its name
        self.browser.open(self.url + page)
        return self.browser

    def enter(self) -> None:
        """Open the URL that `dev` prints."""
        file = f"home/.local/state/envoy-plugin/dev-{self.shell.environment['PORT']}.token"
        self.browser.open(f"{self.url}/_envoy/?token={(self.shell.directory / file).read_text()}")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    directory = tmp_path_factory.mktemp("lobby")
    shutil.copy(PLUGIN, directory)
    with terminal(directory, "none") as shell, browsing(tmp_path_factory.mktemp("profile")) as browser:
        dev = Dev(shell=shell, browser=browser)
        dev.type("dev --app lobby:plugin --no-reload")
        dev.type("trigger entry_sign_in --seed 7 --follow --expect done")
        dev.type("trigger entry_sign_out --seed 7 --expect done")
        dev.enter()
        yield dev


def test_from_the_list_to_a_delivery_to_its_replay_by_keyboard_alone(dev: Dev) -> None:
    browser = dev.open("/_envoy/")
    browser.tab_to("#delivery-1")
    browser.press(Keys.ENTER)
    browser.waits_for_path("/_envoy/deliveries/1")
    assert all(word in browser.text for word in ("202 ongoing", "badge.printed", "succeeded", "Badge printed", "A-17"))
    browser.tab_to("button[value=new]")
    browser.press(Keys.ENTER)
    browser.waits_for("A replay of delivery 1")
    browser.waits_for("Badge printed")  # without loading the page again
    assert browser.complaints() == []


def test_an_edited_event_is_sent_by_keyboard_and_a_mistake_is_said_and_kept(dev: Dev) -> None:
    browser = dev.open("/_envoy/deliveries/2/edit")
    browser.tab_to("#body")
    browser.press(Keys.CONTROL, "a")
    browser.press("not JSON")
    browser.tab_to("form button")
    browser.press(Keys.ENTER)
    browser.waits_for("This isn't a JSON object")
    assert browser.tab_to("#body").get_property("value") == "not JSON"
    browser.press(Keys.CONTROL, "a")
    browser.press(json.dumps({"meta": {"event": "entry_sign_up", "install_id": "1"}, "payload": {}}))
    browser.tab_to("form button")
    browser.press(Keys.ENTER)
    browser.waits_for("entry_sign_up")
    browser.waits_for("400 ignored")


def test_the_list_follows_what_happens_and_leaves_the_keyboard_where_it_is(dev: Dev) -> None:
    browser = dev.open("/_envoy/")
    browser.tab_to("#delivery-2")
    dev.type("trigger entry_blacklist_deny --seed 7")
    browser.waits_for("entry_blacklist_deny")
    assert browser.focused.get_attribute("id") == "delivery-2"
    assert browser.path == "/_envoy/"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_a_page_has_names_roles_and_contrast(dev: Dev, page: str, *, dark: bool) -> None:
    browser = dev.open(page, dark=dark)
    assert browser.faults() == []
    assert browser.complaints() == []


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_a_page_fits_a_phone(dev: Dev, page: str) -> None:
    assert not dev.open(page, width=360, height=700).is_wider_than_its_window()


def test_the_keyboard_is_seen_wherever_it_is(dev: Dev) -> None:
    browser = dev.open("/_envoy/deliveries/1")
    for selector in ("a.skip", "nav a", "button[value=same]", "a.button", "pre"):
        assert browser.tab_to(selector).value_of_css_property("outline-style") == "solid"


def test_without_scripts_there_is_the_same_to_read(dev: Dev) -> None:
    browser = dev.open("/_envoy/deliveries/1", script=False)
    assert all(word in browser.text for word in ("202 ongoing", "badge.printed", "succeeded", "Badge printed"))
    browser = dev.open("/_envoy/", script=False)
    assert "entry_sign_out" in browser.text


@pytest.mark.parametrize("name", PAGES)
def test_there_is_a_picture_of_each_page(dev: Dev, name: str, pytestconfig: pytest.Config) -> None:
    """`--screenshots` takes them anew; half of them dark."""
    browser = dev.open(PAGES[name], dark=name in {"delivery", "edit"}, height=1100 if name == "delivery" else 800)
    picture = browser.picture()
    if pytestconfig.getoption("screenshots"):
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"{name}.png").write_bytes(picture)
    signature = b"\x89PNG\r\n"
    assert picture.startswith(signature)
    assert (PICTURES / f"{name}.png").read_bytes().startswith(signature)
