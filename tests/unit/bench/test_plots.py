from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install -e '.[bench]'")

from edge_fer.errors import BadInput
from edge_fer_bench import plots
from edge_fer_bench.results import Behaviour, Reading


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0, 100)), min_size=1))
def test_no_point_beats_the_pareto_front(points):
    front = plots.pareto_front(points)
    assert front
    for time, accuracy in points:
        beaten = any(t <= time and a >= accuracy for t, a in front)
        assert beaten
    assert all(not (t < time and a >= accuracy) for time, accuracy in front for t, a in points)


def test_a_picture_can_show_some_measurements_only(make):
    run = make.run(make.measurement(), make.measurement("onnx-int8", seed=1))
    (axes,) = plots.picture(run, "stages", ["mine onnx-int8 x1"]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mine onnx-int8 x1"]
    with pytest.raises(BadInput, match="no measurement 'theirs'; pass some of: mine"):
        plots.picture(run, "stages", ["theirs"])


def test_a_plot_without_values_is_an_error(make):
    with pytest.raises(BadInput, match="no values for the plot states"):
        plots.picture(make.run(), "states")


def test_states_are_drawn_below_what_was_shown(make):
    behaviour = Behaviour(seconds=9.0, truth=((0.0, "sad"), (5.0, "")), states=((0.0, "unknown"), (1.0, "sad")))
    (axes,) = plots.picture(make.run(make.measurement(behaviour=behaviour)), "states").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["shown", "mine litert-int8"]
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert bars == [(0.0, 5.0), (0.0, 1.0), (1.0, 8.0)]  # no bar from 5 s on, when no face was shown


def test_readings_of_the_machine_may_be_missing(make):
    readings = (Reading(at_s=0.0, temperature_c=50.0), Reading(at_s=1.0), Reading(at_s=2.0, temperature_c=52.0))
    (axes,) = plots.picture(make.run(readings=readings), "machine").axes
    assert axes.get_ylabel() == "degrees C"


def test_each_target_has_a_point_on_each_board(make):
    runs = {
        "pi-1": make.run(make.measurement(), make.measurement("onnx-int8", seed=1)),
        "pi-2": make.run(make.measurement(free=(), failed="it crashed")),
        "pi-3": make.run(make.measurement(seed=2)),
    }
    (axes,) = plots.boards(runs).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["pi-1", "pi-3"]
    points = {series.get_label(): len(series.get_offsets()) for series in axes.collections}
    assert points == {"mine litert-int8": 2, "mine onnx-int8": 1}
