"""The page of the driver monitor in a real Chromium."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("uvicorn", reason="the page needs edge-fer[appliance]")
pytest.importorskip("playwright.sync_api", reason="the page in a browser needs edge-fer[browser]")

from playwright.sync_api import expect

from edge_fer.appliance.page import PageSettings
from edge_fer.appliance.page.drawn import DrawnCamera, DrawnDevice
from edge_fer.appliance.page.settings import Drive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
SIZES = [(1280, 720), (800, 480), (390, 844)]
MEASURES = {"yaw_deg": -31.0, "pitch_deg": 12.0, "eyes_open": 0.82, "perclos": 0.04, "learned": 1.0}
QUIET: dict[str, Any] = {"sight": "face", "shows": "attentive", "raised": {}, "level": None, "recent": []}
LOOKS_AWAY = {"kind": "looks away", "level": "warning", "age_s": 4.0, "lasted_s": None}
DROWSY = {"kind": "drowsy", "level": "notice", "age_s": 300.0, "lasted_s": 20.0}
UPSET = {"kind": "emotion", "level": "advice", "age_s": 30.0, "lasted_s": 5.0}
RED = "rgb(195, 34, 26)"


def alerted(level: str, kind: str = "looks away", **changed: Any) -> dict[str, Any]:
    return {
        **QUIET,
        "shows": "away",
        "raised": {kind: level},
        "level": level,
        "recent": [LOOKS_AWAY, DROWSY],
        **changed,
    }


@pytest.fixture(scope="module")
def devices() -> Iterator[dict[int, DrawnDevice]]:
    """A device of each level."""
    made = {}
    for level in (1, 2):
        camera = DrawnCamera(width_px=320, height_px=240)
        device = DrawnDevice(PageSettings(port=0), camera=camera, drive=Drive(level=level, eyes=level == 2))
        device.page.start()
        device.status.works("camera")
        made[level] = device
    yield made
    for device in made.values():
        device.page.stop()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages, and demands that none has complained."""
    contexts = []
    complaints: list[str] = []

    def open_page(device: DrawnDevice, path: str = "/", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, "locale": "en", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if "Policy" in message.text else None)
        page.goto(device.address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def shown(page: Page, device: DrawnDevice, driver: dict[str, Any], text: str, where: str = "#now-word") -> None:
    """Hand out *driver* until the page says *text*."""
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while page.locator(where).text_content() != text:
        assert time.monotonic() < deadline_s, page.locator(where).text_content()
        device.drives(driver)
        page.wait_for_timeout(50)


def colour(page: Page, where: str) -> str:
    return str(page.evaluate(f"getComputedStyle(document.querySelector('{where}')).backgroundColor"))


def test_each_state_has_its_word(devices: dict[int, DrawnDevice], opened: Callable[..., Page]) -> None:
    device = devices[1]
    page = opened(device)
    for shows, text in (
        ("attentive", "Attentive"),
        ("away", "Not facing the road"),
        ("no face", "No face"),
        ("stale", "Picture stale"),
    ):
        shown(page, device, {**QUIET, "shows": shows}, text)
        expect(page.locator("#banner")).to_be_hidden()
    shown(page, device, {**QUIET, "shows": "cannot monitor", "why": "dark"}, "Cannot monitor")
    expect(page.locator("#now-hint")).to_have_text("It is too dark")
    expect(page.locator("#since")).to_have_text("No alert so far")
    # Level 1 says what it does not know, and shows no numbers of it.
    expect(page.locator("footer")).to_contain_text("Level 1: sees only where the face points; knows nothing of eyes.")
    expect(page.locator("footer")).to_contain_text("No type-approved safety device")
    expect(page.locator("#measures")).to_be_hidden()
    assert page.locator("canvas, img").count() == 0
    assert not device.watched.is_set()


def test_red_is_for_warnings_and_alarms_alone(devices: dict[int, DrawnDevice], opened: Callable[..., Page]) -> None:
    device = devices[1]
    page = opened(device)
    for level, red in (("advice", False), ("notice", False), ("warning", True), ("alarm", True)):
        shown(page, device, alerted(level), level.capitalize(), "#banner-level")
        expect(page.locator("#banner")).to_be_visible()
        assert (colour(page, "#banner") == RED) == red
        expect(page.locator("#cried")).to_have_text("look at the road" if red else "")
        if level == "notice":
            expect(page.locator("#said")).to_have_text("look at the road Not facing the road")
    shown(page, device, QUIET, "Attentive")
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#cried")).to_have_text("")


def test_the_loudest_is_told_and_of_those_the_newest(
    devices: dict[int, DrawnDevice], opened: Callable[..., Page]
) -> None:
    device = devices[1]
    page = opened(device)
    raised = {"emotion": "advice", "looks away": "alarm", "unresponsive": "alarm", "drowsy": "notice"}
    shown(page, device, alerted("alarm", raised=raised), "the driver does not respond", "#banner-words")


def test_the_last_alerts_are_listed(devices: dict[int, DrawnDevice], opened: Callable[..., Page]) -> None:
    device = devices[1]
    page = opened(device)
    shown(page, device, {**QUIET, "recent": [UPSET, DROWSY]}, "Attentive")
    expect(page.locator("#alerts li")).to_have_count(2)
    expect(page.locator("#alerts li").first).to_contain_text("Advice · 30 s ago · for 5 s")
    # Advice is no alert.
    expect(page.locator("#since")).to_have_text("Since the last alert: 4 minutes")
    shown(page, device, alerted("warning"), "Warning", "#banner-level")
    expect(page.locator("#alerts li").first).to_contain_text("still on")
    expect(page.locator("#since")).to_be_hidden()


def test_level_2_shows_what_it_measures(devices: dict[int, DrawnDevice], opened: Callable[..., Page]) -> None:
    device = devices[2]
    page = opened(device)
    shown(page, device, {**QUIET, **MEASURES}, "Attentive")
    head = page.get_by_role("img")
    expect(head).to_have_attribute("aria-label", "Head: 31° left, 12° down")
    expect(page.get_by_role("meter", name="Eyes open")).to_have_attribute("aria-valuenow", "82")
    expect(page.get_by_role("meter", name="Eyes closed, last minute")).to_have_attribute("aria-valuetext", "4 %")
    assert (
        float(page.locator(".dot").get_attribute("cx") or 0) < 0 < float(page.locator(".dot").get_attribute("cy") or 0)
    )
    # What is not measured any more is not shown any more.
    shown(page, device, {**QUIET, **MEASURES, "shows": "stale"}, "Picture stale")
    expect(head).to_have_attribute("aria-label", "Head: not measured")
    expect(page.get_by_role("meter", name="Eyes open")).to_have_attribute("aria-valuetext", "not measured")
    shown(page, device, {**QUIET, "learned": 0.42}, "Attentive")
    expect(page.locator("#now-hint")).to_have_text("Learning the usual pose: 42 %")


def test_a_device_that_is_away_monitors_nobody(browser: Browser, opened: Callable[..., Page]) -> None:
    device = DrawnDevice(PageSettings(port=0), drive=Drive(level=1, eyes=False))
    device.page.start()
    page = opened(device)
    shown(page, device, alerted("alarm"), "Alarm", "#banner-level")
    device.page.stop()
    expect(page.locator("#now-word")).to_have_text("The device does not answer")
    expect(page.locator("#banner")).to_be_hidden()


def test_german_and_keyboard(devices: dict[int, DrawnDevice], opened: Callable[..., Page]) -> None:
    device = devices[2]
    page = opened(device, locale="de-AT")
    shown(page, device, alerted("warning"), "Nicht zur Straße gewandt")
    expect(page.locator("#banner-words")).to_have_text("auf die Straße schauen")
    reached = []
    for _ in range(2):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.innerText.trim()"))
    assert reached == ["Alles arbeitet", "English"]


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off(
    devices: dict[int, DrawnDevice], opened: Callable[..., Page], size: tuple[int, int]
) -> None:
    device = devices[2]
    page = opened(device, "/?language=de", viewport={"width": size[0], "height": size[1]})
    for driver, text in (
        (alerted("alarm", "cannot monitor", **MEASURES), "Nicht zur Straße gewandt"),
        (
            {**alerted("notice", "eyes unseen", **MEASURES), "shows": "cannot monitor", "why": "head"},
            "Keine Überwachung",
        ),
    ):
        shown(page, device, driver, text)
        expect(page.locator("#alerts li")).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        if size[0] >= 768:
            assert page.evaluate("document.documentElement.scrollHeight") <= size[1]
        overlaps = page.evaluate(
            """() => [...document.querySelectorAll("main section")].filter((section) => {
                const box = section.getBoundingClientRect();
                return [...section.querySelectorAll("p, svg, .meter")].some((one) => {
                    const its = one.getBoundingClientRect();
                    const below = its.bottom > box.bottom + 1;
                    const out = below || its.top < box.top - 1 || its.right > box.right + 1;
                    return out && its.width > 0 && !one.closest("ol");
                });
            }).map((section) => section.id || section.className)"""
        )
        assert overlaps == []


def test_axe_finds_nothing(
    devices: dict[int, DrawnDevice], opened: Callable[..., Page], violations: Callable[[Page], list[str]]
) -> None:
    device = devices[2]
    page = opened(device)
    found = {}
    for name, driver, text in (
        ("quiet", {**QUIET, **MEASURES, "recent": [UPSET, DROWSY]}, "Attentive"),
        ("notice", alerted("notice", **MEASURES), "Not facing the road"),
        ("alarm", alerted("alarm", **MEASURES), "Not facing the road"),
        ("stale", {**QUIET, "shows": "stale"}, "Picture stale"),
    ):
        shown(page, device, driver, text)
        found[name] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}
