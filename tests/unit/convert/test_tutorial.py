"""The tutorial, line by line, but for what needs a webcam."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

for module in ("tensorflow", "onnx", "onnxruntime", "openvino", "nncf", "jinja2", "matplotlib", "rich"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[bench,convert]'")

ROOT = Path(__file__).parents[3]
TUTORIAL = ROOT / "docs" / "tutorial.md"
if not TUTORIAL.is_file():
    pytest.skip("the documents of a clone are not part of the wheel", allow_module_level=True)

LEFT_OUT = re.compile(r"venv|--source 0")


def lines() -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```$", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    found = re.findall(r"^\$ ((?:.*\\\n)*.*)", "".join(blocks), re.MULTILINE)
    return [line for line in found if not LEFT_OUT.search(line)]


def test_the_tutorial(tmp_path):
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CUDA_VISIBLE_DEVICES": "",
    }
    ran = lines()
    assert len(ran) == 7
    for line in ran:
        # Keras, in the example's own program, makes folders in the home folder. edge-fer must not.
        home = tmp_path / ("home" if line.startswith("edge-fer") else "home of others")
        environment |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    manifest = json.loads((tmp_path / "my-bundle" / "manifest.json").read_text())
    assert manifest["targets"][0]["evaluation"]["accuracy"] > 0.9
    for page in ("my-bundle-report.html", "run.html"):
        assert "</html>" in (tmp_path / page).read_text()
    assert not (tmp_path / "home").exists()
