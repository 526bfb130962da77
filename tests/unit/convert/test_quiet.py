from __future__ import annotations

import logging
import sys
import warnings

import pytest

from edge_fer_convert.quiet import quiet


@pytest.fixture
def chatty():
    """A logger that is set to say everything."""
    logger = logging.getLogger("tests.chatty")
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.setLevel(logging.NOTSET)


def test_nothing_is_written_warned_or_logged_meanwhile(chatty, capsys, caplog):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with quiet("tests.chatty"):
            sys.stdout.write("to stdout")
            sys.stderr.write("to stderr")
            warnings.warn("a warning", stacklevel=1)
            chatty.warning("a remark")
    assert capsys.readouterr() == ("", "")
    assert caught == []
    assert caplog.records == []


def test_errors_are_still_logged(chatty, caplog):
    with quiet("tests.chatty"):
        chatty.error("what went wrong")
    assert [record.message for record in caplog.records] == ["what went wrong"]


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_streams_levels_and_filters_are_restored_whatever_happens(chatty, error):
    root = logging.getLogger()
    before = (sys.stdout, sys.stderr, chatty.level, root.level, list(warnings.filters))
    try:
        with quiet("tests.chatty", "root"):
            assert (chatty.level, root.level) == (logging.ERROR, logging.ERROR)
            if error is not None:
                raise error
    except (ValueError, KeyboardInterrupt):
        pass
    assert (sys.stdout, sys.stderr, chatty.level, root.level, list(warnings.filters)) == before
