"""Debian's browser, which every test of this folder looks with, and axe-core, which finds what not all can read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(os.environ.get("EDGE_FER_AXE", Path(__file__).parents[2] / "build" / "axe" / "package" / "axe.min.js"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="a page in a browser needs edge-fer[browser]")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed: apt install chromium")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def violations() -> Callable[[Page], list[str]]:
    """Returns what axe-core finds in a page: each rule that is broken, with the element that breaks it."""
    if not AXE.exists():
        pytest.skip(f"axe-core is not in {AXE}: npm pack axe-core, unpack it there, or set EDGE_FER_AXE")

    def found(page: Page) -> list[str]:
        page.evaluate(AXE.read_text())
        result = page.evaluate("axe.run({resultTypes: ['violations']})")
        return [f"{fault['id']}: {node['html']}" for fault in result["violations"] for node in fault["nodes"]]

    return found
