"""Execute one Arm instruction, given by name: CPUs that do not have it end the process with SIGILL."""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from typing import Final

RETURN: Final = 0xD65F03C0
INSTRUCTIONS: Final = {
    "nop": 0xD503201F,
    "sdot": 0x4E829420,  # v0.4s, v1.16b, v2.16b: int8 dot product, Armv8.4 and optional from Armv8.2 on
    "fadd": 0x4E401400,  # v0.8h, v0.8h, v0.8h: float16 arithmetic, optional from Armv8.2 on
}
"""Arm Architecture Reference Manual for A-profile, C7.2: SDOT (vector), FADD (vector, half precision)."""


def main() -> None:
    """Call a function that consists of the instruction and a return."""
    name = sys.argv[1]
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(struct.pack("<2I", INSTRUCTIONS[name], RETURN))
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
    print(f"executed {name}", flush=True)


if __name__ == "__main__":
    main()
