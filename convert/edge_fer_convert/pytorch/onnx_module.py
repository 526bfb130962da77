"""A PyTorch module that computes an ONNX graph, so that litert-torch can make LiteRT of it.

For classifiers: one input, sizes known, the operators that exporters write for them, in opset 18 or later. Constants
are folded before (`onnx_file.simplified`), so what a graph computes of its own shapes is a constant here. `OPERATORS`
is the table; an error names an operator that it lacks. What comes out is compared with ONNX Runtime, as every form is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Node:
    """One operation: what it reads, and its attributes."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    constants: dict[str, Any]
    """The constants of the whole graph: name → array. Sizes and axes are read from them."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attributes.get(name, default)

    def numbers(self, position: int, name: str = "") -> list[Any] | None:
        """Return the numbers in the constant input at *position*, or in the attribute *name*; None without either."""
        if position < len(self.inputs) and self.inputs[position]:
            source = self.inputs[position]
            if source not in self.constants:
                raise NotImplementedError(f"{self.kind} reads {source}, which is no constant")
            return list(np.ravel(self.constants[source]).tolist())
        value = self.get(name)
        return None if value is None else list(value)


class OnnxModule(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """Computes the ONNX model in a file."""

    def __init__(self, path: Path) -> None:
        """Read the model. Raises `NotImplementedError` with the operators that are not in the table."""
        super().__init__()
        graph = onnx.load(path).graph
        constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.nodes = []
        for proto in graph.node:
            attributes = {entry.name: _attribute(entry) for entry in proto.attribute}
            if proto.op_type == "Constant":
                constants[proto.output[0]] = np.asarray(next(iter(attributes.values())))
                continue
            inputs = tuple(proto.input)
            self.nodes.append(Node(proto.op_type, inputs, tuple(proto.output), attributes, constants))
        unknown = sorted({node.kind for node in self.nodes} - set(OPERATORS))
        if unknown:
            raise NotImplementedError(f"{', '.join(unknown)} of ONNX is not known here")
        self.source = next(value.name for value in graph.input if value.name not in constants)
        self.sink = graph.output[0].name
        self.weights = {name: f"constant_{number}" for number, name in enumerate(constants)}
        for name, array in constants.items():
            self.register_buffer(self.weights[name], torch.from_numpy(np.array(array)))

    def forward(self, face: Tensor) -> Tensor:
        """Return the scores of one face."""
        tensors = {"": None, self.source: face}
        tensors |= {name: getattr(self, buffer) for name, buffer in self.weights.items()}
        for node in self.nodes:
            made = OPERATORS[node.kind](node, *[tensors[name] for name in node.inputs])
            for name, tensor in zip(node.outputs, made if isinstance(made, tuple) else (made,), strict=False):
                tensors[name] = tensor
        return tensors[self.sink]


def _attribute(entry: Any) -> Any:
    value = onnx.helper.get_attribute_value(entry)
    if isinstance(value, bytes):
        return value.decode()
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


# Layers with windows.


def _pads(node: Node, sizes: Sequence[int], kernel: Sequence[int]) -> list[int]:
    """Return what a window's *kernel* needs around *sizes*: first the begins, then the ends, as ONNX lists them."""
    mode = node.get("auto_pad", "NOTSET")
    if mode in {"NOTSET", "VALID"}:
        return list(node.get("pads") or [0] * 2 * len(sizes)) if mode == "NOTSET" else [0] * 2 * len(sizes)
    strides = node.get("strides") or [1] * len(sizes)
    dilations = node.get("dilations") or [1] * len(sizes)
    begins = []
    ends = []
    for size, side, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        missing = max((-(-size // stride) - 1) * stride + (side - 1) * dilation + 1 - size, 0)
        less = missing // 2
        begins.append(less if mode == "SAME_UPPER" else missing - less)
        ends.append(missing - begins[-1])
    return [*begins, *ends]


def _padded(x: Tensor, pads: Sequence[int], value: float = 0.0) -> Tensor:
    """Return *x* with its last axes padded: begins first, then ends."""
    if not any(pads):
        return x
    count = len(pads) // 2
    # PyTorch begins with the last axis.
    pairs = [pad for axis in reversed(range(count)) for pad in (pads[axis], pads[axis + count])]
    return functional.pad(x, pairs, value=value)


def _convolution(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    pads = _pads(node, x.shape[2:], weight.shape[2:])
    count = len(pads) // 2
    convolve = {1: functional.conv1d, 2: functional.conv2d}[count]
    inside: Any = 0
    if pads[:count] == pads[count:]:
        inside = pads[:count]
    else:
        x = _padded(x, pads)
    stride = node.get("strides") or [1] * count
    dilation = node.get("dilations") or [1] * count
    return convolve(x, weight, bias, stride, inside, dilation, node.get("group", 1))


def _transposed_convolution(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    pads = node.get("pads") or [0, 0, 0, 0]
    if node.get("auto_pad", "NOTSET") != "NOTSET" or pads[:2] != pads[2:] or node.get("output_shape"):
        raise NotImplementedError("ConvTranspose with such padding is not known here")
    return functional.conv_transpose2d(
        x,
        weight,
        bias,
        node.get("strides") or [1, 1],
        pads[:2],
        node.get("output_padding") or [0, 0],
        node.get("group", 1),
        node.get("dilations") or [1, 1],
    )


def _rounded_up(node: Node, x: Tensor, pads: list[int], kernel: Sequence[int]) -> list[int]:
    """Return *pads* with what the last windows need at the ends, where the model takes those that are half outside."""
    if not node.get("ceil_mode", 0):
        return pads
    count = len(kernel)
    more = list(pads)
    strides = node.get("strides") or [1] * count
    dilations = node.get("dilations") or [1] * count
    for axis, side in enumerate(kernel):
        size = x.shape[2 + axis] + pads[axis] + pads[axis + count]
        reach = (side - 1) * dilations[axis] + 1
        windows = -(-(size - reach) // strides[axis]) + 1
        # A window that begins in the padding at the end does not count.
        if (windows - 1) * strides[axis] >= x.shape[2 + axis] + pads[axis]:
            windows -= 1
        more[axis + count] += max((windows - 1) * strides[axis] + reach - size, 0)
    return more


def _max_pool(node: Node, x: Tensor) -> Tensor:
    kernel = node.get("kernel_shape")
    pads = _rounded_up(node, x, _pads(node, x.shape[2:], kernel), kernel)
    count = len(kernel)
    dilation = node.get("dilations") or [1] * count
    stride = node.get("strides") or [1] * count
    half = all(2 * pad <= side for pad, side in zip(pads, [*kernel, *kernel], strict=True))
    if pads[:count] == pads[count:] and half:
        return functional.max_pool2d(x, kernel, stride, pads[:count], dilation)
    return functional.max_pool2d(_padded(x, pads, float("-inf")), kernel, stride, 0, dilation)


def _average_pool(node: Node, x: Tensor) -> Tensor:
    kernel = node.get("kernel_shape")
    stride = node.get("strides") or [1] * len(kernel)
    if any(side != 1 for side in node.get("dilations") or []):
        raise NotImplementedError("AveragePool with dilations is not known here")
    declared = _pads(node, x.shape[2:], kernel)
    pads = _rounded_up(node, x, declared, kernel)
    padded = functional.avg_pool2d(_padded(x, pads), kernel, stride)
    if not any(pads):
        return padded
    # Each window's mean is over what counts in it: the picture alone, or the padding that the model declares as well.
    ones = torch.ones_like(x[:, :1])
    if node.get("count_include_pad", 0):
        ones = _padded(ones, declared, 1.0)
        rest = [pad - own for pad, own in zip(pads, declared, strict=True)]
    else:
        rest = pads
    return padded / functional.avg_pool2d(_padded(ones, rest), kernel, stride)


# Normalisation.


def _batch_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return functional.batch_norm(x, mean, variance, scale, bias, training=False, eps=node.get("epsilon", 1e-5))


def _instance_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return functional.instance_norm(x, weight=scale, bias=bias, eps=node.get("epsilon", 1e-5))


def _layer_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    axis = node.get("axis", -1) % x.ndim
    shape = x.shape[axis:]
    weight = scale.expand(shape)
    shift = None if bias is None else bias.expand(shape)
    return functional.layer_norm(x, shape, weight, shift, node.get("epsilon", 1e-5))


def _group_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return functional.group_norm(x, node.get("num_groups"), scale, bias, node.get("epsilon", 1e-5))


def _lp_norm(node: Node, x: Tensor) -> Tensor:
    return functional.normalize(x, p=node.get("p", 2), dim=node.get("axis", -1))


def _local_response_norm(node: Node, x: Tensor) -> Tensor:
    return functional.local_response_norm(
        x, node.get("size"), node.get("alpha", 1e-4), node.get("beta", 0.75), node.get("bias", 1.0)
    )


# Products.


def _gemm(node: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    left = a.T if node.get("transA", 0) else a
    plain = node.get("alpha", 1.0) == 1 and node.get("beta", 1.0) == 1
    if plain and (c is None or c.ndim == 1):
        return functional.linear(left, b if node.get("transB", 0) else b.T, c)
    product = node.get("alpha", 1.0) * (left @ (b.T if node.get("transB", 0) else b))
    return product if c is None else product + node.get("beta", 1.0) * c


# Element by element.


def _hard_sigmoid(node: Node, x: Tensor) -> Tensor:
    alpha = node.get("alpha", 0.2)
    beta = node.get("beta", 0.5)
    # PyTorch's own, with 1/6 and 1/2, is an operator of its own in LiteRT.
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return functional.hardsigmoid(x)
    return torch.clamp(alpha * x + beta, 0, 1)


def _clip(node: Node, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    del low, high
    lows = node.numbers(1)
    highs = node.numbers(2)
    least = lows[0] if lows else None
    most = highs[0] if highs else None
    if least is None and most is None:
        return x
    if least == 0 and most is None:
        return functional.relu(x)
    if least == 0:
        return functional.relu6(x) if most == 6 else functional.relu(x).clamp(max=most)
    return torch.clamp(x, least, most)


def _prelu(node: Node, x: Tensor, slope: Tensor) -> Tensor:
    del node
    return functional.relu(x) - slope * functional.relu(-x)


def _cast(node: Node, x: Tensor) -> Tensor:
    numpy_type = onnx.helper.tensor_dtype_to_np_dtype(node.get("to"))
    return x.to(torch.from_numpy(np.zeros(1, numpy_type)).dtype)


# Shapes.


def _reshape(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    del shape
    sizes = node.numbers(1) or []
    if not node.get("allowzero", 0):
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(node: Node, x: Tensor) -> Tensor:
    axis = node.get("axis", 1)
    if axis < 0:  # not modulo: the number of axes is an axis, too
        axis += x.ndim
    rows = reduce(lambda product, size: product * size, x.shape[:axis], 1)
    return x.reshape(rows, -1)


def _squeeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    del axes
    numbers = node.numbers(1)
    return x.squeeze() if numbers is None else x.squeeze(tuple(numbers))


def _unsqueeze(node: Node, x: Tensor, axes: Tensor) -> Tensor:
    del axes
    numbers = node.numbers(1) or []
    rank = x.ndim + len(numbers)
    for axis in sorted(number % rank for number in numbers):
        x = x.unsqueeze(axis)
    return x


def _slice(node: Node, x: Tensor, *bounds: Tensor) -> Tensor:
    del bounds
    starts = node.numbers(1) or []
    stops = node.numbers(2) or []
    axes = node.numbers(3) or list(range(len(starts)))
    steps = node.numbers(4) or [1] * len(starts)
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        taken = range(x.shape[axis])[start:stop:step]
        if step > 0:
            index = [slice(None)] * x.ndim
            index[axis] = slice(taken.start, taken.stop, step)
            x = x[tuple(index)]
        else:
            x = x.index_select(axis, torch.tensor(list(taken)))
    return x


def _split(node: Node, x: Tensor, sizes: Tensor | None = None) -> tuple[Tensor, ...]:
    del sizes
    axis = node.get("axis", 0)
    parts = node.numbers(1)
    if parts is None:
        return tuple(x.split(-(-x.shape[axis] // len(node.outputs)), axis))
    return tuple(x.split(parts, axis))


def _gather(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    axis = node.get("axis", 0) % x.ndim
    flat = [index % x.shape[axis] for index in node.numbers(1) or []]
    if indices.ndim == 0:
        return x.select(axis, flat[0])
    taken = x.index_select(axis, torch.tensor(flat))
    return taken.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def _expand(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    del shape
    return x * torch.ones(node.numbers(1) or [], dtype=x.dtype)


def _tile(node: Node, x: Tensor, repeats: Tensor) -> Tensor:
    del repeats
    return x.repeat(node.numbers(1) or [])


def _unchanged(node: Node, x: Tensor, *rest: Tensor) -> Tensor:
    del node, rest
    return x


def _pad(node: Node, x: Tensor, *arguments: Tensor) -> Tensor:
    del arguments
    pads = node.numbers(1, "pads") or []
    axes = node.numbers(3)
    if axes is not None:
        whole = [0] * 2 * x.ndim
        for position, axis in enumerate(axes):
            whole[axis % x.ndim] = pads[position]
            whole[axis % x.ndim + x.ndim] = pads[position + len(axes)]
        pads = whole
    mode = node.get("mode", "constant")
    if mode == "constant":
        value = (node.numbers(2) or [0.0])[0]
        return _padded(x, pads, value)
    if pads[:2] != [0, 0] or pads[x.ndim : x.ndim + 2] != [0, 0]:
        raise NotImplementedError(f"Pad in mode {mode} of such axes is not known here")
    modes = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    top, left, bottom, right = *pads[2 : x.ndim], *pads[x.ndim + 2 :]
    return functional.pad(x, (left, right, top, bottom), mode=modes[mode])


def _resize(node: Node, x: Tensor, *arguments: Tensor) -> Tensor:
    del arguments
    sizes = node.numbers(3)
    scales = node.numbers(2)
    if not sizes:
        sizes = [int(size * scale) for size, scale in zip(x.shape, scales or [], strict=True)]
    if list(sizes[:2]) != list(x.shape[:2]) or node.get("axes"):
        raise NotImplementedError("Resize of such axes is not known here")
    factors = scales or [size / old for size, old in zip(sizes, x.shape, strict=True)]
    if _has_whole_factors(node, factors):
        return functional.interpolate(x, sizes[2:], mode="nearest")
    mode = node.get("mode", "nearest")
    where = node.get("coordinate_transformation_mode", "half_pixel")
    exact = all(old * factor == size >= old for old, factor, size in zip(x.shape, factors, sizes, strict=True))
    if mode == "linear" and exact and where in {"half_pixel", "pytorch_half_pixel", "align_corners"}:
        return functional.interpolate(x, sizes[2:], mode="bilinear", align_corners=where == "align_corners")
    if mode == "cubic" or node.get("antialias", 0):
        raise NotImplementedError(f"Resize in mode {mode} is not known here")
    for axis in (2, 3):
        shares = _shares(x.shape[axis], sizes[axis], factors[axis], node)
        x = torch.matmul(shares, x) if axis == 2 else torch.matmul(x, shares.T)
    return x


def _has_whole_factors(node: Node, factors: Sequence[float]) -> bool:
    """Return whether each pixel is repeated a whole number of times."""
    rule = (node.get("coordinate_transformation_mode", "half_pixel"), node.get("nearest_mode", "round_prefer_floor"))
    rules = {("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"), ("half_pixel", "round_prefer_ceil")}
    whole = all(factor == int(factor) for factor in factors)
    return node.get("mode", "nearest") == "nearest" and whole and rule in rules


def _shares(old: int, new: int, factor: float, node: Node) -> Tensor:
    """Return ``(new, old)``: the share of each old pixel in each new one."""
    where = node.get("coordinate_transformation_mode", "half_pixel")
    number = np.arange(new)
    places = {
        "half_pixel": (number + 0.5) / factor - 0.5,
        "pytorch_half_pixel": (number + 0.5) / factor - 0.5 if new > 1 else np.zeros(new),
        "align_corners": number * (old - 1) / max(new - 1, 1),
        "asymmetric": number / factor,
    }
    if where not in places:
        raise NotImplementedError(f"Resize with {where} is not known here")
    place = np.clip(places[where], 0, old - 1)
    shares = np.zeros((new, old), np.float32)
    if node.get("mode", "nearest") == "nearest":
        rule = node.get("nearest_mode", "round_prefer_floor")
        rounded = {
            "floor": np.floor(place),
            "ceil": np.ceil(place),
            "round_prefer_floor": np.ceil(place - 0.5),
            "round_prefer_ceil": np.floor(place + 0.5),
        }
        shares[number, rounded[rule].astype(int)] = 1
    else:
        below = np.floor(place).astype(int)
        above = np.minimum(below + 1, old - 1)
        shares[number, below] += 1 - (place - below)
        shares[number, above] += place - below
    return torch.from_numpy(shares)


def _depth_to_space(node: Node, x: Tensor) -> Tensor:
    side = node.get("blocksize")
    batch, depth, height, width = x.shape
    if node.get("mode", "DCR") == "DCR":
        parts = x.reshape(batch, side, side, depth // side**2, height, width).permute(0, 3, 4, 1, 5, 2)
    else:
        parts = x.reshape(batch, depth // side**2, side, side, height, width).permute(0, 1, 4, 2, 5, 3)
    return parts.reshape(batch, depth // side**2, height * side, width * side)


def _space_to_depth(node: Node, x: Tensor) -> Tensor:
    side = node.get("blocksize")
    batch, depth, height, width = x.shape
    parts = x.reshape(batch, depth, height // side, side, width // side, side).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(batch, depth * side**2, height // side, width // side)


def _reduced(node: Node, x: Tensor, axes: Tensor | None = None, *, how: Callable[..., Tensor]) -> Tensor:
    del axes
    numbers = node.numbers(1, "axes")
    if not numbers:
        if node.get("noop_with_empty_axes", 0):
            return x
        numbers = list(range(x.ndim))
    return how(x, [number % x.ndim for number in numbers], keepdim=bool(node.get("keepdims", 1)))


def _length(x: Tensor, axes: list[int], *, keepdim: bool) -> Tensor:
    return torch.linalg.vector_norm(x, 2, axes, keepdim=keepdim)


# What takes tensors only, and no attributes.
PLAIN: Final[dict[str, Callable[..., Tensor]]] = {
    "Abs": torch.abs,
    "Add": torch.add,
    "Ceil": torch.ceil,
    "Cos": torch.cos,
    "Div": torch.div,
    "Equal": torch.eq,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Floor": torch.floor,
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "GlobalMaxPool": lambda x: x.amax((2, 3), keepdim=True),
    "Greater": torch.gt,
    "HardSwish": functional.hardswish,
    "Identity": lambda x: x,
    "Less": torch.lt,
    "Log": torch.log,
    "MatMul": torch.matmul,
    "Max": lambda *tensors: reduce(torch.maximum, tensors),
    "Min": lambda *tensors: reduce(torch.minimum, tensors),
    "Mish": functional.mish,
    "Mul": torch.mul,
    "Neg": torch.neg,
    "Pow": torch.pow,
    "Reciprocal": torch.reciprocal,
    "Relu": functional.relu,
    "Round": torch.round,
    "Selu": functional.selu,
    "Sigmoid": torch.sigmoid,
    "Sin": torch.sin,
    "Softplus": functional.softplus,
    "Softsign": functional.softsign,
    "Sqrt": torch.sqrt,
    "Sub": torch.sub,
    "Sum": lambda *tensors: reduce(torch.add, tensors),
    "Tanh": torch.tanh,
    "Where": torch.where,
}


def _plain(node: Node, *tensors: Tensor) -> Tensor:
    return PLAIN[node.kind](*tensors)


OPERATORS: Final[dict[str, Callable[..., Any]]] = {
    **dict.fromkeys(PLAIN, _plain),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda node, *tensors: torch.cat(tensors, node.get("axis")),
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "DepthToSpace": _depth_to_space,
    "Dropout": _unchanged,
    "Elu": lambda node, x: functional.elu(x, node.get("alpha", 1.0)),
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gelu": lambda node, x: functional.gelu(x, approximate=node.get("approximate", "none")),
    "Gemm": _gemm,
    "GroupNormalization": _group_norm,
    "HardSigmoid": _hard_sigmoid,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda node, x: functional.leaky_relu(x, node.get("alpha", 0.01)),
    "LogSoftmax": lambda node, x: torch.log_softmax(x, node.get("axis", -1)),
    "LpNormalization": _lp_norm,
    "LRN": _local_response_norm,
    "MaxPool": _max_pool,
    "PRelu": _prelu,
    "Pad": _pad,
    "ReduceL2": partial(_reduced, how=_length),
    "ReduceMax": partial(_reduced, how=torch.amax),
    "ReduceMean": partial(_reduced, how=torch.mean),
    "ReduceMin": partial(_reduced, how=torch.amin),
    "ReduceSum": partial(_reduced, how=torch.sum),
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
    "Softmax": lambda node, x: torch.softmax(x, node.get("axis", -1)),
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": lambda node, x: x.permute(node.get("perm") or list(reversed(range(x.ndim)))),
    "Unsqueeze": _unsqueeze,
}
"""ONNX operator → function of its node and its inputs."""
