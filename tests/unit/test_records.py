from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.records import FaceRecord, Record, Seen

SCORES = np.array([0.25, 0.75], np.float32)


def record(*faces):
    return Record(3, 1.5, "camera", ("a", "b"), tuple(faces), {"capture": 1.23456})


@given(
    st.from_type(Box),
    st.floats(0, 1),
    st.sampled_from(Seen),
    st.floats(-180, 180),
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=2),
)
def test_the_json_holds_what_the_face_is(box, confidence, seen, roll_deg, scores):
    values = np.array(scores, np.float32)
    face = FaceRecord(7, box, confidence, values, values[::-1], "b", seen, roll_deg)
    (read,) = json.loads(record(face).as_json())["faces"]
    assert list(read) == ["track", "box", "confidence", "state", "seen", "roll_deg", "scores", "smoothed"]
    assert (read["track"], read["state"], read["seen"]) == (7, "b", seen.value)
    assert read["box"] == pytest.approx(list(box), abs=0.051)
    assert read["confidence"] == pytest.approx(confidence, abs=0.00051)
    assert read["roll_deg"] == pytest.approx(roll_deg, abs=0.051)
    assert read["scores"] == pytest.approx({"a": scores[0], "b": scores[1]}, abs=0.00006)
    assert read["smoothed"] == pytest.approx({"a": scores[1], "b": scores[0]}, abs=0.00006)


def test_by_default_a_face_is_found_and_upright():
    face = record(FaceRecord(1, Box(0, 0, 9, 9), 0.5, SCORES, SCORES, "a")).as_dict()["faces"][0]
    assert (face["seen"], face["roll_deg"]) == ("found", 0.0)


def test_the_names_of_how_a_face_is_seen_are_stable():
    assert [seen.value for seen in Seen] == ["found", "turned", "bridged"]


def test_a_number_that_json_does_not_have_is_an_error():
    face = FaceRecord(1, Box(0, 0, 9, 9), 0.5, SCORES, SCORES, "a", Seen.FOUND, float("nan"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        record(face).as_json()
