from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_fer import bundle, trial, verify
from edge_fer.classifier import GoldenCheck
from edge_fer.cli import main
from edge_fer.errors import BackendError, BadBundle, MissingDependency
from edge_fer.manifest import MANIFEST
from edge_fer.verify import Verification

TINY = Path(__file__).parents[1] / "golden" / "tiny"
CHECK = GoldenCheck(inputs=10, worst=0.0, tolerance=0.1, same_label=10)


@pytest.fixture
def outcomes(monkeypatch) -> dict[str, object]:
    """What becomes of each target's process; by default it passes."""
    by_target: dict[str, object] = {}

    def stand_in(loaded, target, contents, *, threads):
        outcome = by_target.get(target.name)
        if isinstance(outcome, Exception):
            raise outcome
        return Verification(target.name, "litert 1", outcome or CHECK).as_dict()

    monkeypatch.setattr(trial, "check_golden", stand_in)
    return by_target


def test_a_target_that_harms_is_one_line_and_others_are_still_checked(outcomes):
    outcomes["litert-int8"] = BadBundle("tiny: litert-int8 ends the process that runs it (SIGSEGV)")
    outcomes["litert-float32"] = BackendError("refused")
    outcomes["onnx-int8"] = MissingDependency("pip install it")
    done = CliRunner().invoke(main, ["verify", str(TINY)])
    assert done.exit_code == 4
    lines = done.stdout.splitlines()
    assert lines[0] == "litert-int8: FAILED: tiny: litert-int8 ends the process that runs it (SIGSEGV)"
    assert lines[1] == "litert-float32: FAILED: refused"
    assert lines[4] == "onnx-int8: files and checksums match; not run: pip install it"
    assert len([line for line in lines if "matches: 10 of 10" in line]) == 3
    assert done.stderr == f"edge-fer: {TINY} cannot be used; see above\n"


def test_the_json_of_a_target_tells_its_fault(outcomes):
    outcomes["litert-int8"] = BackendError("refused")
    outcomes["onnx-int8"] = MissingDependency("pip install it")
    lines = CliRunner().invoke(main, ["verify", str(TINY), "--json"]).stdout.splitlines()
    results = {result["target"]: (result["passed"], result["fault"]) for result in map(json.loads, lines)}
    assert results["litert-int8"] == (False, "refused")
    assert results["litert-float32"] == (True, None)
    assert results["onnx-int8"] == (None, None)


def test_nobody_waits_for_every_target_of_a_bundle_that_hangs(outcomes, monkeypatch):
    outcomes["litert-int8"] = BadBundle("tiny: litert-int8 takes longer than 4.0 s")
    monkeypatch.setattr(verify, "PATIENCE_S", 0.0)
    first, *others = verify.verify(bundle.load(TINY))
    assert first.failed
    assert not any(result.ran for result in others)
    assert "another target" in others[0].sentence()


def test_a_result_survives_the_way_from_its_process():
    for result in (Verification("a", "b 1", CHECK), Verification("a", "", None, "fault"), Verification("a", "b", None)):
        assert Verification.of_dict(json.loads(json.dumps(result.as_dict()))) == result


@pytest.mark.parametrize("content", [b"changed", b"\xff\xfe"])
def test_the_model_card_is_checked_too(tmp_path, outcomes, content):
    copy = Path(shutil.copytree(TINY, tmp_path / "copy"))
    (copy / "MODEL_CARD.md").write_bytes(content)
    checksum = hashlib.sha256(b"another" if content == b"changed" else content).hexdigest()
    card = {"file": "MODEL_CARD.md", "sha256": checksum, "size_bytes": len(content)}
    (copy / MANIFEST).write_text(json.dumps({**json.loads((copy / MANIFEST).read_text()), "card": card}))
    with pytest.raises(BadBundle, match=r"MODEL_CARD\.md (has sha256|is not UTF-8)"):
        verify.verify(bundle.load(copy))


def test_a_bundle_from_outside_is_compared_in_a_process_of_its_own(tmp_path):
    copy = Path(shutil.copytree(TINY, tmp_path / "copy"))
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps({**manifest, "targets": manifest["targets"][:1]}))
    (result,) = verify.verify(bundle.load(copy))
    assert result.check is not None
    assert result.check.passed
    assert result.check.same_label == 10
