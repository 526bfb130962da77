"""Whether a GIF moves: how many pictures are in it, without decoding one (GIF89a, CompuServe 1990)."""

from __future__ import annotations

from typing import Final

COLOURS_FOLLOW: Final = 0x80
"""Bit of a flag byte: a table of colours follows, whose size is in the lowest three bits."""
EXTENSION: Final = 0x21
PICTURE: Final = 0x2C
HEADER_BYTES: Final = 13
"""Of the signature and the screen's descriptor."""
DESCRIPTOR_BYTES: Final = 10


def is_animation(content: bytes) -> bool:
    """Return whether the GIF *content* holds more than one picture. What is damaged before the second has one."""
    if not content.startswith((b"GIF87a", b"GIF89a")):
        return False
    try:
        return _holds_two(content)
    except IndexError:
        return False


def _holds_two(content: bytes) -> bool:
    at = HEADER_BYTES + _colours_bytes(content[10])
    pictures = 0
    while content[at] in {EXTENSION, PICTURE}:
        if content[at] == EXTENSION:
            at = _after_blocks(content, at + 2)
            continue
        pictures += 1
        if pictures == 2:
            return True
        # After the descriptor and its colours, one byte says how the blocks are packed.
        at = _after_blocks(content, at + DESCRIPTOR_BYTES + _colours_bytes(content[at + 9]) + 1)
    return False


def _colours_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & COLOURS_FOLLOW else 0


def _after_blocks(content: bytes, at: int) -> int:
    """Return where the data blocks that begin at *at* end: each tells its length, and one of no bytes is the last."""
    while content[at]:
        at += 1 + content[at]
    return at + 1
