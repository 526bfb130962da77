"""Depthwise convolution by those of PyTorch's kernels that are fast on a CPU in bfloat16.

oneDNN falls back to its reference for the gradient of the input where there are strides, and for the gradient of the
kernel where the map is smaller than it; each takes many times as long as the convolution. Its fast kernels are faster
still with the channels last in memory. In float32 there is nothing to gain.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def native() -> Iterator[None]:
    """Let training steps within use the fast kernels, where Keras runs on PyTorch on a CPU; else change nothing.

    Outputs and gradients are those of Keras but for rounding.
    """
    if keras.backend.backend() != "torch":
        yield
        return
    import torch

    layer = keras.layers.DepthwiseConv2D
    keras_call = layer.call

    def call(self: Any, inputs: Any) -> Any:
        gains = inputs.device.type == "cpu" and inputs.dtype != torch.float32
        if not gains or self.data_format != "channels_first" or max(self.dilation_rate) > 1:
            return keras_call(self, inputs)
        outputs = _convolve(inputs, self.kernel.value, self.strides, self.padding)
        if self.use_bias:
            outputs = outputs + self.bias.value.reshape(1, -1, 1, 1)
        return self.activation(outputs)

    layer.call = call
    try:
        yield
    finally:
        layer.call = keras_call


def _convolve(inputs: Any, kernel: Any, strides: tuple[int, int], padding: str) -> Any:
    """Return what *kernel* ``(height, width, channels, multiplier)`` makes of *inputs*, channels first."""
    import torch
    from torch.nn import functional

    inputs = inputs.contiguous(memory_format=torch.channels_last)
    around = [(0, 0), (0, 0)]
    if padding == "same":
        around = [_around(*of) for of in zip(inputs.shape[2:], kernel.shape[:2], strides, strict=True)]
    even = all(before == after for before, after in around)
    small = any(pixels < side for pixels, side in zip(inputs.shape[2:], kernel.shape[:2], strict=True))
    if small or not even:
        inputs = functional.pad(inputs, (*around[1], *around[0]))
        around = [(0, 0), (0, 0)]
    weights = kernel.permute(2, 3, 0, 1).flatten(0, 1).unsqueeze(1)  # (channels * multiplier, 1, height, width)
    weights = weights.to(inputs.dtype)
    pads = (around[0][0], around[1][0])
    if max(strides) == 1:
        return functional.conv2d(inputs, weights, None, 1, pads, 1, inputs.shape[1])
    return _strided().apply(inputs, weights, strides, pads)


def _around(pixels: int, side: int, stride: int) -> tuple[int, int]:
    """Return how many zeros "same" puts before and after so many *pixels*."""
    missing = max((-(-pixels // stride) - 1) * stride + side - pixels, 0)
    return missing // 2, missing - missing // 2


@cache
def _strided() -> Any:
    """Return the function; a class of PyTorch's can only be made once that is imported."""
    import torch
    from torch.nn import functional

    class Strided(torch.autograd.Function):  # type: ignore[misc]
        """A depthwise convolution whose gradient of the input is that of one without strides."""

        @staticmethod
        def forward(ctx: Any, inputs: Any, weights: Any, strides: tuple[int, int], pads: tuple[int, int]) -> Any:
            ctx.save_for_backward(inputs, weights)
            ctx.strides, ctx.pads = strides, pads
            return functional.conv2d(inputs, weights, None, strides, pads, 1, inputs.shape[1])

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            inputs, weights = ctx.saved_tensors
            down, right = ctx.strides
            gradient = gradient.contiguous(memory_format=torch.channels_last)

            def backwards(gradient: Any, strides: tuple[int, int], wanted: list[bool]) -> Any:
                return torch.ops.aten.convolution_backward(
                    gradient, inputs, weights, None, strides, ctx.pads, (1, 1), False, (0, 0), inputs.shape[1], wanted
                )

            of_inputs = of_weights = None
            if ctx.needs_input_grad[0]:
                sides = [
                    pixels + 2 * pad - side + 1
                    for pixels, pad, side in zip(inputs.shape[2:], ctx.pads, weights.shape[2:], strict=True)
                ]
                shape, dtype = (*gradient.shape[:2], *sides), gradient.dtype
                apart = torch.empty(shape, dtype=dtype, memory_format=torch.channels_last).zero_()
                apart[:, :, ::down, ::right] = gradient
                of_inputs = backwards(apart, (1, 1), [True, False, False])[0]
            if ctx.needs_input_grad[1]:
                of_weights = backwards(gradient, ctx.strides, [False, True, False])[1]
            return of_inputs, of_weights, None, None

    return Strided
