"""Exports for NPUs: what their compilers take. The compilers themselves are not here."""

from __future__ import annotations

import ast
import json
import os
from dataclasses import replace

import numpy as np
import pytest

for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

import keras  # noqa: E402

from edge_fer.errors import BadInput, EdgeFerError, MissingDependency  # noqa: E402
from edge_fer_convert import exports  # noqa: E402
from edge_fer_convert.formats import onnx_file  # noqa: E402

LOG = """\
Edge TPU Compiler version 16.0.384591198

Model compiled successfully in 12 ms.

Number of operations: 9
Number of operations that will run on Edge TPU: 7
Number of operations that will run on CPU: 2

Operator                       Count      Status

CONV_2D                        3          Mapped to Edge TPU
SOFTMAX                        1          Mapped to Edge TPU
GATHER                         2          Operation is not supported
"""


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """A stand-in for edgetpu_compiler: copies the model and prints a log, or fails."""

    def put(fails=False):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "log").write_text("ERROR: Invalid model\nInvalid model: version 7 is not known" if fails else LOG)
        action = "exit 1" if fails else 'cp "$4" "$3/model_edgetpu.tflite"'
        (folder / "edgetpu_compiler").write_text(f'#!/bin/sh\ncat "{folder}/log"\n{action}\n')
        (folder / "edgetpu_compiler").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return put


@pytest.mark.parametrize("name", ["hailo", "imx500"])
def test_a_folder_holds_what_the_compiler_takes_and_says_that_nobody_ran_it(name, finished, tmp_path):
    conversion, _ = finished
    said = exports.write_export(name, conversion, tmp_path / "mine")
    folder = tmp_path / f"mine-{name}"
    assert said.startswith(f"{name}: {folder}: not executed here; calibration.npy holds 100 faces of people")
    values = np.load(folder / "calibration.npy")
    assert np.array_equal(values, conversion.calibration.values)
    text = (folder / "README.md").read_text()
    assert "**Nothing here has been compiled or executed by edge-fer.**" in text
    assert "**`calibration.npy` holds pictures of people.**" in text
    facts = json.loads((folder / "export.json").read_text())
    assert facts["labels"] == list(conversion.job.metadata.labels)
    assert facts["executed_here"] is False
    for file in folder.iterdir():
        assert file.name == "README.md" or f"`{file.name}`" in text


def test_the_float_models_are_the_opened_one(finished, network, tmp_path):
    conversion, _ = finished
    values = conversion.calibration.values[:8]
    expected = network.predict(values, verbose=0)
    exports.write_export("hailo", conversion, tmp_path / "mine")
    exports.write_export("imx500", conversion, tmp_path / "mine")
    answered = onnx_file.run((tmp_path / "mine-hailo" / "model.onnx").read_bytes(), values)
    assert np.allclose(answered, expected, atol=1e-4)
    model = keras.saving.load_model(tmp_path / "mine-imx500" / "model.keras")
    assert np.allclose(model.predict(values, verbose=0), expected, atol=1e-5)
    ast.parse((tmp_path / "mine-imx500" / "quantize.py").read_text())


def test_the_edge_tpu_file_is_compiled_and_what_stays_on_the_cpu_is_said(finished, compiler, tmp_path):
    compiler()
    conversion, _ = finished
    said = exports.write_export("edgetpu", conversion, tmp_path / "mine")
    assert said.endswith("7 operations on the Edge TPU, 2 on the CPU: 2 GATHER (Operation is not supported)")
    folder = tmp_path / "mine-edgetpu"
    assert (folder / "model_edgetpu.tflite").read_bytes() == conversion.target("litert-int8").chosen.files.content
    assert (folder / "compiler.log").read_text().strip() == LOG.strip()
    assert not (folder / "calibration.npy").exists()


def test_a_compiler_that_refuses_is_quoted_and_leaves_nothing(finished, compiler, tmp_path):
    compiler(fails=True)
    with pytest.raises(EdgeFerError, match=r"refuses the model: ERROR: Invalid model") as refused:
        exports.write_export("edgetpu", finished[0], tmp_path / "mine")
    assert "version 7 is not known" in str(refused.value.__cause__)
    assert not (tmp_path / "mine-edgetpu").exists()


def test_everything_on_the_edge_tpu_is_said_in_short():
    assert exports.left_on_cpu(LOG.replace("CPU: 2", "CPU: 0")).endswith("all operations on the Edge TPU")


def test_what_cannot_be_exported_is_said_before_any_work(float_model, monkeypatch):
    with pytest.raises(BadInput, match=r"imx500 cannot be exported: .* takes a Keras model"):
        exports.refuse_impossible(["imx500"], replace(float_model, original=None))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependency, match="edgetpu needs edgetpu_compiler, which is not installed"):
        exports.refuse_impossible(["edgetpu"], float_model)
    exports.refuse_impossible(["imx500", "hailo"], float_model)


def test_only_an_export_is_replaced(finished, tmp_path):
    exports.write_export("hailo", finished[0], tmp_path / "mine")
    folder = exports.folder_of("hailo", tmp_path / "mine")
    with pytest.raises(BadInput, match="exists"):
        exports.refuse_existing(folder, force=False)
    exports.refuse_existing(folder, force=True)
    (folder / "export.json").unlink()
    with pytest.raises(BadInput, match="is no export"):
        exports.refuse_existing(folder, force=True)
