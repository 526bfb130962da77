"""Detectors in a benchmark: measured on the film, shown, and part of what is recommended."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.bundle import load
from edge_fer.detectors import Face
from edge_fer.detectors.haar import HaarDetector
from edge_fer.errors import BadInput
from edge_fer_bench import command, detection, table
from edge_fer_bench.candidates import candidates_of_bundle
from edge_fer_bench.recommendation import find_best
from edge_fer_bench.results import Detection, load_run, save_run
from edge_fer_bench.scene import Film, Scene
from edge_fer_bench.worker import Worker

GOLDEN = Path(__file__).parents[2] / "golden"
TINY = GOLDEN / "tiny"
SCENE = Scene(frames=5)


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.npy"
    SCENE.draw(path)
    return path


def found(share: float) -> Detection:
    return Detection(search_cpu_ms=(5.0,), follow_cpu_ms=(1.0,), faces=100, found=round(100 * share), false=0)


def test_all_faces_of_the_film_are_found_by_the_cascades(film):
    answer = detection.measure(HaarDetector(), Film(film), detection.truth(SCENE))
    assert (answer["faces"], answer["found"], answer["false"]) == (5, 5, 0)
    assert len(answer["search_cpu_ms"]) == len(answer["follow_cpu_ms"]) == 5


def test_each_find_counts_for_one_face(film):
    class Twice:
        name = "twice"

        def search(self, gray, reduced=1):
            return [Face(Box(10, 10, 50, 50), 0.9), Face(Box(12, 10, 50, 50), 0.8)]

        def follow(self, gray, last, roll_deg=0.0):
            return None

    answer = detection.measure(Twice(), Film(film), [(0, [(10, 10, 50, 50), (300, 300, 50, 50)]), (1, [])])
    assert (answer["faces"], answer["found"], answer["false"]) == (2, 1, 3)


def test_long_films_are_searched_now_and_then():
    frames = detection.truth(Scene(frames=151, width_px=64, height_px=64))
    assert [index for index, _ in frames][:3] == [0, 5, 10]
    assert len(frames) == 31


def test_each_detector_is_a_candidate_of_each_target():
    bundle = load(TINY, trusted=True)
    usual = candidates_of_bundle(str(TINY), bundle, [1], "litert-int8")
    with_both = candidates_of_bundle(str(TINY), bundle, [1], "litert-int8", None, ["haar", "yunet:/a/b.onnx"])
    assert [candidate.detector for candidate in (*usual, *with_both)] == ["haar", "haar", "yunet"]
    assert [candidate.name for candidate in with_both] == ["tiny litert-int8 x1 haar", "tiny litert-int8 x1 yunet"]
    assert ["detect" in candidate.capabilities for candidate in (*usual, *with_both)] == [False, True, True]
    assert with_both[1].command[-2:] == ("--detector", "yunet:/a/b.onnx")


def test_a_worker_finds_faces_with_the_detector_that_it_was_told(film):
    options = argparse.Namespace(
        model=str(TINY), manifest=None, target="litert-int8", backend=None, threads=1, scene=film, fps=30.0,
        detector=f"yunet:{GOLDEN / 'yunet.onnx'}",
    )  # fmt: skip
    worker = Worker(options)
    assert worker.pipeline.tracker.detector.name == "yunet"
    answer = worker.answer({"do": "detect", "frames": [[0, []], [1, []]]})
    assert len(answer["search_cpu_ms"]) == 2
    assert answer["faces"] == 0


def test_the_detector_and_its_figures_are_kept_and_shown(make, tmp_path):
    measured = make.measurement(name="mine x1 yunet", detector="yunet", detection=found(0.93))
    save_run(make.run(measured), tmp_path / "run.json")
    run = load_run(tmp_path / "run.json")
    assert run.measurements[0].detection == found(0.93)
    assert "93% of 100 faces" in table.render(run)
    (figures,) = table.figures(run)["cells"]
    assert (figures["detector"], figures["faces_found"]) == ("yunet", 0.93)


def test_without_a_detector_there_is_no_table_of_them(make):
    run = make.run()
    assert run.measurements[0].detector == "haar"
    assert "search CPU ms" not in table.render(run)


def test_the_fastest_detector_that_finds_enough_is_recommended(make):
    slow = make.measurement(name="haar", seed=1, detect=3.0, detector="haar", detection=found(0.90))
    fast = make.measurement(name="yunet", seed=2, detector="yunet", detection=found(0.92))
    blind = make.measurement(name="blazeface", seed=3, detect=0.1, detector="blazeface", detection=found(0.85))
    best = find_best(make.run(slow, fast, blind))
    assert best.measurement == fast
    assert "with 1 thread and the detector yunet" in best.sentences()[0]


def test_int8_is_compared_with_float32_behind_the_same_detector(make):
    int8 = make.measurement(seed=1, detector="yunet", detection=found(1.0))
    float32 = make.measurement("litert-float32", seed=2, classify=3.0, detector="yunet", detection=found(1.0))
    other = make.measurement("litert-float32", seed=3, detect=2.0, classify=3.0, detector="haar", detection=found(1.0))
    best = find_best(make.run(int8, other, float32))
    assert best.float32 == float32


def test_more_faces_than_there_are_cannot_be_found():
    with pytest.raises(ValueError, match="2 of 1 faces"):
        Detection(search_cpu_ms=(), follow_cpu_ms=(), faces=1, found=2, false=0)


def test_detectors_are_opened_before_anything_is_measured(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert command._detectors(()) == ()
    assert command._detectors(("haar",)) == ("haar",)
    with pytest.raises(BadInput, match="haar is named twice"):
        command._detectors(("haar", "haar"))
    with pytest.raises(BadInput, match="yunet needs its model file"):
        command._detectors(("yunet",))
    Path("mine.onnx").write_bytes((GOLDEN / "yunet.onnx").read_bytes())
    assert command._detectors(("yunet:mine.onnx",)) == (f"yunet:{tmp_path / 'mine.onnx'}",)


@pytest.mark.parametrize(("kind", "written"), [("yunet", "yunet:/m.onnx"), ("haar", None)])
def test_the_profile_names_any_detector_but_the_default(make, kind, written):
    best = find_best(make.run(make.measurement(detector=kind, detection=found(1.0))))
    assert command._worth_writing(best, ("haar", "yunet:/m.onnx")) == written
    assert command._worth_writing(best, ()) is None


def test_what_was_not_measured_is_no_median():
    nobody = Detection(search_cpu_ms=(), follow_cpu_ms=(), faces=0, found=0, false=0)
    assert nobody.share is None
    assert detection._median(nobody.follow_cpu_ms) == "–"
    assert detection._median(tuple(np.arange(3.0))) == "1.00"
