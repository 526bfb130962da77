from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install -e '.[eval]'")

from edge_fer.evaluation import html, plots


def test_faces_become_worse_to_the_right_in_every_sweep():
    (resolution,) = plots.sweep("resolution", [48, 24, 12], {"mine": [0.7, 0.6, 0.4]}).axes
    (noise,) = plots.sweep("noise", [0, 5, 10], {"mine": [0.7, 0.6, 0.4]}).axes
    assert resolution.get_xlim()[0] > resolution.get_xlim()[1]
    assert noise.get_xlim()[0] < noise.get_xlim()[1]


def test_a_missing_epoch_is_a_gap_in_its_curve():
    (axes,) = plots.curves("Training", [1, 2, 3], {"validation": [0.5, None, 0.6]}, "accuracy").axes
    (line,) = axes.lines
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False]


def test_the_same_plot_is_the_same_svg():
    first, second = (html.svg(plots.sweep("noise", [0, 5], {"mine": [0.7, 0.6]})) for _ in range(2))
    assert first == second
