"""Measures the page in Chromium: first paint, bytes, memory after many pictures, and what a viewer costs the service.

    python benchmarks/appliance/page.py --parts loading viewer --json benchmarks/results/appliance/page.json
    python benchmarks/appliance/page.py --parts memory --json benchmarks/results/appliance/page-memory.json

Pictures come from the drawn camera as fast as the page shows them; 36000 are an hour at 10 a second. Needs
edge-fer[appliance,browser] and Debian's chromium.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import sync_playwright

from edge_fer import files, host
from edge_fer.appliance.page import PageSettings, connections
from edge_fer.appliance.page.drawn import DrawnCamera, DrawnDevice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, CDPSession
    from playwright.sync_api import Page as Tab

CHROMIUM: Final = "/usr/bin/chromium"
LOADS: Final = 10
WARM_UP: Final = 600
"""Pictures until the first figure for memory: by then all code has been compiled."""
SAMPLES: Final = 12
FAST_FPS: Final = 2000.0
COST_S: Final = 15.0
DRAWN: Final = 100
COUNT: Final = """
    window.shown = 0;
    const make = window.createImageBitmap.bind(window);
    window.createImageBitmap = (blob) => { window.shown += 1; return make(blob); };
"""


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the raw values to this file")
    parser.add_argument("--pictures", type=int, default=36_000, help="pictures to show (default: 36000)")
    parser.add_argument("--parts", nargs="+", choices=("loading", "viewer", "memory"), help="measure only these")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        measured: dict[str, Any] = {"chromium": browser.version}
        parts = options.parts or ("loading", "viewer", "memory")
        if "loading" in parts:
            measured["loading"] = loading(browser)
        if "viewer" in parts:
            measured["viewer"] = costs(browser)
        if "memory" in parts:
            measured["memory"] = remembering(browser, options.pictures)
        browser.close()
    result = {
        "command": shlex.join(["python", "benchmarks/appliance/page.py", *sys.argv[1:]]),
        "host": host.facts(),
        **measured,
    }
    if options.json is not None:
        files.write(options.json, json.dumps(result, indent=1) + "\n")


def loading(browser: Browser) -> dict[str, Any]:
    """Return milliseconds to the first paint, and bytes of a first visit, each for a browser that has kept nothing."""
    device = started(PageSettings(port=0))
    device.play()
    paints_ms = []
    sizes = []
    for _ in range(LOADS):
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        tab = context.new_page()
        cdp = context.new_cdp_session(tab)
        cdp.send("Network.enable")
        sent: list[int] = []
        cdp.on("Network.loadingFinished", lambda event, sent=sent: sent.append(event["encodedDataLength"]))
        tab.goto(device.address)
        # Playwright's own way to wait for a condition is forbidden by the page's policy.
        while not tab.evaluate("performance.getEntriesByName('first-contentful-paint').length"):
            tab.wait_for_timeout(50)
        paints_ms.append(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        tab.wait_for_timeout(500)
        sizes.append(int(sum(sent)))
        context.close()
    ended(device)
    print(f"first paint: median {statistics.median(paints_ms):.0f} ms, slowest {max(paints_ms):.0f} ms")
    print(f"transferred without pictures: {max(sizes)} bytes")
    return {"first_paint_ms": paints_ms, "transferred_bytes": sizes}


def costs(browser: Browser) -> dict[str, Any]:
    """Return the processor time of this process with no viewer and with one, pictures being drawn beforehand."""
    device = started(PageSettings(port=0))
    pictures = cycle_of(device.camera)
    next(pictures)  # draws all of them
    seconds = {}
    shown = 0
    for name in ("nobody", "one viewer"):
        tab = None
        if name == "one viewer":
            tab = browser.new_page()
            tab.add_init_script(COUNT)
            tab.goto(device.address)
            tab.wait_for_timeout(1000)
            shown = tab.evaluate("window.shown")
        began_s = time.process_time()
        end_s = time.monotonic() + COST_S
        while time.monotonic() < end_s:
            device.show(replace(next(pictures), came_s=time.monotonic()))
            time.sleep(0.1)
        seconds[name] = (time.process_time() - began_s) / COST_S
        if tab is not None:
            shown = tab.evaluate("window.shown") - shown
            tab.close()
    ended(device)
    print(f"service: {seconds['nobody']:.2%} of a core with nobody, {seconds['one viewer']:.2%} with one viewer")
    return {"share_of_a_core": seconds, "seconds": COST_S, "pictures_shown": shown}


def remembering(browser: Browser, wanted: int) -> dict[str, Any]:
    """Return how much memory the tab uses while *wanted* pictures are shown, each time after a collection."""
    connections.SOCKET_BYTES_A_SECOND = 1 << 20  # type: ignore[misc]  # an hour's answers come in minutes
    device = started(PageSettings(port=0).model_copy(update={"picture_fps": FAST_FPS}))
    stop = threading.Event()
    feeder = threading.Thread(target=feed, args=(device, stop), daemon=True)
    feeder.start()
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    tab = context.new_page()
    tab.add_init_script(COUNT)
    tab.goto(device.address)
    cdp = context.new_cdp_session(tab)
    samples = []
    began_s = time.monotonic()
    for target in [WARM_UP, *(WARM_UP + wanted * part // SAMPLES for part in range(1, SAMPLES + 1))]:
        while tab.evaluate("window.shown") < target:
            time.sleep(0.5)
        samples.append(
            {"pictures": tab.evaluate("window.shown"), "s": time.monotonic() - began_s, **memory_of(cdp, tab)}
        )
        print(json.dumps(samples[-1]), flush=True)
    stop.set()
    feeder.join()
    context.close()
    ended(device)
    growth = samples[-1]["heap_bytes"] / samples[0]["heap_bytes"]
    print(f"heap: {growth:.2f} times that after warm-up")
    return {"samples": samples, "heap_growth": growth}


def memory_of(cdp: CDPSession, tab: Tab) -> dict[str, float]:
    """Return the bytes of the heap after a collection, and the resident MiB of all renderers."""
    cdp.send("HeapProfiler.collectGarbage")
    heap = cdp.send("Runtime.getHeapUsage")
    return {
        "heap_bytes": heap["usedSize"],
        "nodes": tab.evaluate("document.querySelectorAll('*').length"),
        "renderers_mb": renderers_mb(),
    }


def renderers_mb() -> float:
    """Return the resident memory of Chromium's renderers."""
    total = 0.0
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
        except OSError:
            continue
        if b"--type=renderer" in command:
            total += host.process_memory_mb(int(folder.name)) or 0.0
    return round(total, 1)


def feed(device: DrawnDevice, stop: threading.Event) -> None:
    """Hand out pictures until told to stop."""
    pictures = cycle_of(device.camera)
    while not stop.wait(0.003):
        device.show(replace(next(pictures), came_s=time.monotonic()))


def cycle_of(camera: DrawnCamera) -> Iterator[Any]:
    """Return moments of the drawn camera that come again and again."""
    moments = [camera.moment(250 + index) for index in range(DRAWN)]
    while True:
        yield from moments


def started(settings: PageSettings) -> DrawnDevice:
    """Return a device whose page answers."""
    device = DrawnDevice(settings)
    device.page.start()
    return device


def ended(device: DrawnDevice) -> None:
    """Stop a device."""
    device.pause()
    device.page.stop()


if __name__ == "__main__":
    main()
