from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from edge_fer.errors import BadInput
from edge_fer.preprocess import MAX_SIDE_PX, Preprocess, to_gray
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face

SIDES = st.integers(1, 40)
GRAYS = st.tuples(SIDES, SIDES).flatmap(lambda shape: arrays.arrays(np.uint8, shape))


@given(GRAYS)
def test_grey_frames_are_passed_through_without_a_copy(gray):
    assert to_gray(gray) is gray


CHANNELS = st.sampled_from([1, 3, 4])


@given(arrays.arrays(st.sampled_from([np.uint8, np.uint16, np.bool_]), st.tuples(SIDES, SIDES, CHANNELS)))
def test_every_integer_frame_becomes_grey_of_the_same_size(frame):
    gray = to_gray(frame)
    assert gray.dtype == np.uint8
    assert gray.shape == frame.shape[:2]


@pytest.mark.parametrize(
    ("white", "dtype"), [(255, np.uint8), (65535, np.uint16), (1, np.bool_), (1, np.float32), (1, np.float64)]
)
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
def test_white_is_white_in_every_dtype(white, dtype, shape):
    assert (to_gray(np.full(shape, white, dtype)) == 255).all()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((0, 5), np.uint8), "shape"),
        (np.zeros(5, np.uint8), "shape"),
        (np.zeros((5, 5, 2), np.uint8), "2 channels"),
        (np.zeros((2, 2, 2, 2), np.uint8), "shape"),
        (np.zeros((5, 5), np.int64), "int64"),
        (np.zeros((5, 5), np.complex64), "complex64"),
        (np.full((5, 5), 1.5), "1.5"),
        (np.full((5, 5), np.nan), "nan"),
        (np.zeros((1, MAX_SIDE_PX + 1), np.uint8), "scale it down"),
    ],
)
def test_an_unusable_frame_is_refused_with_its_value(frame, message):
    with pytest.raises(BadInput, match=message):
        to_gray(frame)


@given(
    GRAYS,
    st.tuples(*[st.floats(-100, 100)] * 2, *[st.floats(0.01, 500)] * 2),
    st.floats(0, 1),
    st.integers(8, 64),
    st.floats(-180, 180),
)
def test_any_box_of_any_frame_gives_a_crop_of_the_specs_size(gray, box, margin, size, roll_deg):
    crop = Preprocess(size_px=size, margin=margin).crop(gray, box, roll_deg=roll_deg)
    assert crop.shape == (size, size)
    assert crop.dtype == np.uint8
    assert crop.min() >= gray.min()
    assert crop.max() <= gray.max()


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (0, 0, 5, -1), (np.nan, 0, 5, 5), (0, np.inf, 5, 5)])
def test_a_box_without_area_is_refused(box):
    with pytest.raises(BadInput, match="face box"):
        Preprocess().crop(np.zeros((9, 9), np.uint8), box)


@given(arrays.arrays(np.uint8, (24, 24)))
def test_a_box_around_the_whole_frame_is_the_whole_frame(gray):
    spec = Preprocess(size_px=24)
    assert np.array_equal(spec.crop(gray, (0, 0, 24, 24)), spec.crop(gray))
    assert np.array_equal(spec.crop(gray), gray)


def test_the_margin_widens_the_box_on_each_side():
    gray = np.random.default_rng(0).integers(0, 256, (60, 60)).astype(np.uint8)
    wide = Preprocess(size_px=16, margin=0.25).crop(gray, (20, 20, 16, 16))
    assert np.array_equal(wide, Preprocess(size_px=16).crop(gray, (16, 16, 24, 24)))


def test_outside_the_frame_its_edge_is_repeated():
    gray = np.full((20, 20), 9, np.uint8)
    assert (Preprocess(size_px=8).crop(gray, (-50, -50, 10, 10)) == 9).all()


FACE = draw_face(EXPRESSIONS["happy"])


@given(st.floats(-45, 45), st.sampled_from([64, 150, 600]))
@settings(max_examples=20)
def test_a_tilted_face_is_cropped_as_if_it_were_upright(roll_deg, side):
    frame = np.full((3 * side, 3 * side), 120, np.uint8)
    frame[side : 2 * side, side : 2 * side] = cv2.resize(FACE, (side, side), interpolation=cv2.INTER_AREA)
    middle = (3 * side - 1) / 2
    # OpenCV turns counter-clockwise.
    turn = cv2.getRotationMatrix2D((middle, middle), -roll_deg, 1.0)
    tilted = cv2.warpAffine(frame, turn, frame.shape, flags=cv2.INTER_LINEAR, borderValue=120)
    spec = Preprocess(size_px=48, margin=0.1)
    box = (side, side, side, side)
    upright = spec.crop(frame, box).astype(int)
    levelled = spec.crop(tilted, box, roll_deg=roll_deg).astype(int)
    assert np.abs(levelled - upright).mean() < 4
    if abs(roll_deg) > 10:
        assert np.abs(spec.crop(tilted, box).astype(int) - upright).mean() > 4


@given(GRAYS, st.floats(1, 32), st.floats(1, 32))  # no larger: nothing is averaged
def test_a_tilt_of_nothing_or_of_a_whole_turn_changes_nothing(gray, width, height):
    spec = Preprocess(size_px=16)
    crop = spec.crop(gray, (3, 2, width, height)).astype(int)
    assert np.array_equal(spec.crop(gray, (3, 2, width, height), roll_deg=0.0), crop)
    # But for the rounding of OpenCV's fixed point numbers, which count 32 parts of a pixel.
    turned = spec.crop(gray, (3, 2, width, height), roll_deg=360.0)
    assert np.abs(turned - crop).max() <= 255 / 16 + 1


def test_upside_down_is_turned_by_half():
    gray = np.random.default_rng(0).integers(0, 256, (24, 24)).astype(np.uint8)
    turned = Preprocess(size_px=24).crop(gray, (0, 0, 24, 24), roll_deg=180)
    assert np.abs(turned.astype(int) - gray[::-1, ::-1]).max() <= 17


def test_a_large_face_is_averaged_and_not_aliased():
    stripes = np.tile(np.array([0, 255], np.uint8), (960, 480))
    crop = Preprocess(size_px=48).crop(stripes, (0, 0, 960, 960))
    assert abs(crop.astype(int) - 127).max() <= 2


def test_a_given_array_is_filled():
    gray = np.random.default_rng(0).integers(0, 256, (30, 30)).astype(np.uint8)
    out = np.zeros((8, 8), np.uint8)
    spec = Preprocess(size_px=8)
    assert spec.crop(gray, (3, 4, 20, 20), out) is out
    assert np.array_equal(out, spec.crop(gray, (3, 4, 20, 20)))


def test_equalisation_stretches_the_crop():
    gray = np.tile(np.arange(100, 120, dtype=np.uint8), (20, 1))
    assert np.ptp(Preprocess(size_px=16, equalize=True).crop(gray)) > 200


def test_canny_leaves_edges_only():
    gray = np.zeros((64, 64), np.uint8)
    gray[16:48, 16:48] = 200
    crop = Preprocess(size_px=64, canny=(60, 120)).crop(gray)
    assert set(np.unique(crop)) == {0, 255}
    assert crop[20:44, 20:44].max() == 0
    assert crop[14:50, 14:50].any(axis=0).sum() >= 32


def test_finish_does_to_many_crops_what_crop_does_to_one():
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (3, 48, 48), np.uint8)
    for spec in (
        Preprocess(size_px=48, equalize=True),
        Preprocess(size_px=48, regions=True),
        Preprocess(size_px=48, equalize=True, canny=(60, 120)),
    ):
        assert np.array_equal(spec.finish(crops.copy()), np.stack([spec.crop(crop) for crop in crops]))
    assert np.array_equal(Preprocess(size_px=48).finish(crops.copy()), crops)


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_values_run_from_low_to_high(low, high):
    spec = Preprocess(size_px=8, low=low, high=high)
    values = spec.to_values(np.array([[0, 255]], np.uint8))
    assert values.dtype == np.float32
    assert values[0].tolist() == [[np.float32(low)], [np.float32(high)]]


def test_three_channels_may_have_a_range_each():
    spec = Preprocess(size_px=8, channels="gray3", low=(-1, -2, -3), high=(1, 2, 3))
    values = spec.to_values(np.array([[0, 255]], np.uint8))
    assert values[0].tolist() == [[-1, -2, -3], [1, 2, 3]]
    assert Preprocess(size_px=8, channels="gray3").to_values(np.zeros((2, 8, 8), np.uint8)).shape == (2, 8, 8, 3)


def test_one_channel_has_one_range():
    with pytest.raises(ValidationError, match="needs channels 'gray3'"):
        Preprocess(low=(0, 0, 0))


@given(arrays.arrays(np.uint8, (3, 9, 9)))
def test_a_standardised_crop_has_mean_zero_and_deviation_one(crops):
    spec = Preprocess(size_px=9, channels="gray3", standardize=True)
    values = spec.to_values(crops)
    assert values.shape == (3, 9, 9, 3)
    for crop, value in zip(crops.astype(float), values, strict=True):
        # As tf.image.per_image_standardization is documented, for an image of as many pixels.
        expected = (crop - crop.mean()) / max(crop.std(), 1 / 9)
        assert np.allclose(value, expected[..., np.newaxis], atol=1e-4)
    assert np.array_equal(spec.to_values(crops[1]), values[1])


def test_tensorflow_standardises_alike():
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")
    crop = np.random.default_rng(0).integers(40, 90, (32, 32)).astype(np.uint8)
    values = Preprocess(size_px=32, standardize=True).to_values(crop)
    assert np.allclose(values, tf.image.per_image_standardization(crop[..., np.newaxis]), atol=1e-5)


def test_a_standardised_crop_has_no_range_of_its_own():
    with pytest.raises(ValidationError, match="no low and high of its own"):
        Preprocess(standardize=True, high=255.0)


@given(st.builds(Preprocess, size_px=st.integers(8, 512), margin=st.floats(0, 1), equalize=st.booleans()))
def test_a_spec_survives_the_manifest(spec):
    assert Preprocess.model_validate_json(spec.model_dump_json()) == spec


def test_a_spec_of_unknown_values_is_refused():
    with pytest.raises(ValidationError):
        Preprocess(sharpen=True)  # type: ignore[call-arg]


def test_an_8k_frame_is_cropped():
    assert Preprocess().crop(to_gray(np.full((4320, 7680, 3), 50, np.uint8)), (1000, 500, 3000, 3000)).max() == 50
