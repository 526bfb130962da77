from __future__ import annotations

import sys

from edge_fer import __version__
from edge_fer.evaluation.origin import Origin


def test_a_command_is_as_typed_without_the_folder_of_the_program(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/home/ada/.venv/bin/edge-fer", "eval", "cnn-1", "--data", "my faces"])
    origin = Origin.now()
    assert origin.command == "edge-fer eval cnn-1 --data 'my faces'"
    assert origin.edge_fer == __version__
    assert origin.started.tzinfo is not None
    assert "core" in origin.machine
