"""The page in a real Chromium, with the drawn camera behind it."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("uvicorn", reason="the page needs edge-fer[appliance]")
pytest.importorskip("playwright.sync_api", reason="the page in a browser needs edge-fer[browser]")

from playwright.sync_api import expect

from edge_fer.appliance.page import PageSettings
from edge_fer.appliance.page.drawn import DrawnCamera, DrawnDevice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from edge_fer.appliance.latest import Moment

PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
TOKEN = "a-token-for-tests-only"  # noqa: S105 (it opens nothing)
SCORES = {"angry": 0.02, "disgust": 0.02, "fear": 0.02, "happy": 0.8, "sad": 0.05, "surprise": 0.05, "neutral": 0.04}


@pytest.fixture(scope="module")
def camera() -> DrawnCamera:
    return DrawnCamera(width_px=320, height_px=240)


@pytest.fixture
def started(camera: DrawnCamera) -> Iterator[Callable[..., DrawnDevice]]:
    """Starts devices, and stops them."""
    devices: list[DrawnDevice] = []

    def start(token: str | None = None, **settings: Any) -> DrawnDevice:
        device = DrawnDevice(PageSettings(**{"port": 0, "stale_after_s": 600, **settings}), token=token, camera=camera)
        device.page.start()
        device.status.works("camera")
        devices.append(device)
        return device

    yield start
    for device in devices:
        device.page.stop()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages, and demands that none has complained or asked another computer."""
    contexts = []
    complaints: list[str] = []

    def open_page(device: DrawnDevice, path: str = "/", *, script: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, "locale": "en", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if "Policy" in message.text else None)
        page.on("request", lambda request: _at_home(request.url, device.address, complaints))
        if script:
            page.add_init_script(script)
        page.goto(device.address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _at_home(url: str, address: str, complaints: list[str]) -> None:
    if not url.startswith((address, address.replace("http", "ws"))):
        complaints.append(url)


def seen(moment: Moment, *states: str, came_s: float | None = None) -> Moment:
    """Return *moment* with faces that have *states*, the first the largest."""
    faces = []
    for number, state in enumerate(states):
        box = [20 + 110 * number, 40, 90 - 20 * number, 90 - 20 * number]
        faces.append(
            {"track": number + 1, "box": box, "state": state, "seen": "found", "smoothed": SCORES, "scores": SCORES}
        )
    return replace(moment, record={**moment.record, "faces": faces}, came_s=came_s or time.monotonic())


def shown(page: Page, device: DrawnDevice, text: str, *states: str) -> None:
    """Hand out moments until the page says *text*."""
    moment = device.camera.moment(250)
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while page.locator("#state-word").inner_text() != text:
        assert time.monotonic() < deadline_s, page.locator("#state-word").inner_text()
        device.show(seen(moment, *states))
        page.wait_for_timeout(50)


def until(page: Page, condition: str) -> None:
    """Wait until *condition* holds in *page*. Playwright's own way is forbidden by the page's policy."""
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < deadline_s, condition
        page.wait_for_timeout(50)


def drawn(page: Page, canvas: str) -> bool:
    """Return whether *canvas* holds anything that is neither empty nor black."""
    return bool(
        page.evaluate(
            """(name) => {
                const canvas = document.getElementById(name);
                const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                return data.some((value, index) => index % 4 !== 3 && value > 8);
            }""",
            canvas,
        )
    )


def test_a_face_is_shown(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    device = started(title="Gate 3")
    page = opened(device)
    expect(page).to_have_title("Gate 3")
    expect(page.locator("#veil-text")).to_have_text("No picture yet")
    shown(page, device, "happy", "happy")
    expect(page.locator("#state-hint")).to_have_text("Score 80 %")
    expect(page.locator("#scores li")).to_have_count(7)
    expect(page.locator("#scores li.most .name")).to_have_text("happy")
    expect(page.locator("#scores li.most .value")).to_have_text("80 %")
    expect(page.locator("#health-word")).to_have_text("All works")
    expect(page.locator("#veil")).to_be_hidden()
    expect(page.locator("#notice")).to_contain_text("No picture is kept.")
    expect(page.locator("#said")).to_have_text("happy")
    for _ in range(10):
        device.show(seen(device.camera.moment(250), "happy"))
        page.wait_for_timeout(100)
    expect(page.locator("#timeline")).to_have_attribute("aria-label", "Last 3 minutes: happy 100 %")
    assert drawn(page, "picture")
    assert drawn(page, "marks")
    assert drawn(page, "timeline")


def test_what_is_not_certain_is_no_guess(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    device = started()
    page = opened(device)
    shown(page, device, "unsure", "unknown")
    expect(page.locator("#state-hint")).to_have_text("No expression is certain enough")
    shown(page, device, "Nobody in view")
    expect(page.locator("#scores li.most")).to_have_count(0)


def test_german(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    device = started()
    page = opened(device, locale="de-AT")
    shown(page, device, "fröhlich", "happy")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#notice")).to_contain_text("Kein Bild wird gespeichert.")
    page.locator(".language").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_picture_can_be_switched_off(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    device = started()
    page = opened(device)
    shown(page, device, "happy", "happy")
    assert device.watched.wait(10)
    page.get_by_role("button", name="Hide picture").click()
    expect(page.locator("#numbers-only")).to_be_visible()
    shown(page, device, "sad", "sad")
    assert not drawn(page, "picture")
    assert drawn(page, "marks")
    deadline_s = time.monotonic() + 10
    while device.watched.is_set() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not device.watched.is_set()
    page.reload()
    expect(page.get_by_role("button", name="Show picture")).to_be_visible()


def test_numbers_only(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    device = started(pictures=False)
    page = opened(device)
    shown(page, device, "happy", "happy")
    expect(page.locator("#numbers-only")).to_be_visible()
    expect(page.locator("#toggle")).to_be_hidden()
    assert not drawn(page, "picture")
    # Labels stand above their boxes: what is said of the picture is below, where it covers none.
    stage, said = (page.locator(name).bounding_box() for name in ("#stage", "#numbers-only"))
    assert stage is not None
    assert said is not None
    assert said["y"] > stage["y"] + 0.8 * stage["height"]
    assert said["x"] < stage["x"] + 0.2 * stage["width"]


def test_old_pictures_say_so_and_go(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    device = started(stale_after_s=3)
    page = opened(device)
    shown(page, device, "happy", "happy")
    device.status.fails("camera", "it is gone")
    expect(page.locator("#veil-text")).to_have_text(re.compile(r"Picture is \d+ seconds old"))
    expect(page.locator("#veil-note")).to_have_text("camera: it is gone")
    expect(page.locator("#state-word")).to_have_text("–")
    expect(page.locator("#health-word")).to_have_text("Partly works")
    page.locator("summary").click()
    expect(page.locator("#parts")).to_contain_text("it is gone")
    for _ in range(20):  # until the page is ready for one more
        device.show(seen(device.camera.moment(250), "happy", came_s=time.monotonic() - 40))
        page.wait_for_timeout(50)
    until(page, "document.getElementById('picture').hidden")


def test_it_recovers_when_the_service_is_started_again(
    started: Callable[..., DrawnDevice], opened: Callable[..., Page]
) -> None:
    device = started()
    page = opened(device)
    shown(page, device, "happy", "happy")
    page.evaluate("window.kept = true")
    device.page.stop()
    expect(page.locator("#veil-text")).to_have_text("The device does not answer")
    expect(page.locator("#health-word")).to_have_text("No connection")
    again = started(port=device.page.port)
    shown(page, again, "sad", "sad")
    expect(page.locator("#veil")).to_be_hidden()
    assert page.evaluate("window.kept") is True
    again.page.stop()
    other = started(port=device.page.port, title="Another")
    expect(page).to_have_title("Another")  # a page of other settings loads itself again
    shown(page, other, "happy", "happy")


def test_everything_can_be_reached_by_keyboard(
    started: Callable[..., DrawnDevice], opened: Callable[..., Page]
) -> None:
    device = started()
    page = opened(device)
    shown(page, device, "happy", "happy", "sad")
    expect(page.locator("#health-word")).to_have_text("All works")
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.innerText.trim()"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == ["All works", "Deutsch", "Face 1", "Face 2", "Hide picture"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#state-word")).to_have_text("sad")
    expect(page.get_by_role("button", name="Face 2")).to_have_attribute("aria-pressed", "true")
    for _ in range(3):
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#parts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#parts")).to_be_hidden()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_a_face_can_be_touched(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    device = started()
    page = opened(device, has_touch=True)
    shown(page, device, "happy", "happy", "sad")
    box = page.locator("#marks").bounding_box()
    scale = min(box["width"] / 320, box["height"] / 240)
    left = (box["width"] - 320 * scale) / 2
    page.locator("#marks").tap(position={"x": left + 160 * scale, "y": (box["height"] - 240 * scale) / 2 + 70 * scale})
    expect(page.locator("#state-word")).to_have_text("sad")
    small = page.evaluate(
        """[...document.querySelectorAll("button, a, summary")]
            .filter((one) => one.offsetParent && one.offsetHeight < 44).length"""
    )
    assert small == 0


def test_signing_in(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    device = started(TOKEN)
    page = opened(device)
    page.get_by_label("Token").fill("a wrong one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This token is not right.")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    shown(page, device, "happy", "happy")
    assert TOKEN not in page.url
    assert page.evaluate("document.cookie") == ""


def test_a_token_behind_the_hash_is_used_and_dropped(
    started: Callable[..., DrawnDevice], opened: Callable[..., Page]
) -> None:
    device = started(TOKEN)
    page = opened(device, f"/#token={TOKEN}")
    expect(page.locator("#state-word")).to_be_visible()
    assert page.url == f"{device.address}/"
    assert page.evaluate("history.length") <= 2


def test_a_resting_cursor_is_hidden(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    page = opened(started())
    page.mouse.move(200, 200)
    until(page, "getComputedStyle(document.getElementById('marks')).cursor === 'none'")
    page.mouse.move(300, 300)
    until(page, "getComputedStyle(document.getElementById('marks')).cursor !== 'none'")


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (800, 480), (1024, 600), (390, 844), (320, 568)])
def test_nothing_is_cut_off(
    started: Callable[..., DrawnDevice], opened: Callable[..., Page], size: tuple[int, int]
) -> None:
    device = started(title="The entrance of the old town hall")
    page = opened(device, "/?language=de", viewport={"width": size[0], "height": size[1]})
    shown(page, device, "überrascht", "surprise", "happy")
    wide = page.evaluate("document.documentElement.scrollWidth")
    high = page.evaluate("document.documentElement.scrollHeight")
    assert wide <= size[0]
    if size[0] >= 768:
        assert high <= size[1]
        lowest = page.evaluate("document.querySelector('#scores li:last-child').getBoundingClientRect().bottom")
        panel = page.evaluate("document.querySelector('.reading').getBoundingClientRect().bottom")
        assert lowest <= panel


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    started: Callable[..., DrawnDevice],
    opened: Callable[..., Page],
    violations: Callable[[Page], list[str]],
    scheme: str,
) -> None:
    device = started()
    page = opened(device, color_scheme=scheme, viewport={"width": 1280, "height": 720})
    found = {}
    shown(page, device, "happy", "happy", "sad")
    found["faces"] = violations(page)
    shown(page, device, "unsure", "unknown")
    found["unsure"] = violations(page)
    shown(page, device, "Nobody in view")
    found["nobody"] = violations(page)
    page.locator("summary").click()
    found["parts"] = violations(page)
    page.keyboard.press("Escape")
    page.locator("#toggle").click()
    shown(page, device, "happy", "happy")
    found["numbers only"] = violations(page)
    page.set_viewport_size({"width": 390, "height": 844})
    found["phone"] = violations(page)
    device.page.stop()
    expect(page.locator("#veil-text")).to_have_text("The device does not answer")
    found["away"] = violations(page)
    found["sign-in"] = violations(opened(started(TOKEN), color_scheme=scheme))
    assert {name: faults for name, faults in found.items() if faults} == {}


COUNT = """
    window.shown = 0;
    const make = window.createImageBitmap.bind(window);
    window.createImageBitmap = (blob) => { window.shown += 1; return make(blob); };
"""


def test_pictures_leave_no_memory_behind(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    device = started(picture_fps=60)
    page = opened(device, script=COUNT)
    cdp = page.context.new_cdp_session(page)
    moments = [device.camera.moment(250 + number) for number in range(10)]

    def heap_after(pictures: int) -> float:
        target = page.evaluate("window.shown") + pictures
        deadline_s = time.monotonic() + 60
        while page.evaluate("window.shown") < target:
            assert time.monotonic() < deadline_s
            for moment in moments:
                device.show(replace(moment, came_s=time.monotonic()))
                time.sleep(0.01)
        cdp.send("HeapProfiler.collectGarbage")
        return float(cdp.send("Runtime.getHeapUsage")["usedSize"])

    warm = heap_after(60)
    assert heap_after(120) <= 1.2 * warm


def test_colours_can_be_told_from_their_ground(
    started: Callable[..., DrawnDevice], opened: Callable[..., Page]
) -> None:
    states = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt", "unknown"]
    device = started()
    for scheme in ("light", "dark"):
        page = opened(device, color_scheme=scheme)
        until(page, "getComputedStyle(document.documentElement).getPropertyValue('--text') !== ''")
        colours = page.evaluate(
            """(names) => Object.fromEntries(names.map((name) =>
                [name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()]))""",
            [
                *states,
                *(f"bright-{state}" for state in states),
                "panel",
                "ground",
                "text",
                "soft",
                "on-state",
                "accent",
            ],
        )
        for state in states:
            assert contrast(colours[state], colours["panel"]) >= 3, (scheme, state)
            assert contrast(colours[state], colours["on-state"]) >= 4.5 or state == "unknown", (scheme, state)
            assert contrast(colours[f"bright-{state}"], "#080c10") >= 4.5
        for name in ("text", "soft", "accent"):
            for ground in ("panel", "ground"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (scheme, name)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it."""
    lights = sorted((luminance(one), luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    total = 0.0
    for start, weight in ((1, 0.2126), (3, 0.7152), (5, 0.0722)):
        share = int(colour[start : start + 2], 16) / 255
        total += weight * (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4)
    return total


def test_it_stops_in_the_middle_of_a_picture(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    device = started(picture_fps=60)
    page = opened(device)
    device.play(fps=60)
    page.wait_for_timeout(300)
    device.page.stop()
    device.pause()
    expect(page.locator("#veil-text")).to_have_text("The device does not answer")


def test_a_picture_that_is_none_stops_nothing(started: Callable[..., DrawnDevice], opened: Callable[..., Page]) -> None:
    device = started()
    page = opened(device)
    shown(page, device, "happy", "happy")
    device.show(replace(seen(device.camera.moment(250), "sad"), picture=b"no JPEG"))
    page.wait_for_timeout(300)
    shown(page, device, "happy", "happy")
    shown(page, device, "sad", "sad")
