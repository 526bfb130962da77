from __future__ import annotations

import json

from click.testing import CliRunner

from edge_fer import __version__, bundle
from edge_fer.backends import BACKENDS
from edge_fer.cli import main
from edge_fer.detectors import DETECTORS
from edge_fer.options import DEFAULT_MODEL


def test_it_tells_of_every_runtime_model_and_detector(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    facts = json.loads(CliRunner().invoke(main, ["info", "--json"]).stdout)
    assert facts["edge_fer"] == __version__
    assert facts["runtimes"].keys() == BACKENDS.keys() - {"fake"}
    assert [model["name"] for model in facts["models"]] == bundle.shipped()
    assert [model["name"] for model in facts["models"] if model["default"]] == [DEFAULT_MODEL]
    assert [detector["name"] for detector in facts["detectors"]] == list(DETECTORS)
    assert facts["profile"] == {"path": str(tmp_path / "edge-fer" / "profile.toml"), "exists": False}
    assert list(tmp_path.iterdir()) == []


def test_the_text_says_the_same():
    text = CliRunner().invoke(main, ["info"]).stdout
    assert text.startswith(f"edge-fer {__version__}, Python 3.")
    for line in (
        f"  {DEFAULT_MODEL} (default): litert-int8",
        "  haar (default)",
        "  litert: ai-edge-litert ",
        "profile\n",
    ):
        assert line in text


def test_a_profile_that_cannot_be_used_is_told_and_stops_nothing(monkeypatch, tmp_path):
    (tmp_path / "edge-fer").mkdir()
    (tmp_path / "edge-fer" / "profile.toml").write_text("model = 3")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    done = CliRunner().invoke(main, ["info"])
    assert done.exit_code == 0
    assert "cannot be used" in done.stdout


def test_a_runtime_that_is_missing_says_how_to_install_it(monkeypatch):
    from edge_fer import installation
    from edge_fer.errors import MissingDependency

    def missing():
        raise MissingDependency("OpenVINO is not installed: pip install 'edge-fer[openvino]'")

    monkeypatch.setitem(installation.RUNTIMES, "openvino", missing)
    assert "  openvino: OpenVINO is not installed: pip install" in CliRunner().invoke(main, ["info"]).stdout
