from __future__ import annotations

from edge_fer_bench import stability
from edge_fer_bench.results import Block, Reading


def blocks(*middles):
    return tuple(Block(at_s=float(n), frame_ms=(middle,) * 40) for n, middle in enumerate(middles))


def test_a_quiet_run_is_trusted(make):
    run = make.run()
    assert stability.invalid(run) == stability.unstable(run) == stability.unsteady(run.measurements[0]) == ()


def test_a_throttled_board_makes_a_run_invalid(make):
    quiet = {**make.run().host, "throttled": 0x50000}  # what happened before does not count
    readings = (Reading(at_s=0.0, throttled=0x50000), Reading(at_s=1.0, throttled=0x50000))
    assert stability.invalid(make.run(host=quiet, readings=readings)) == ()
    readings = (Reading(at_s=0.0, throttled=0x50005), Reading(at_s=1.0, throttled=0x50000))
    assert stability.invalid(make.run(host=quiet, readings=readings)) == ("under-voltage", "throttled")
    between = (Reading(at_s=0.0, throttled=0x50000), Reading(at_s=1.0, throttled=0xD0000))
    assert stability.invalid(make.run(host=quiet, readings=between)) == ("soft temperature limit",)
    assert stability.invalid(make.run(readings=(Reading(at_s=0.0),))) == ()


def test_other_programs_and_a_changing_clock_are_named(make):
    busy = (Reading(at_s=0.0, others_cores=0.5, stolen_cores=0.1, frequency_mhz=2400.0),
            Reading(at_s=1.0, others_cores=0.7, stolen_cores=0.1, frequency_mhz=1500.0))  # fmt: skip
    assert stability.unstable(make.run(readings=busy)) == (
        "the clock varied between 1500 and 2400 MHz",
        "other programs used 0.60 cores", "the hypervisor took 0.10 cores",
    )  # fmt: skip
    assert stability.unstable(make.run(readings=(Reading(at_s=0.0),))) == ()


def test_blocks_that_scatter_or_drift_are_named(make):
    assert stability.unsteady(make.measurement(free=blocks(5, 5, 5, 5, 9, 9))) == (
        "blocks differ by 80%", "it became 80% slower from the first third to the last",
    )  # fmt: skip
    drift = stability.unsteady(make.measurement(free=blocks(5.4, 5.3, 5.2, 5.1, 5, 5)))
    assert drift == ("it became 7% faster from the first third to the last",)


def test_growth_of_memory_and_open_files_is_named(make):
    def grown(megabytes, files):
        memory = [100 + megabytes * max(0, n - 3) for n in range(10)]
        return make.measurement(free=tuple(
            Block(at_s=20.0 * n, frame_ms=(5.0,) * 40, memory_mb=memory[n], open_files=9 + files * n) for n in range(10)
        ))  # fmt: skip

    assert stability.unsteady(grown(0.1, 0)) == ()
    assert stability.unsteady(grown(2.0, 1)) == (
        "its memory grew by 12.0 MB after the first minute",
        "6 more files were open at the end than after the first minute",
    )
    assert stability.growth(make.measurement()) == (None, None)


def test_too_few_frames_and_a_short_warm_up_are_named(make):
    few = make.measurement(free=blocks(5, 5), steady=False)
    assert stability.unsteady(few) == (
        "only 80 frames in 2 blocks", "frames were still getting faster when the warm-up ended",
    )  # fmt: skip


def test_one_frame_and_one_file_are_singular(make):
    (only,) = stability.unsteady(make.measurement(free=(Block(at_s=0.0, frame_ms=(5.0,)),)))
    assert only == "only 1 frame in 1 block"
    settled = [Block(at_s=60.0 + n, frame_ms=(5.0,) * 40, open_files=9 + (n > 2)) for n in range(6)]
    grown = make.measurement(free=(Block(at_s=0.0, frame_ms=(5.0,) * 40), *settled))
    assert stability.unsteady(grown) == ("1 more file was open at the end than after the first minute",)
