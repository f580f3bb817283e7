"""A real browser without a window: Debian's chromium."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")


class Browser(webdriver.Chrome):
    """One that can be as narrow as a phone, and dark."""

    def resize(self, width: int, height: int = 900) -> None:
        """Show pages in so many pixels; a window could not be as narrow as a phone is."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, scheme: str) -> None:
        """Be what a person has chosen: `dark` or `light`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def run(self, script: str, *arguments: object) -> Any:
        """What the script returns."""
        return self.execute_script(script, *arguments)

    def said(self) -> list[str]:
        """What was written to the console since it was asked last."""
        return [str(line["message"]) for line in self.get_log("browser")]  # type: ignore[no-untyped-call]

    def picture(self) -> bytes:
        """The whole page, as PNG."""
        taken = self.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        return base64.b64decode(taken["data"])


@contextmanager
def browser() -> Iterator[Browser]:
    """Start it; end it at the end."""
    for program in (CHROMIUM, DRIVER):
        assert program.exists(), f"{program} is missing: apt-get install chromium chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = Browser(options, Service(str(DRIVER)))
    try:
        yield started
    finally:
        started.quit()
