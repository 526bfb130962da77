"""A float model in the two forms that all targets are made from: LiteRT and ONNX.

TensorFlow's converter makes a float ``.tflite`` of a Keras model or SavedModel, and tf2onnx makes ONNX of that. An
``.onnx`` stays as it is; OpenVINO reads ONNX. When they are opened, PyTorch's tools make LiteRT of an ``.onnx``, and
both forms of a ``.pt2``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from edge_fer.dependencies import raise_broken_import
from edge_fer.errors import BadInput, one_line
from edge_fer.preprocess import Preprocess
from edge_fer_convert import originals
from edge_fer_convert.formats import onnx_ends, onnx_file, tflite_ends, tflite_file

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer_convert.originals import Original


@dataclass(frozen=True)
class FloatModel:
    """A classifier in float32 that takes one face at a time, in every form that it can take."""

    shape: tuple[int, int, int, int]
    """Of the input: ``(1, N, N, channels)`` or ``(1, channels, N, N)``."""
    classes: int
    tflite: bytes | None
    given_onnx: bytes | None = None
    """The ONNX form where an ``.onnx`` or a ``.pt2`` was opened; otherwise it is made from the ``.tflite`` when first
    asked for."""
    why_no_litert: str = ""
    takes_pixels: str = ""
    """How the model itself shows that it takes pixels from 0 to 255; empty where it does not show it."""
    input_dtype: str = "float32"
    """Type of the numbers that the opened model takes; all forms here take float32."""
    notes: tuple[str, ...] = ()
    """What was changed to open the model, a sentence each."""
    original: Original | None = field(default=None, compare=False, repr=False)
    """The model as it was opened, which every form is compared with; None for a form made of another one."""

    @property
    def onnx(self) -> bytes | None:
        """The model as ONNX; None when it cannot be expressed in ONNX."""
        return self._onnx_or_reason[0]

    @property
    def size_px(self) -> int:
        """Side N of the face that the model takes."""
        return self.shape[2]

    @property
    def planes(self) -> int:
        """Number of channels that the model takes: 1 or 3."""
        channels_last = self.shape[1] == self.shape[2]
        return self.shape[3] if channels_last else self.shape[1]

    def preprocess(self, **settings: Any) -> Preprocess:
        """Return the preprocessing spec for this model's input: size and channels are the model's.

        *settings* are other fields of `Preprocess`, for instance ``low=-1.0``. Without them, a model that
        `takes_pixels` gets 0 to 255. Raises pydantic's `ValidationError`.
        """
        if self.takes_pixels and not settings.keys() & {"low", "high", "standardize"}:
            settings["high"] = 255.0
        return Preprocess(size_px=self.size_px, channels="gray3" if self.planes == 3 else "gray", **settings)

    def can_be(self, target: str) -> str | None:
        """Return why this model cannot become *target* and what to do about it, or None when it can."""
        if target.startswith("litert"):
            return self.why_no_litert if self.tflite is None else None
        return self._onnx_or_reason[1] or None

    @cached_property
    def _onnx_or_reason(self) -> tuple[bytes | None, str]:
        """The ONNX form, or why there is none."""
        if self.given_onnx is not None or self.tflite is None:
            return self.given_onnx, ""
        try:
            content = onnx_file.from_tflite(self.tflite)
            if None in onnx_file.shapes(content)[0]:
                content = onnx_file.with_fixed_input(content, self.shape)  # a .tflite may leave its batch open
        except Exception as exc:  # noqa: BLE001  (tf2onnx raises anything; LiteRT's targets can be produced all the same)
            raise_broken_import(exc)
            return None, f"tf2onnx cannot make ONNX of the model ({one_line(exc)}); pass an .onnx of your own"
        return content, ""

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``(n, classes)`` outputs for ``(n, N, N, channels)`` *values*."""
        # The .tflite where there is one, so that ONNX need not be made for this.
        if self.tflite is not None:
            return tflite_file.run(self.tflite, values)
        return onnx_file.run(self.onnx or b"", values, self.shape)

    def with_softmax(self) -> FloatModel:
        """Return the same model ending in a softmax."""
        return self._continued(tflite_ends.append_softmax, onnx_file.append_softmax, originals.softmax)

    def with_shares(self, *, of_logits: bool) -> FloatModel:
        """Return the same model with its scores divided by their sum; *of_logits* puts a sigmoid before that."""
        model = self
        if of_logits:
            model = self._continued(tflite_ends.append_sigmoid, onnx_ends.append_sigmoid, originals.sigmoid)
        return model._continued(tflite_ends.append_shares, onnx_ends.append_shares, originals.shares)  # noqa: SLF001

    def with_columns(self, start: int, stop: int) -> FloatModel:
        """Return the same model with the scores from number *start* to before *stop* alone.

        Raises `BadInput` where it has not so many.
        """
        if not 0 <= start < stop - 1 < self.classes:
            raise BadInput(f"--outputs {start}:{stop} does not fit: the model has {self.classes} outputs, 0 and on")
        cut = self._continued(
            lambda content: tflite_ends.append_columns(content, start, stop),
            lambda content: onnx_ends.append_columns(content, start, stop),
            lambda scores: scores[:, start:stop],
        )
        return replace(cut, classes=stop - start)

    def _continued(
        self,
        append_tflite: Callable[[bytes], bytes],
        append_onnx: Callable[[bytes], bytes],
        further: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    ) -> FloatModel:
        """Return the same model with something after its output, in each form."""
        tflite = None if self.tflite is None else append_tflite(self.tflite)
        # An ONNX form that exists is extended. One that does not is left to be made from the new .tflite when needed,
        # because making it takes minutes for a large model.
        onnx, _ = vars(self).get("_onnx_or_reason", (self.given_onnx, ""))
        if onnx is not None:
            onnx = append_onnx(onnx)
        original = None if self.original is None else originals.Continued(self.original, further)
        return replace(self, tflite=tflite, given_onnx=onnx, original=original)
