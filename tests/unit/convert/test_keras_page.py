"""The example of docs/convert-keras.md runs from its first to its last line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

from edge_fer.bundle import load  # noqa: E402
from edge_fer.cli import main  # noqa: E402

PAGE = Path(__file__).parents[3] / "docs" / "convert-keras.md"
if not PAGE.is_file():
    pytest.skip("the documents of a clone are not part of the wheel", allow_module_level=True)


def _block(language):
    return re.search(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL).group(1)


def test_the_example_runs(faces, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").symlink_to(faces)
    exec(compile(_block("python"), str(PAGE), "exec"), {})  # noqa: S102  (of our own page)
    labels = capsys.readouterr().out.splitlines()[-1]
    lines = _block("console").replace("\\\n", " ").splitlines()
    assert f"--labels {labels} " in lines[0]
    # One runtime will do here; what the others make of a model is tested elsewhere.
    fewer = " --targets litert-int8,litert-float32 --max-drop 3 --images 100"
    for line in (lines[0] + fewer, *lines[1:]):
        result = CliRunner().invoke(main, shlex.split(line.removeprefix("$ edge-fer ")))
        assert result.exit_code == 0, result.output
    manifest = load(tmp_path / "my-bundle").manifest
    assert manifest.labels == tuple(labels.split(","))
    assert manifest.preprocess.high == 255.0
    assert all(target.evaluation.accuracy > 0.9 for target in manifest.targets)
