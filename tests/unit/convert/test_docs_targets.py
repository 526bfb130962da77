"""The example of docs/convert-targets.md works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

for module in ("tensorflow", "litert_quantizer"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

from edge_fer.bundle import load  # noqa: E402
from edge_fer_convert import TARGETS  # noqa: E402
from edge_fer_convert.exports import EXPORTS  # noqa: E402

PAGE = Path(__file__).parents[3] / "docs" / "convert-targets.md"


def test_the_python_example_makes_its_three_targets(network, faces, tmp_path, monkeypatch, capsys):
    network.save(tmp_path / "model.keras")
    (tmp_path / "faces").symlink_to(faces)
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(example, PAGE.name, "exec"), {})  # noqa: S102  (our own page)
    asked = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert asked == ["litert-int8", "litert-dynamic", "litert-float32"]
    assert {target.name for target in load(tmp_path / "my-bundle").manifest.targets} <= set(asked)


def test_every_target_and_export_is_on_the_page():
    text = PAGE.read_text()
    for name in (*TARGETS, *EXPORTS):
        assert f"`{name}`" in text
