"""The public names of edge_fer_convert, and a conversion that uses nothing else."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import edge_fer_convert
from edge_fer.bundle import load

HEAVY = ("numpy", "cv2", "pydantic", "tensorflow", "keras", "onnx")


def require_the_converters():
    for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2"):
        pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")


def test_the_door_lists_its_names_and_no_others():
    assert dir(edge_fer_convert) == sorted(edge_fer_convert.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        edge_fer_convert.nonsense  # noqa: B018


@pytest.mark.parametrize("name", edge_fer_convert.__all__)
def test_every_exported_name_can_be_imported(name):
    require_the_converters()
    assert getattr(edge_fer_convert, name) is not None


def test_no_exported_name_is_that_of_a_module():
    """A module that is imported would hide it."""
    modules = {module.name for module in pkgutil.iter_modules(edge_fer_convert.__path__)}
    assert not modules & set(edge_fer_convert.__all__)


def test_importing_the_package_imports_nothing_heavy():
    code = f"import sys, edge_fer_convert; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_keras_model_in_memory_becomes_a_bundle_in_four_lines(network, faces, tmp_path):
    require_the_converters()
    from edge_fer_convert import Data, Job, ModelMetadata, convert, open_model, write_bundle

    model = open_model(network)
    people = Data.load(f"{faces}#train")
    metadata = ModelMetadata("mine", people.labels, model.preprocess())
    write_bundle(convert(Job(model, metadata, people, targets=("onnx-int8",))), tmp_path / "my-bundle")

    manifest = load(tmp_path / "my-bundle").manifest
    assert (manifest.name, len(manifest.labels)) == ("mine", 7)
    assert manifest.calibration.data == faces.name
    assert [target.runtime for target in manifest.targets] == ["onnx"]
