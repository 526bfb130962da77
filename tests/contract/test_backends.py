"""The suite that every backend passes. A new backend adds a class of three lines."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from importlib import metadata
from typing import ClassVar

import numpy as np
import pytest

from edge_fer import backends
from edge_fer.backends import ModelFile, litert, openvino
from edge_fer.errors import BackendError, BadInput, MissingDependency
from edge_fer.evaluation.labelled import load_faces


def _file(tiny, target: str | None = None) -> ModelFile:
    chosen = tiny.target(target)
    weights = tiny.read(chosen.weights) if chosen.weights else b""
    return ModelFile(tiny.read(chosen), tiny.manifest.preprocess, tiny.manifest.labels, weights=weights)


class BackendSuite:
    """Inherited by each backend; one whose runtime is not installed skips, and says so."""

    name: ClassVar[str]
    target: ClassVar[str]
    runtimes: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture
    def model(self, tiny) -> ModelFile:
        if self.runtimes and not any(importlib.util.find_spec(module) for module in self.runtimes):
            pytest.skip(f"none of {', '.join(self.runtimes)} is installed")
        return _file(tiny, self.target)

    @pytest.fixture
    def backend(self, model):
        loaded = backends.load(self.name, model)
        yield loaded
        loaded.close()

    @pytest.fixture
    def crops(self) -> np.ndarray:
        return np.random.default_rng(0).integers(0, 256, (5, 16, 16)).astype(np.uint8)

    def test_its_info_tells_what_executes(self, backend):
        info = backend.info
        assert info.name == self.name
        assert info.runtime
        assert info.version[0].isdigit()
        assert info.threads == 1
        assert info.precision in {"int8", "uint8", "float32"}
        assert info.computes in {"int8", "float16", "float32", "mixed"}

    @pytest.mark.parametrize("count", [0, 1, 5])
    def test_each_crop_gets_a_row_of_probabilities(self, backend, crops, count):
        scores = backend.run(crops[:count])
        assert scores.shape == (count, 3)
        assert scores.dtype == np.float32
        assert ((scores >= 0) & (scores <= 1)).all()
        assert np.allclose(scores.sum(axis=1), 1, atol=0.02)

    def test_each_crop_is_scored_by_itself(self, backend, crops):
        together = backend.run(crops)
        alone = np.concatenate([backend.run(crops[n : n + 1]) for n in range(len(crops))])
        assert np.array_equal(together, alone)

    def test_neither_crops_nor_earlier_scores_are_changed(self, backend, crops):
        before = crops.copy()
        first = backend.run(crops)
        kept = first.copy()
        backend.run(255 - crops)
        assert np.array_equal(crops, before)
        assert np.array_equal(first, kept)

    def test_crops_need_not_be_contiguous(self, backend, crops):
        spread = np.zeros((5, 32, 32), np.uint8)
        spread[:, ::2, ::2] = crops
        assert np.array_equal(backend.run(spread[:, ::2, ::2]), backend.run(crops))

    def test_the_answer_depends_on_the_crop(self, backend):
        dark = np.zeros((1, 16, 16), np.uint8)
        bright = np.full((1, 16, 16), 255, np.uint8)
        assert not np.array_equal(backend.run(dark), backend.run(bright))

    @pytest.mark.parametrize(
        "crops",
        [
            np.zeros((1, 16, 17), np.uint8),
            np.zeros((16, 16), np.uint8),
            np.zeros((1, 16, 16, 1), np.uint8),
            np.zeros((1, 16, 16), np.float32),
        ],
        ids=["size", "no batch", "channel", "dtype"],
    )
    def test_other_crops_are_refused(self, backend, crops):
        with pytest.raises(BadInput, match="this model takes"):
            backend.run(crops)

    def test_after_closing_it_does_not_run(self, backend, crops):
        backend.close()
        backend.close()
        with pytest.raises(BackendError, match="closed"):
            backend.run(crops)

    def test_threads_change_no_answer(self, model, backend, crops):
        two = backends.load(self.name, replace(model, threads=2))
        assert np.allclose(two.run(crops), backend.run(crops), atol=1e-5)
        two.close()


class RealBackendSuite(BackendSuite):
    """What holds for a backend that reads a model file."""

    def test_golden_answers(self, backend, tiny):
        golden = tiny.golden()
        assert np.allclose(backend.run(golden.inputs), golden.answers[self.target], atol=2.5 / 256)

    @pytest.mark.parametrize("content", [b"", b"nonsense", bytes(1000)])
    def test_content_that_is_no_model_is_refused(self, model, content):
        with pytest.raises(BackendError):
            backends.load(self.name, replace(model, content=content))

    def test_a_model_of_other_labels_is_refused(self, model):
        with pytest.raises(BackendError, match="the manifest says"):
            backends.load(self.name, replace(model, labels=("a", "b")))

    def test_a_model_of_another_size_is_refused(self, model):
        larger = model.preprocess.model_copy(update={"size_px": 32})
        with pytest.raises(BackendError, match="the manifest says"):
            backends.load(self.name, replace(model, preprocess=larger))

    def test_another_range_of_values_is_another_input(self, model, backend, crops):
        stretched = model.preprocess.model_copy(update={"low": 1.0, "high": 0.0})
        negative = backends.load(self.name, replace(model, preprocess=stretched))
        assert np.allclose(negative.run(255 - crops), backend.run(crops), atol=1 / 256)
        negative.close()


LITERT = ("ai_edge_litert", "tflite_runtime", "tensorflow")


class TestLiteRTInt8(RealBackendSuite):
    name, target, runtimes = "litert", "litert-int8", LITERT

    def test_it_knows_that_it_is_quantized(self, backend):
        assert backend.info.precision == "int8"
        assert backend.info.computes == "int8"

    def test_the_models_input_is_the_pixel_minus_128(self, model, int8_input):
        assert np.array_equal(int8_input(model).table[:, 0], np.arange(-128, 128, dtype=np.int8))


class TestLiteRTFloat32(RealBackendSuite):
    name, target, runtimes = "litert", "litert-float32", LITERT


class TestOpenVINOInt8(RealBackendSuite):
    name, target, runtimes = "openvino", "openvino-int8", ("openvino",)

    def test_it_warns_if_it_does_not_compute_in_int8(self, model, monkeypatch, caplog):
        """As on Arm, where it executes int8 models in floats; here the executed graph is made to say so."""
        monkeypatch.setattr(openvino, "executed_precision", lambda compiled: "float16")
        loaded = backends.load(self.name, model)
        assert loaded.info.computes == "float16"
        assert "computes this int8 model in float16" in caplog.text
        loaded.close()


class TestOpenVINOFloat32(RealBackendSuite):
    name, target, runtimes = "openvino", "openvino-float32", ("openvino",)

    def test_float32_is_computed_in_float32(self, backend):
        assert backend.info.computes == "float32"

    @pytest.mark.parametrize(
        "start", [b"<!DOCTYPE net [<!ENTITY a 'x'>]>", b"<?xml version='1.0'?><!-- x --><other>", b"\x08\x09", b"PK"]
    )
    def test_other_formats_than_its_own_are_refused(self, model, start):
        with pytest.raises(BackendError, match="no IR of OpenVINO"):
            backends.load("openvino", replace(model, content=start + model.content))


class TestOnnxInt8(RealBackendSuite):
    name, target, runtimes = "onnx", "onnx-int8", ("onnxruntime",)

    def test_it_knows_that_it_is_quantized(self, backend):
        assert backend.info.computes == "int8"


class TestOnnxFloat32(RealBackendSuite):
    name, target, runtimes = "onnx", "onnx-float32", ("onnxruntime",)

    def test_it_knows_that_it_is_not_quantized(self, backend):
        assert backend.info.computes == "float32"


class TestFake(BackendSuite):
    name, target = "fake", "litert-int8"


def test_every_backend_of_the_table_has_a_suite():
    suites = {suite.name for suite in (TestLiteRTInt8, TestOpenVINOInt8, TestOnnxInt8, TestFake)}
    assert suites == backends.BACKENDS.keys()


def test_drawn_faces_can_be_classified(tiny, drawn_zip):
    faces = load_faces(drawn_zip)
    model = _file(tiny)
    assert backends.load("litert", model).run(faces.crops(model.preprocess)).shape == (28, 3)


@pytest.mark.parametrize("installed", ["ai-edge-litert", "tflite-runtime", "tensorflow"])
def test_litert_is_taken_under_whichever_name_it_is_installed(monkeypatch, tiny, installed):
    """Each name stands for the same API; the one that is here stands in for the others."""

    def version(distribution):
        if distribution != installed:
            raise metadata.PackageNotFoundError(distribution)
        return "9.9"

    monkeypatch.setattr(litert.metadata, "version", version)
    monkeypatch.setattr(litert, "RUNTIMES", dict.fromkeys(litert.RUNTIMES, "ai_edge_litert.interpreter"))
    loaded = litert.load(_file(tiny))
    assert (loaded.info.runtime, loaded.info.version) == (installed, "9.9")


def test_without_any_litert_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(litert, "RUNTIMES", {})
    with pytest.raises(MissingDependency, match="pip install ai-edge-litert"):
        litert.find_runtime()


@pytest.mark.parametrize(("name", "module"), [("openvino", "openvino"), ("onnx", "onnxruntime")])
def test_without_a_runtime_its_remedy_is_named(monkeypatch, tiny, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency, match=rf"pip install 'edge-fer\[{name}\]'"):
        backends.load(name, _file(tiny, f"{name}-float32"))


@pytest.fixture
def broken_litert(tmp_path, monkeypatch):
    """A LiteRT whose library wants a newer system than this one."""
    (tmp_path / "broken_litert").mkdir()
    (tmp_path / "broken_litert" / "__init__.py").write_text(
        'raise ImportError("/lib/libstdc++.so.6: version `GLIBCXX_3.4.32\' not found")'
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(litert.metadata, "version", lambda distribution: "9.9")
    return {"ai-edge-litert": "broken_litert.interpreter"}


def test_a_litert_that_cannot_be_loaded_is_told_with_what_may_do_instead(broken_litert, monkeypatch):
    monkeypatch.setattr(litert, "RUNTIMES", broken_litert)
    with pytest.raises(MissingDependency) as caught:
        litert.find_runtime()
    words = str(caught.value)
    assert words.startswith("ai-edge-litert 9.9 cannot be loaded: /lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not")
    assert "this system is too old for it" in words
    assert words.endswith("tflite-runtime, an older ai-edge-litert or a newer system may do instead")


def test_the_next_litert_is_taken_where_the_first_cannot_be_loaded(broken_litert, monkeypatch, tiny, caplog):
    pytest.importorskip("ai_edge_litert")
    runtimes = {**broken_litert, "tflite-runtime": "ai_edge_litert.interpreter"}
    monkeypatch.setattr(litert, "RUNTIMES", runtimes)
    loaded = litert.load(_file(tiny))
    assert loaded.info.runtime == "tflite-runtime"
    assert "GLIBCXX_3.4.32' not found" in caplog.text
    assert "tflite-runtime 9.9 is taken instead" in caplog.text


@pytest.mark.parametrize("raised", ["ValueError", "OSError", "RuntimeError", "AttributeError"])
@pytest.mark.parametrize(("name", "module"), [("openvino", "openvino"), ("onnx", "onnxruntime")])
def test_a_runtime_that_cannot_be_loaded_is_told_in_its_own_words(tmp_path, monkeypatch, tiny, name, module, raised):
    for loaded in [entry for entry in sys.modules if entry.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    (tmp_path / f"{module}.py").write_text(f"raise {raised}('numpy.dtype size changed')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependency, match=rf"cannot be loaded: {raised}: numpy.dtype size changed; .*NumPy"):
        backends.load(name, _file(tiny, f"{name}-float32"))
