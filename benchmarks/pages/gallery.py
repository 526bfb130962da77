"""Takes the screenshots of the pages in the documentation, in both colour schemes, in Debian's chromium.

    edge-fer bench --suite full --json run.json && edge-fer bench report run.json --out bench.html
    python benchmarks/pages/gallery.py bench.html eval/report.html --out docs/images

Each page gives ``page-NAME-light.png`` and ``page-NAME-dark.png``, its top as wide as a laptop; NAME is that of the
file, or of its folder where the file is called report.html. ``--phone`` adds the whole page as wide as a phone, and
``--whole`` takes all of it: to look at, not to keep. Needs edge-fer[browser] and Pillow.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from PIL import Image
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Scheme = Literal["light", "dark"]
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
CHROMIUM: Final = "/usr/bin/chromium"
LAPTOP_PX: Final = (1280, 960)
PHONE_PX: Final = (390, 844)
COLOURS: Final = 256
"""A picture of text in so few colours looks the same, and is a third as large."""


def take(browser: Browser, page: Path, picture: Path, size_px: tuple[int, int], scheme: Scheme, *, whole: bool) -> None:
    """Write what *page* looks like in a window of *size_px* to *picture*."""
    width_px, height_px = size_px
    tab = browser.new_page(viewport={"width": width_px, "height": height_px}, color_scheme=scheme)
    tab.goto(page.resolve().as_uri())
    tab.screenshot(path=picture, full_page=whole)
    tab.close()
    with Image.open(picture) as image:
        image.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(picture, optimize=True)
    print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Take a screenshot of each page that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--phone", action="store_true")
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sizes = {"": LAPTOP_PX, **({"-phone": PHONE_PX} if options.phone else {})}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for page in options.pages:
            name = page.parent.name if page.name == "report.html" else page.stem
            for suffix, size_px in sizes.items():
                for scheme in SCHEMES:
                    picture = options.out / f"page-{name}{suffix}-{scheme}.png"
                    take(browser, page, picture, size_px, scheme, whole=options.whole or bool(suffix))
        browser.close()


if __name__ == "__main__":
    main()
