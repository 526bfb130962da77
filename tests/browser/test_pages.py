"""The pages of convert, eval, bench and train in a real Chromium: nothing clipped, and readable in both schemes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the pages need edge-fer[eval]")
pytest.importorskip("jinja2", reason="the pages need edge-fer[eval]")
pytest.importorskip("matplotlib", reason="the pages need edge-fer[eval]")
pytest.importorskip("playwright.sync_api", reason="a page in a browser needs edge-fer[browser]")

from edge_fer.emotions import FER2013
from edge_fer.evaluation.classification import evaluate
from edge_fer.evaluation.comparison import SystemComparison, SystemResult
from edge_fer.evaluation.conditions import ORIGINAL, of_sweeps
from edge_fer.evaluation.face_set import LabelledFaces
from edge_fer.evaluation.origin import Origin
from edge_fer.evaluation.page import comparison_page
from edge_fer_bench.report import fleet_page, run_page
from edge_fer_bench.results import load_run
from edge_fer_train import report as training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
CONVERSION = Path(__file__).with_name("conversion.json")
"""What `edge-fer convert --json` prints in the tutorial, and what a tool might have said."""
COMMAND = "edge-fer eval " + " ".join(f"a-system-with-a-long-name-{number}" for number in range(9))
ORIGIN = Origin(COMMAND, datetime(2026, 12, 1, 4, 5, tzinfo=UTC), "a board, 4 cores")


def _faces_and_scores() -> tuple[LabelledFaces, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 300)
    scores = rng.dirichlet(np.ones(7), 300) + np.eye(7)[labels]
    paths = tuple(f"{number}.png" for number in range(300))
    return LabelledFaces(np.zeros((300, 8, 8), np.uint8), labels, paths, FER2013), (scores / 2).astype(np.float32)


def _eval(_: Path) -> str:
    faces, scores = _faces_and_scores()
    results = []
    for system in ("compact@litert-int8", "cloud"):
        for condition in (ORIGINAL, *of_sweeps(["noise"])):
            found = evaluate(scores, faces.labels, faces.names)
            results.append(SystemResult(system, condition, found, scores, found))
    return comparison_page(SystemComparison("faces.zip", faces, tuple(results)), ORIGIN)


def _kept_run(name: str) -> Path:
    path = RESULTS / name / "bench.json.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there; the results of benchmarks are part of a clone")
    return path


def _bench(_: Path) -> str:
    return run_page(load_run(_kept_run("x86-64-epyc-avx2-2core")))


def _fleet(_: Path) -> str:
    run = load_run(_kept_run("x86-64-epyc-avx2-2core"))
    return fleet_page({"kitchen": run, "gate": run})


def _train(folder: Path) -> str:
    faces, scores = _faces_and_scores()
    history = []
    for number in range(1, 6):
        figures = {"loss": 2 / number, "accuracy": 0.1 * number, "validation_loss": 2.2 / number, "seconds": 9.0}
        history.append({"epoch": number, "size_px": 48, "validation_accuracy": 0.08 * number, **figures})
    training.write(folder, "compact", history, scores, faces, np.arange(300) > 50)
    return (folder / "report.html").read_text()


def _convert(_: Path) -> str:
    pytest.importorskip("tensorflow", reason="the page of a conversion needs edge-fer[convert]")
    from edge_fer_convert.report import html_page

    return html_page(json.loads(CONVERSION.read_text()), ORIGIN)


PAGES = {"convert": _convert, "eval": _eval, "bench": _bench, "fleet": _fleet, "train": _train}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes a page once, and returns its path."""
    folder = tmp_path_factory.mktemp("pages")

    def write(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(PAGES[name](folder))
        return path

    return write


@pytest.fixture
def opened(browser: Browser, written: Callable[[str], Path]) -> Iterator[Callable[..., Page]]:
    """Opens pages without scripts of their own, and demands that none asks for anything."""
    contexts = []
    asked: list[str] = []

    def open_page(name: str, scheme: str = "light", width_px: int = 1280) -> Page:
        viewport = {"width": width_px, "height": 844}
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(written(name).as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert all(url.startswith("file:") and url.endswith(".html") for url in asked), asked


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_clipped_and_only_boxes_scroll(name: str, opened: Callable[..., Page]) -> None:
    for width_px in (1280, 390):
        page = opened(name, width_px=width_px)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width_px
        outside = page.evaluate(
            """(width) => [...document.querySelectorAll("body *")]
                .filter((one) => !one.closest(".wide") && one.getBoundingClientRect().right > width)
                .map((one) => one.outerHTML.slice(0, 200))""",
            width_px,
        )
        assert outside == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    name: str, scheme: str, opened: Callable[..., Page], violations: Callable[[Page], list[str]]
) -> None:
    page = opened(name, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert violations(page) == []


def test_a_word_is_explained_under_the_pointer_and_under_the_focus(opened: Callable[..., Page]) -> None:
    page = opened("eval")
    shown = "(one) => getComputedStyle(one, '::after').content.includes('Mean of the F-scores')"
    word = page.locator(".term", has_text="macro-F1").first
    assert not word.evaluate(shown)
    word.hover()
    assert word.evaluate(shown)
    page.mouse.move(0, 0)
    assert not word.evaluate(shown)
    page.keyboard.press("Tab")  # the focus that a keyboard gives is another than that of a script
    word.focus()
    assert word.evaluate(shown)
    page.keyboard.press("Enter")
    assert page.url.endswith("#word-macro-f1")
    assert page.locator("#word-macro-f1 + dd").inner_text().startswith("Mean of the F-scores")


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_figures_follow_the_scheme(scheme: str, dark: bool, opened: Callable[..., Page]) -> None:
    page = opened("train", scheme)
    paper, text = page.evaluate(
        """() => [getComputedStyle(document.querySelector(".plot path")).fill,
                  getComputedStyle(document.querySelector(".plot text")).fill]"""
    )

    def light(colour: str) -> bool:
        return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(","))) > 380

    assert light(paper) != dark
    assert light(text) == dark
