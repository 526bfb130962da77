"""Cyclic garbage does not pile up while tools run that drop copies of whole models."""

from __future__ import annotations

import gc
import weakref

import pytest

from edge_fer_convert.garbage import collected_often


class Copy:
    """Of a model: it refers to itself, so only the collector frees it."""

    def __init__(self):
        self.me = self


def _alive_at_most():
    copies = []
    most = 0
    for _ in range(40):
        current = Copy()
        copies.append(weakref.ref(current))
        for _ in range(20):  # what a tool does with it; in the meantime it becomes an old object
            work = [[number] for number in range(2000)]
            del work
        del current
        most = max(most, sum(copy() is not None for copy in copies))
    return most


def test_copies_are_freed_soon_beside_many_old_objects():
    old = [[number] for number in range(400_000)]
    gc.collect()
    with collected_often():
        few = _alive_at_most()
    assert few < 20
    assert _alive_at_most() > 30
    del old


def test_afterwards_the_collector_is_as_before():
    before = gc.get_threshold()
    with pytest.raises(KeyError), collected_often():
        raise KeyError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
