"""Takes the screenshots of the documentation: the page with the drawn camera behind it, in Debian's chromium.

    python benchmarks/appliance/screenshots.py docs/images

Needs edge-fer[appliance,bench,browser]. The temperature is made up: most workstations tell none.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import Image
from playwright.sync_api import sync_playwright

from edge_fer import host
from edge_fer.appliance.page import PageSettings
from edge_fer.appliance.page.drawn import DrawnCamera, DrawnDevice

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

CHROMIUM: Final = "/usr/bin/chromium"
FIRST: Final = 2385
"""Moment at which two people look at the camera."""
HISTORY_S: Final = 170.0
COLOURS: Final = 256
"""A picture in so few colours looks the same, and is a third as large."""


@dataclass(frozen=True)
class Shot:
    """A screenshot."""

    name: str
    size: tuple[int, int] = (1280, 720)
    scheme: str = "dark"
    language: str = "en"
    act: Callable[[DrawnDevice, Tab], None] = field(default=lambda device, tab: None)  # noqa: ARG005


def hide(_: DrawnDevice, tab: Tab) -> None:
    """Switch the picture off."""
    tab.locator("#toggle").click()
    tab.wait_for_timeout(1500)


def lose(device: DrawnDevice, tab: Tab) -> None:
    """Let the camera go."""
    device.pause()
    device.status.fails("camera", "/dev/video0 gave no frame for 5 s; it is started again")
    tab.wait_for_timeout(7000)


SHOTS: Final = (
    Shot("kiosk-dark"),
    Shot("kiosk-light", scheme="light", language="de"),
    Shot("kiosk-phone", size=(390, 844)),
    Shot("kiosk-numbers-only", scheme="light", act=hide),
    Shot("kiosk-stale", act=lose),
)


def main() -> None:
    """Take all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", help="names of the shots to take")
    options = parser.parse_args()
    host.temperature_c = lambda *_: 52.0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for shot in SHOTS:
            if options.only is None or shot.name in options.only:
                path = take(browser, shot, options.folder)
                print(f"{path}: {path.stat().st_size} bytes")
        browser.close()


def take(browser: Browser, shot: Shot, folder: Path) -> Path:
    """Take one, and return where it is."""
    device = DrawnDevice(PageSettings(port=0), camera=DrawnCamera(), first=FIRST, history_s=HISTORY_S)
    for part in ("camera", "events", "mqtt"):
        device.status.works(part)
    device.page.start()
    device.play()
    options: dict[str, Any] = {"color_scheme": shot.scheme, "locale": shot.language}
    context = browser.new_context(viewport={"width": shot.size[0], "height": shot.size[1]}, **options)
    tab = context.new_page()
    tab.goto(device.address)
    while tab.evaluate("document.querySelector('#state').dataset.state") == "none":
        tab.wait_for_timeout(50)
    tab.wait_for_timeout(1500)
    shot.act(device, tab)
    path = folder / f"{shot.name}.png"
    tab.screenshot(path=path)
    context.close()
    device.pause()
    device.page.stop()
    reduce(path)
    return path


def reduce(path: Path) -> None:
    """Write the picture at *path* again in few colours."""
    image = Image.open(path).convert("RGB")
    image = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    image.save(path, optimize=True)


if __name__ == "__main__":
    main()
