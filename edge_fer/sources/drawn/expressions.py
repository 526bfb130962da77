"""The seven expressions as the parts of a drawn face."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

FADE_S: Final = 0.3
"""How long an expression takes to change into the next one."""


@dataclass(frozen=True)
class Expression:
    """The parts of a drawn face. Lengths are fractions of half the face's width."""

    brow_raise: float = 0.0
    brow_tilt: float = 0.0
    """Positive: inner ends down, as in anger."""
    eye_open: float = 0.11
    mouth_curve: float = 0.0
    """Positive: corners up."""
    mouth_open: float = 0.02
    mouth_width: float = 0.32
    teeth: float = 0.0
    """How much of the open mouth the upper teeth fill, from 0 to 1."""
    fold: float = 0.0
    """Depth of the folds from the nose to the corners of the mouth, from 0 to 1."""
    cheek: float = 1.0
    """How much the cheeks stand out, from 0 to 1."""

    def toward(self, other: Expression, weight: float) -> Expression:
        """Return the expression between this one and *other*: *weight* 0 is this one, 1 the other."""
        blended = {}
        for field in fields(self):
            start = getattr(self, field.name)
            blended[field.name] = start + weight * (getattr(other, field.name) - start)
        return Expression(**blended)


EXPRESSIONS: Final = {
    "angry": Expression(
        brow_raise=-0.06,
        brow_tilt=0.17,
        eye_open=0.19,
        mouth_curve=-0.2,
        mouth_open=0.12,
        mouth_width=0.39,
        teeth=0.5,
    ),
    "disgust": Expression(
        brow_raise=0.14, brow_tilt=0.12, eye_open=0.03, mouth_curve=-0.12, mouth_open=0.0, mouth_width=0.24, fold=1.0
    ),
    "fear": Expression(
        brow_raise=-0.1,
        brow_tilt=-0.07,
        eye_open=0.08,
        mouth_curve=-0.05,
        mouth_open=0.11,
        mouth_width=0.46,
        teeth=0.15,
    ),
    "happy": Expression(
        brow_raise=-0.04,
        brow_tilt=0.03,
        eye_open=0.03,
        mouth_curve=0.22,
        mouth_open=0.01,
        mouth_width=0.35,
        fold=0.17,
    ),
    "sad": Expression(
        brow_raise=-0.1,
        brow_tilt=-0.12,
        eye_open=0.03,
        mouth_curve=-0.2,
        mouth_open=0.12,
        mouth_width=0.35,
        teeth=0.8,
        fold=0.6,
    ),
    "surprise": Expression(
        brow_raise=0.14,
        brow_tilt=-0.03,
        eye_open=0.18,
        mouth_curve=0.0,
        mouth_open=0.14,
        mouth_width=0.16,
    ),
    "neutral": Expression(
        brow_raise=-0.106,
        brow_tilt=0.02,
        eye_open=0.032,
        mouth_curve=0.022,
        mouth_open=0.0,
        mouth_width=0.336,
        cheek=0.06,
    ),
}
"""What the seven expressions look like. The numbers were searched for, so that Haar's cascade finds every face and the
models trained on votes name it as it is drawn. Disgust has their highest score, but often too low a one for a name."""
