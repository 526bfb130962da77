from __future__ import annotations

import re
import shlex
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer.cli import main
from edge_fer.errors import BadInput, MissingDependency
from edge_fer_convert import opening
from edge_fer_convert.formats import onnx_file, pt2_file, tflite_file
from edge_fer_convert.opening import open_model
from edge_fer_convert.opening.choices import Choices
from edge_fer_convert.pytorch import process

PAGE = Path(__file__).parents[4] / "docs" / "convert-pytorch.md"
HAVE_ALL = all(util.find_spec(name) for name in process.NEEDED)
needs_all = pytest.mark.skipif(not HAVE_ALL, reason="litert-torch is not installed: pip install -e '.[torch]'")
FACES = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)


@pytest.fixture(scope="module")
def network():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e '.[torch]'")
    from torch import nn

    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU6(), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*layers, nn.Conv2d(8, 16, 3), nn.Hardswish(), nn.Flatten(), nn.Linear(576, 7)).eval()


def _right(network):
    import torch

    with torch.no_grad():
        return network(torch.from_numpy(FACES.transpose(0, 3, 1, 2).copy())).numpy()


def _save(network, path, **settings):
    import torch

    torch.export.save(torch.export.export(network, (torch.zeros(2, 3, 32, 32),), **settings), path)
    return path


@pytest.fixture(scope="module")
def archive(network, tmp_path_factory):
    import torch

    return _save(
        network, tmp_path_factory.mktemp("torch") / "mine.pt2", dynamic_shapes=({0: torch.export.Dim("batch")},)
    )


@pytest.fixture(scope="module")
def opened(archive):
    return open_model(archive)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".pkl"])
def test_pickles_are_never_opened_and_the_way_round_is_named(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(BadInput, match=r"pickles may hold code.*torch\.export\.save"):
        open_model(path)


def test_without_litert_torch_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "NEEDED", ("litert_torch_that_is_not_there",))
    contents = pt2_file.Contents((1, 3, 32, 32), {"scores": (1, 7)})
    monkeypatch.setattr(opening.torch_models.pt2_file, "read", lambda path: contents)
    (tmp_path / "mine.pt2").touch()
    with pytest.raises(MissingDependency, match=r"edge-fer\[torch\].*--torch-python"):
        open_model(tmp_path / "mine.pt2")


def test_a_python_that_is_not_there_is_told(tmp_path):
    with pytest.raises(MissingDependency, match="no Python at"):
        process.TorchProcess(tmp_path / "python").require()


def test_a_file_that_is_no_program_is_told(tmp_path):
    (tmp_path / "python").write_text("nothing")
    with pytest.raises(MissingDependency, match=r"python cannot be executed: Permission denied"):
        process.TorchProcess(tmp_path / "python").require()


def test_a_python_whose_pytorch_is_broken_is_told(tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho \'{"error": "ImportError: libtorch.so: no such file"}\'\n')
    python.chmod(0o755)
    with pytest.raises(MissingDependency, match=r"cannot use PyTorch: ImportError: libtorch\.so"):
        process.TorchProcess(python).require()


def test_a_python_without_edge_fer_is_told(tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "No module named edge_fer_convert" >&2\nexit 1\n')
    python.chmod(0o755)
    with pytest.raises(MissingDependency, match="No module named edge_fer_convert"):
        process.TorchProcess(python).require()


@needs_all
def test_every_form_computes_what_pytorch_does(network, opened):
    assert opened.shape == (1, 3, 32, 32)
    right = _right(network)
    assert np.allclose(opened.original.scores(FACES), right, atol=1e-6)
    assert np.allclose(tflite_file.run(opened.tflite, FACES), right, atol=1e-5)
    assert np.allclose(onnx_file.run(opened.onnx, FACES), right, atol=1e-5)
    assert opened.can_be("litert-int8") is None
    layers = opened.original.tensors(FACES)
    assert next(iter(layers)).startswith("0 (")
    assert layers["7 (linear)"].shape == (3, 7)


@needs_all
def test_no_path_of_this_machine_is_in_a_form(opened):
    for content in opened.tflite, opened.onnx:
        for path in (sys.prefix, str(Path(__file__).parent), "site-packages"):
            assert path.encode() not in content


@needs_all
def test_an_onnx_becomes_litert(network, tmp_path):
    import torch

    program = torch.export.export(network, (torch.zeros(1, 3, 32, 32),))
    torch.onnx.export(program, dynamo=True, external_data=False, verbose=False).save(tmp_path / "mine.onnx")
    opened = open_model(tmp_path / "mine.onnx")
    assert np.allclose(tflite_file.run(opened.tflite, FACES), _right(network), atol=1e-5)


@needs_all
def test_a_tool_that_fails_costs_its_own_targets_only(archive, monkeypatch):
    def fail(*arguments):
        raise process.ToolError("RuntimeError: no lowering for aten.nothing")

    monkeypatch.setattr(process.TorchProcess, "to_litert", fail)
    opened = open_model(archive)
    assert "no lowering for aten.nothing" in str(opened.can_be("litert-int8"))
    assert opened.can_be("onnx-int8") is None
    monkeypatch.setattr(process.TorchProcess, "to_onnx", fail)
    with pytest.raises(BadInput, match=r"cannot become LiteRT .*, nor ONNX"):
        open_model(archive)


@needs_all
def test_a_fixed_batch_is_refused(network, tmp_path):
    with pytest.raises(BadInput, match="batch is fixed to 2"):
        open_model(_save(network, tmp_path / "two.pt2"), Choices())


@needs_all
def test_the_example_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(program, str(PAGE), "exec"), {})  # noqa: S102
    (commands,) = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "verify" in block]
    for line in commands.strip().splitlines():
        result = CliRunner().invoke(main, shlex.split(line)[1:])
        assert result.exit_code == 0, result.output
    made = {path.name for path in Path("mine").iterdir()}
    assert {"litert-int8.tflite", "onnx-int8.onnx", "openvino-int8.xml"} <= made
