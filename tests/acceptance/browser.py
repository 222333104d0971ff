"""A headless Chromium, and what can be asked of a page in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE: Final = 15
MOST_TABS: Final = 80
ON_A_MAC: Final = "/Applications/Chromium.app/Contents/MacOS/Chromium"
QUIET: Final = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--lang=en",
)
FAULTS: Final = Path(__file__).with_name("accessibility.js").read_text(encoding="utf-8")


class Browser:
    """One window. Whatever it waits for comes within `PATIENCE` seconds, or the test fails."""

    def __init__(self, driver: Chrome) -> None:
        self._driver = driver

    def open(self, url: str) -> None:
        """Load a page; what was complained of before is forgotten."""
        self.complaints()
        self._driver.get(url)

    @property
    def path(self) -> str:
        """The address, without its origin."""
        return "/" + self._driver.current_url.split("/", 3)[3]

    @property
    def text(self) -> str:
        """What is to be read."""
        return self._driver.find_element(By.TAG_NAME, "body").text

    @property
    def focused(self) -> WebElement:
        """What the keyboard is on."""
        return self._driver.switch_to.active_element

    def tab_to(self, selector: str) -> WebElement:
        """Press Tab until the keyboard is on what the selector names."""
        for _ in range(MOST_TABS):
            self.press(Keys.TAB)
            if self._driver.execute_script("return document.activeElement.matches(arguments[0])", selector):
                return self.focused
        raise AssertionError(f"{selector} isn't reached by {MOST_TABS} times Tab")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        self.focused.send_keys(*keys)

    def waits_for(self, text: str) -> None:
        """Return once the text is on the page."""
        WebDriverWait(self._driver, PATIENCE).until(lambda _: text in self.text, f"No {text!r} on {self.path}")

    def waits_for_path(self, path: str) -> None:
        """Return once that page is open."""
        WebDriverWait(self._driver, PATIENCE).until(lambda _: self.path == path, f"Still on {self.path}")

    def look(self, *, dark: bool = False, width: int = 1100, height: int = 900, script: bool = True) -> None:
        """From now on with these colours, this window, and with or without scripts."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self._driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})

    def faults(self) -> list[str]:
        """What keeps somebody from using the page who can't see it well, or has no mouse."""
        return list(self._driver.execute_script(FAULTS))

    def is_wider_than_its_window(self) -> bool:
        """Whether one has to scroll sideways."""
        width = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self._driver.execute_script(width))

    def complaints(self) -> list[str]:
        """What the browser has complained of since the last look: refused sources, scripts that fail."""
        return [str(line["message"]) for line in self._driver.get_log("browser")]  # type: ignore[no-untyped-call]  # as selenium has it

    def picture(self) -> bytes:
        """The window as PNG."""
        return self._driver.get_screenshot_as_png()


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """A Chromium with an empty profile."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ON_A_MAC
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (*QUIET, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.getuid() == 0 else [])):
        options.add_argument(argument)
    driver = Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
