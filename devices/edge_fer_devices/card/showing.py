"""Shows what would be written to a card, without the secrets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer_devices.card.contents import Order
    from edge_fer_devices.card.settings import Settings

SHOWN: Final = frozenset({"user-data", "network-config", "meta-data", "cmdline.txt", "edge-fer-status.json"})
"""Files at the top whose content is shown, beside those of our folder."""
SHOWN_SUFFIXES: Final = (".json", ".toml", ".sh")
MASK: Final = "***"
MAX_BYTES: Final = 1 << 15


def without_secrets(order: Order) -> Order:
    """Return *order* with ``***`` in place of every password, key and hash of one, also in the source's address."""
    from edge_fer.sources.addresses import scrub

    config = order.config.model_copy(update={"source": scrub(order.config.source)})
    return replace(order, settings=_without_secrets(order.settings), config=config)


def _without_secrets(settings: Settings) -> Settings:
    account = settings.account
    wifi = settings.wifi
    if account is not None and account.password_hash:
        account = replace(account, password_hash=MASK)
    if wifi is not None and wifi.key:
        wifi = replace(wifi, key=MASK)
    return replace(settings, account=account, wifi=wifi)


def lines(added: dict[str, bytes | Path], shown: dict[str, bytes | Path]) -> Iterator[str]:
    """Yield the lines that show *added*: every file with its size, and what people can read.

    What is read comes from *shown*: the same files, of settings `without_secrets`.
    """
    for name, content in added.items():
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        yield f"{name} ({size} bytes)"
        readable = shown[name]
        if isinstance(readable, bytes) and _is_shown(name) and size <= MAX_BYTES:
            for line in readable.decode().splitlines():
                yield f"    {printable(line)}"


def _is_shown(name: str) -> bool:
    return name in SHOWN or (name.startswith("edge-fer/") and name.endswith((*SHOWN_SUFFIXES, "-data", "-config")))
