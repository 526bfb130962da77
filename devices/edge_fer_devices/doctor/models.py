"""Checks of what the model computes here, and with what."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from edge_fer.options import DEFAULT_MODEL
from edge_fer_devices.doctor.finding import Finding, fault, ok, warning

if TYPE_CHECKING:
    from edge_fer_devices.doctor.machine import Machine

XNNPACK: Final = "XNNPACK delegate"
"""What LiteRT writes to its log when XNNPACK takes over a model."""


def xnnpack(machine: Machine) -> Finding:
    """Return whether LiteRT lets XNNPACK execute the model: without it, it is slow, and int8 answers differ a little.

    LiteRT leaves it out without a word, for instance where ``/sys`` is not mounted on Arm. So the plan of a loaded
    model is asked, and LiteRT's log.
    """
    result = machine.probes["litert"].result()
    if result.answer is None or "error" in result.answer:
        return warning("not known, as LiteRT does not load", "# mend LiteRT first")
    delegated = result.answer["delegated"]
    logged = XNNPACK in result.log
    name = f"{result.answer['runtime']} {result.answer['version']}"
    if delegated and logged:
        return ok(f"{name} gives {delegated} parts of the model to XNNPACK")
    if delegated is None and logged:
        return ok(f"{name} says that it has created XNNPACK's delegate")
    if not machine.exists("/sys/devices/system/cpu"):
        return warning(
            f"{name} runs without XNNPACK, and /sys is not mounted: slower, and int8 answers differ a little",
            "sudo mount -t sysfs sysfs /sys",
            "# in a container: pass it on, for example docker run -v /sys:/sys:ro",
        )
    return warning(
        f"{name} runs without XNNPACK: slower, and int8 answers differ a little",
        f"{machine.pip} --force-reinstall --no-cache-dir 'ai-edge-litert>=2.1'",
    )


def golden(machine: Machine) -> Finding:
    """Return whether the model that edge-fer run takes here gives the answers of the machine that made it."""
    result = machine.probes["golden"].result()
    answer = result.answer or {}
    again = f"edge-fer verify {shlex.quote(answer.get('model', DEFAULT_MODEL))}"
    if result.answer is None:
        return fault(f"the process that executes the model {result.end}", again)
    if "error" in answer:
        return fault(f"not compared: {answer['error']}", "# mend what is missing above, then:", again)
    if not answer["passed"]:
        return fault(answer["sentence"], "# copy the bundle again, or install edge-fer again, then:", again)
    if answer["check"]["worst"] == 0:
        return ok(f"{answer['target']} answers {answer['check']['inputs']} golden inputs bit by bit")
    return ok(answer["sentence"])
