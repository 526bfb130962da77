"""What the appliance's tests share."""

from __future__ import annotations

import logging

import pytest


@pytest.fixture(autouse=True)
def log_as_before():
    """A service that starts in this process sets up the log, for good."""
    loggers = [logging.getLogger(), logging.getLogger("edge_fer")]
    before = [(list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
