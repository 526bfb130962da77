"""An event as the JSON that others get."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from edge_fer.appliance.event import Event

MAX_BYTES: Final = 1 << 16
"""Largest payload that is sent with its details."""
SCORES: Final = ("scores", "mean_scores")
"""Details of a face beyond its states."""


def fields(event: Event, *, scores: bool) -> dict[str, Any]:
    """Return *event* as it is exported, after its ``type``: ``new``, ``update`` or ``end``.

    Without *scores*, those of a face are left out.
    """
    exported = event.as_dict()
    if not scores:
        exported["detail"] = {name: value for name, value in event.detail.items() if name not in SCORES}
    return {"type": change(event)} | exported


def change(event: Event) -> str:
    """Return whether *event* begins something, changes it, or ends it."""
    if event.after is None:
        return "end"
    return "new" if event.before is None else "update"


def encoded(values: dict[str, Any]) -> bytes:
    """Return *values* as JSON in UTF-8, without ``detail`` if that cannot be written as JSON or is too long."""
    try:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False, default=str, separators=(",", ":"))
    except (ValueError, RecursionError):  # not a number, or a circle
        text = ""
    if text and len(text) <= MAX_BYTES:
        # Names of files can hold bytes that are no UTF-8, which no JSON may hold.
        return text.encode(errors="replace")
    return encoded(values | {"detail": {}}) if values.get("detail") else b"{}"
