from __future__ import annotations

import sys

import pytest

from edge_fer.errors import BackendError
from edge_fer_bench.processes import timed


def test_a_process_is_timed_to_its_first_line_and_its_end():
    program = "import time; print('ready', flush=True); x = bytearray(80_000_000); time.sleep(0.3); print(len(x))"
    done = timed([sys.executable, "-c", program])
    assert done.first_line == "ready\n"
    assert 0 < done.first_line_s < done.whole_s
    assert done.peak_memory_mb > 76


def test_the_memory_of_the_starting_process_does_not_count():
    mine = bytearray(b"x") * 300_000_000
    assert timed([sys.executable, "-c", "print('ready')"]).peak_memory_mb < 100 < len(mine) >> 20


def test_a_lot_of_output_on_stderr_does_not_block_a_process():
    done = timed([sys.executable, "-c", "import sys; sys.stderr.write('x' * 1_000_000); print('done')"])
    assert done.first_line == "done\n"


def test_a_failure_quotes_the_exit_code_and_stderr():
    with pytest.raises(BackendError, match="ended with exit code 3: no such luck"):
        timed([sys.executable, "-c", "import sys; sys.stderr.write('no such luck'); sys.exit(3)"])
    with pytest.raises(BackendError, match="ended with exit code 143"):
        timed([sys.executable, "-c", "import os; os.kill(os.getpid(), 15)"])
    with pytest.raises(BackendError, match="no-such-program"):
        timed(["no-such-program"])
