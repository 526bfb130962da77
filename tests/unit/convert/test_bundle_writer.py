from __future__ import annotations

from pathlib import Path

import pytest

for module in ("tensorflow", "ai_edge_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

from edge_fer.bundle import load  # noqa: E402
from edge_fer.classifier import Classifier  # noqa: E402
from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.errors import BadInput, GateFailed, SinkError  # noqa: E402
from edge_fer_convert import write_bundle  # noqa: E402
from edge_fer_convert.bundle_writer import Artifact, write_artifacts  # noqa: E402


def test_the_bundle_verifies_and_holds_the_measured_figures(finished, tmp_path):
    conversion, _ = finished
    write_bundle(conversion, tmp_path / "bundle")
    bundle = load(tmp_path / "bundle")
    manifest = bundle.manifest
    assert (manifest.name, manifest.licence, manifest.labels) == ("mine", "MIT", FER2013)
    assert manifest.calibration.images == 100
    assert manifest.calibration.sha256 == conversion.calibration.sha256
    for target, result in zip(manifest.targets, conversion.results, strict=True):
        assert target.evaluation.accuracy == result.chosen.comparison.accuracy
        assert target.evaluation.drop_interval_points[0] <= target.evaluation.drop_points
        with Classifier(bundle, target.name) as classifier:
            assert classifier.check_golden().passed
    with pytest.raises(BadInput, match="exists; pass another name, or --force"):
        write_bundle(conversion, tmp_path / "bundle")


def test_the_bundle_is_as_accurate_as_its_manifest_says(finished, tmp_path, evaluation_faces):
    conversion, _ = finished
    write_bundle(conversion, tmp_path / "bundle")
    bundle = load(tmp_path / "bundle")
    for target in bundle.manifest.targets:
        with Classifier(bundle, target.name) as classifier:
            right = classifier.scores(evaluation_faces.images).argmax(axis=1) == evaluation_faces.labels
        assert right.mean() == pytest.approx(target.evaluation.accuracy, abs=0.01), target.name


def test_a_full_disk_leaves_nothing_behind(finished, tmp_path):
    conversion, _ = finished
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (8_000, before[1])
    )  # the system refuses longer files, as a full disk does
    try:
        with pytest.raises(SinkError, match=r"cannot be written \(File too large\).*nothing was left there"):
            write_bundle(conversion, tmp_path / "bundle")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_leaves_nothing_behind(finished, tmp_path, monkeypatch):
    conversion, _ = finished
    written = []

    def interrupted(path, content):
        written.append(path)
        if len(written) == 3:
            raise KeyboardInterrupt
        with path.open("wb") as file:
            file.write(content)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(conversion, tmp_path / "bundle")
    assert len(written) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_cannot_be_replaced_stays(finished, tmp_path, monkeypatch):
    conversion, _ = finished
    write_bundle(conversion, tmp_path / "bundle")
    before = {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()}
    rename = Path.rename

    def fails(self, target):
        if ".part-" in self.name:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(SinkError, match=r"cannot be written \(Input/output error\)"):
        write_bundle(conversion, tmp_path / "bundle", force=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_file_that_was_not_quantized_is_not_called_int8(finished, tmp_path):
    conversion, _ = finished
    results = {result.target: result for result in conversion.results}
    plain = results["litert-float32"].chosen.files
    artifact = Artifact("litert-int8", plain, "static int8")
    with pytest.raises(GateFailed, match="litert-int8 computes in float32: its quantizer has left all layers"):
        write_artifacts(tmp_path / "bundle", conversion.job.metadata, [artifact])
    assert not (tmp_path / "bundle").exists()
