from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edge_fer.tracking.in_step import InStep, lasting


def test_what_is_submitted_has_been_done_in_the_same_thread():
    done = []

    def work(*args, **kwargs):
        done.append((threading.get_ident(), args, kwargs))
        return "result"

    future = InStep().submit(work, 1, two=2)
    assert done == [(threading.get_ident(), (1,), {"two": 2})]
    assert future.done()
    assert future.result() == "result"


def test_an_error_is_raised_where_the_result_is_asked_for():
    future = InStep().submit(int, "x")
    assert future.done()
    with pytest.raises(ValueError, match="'x'"):
        future.result()


def test_an_interrupt_is_not_kept_back():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        InStep().submit(interrupted)


def test_only_what_another_thread_looks_at_is_copied():
    gray = np.zeros((4, 4), np.uint8)
    assert lasting(InStep(), gray) is gray
    with ThreadPoolExecutor(1) as executor:
        copy = lasting(executor, gray)
    assert copy is not gray
    assert np.array_equal(copy, gray)
