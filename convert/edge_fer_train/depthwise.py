"""Depthwise convolution by those of PyTorch's kernels that are fast on a CPU in bfloat16.

oneDNN falls back to its reference implementation for the gradient of the input where there are strides, and for the
gradient of the kernel where the map is smaller than the kernel; each takes many times as long as the convolution. Its
fast kernels are faster still with the channels last in memory. In float32 there is nothing to gain.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from collections.abc import Callable

    Padding = tuple[tuple[int, int], tuple[int, int]]
    """Zeros before and after, of the rows and of the columns."""

NO_PADDING = ((0, 0), (0, 0))


def fast_call(layer: keras.layers.Layer) -> Callable[..., Any] | None:
    """Return a ``call`` for *layer* that uses the fast kernels on a CPU; None unless it convolves depthwise.

    Outputs and gradients equal those of Keras up to rounding.
    """
    if not isinstance(layer, keras.layers.DepthwiseConv2D):
        return None
    keras_call = layer.call

    def call(inputs: Any) -> Any:
        if not _gains(layer, inputs):
            return keras_call(inputs)
        outputs = convolve(inputs, layer.kernel.value, layer.strides, layer.padding)
        if layer.use_bias:
            outputs = outputs + layer.bias.value.reshape(1, -1, 1, 1)
        return layer.activation(outputs)

    return call


def _gains(layer: keras.layers.DepthwiseConv2D, inputs: Any) -> bool:
    """Return whether `convolve` knows what *layer* does, and is faster at it."""
    import torch

    if layer.data_format != "channels_first" or max(layer.dilation_rate) > 1:
        return False
    return bool(inputs.device.type == "cpu" and inputs.dtype != torch.float32)


def convolve(inputs: Any, kernel: Any, strides: tuple[int, int], padding: str) -> Any:
    """Return what *kernel* ``(height, width, channels, multiplier)`` makes of *inputs*, channels first."""
    import torch
    from torch.nn import functional

    inputs = inputs.contiguous(memory_format=torch.channels_last)
    zeros = _same(inputs, kernel, strides) if padding == "same" else NO_PADDING
    if _is_small(inputs, kernel) or not _is_even(zeros):
        # Padded here: PyTorch pads evenly only, and oneDNN is slow where the kernel is larger than the map.
        inputs = functional.pad(inputs, (*zeros[1], *zeros[0]))
        zeros = NO_PADDING
    weights = kernel.permute(2, 3, 0, 1).flatten(0, 1).unsqueeze(1)  # (channels * multiplier, 1, height, width)
    weights = weights.to(inputs.dtype)  # in mixed precision, the kernel itself stays float32
    pads = (zeros[0][0], zeros[1][0])
    if max(strides) == 1:
        return functional.conv2d(inputs, weights, None, 1, pads, 1, inputs.shape[1])
    return _strided().apply(inputs, weights, strides, pads)


def _same(inputs: Any, kernel: Any, strides: tuple[int, int]) -> Padding:
    """Return the zeros that "same" puts around *inputs*."""
    rows = _around(inputs.shape[2], kernel.shape[0], strides[0])
    columns = _around(inputs.shape[3], kernel.shape[1], strides[1])
    return rows, columns


def _around(pixels: int, side: int, stride: int) -> tuple[int, int]:
    """Return how many zeros "same" puts before and after a row or column of *pixels*, for a kernel of *side*."""
    steps = -(-pixels // stride)
    missing = max((steps - 1) * stride + side - pixels, 0)
    return missing // 2, missing - missing // 2


def _is_even(zeros: Padding) -> bool:
    return all(before == after for before, after in zeros)


def _is_small(inputs: Any, kernel: Any) -> bool:
    """Return whether the map has fewer rows or columns than *kernel*."""
    return bool(inputs.shape[2] < kernel.shape[0] or inputs.shape[3] < kernel.shape[1])


@cache
def _strided() -> Any:
    """Return the function for strides. Its class is made on demand, since PyTorch need not be installed."""
    import torch
    from torch.nn import functional

    class Strided(torch.autograd.Function):  # type: ignore[misc]
        """A depthwise convolution whose gradient of the input is that of one without strides."""

        @staticmethod
        def forward(ctx: Any, inputs: Any, weights: Any, strides: tuple[int, int], pads: tuple[int, int]) -> Any:
            ctx.save_for_backward(inputs, weights)
            ctx.strides = strides
            ctx.pads = pads
            return functional.conv2d(inputs, weights, None, strides, pads, 1, inputs.shape[1])

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            inputs, weights = ctx.saved_tensors
            gradient = gradient.contiguous(memory_format=torch.channels_last)
            of_inputs = None
            of_weights = None
            if ctx.needs_input_grad[0]:
                spread = _insert_zeros(gradient, inputs, weights, ctx.strides, ctx.pads)
                of_inputs = _gradients(spread, inputs, weights, (1, 1), ctx.pads, (True, False))[0]
            if ctx.needs_input_grad[1]:
                of_weights = _gradients(gradient, inputs, weights, ctx.strides, ctx.pads, (False, True))[1]
            return of_inputs, of_weights, None, None

    return Strided


def _insert_zeros(gradient: Any, inputs: Any, weights: Any, strides: tuple[int, int], pads: tuple[int, int]) -> Any:
    """Return *gradient* with zeros between its rows and columns, as if the convolution had no strides."""
    import torch

    height = inputs.shape[2] + 2 * pads[0] - weights.shape[2] + 1
    width = inputs.shape[3] + 2 * pads[1] - weights.shape[3] + 1
    shape = (*gradient.shape[:2], height, width)
    spread = torch.empty(shape, dtype=gradient.dtype, memory_format=torch.channels_last).zero_()
    spread[:, :, :: strides[0], :: strides[1]] = gradient
    return spread


def _gradients(
    gradient: Any, inputs: Any, weights: Any, strides: tuple[int, int], pads: tuple[int, int], wanted: tuple[bool, bool]
) -> Any:
    """Return PyTorch's gradients of inputs and weights; None for one that is not *wanted*."""
    import torch

    channels = inputs.shape[1]
    mask = [*wanted, False]  # there is no bias
    return torch.ops.aten.convolution_backward(
        gradient, inputs, weights, None, strides, pads, (1, 1), False, (0, 0), channels, mask
    )
