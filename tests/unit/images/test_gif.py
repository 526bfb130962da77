from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from edge_fer.images import is_animation


def gif(pictures: int, **options) -> bytes:
    rng = np.random.default_rng(0)
    first, *others = (Image.fromarray(rng.integers(0, 256, (40, 30, 3), np.uint8)) for _ in range(pictures))
    stream = io.BytesIO()
    first.save(stream, "GIF", save_all=True, append_images=others, **options)
    return stream.getvalue()


@pytest.mark.parametrize("options", [{}, {"comment": b"x" * 600}, {"loop": 0, "duration": 50, "disposal": 2}])
def test_two_pictures_move_and_one_does_not(options):
    assert is_animation(gif(2, **options))
    assert not is_animation(gif(1, **options))


def test_what_is_cut_off_before_the_second_picture_has_one():
    content = gif(2)
    moves = [is_animation(content[:length]) for length in range(len(content) + 1)]
    assert moves == sorted(moves)  # from some length on it is known, and never in doubt again
    assert not moves[len(content) // 2 - 100]


def test_anything_else_does_not_move():
    assert not is_animation(b"")
    assert not is_animation(b"\x89PNG\r\n\x1a\n")
