"""Points in time as people write them: ``2h``, ``yesterday``, ``14:30``, ``2026-11-30``, ``2026-11-30T14:00+01:00``."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Final

from edge_fer.errors import BadInput
from edge_fer.text import printable

UNITS: Final = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
AGO: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(s|m|min|h|d|w)")
OF_DAY: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
DAYS: Final = {"today": 0, "yesterday": 1}
EXAMPLES: Final = "pass for instance 2h, 7d, today, 14:30, 2026-11-30 or 2026-11-30T14:30"


def parse(text: str, now: datetime) -> datetime:
    """Return the time that *text* means at *now*, which has a zone: so long ago, or a time of the calendar.

    What names no zone is in this machine's. A time of the day is today's. Raises `BadInput`.
    """
    try:
        return _parse(text.strip(), now.astimezone())
    except (ValueError, OverflowError) as exc:
        raise BadInput(f"{printable(text)} is no time; {EXAMPLES}") from exc


def _parse(text: str, now: datetime) -> datetime:
    ago = AGO.fullmatch(text)
    if ago is not None:
        return now - timedelta(**{UNITS[ago[2]]: float(ago[1])})
    if text in DAYS:
        return datetime.combine(now.date() - timedelta(days=DAYS[text]), time()).astimezone()
    of_day = OF_DAY.fullmatch(text)
    if of_day is not None:
        hour, minute, second = (int(part or 0) for part in of_day.groups())
        return datetime.combine(now.date(), time(hour, minute, second)).astimezone()
    # Of a time without a zone, the offset is the one that this place has then, not now.
    return datetime.fromisoformat(text).astimezone()
