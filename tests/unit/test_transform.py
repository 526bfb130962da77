from __future__ import annotations

import logging

import numpy as np
import pytest

from edge_fer.errors import BadInput, SourceError
from edge_fer.sources import Frame, SourceBase, open_source
from edge_fer.sources.options import Region, SourceOptions, View, parse_size
from edge_fer.sources.transform import Transformed

COLOUR = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)


class Pictures(SourceBase):
    """Delivers the given pictures."""

    def __init__(self, *pictures, stills=False, live=False):
        self.pictures = pictures
        self.stills = stills
        self.live = live
        self.closed = False

    def frames(self):
        for index, picture in enumerate(self.pictures):
            yield Frame(picture, index / 10, index, f"picture {index}")

    def close(self):
        self.closed = True


def seen(view: View, *pictures) -> list:
    return [frame.image.copy() for frame in Transformed(Pictures(*pictures), view).frames()]


@pytest.mark.parametrize("picture", [COLOUR, COLOUR[:, :, 0], COLOUR[:, ::2], COLOUR.astype(np.uint16)])
@pytest.mark.parametrize(("degrees", "quarters"), [(90, -1), (180, 2), (270, 1)])
def test_pictures_are_turned_clockwise(picture, degrees, quarters):
    assert np.array_equal(seen(View(rotate=degrees), picture)[0], np.rot90(picture, quarters))


@pytest.mark.parametrize(("flip", "axis"), [("h", 1), ("v", 0)])
def test_pictures_are_mirrored(flip, axis):
    assert np.array_equal(seen(View(flip=flip), COLOUR)[0], np.flip(COLOUR, axis))


def test_the_region_is_cut_from_the_turned_picture():
    (cut,) = seen(View(rotate=90, roi=Region(10, 20, 30, 25)), COLOUR)
    assert np.array_equal(cut, np.rot90(COLOUR, -1)[20:45, 10:40])


def test_a_region_in_shares_follows_the_size():
    view = View(roi=Region.parse("0.5,0,0.5,0.5"))
    first, second = seen(view, COLOUR, np.zeros((200, 100), np.uint8))
    assert np.array_equal(first, COLOUR[:24, 32:])
    assert second.shape == (100, 50)


def test_a_region_is_a_view_and_ends_at_the_edge():
    (frame,) = Transformed(Pictures(COLOUR), View(roi=Region(50, 0, 100, 10))).frames()
    assert np.shares_memory(frame.image, COLOUR)
    assert frame.image.shape == (10, 14, 3)


def test_the_buffer_of_turned_pictures_is_used_again():
    frames = Transformed(Pictures(COLOUR, COLOUR, COLOUR), View(rotate=90)).frames()
    first, second, third = (frame.image for frame in frames)
    assert np.shares_memory(second, third)
    assert np.shares_memory(first, second)


def test_a_region_outside_of_the_first_picture_is_an_error():
    with pytest.raises(SourceError, match=r"--roi 100,0,5,5 does not lie in the picture of 64x48 pixels"):
        seen(View(roi=Region(100, 0, 5, 5)), COLOUR)


def test_a_stream_that_becomes_too_small_for_the_region_goes_on(caplog):
    small = np.zeros((10, 10), np.uint8)
    source = Transformed(Pictures(COLOUR, small, small, COLOUR), View(roi=Region(20, 20, 5, 5)))
    with caplog.at_level(logging.WARNING):
        assert [frame.index for frame in source.frames()] == [0, 3]
    assert source.skipped == 2
    assert len(caplog.messages) == 1


def test_what_the_source_behind_tells_is_told():
    behind = Pictures(COLOUR, stills=True)
    behind.dropped, behind.skipped = 3, 4
    source = Transformed(behind, View(flip="h"))
    assert (source.stills, source.live, source.dropped, source.skipped) == (True, False, 3, 4)
    assert Transformed(Pictures(COLOUR, live=True), View(flip="h")).live
    source.close()
    assert behind.closed


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,4,5", "a,0,1,1", "-1,0,5,5", "0,0,0,5", "0,0,nan,5", "0,0,inf,5", "1e308,0,1e308,5"]
)
def test_a_region_that_cannot_be_is_refused(text):
    with pytest.raises(BadInput, match="the region"):
        Region.parse(text)


@pytest.mark.parametrize("text", ["", "640", "0x480", "640x-1", "1e3x10", "99999x10", "9" * 5000 + "x1"])
def test_a_size_that_cannot_be_is_refused(text):
    with pytest.raises(BadInput, match="is not WIDTHxHEIGHT"):
        parse_size(text)


def test_a_size_is_width_and_height():
    assert parse_size("1280x720") == (1280, 720)


def test_a_source_is_only_wrapped_where_something_is_asked_for():
    assert not isinstance(open_source("synthetic"), Transformed)
    assert not isinstance(open_source("synthetic", SourceOptions(view=View(rotate=0))), Transformed)
    assert isinstance(open_source("synthetic", SourceOptions(view=View(rotate=180))), Transformed)


def test_the_drawn_camera_takes_size_and_rate():
    frames = iter(open_source("synthetic", SourceOptions(size_px=(320, 240), fps=10)).frames())
    next(frames)
    frame = next(frames)
    assert frame.image.shape[:2] == (240, 320)
    assert frame.time_s == pytest.approx(0.1)


def test_a_file_takes_no_size(tmp_path):
    with pytest.raises(SourceError, match="--size and --fps are for cameras"):
        open_source(str(tmp_path), SourceOptions(size_px=(320, 240)))


def test_a_region_counts_in_pixels_of_a_picture_that_was_decoded_reduced():
    class Reduced(SourceBase):
        def frames(self):
            yield Frame(COLOUR, 0.0, 0, "large.jpg", reduced=4)

    (frame,) = Transformed(Reduced(), View(roi=Region(80, 40, 120, 100))).frames()
    assert np.array_equal(frame.image, COLOUR[10:35, 20:50])
    with pytest.raises(SourceError, match="of 256x192 pixels"):
        next(Transformed(Reduced(), View(roi=Region(300, 0, 10, 10))).frames())
