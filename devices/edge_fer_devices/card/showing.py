"""Shows what would be written to a card, without the secrets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN: Final = frozenset({"user-data", "network-config", "meta-data", "cmdline.txt", "edge-fer-status.json"})
"""Files at the top whose content is shown, beside those of our folder."""
SHOWN_SUFFIXES: Final = (".json", ".toml", ".sh")
MASK: Final = "***"
SECRETS: Final = (
    re.compile(r'("(?:password|passwd|password_hash|key)": )"(?:[^"\\]|\\.)*"'),
    re.compile(r"(\bpsk=)(?:[^\"\\]|\\(?!n))*"),
    # setup.json holds another file's JSON as text, with its quotes escaped.
    re.compile(r'(\\"password\\": )\\"(?:[^"\\]|\\\\.)*\\"'),
)
MAX_BYTES: Final = 1 << 15


def lines(added: dict[str, bytes | Path]) -> Iterator[str]:
    """Yield the lines that show *added*: every file with its size, and the content of those that people can read."""
    for name, content in added.items():
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        yield f"{name} ({size} bytes)"
        if isinstance(content, bytes) and _is_shown(name) and size <= MAX_BYTES:
            for line in masked(content.decode()).splitlines():
                yield f"    {printable(line)}"


def masked(text: str) -> str:
    """Return *text* with ``***`` in place of passwords, keys and their hashes."""
    for pattern in SECRETS:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def _is_shown(name: str) -> bool:
    return name in SHOWN or (name.startswith("edge-fer/") and name.endswith((*SHOWN_SUFFIXES, "-data", "-config")))
