"""What the appliance's tests share."""

from __future__ import annotations

import logging

import pytest


@pytest.fixture(autouse=True)
def log_as_before():
    """A service that starts in this process sets up the log, for good."""
    root = logging.getLogger()
    handlers = list(root.handlers)
    level = root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
