"""The sounds of alerts, where the settings name no files: beeps, computed here."""

from __future__ import annotations

import array
import io
import math
import sys
import wave
from typing import Final

RATE_HZ: Final = 22_050
RAMP_S: Final = 0.01
"""How long a beep takes to begin and to end; at once, it would click."""
SILENCE: Final = 0.0
TONES: Final[dict[str, tuple[tuple[float, float, float], ...]]] = {
    "notice": ((784.0, 0.25, 0.4),),
    "warning": ((988.0, 0.2, 0.7), (SILENCE, 0.1, 0.0), (988.0, 0.2, 0.7)),
    "alarm": ((1568.0, 0.12, 0.95), (SILENCE, 0.05, 0.0)) * 3,
}
"""Level → beeps: pitch in hertz, seconds, and volume from 0 to 1."""
LARGEST: Final = 32_767


def wave_file(level: str) -> bytes:
    """Return the sound of *level*, of `TONES`, as a wave file: one channel of 16 bits."""
    samples = array.array("h")
    for pitch_hz, seconds, volume in TONES[level]:
        samples.extend(_beep(pitch_hz, seconds, volume))
    if sys.byteorder == "big":
        samples.byteswap()
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())
    return content.getvalue()


def _beep(pitch_hz: float, seconds: float, volume: float) -> list[int]:
    samples = []
    length = round(seconds * RATE_HZ)
    for number in range(length):
        edge_s = min(number, length - number) / RATE_HZ
        loudness = volume * min(1.0, edge_s / RAMP_S)
        samples.append(round(LARGEST * loudness * math.sin(2 * math.pi * pitch_hz * number / RATE_HZ)))
    return samples
