from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e '.[torch]'")
onnx = pytest.importorskip("onnx", reason="ONNX is not installed: pip install -e '.[convert]'")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: pip install -e '.[onnx]'")

from edge_fer_convert.formats import onnx_file  # noqa: E402
from edge_fer_convert.pytorch.onnx_module import OPERATORS, OnnxModule  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1]))

import old_onnx  # noqa: E402

REAL = onnx.TensorProto.FLOAT


def _run(path, faces):
    module = OnnxModule(path).eval()
    # As it is converted: exported first.
    program = torch.export.export(module, (torch.from_numpy(faces[:1]),)).module()
    return np.concatenate([program(torch.from_numpy(face[None])).detach().numpy() for face in faces])


@pytest.mark.parametrize("style", old_onnx.STYLES, ids="-".join)
def test_old_models_compute_what_onnx_runtime_computes(style, tmp_path):
    path = tmp_path / "old.onnx"
    onnx.save(old_onnx.classifier(9, style), path)
    faces = np.random.default_rng(1).random((3, 1, 32, 32), np.float32)
    right = onnx_file.run(path.read_bytes(), faces.transpose(0, 2, 3, 1), (1, 1, 32, 32))
    content = onnx_file.with_fixed_input(onnx_file.read(path), (1, 1, 32, 32))
    path.write_bytes(onnx_file.simplified(content))
    assert np.allclose(_run(path, faces), right, atol=1e-5)


def _one(kind, shape=(1, 4, 9, 9), constants=(), opset=18, outputs=1, **attributes):
    """A model of one operator: its constants follow the picture."""
    weights = [onnx.numpy_helper.from_array(np.asarray(array), f"w{n}") for n, array in enumerate(constants)]
    made = [f"y{number}" for number in range(outputs)]
    node = onnx.helper.make_node(kind, ["x", *[weight.name for weight in weights]], made, **attributes)
    picture = onnx.helper.make_tensor_value_info("x", REAL, shape)
    result = onnx.helper.make_tensor_value_info("y0", REAL, None)
    graph = onnx.helper.make_graph([node], "one", [picture], [result], weights)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=9)


WEIGHT = np.random.default_rng(2).normal(0, 1, (4, 2, 3, 3)).astype(np.float32)
FOUR = np.array([0.5, 1.5, -1, 2], np.float32)
CASES = {
    "same-upper": ("Conv", {"constants": [WEIGHT], "auto_pad": "SAME_UPPER", "strides": [2, 2], "group": 2}),
    "same-lower": ("Conv", {"constants": [WEIGHT], "auto_pad": "SAME_LOWER", "strides": [2, 2], "group": 2}),
    "uneven": ("Conv", {"constants": [WEIGHT], "pads": [0, 1, 2, 0], "group": 2}),
    "transposed": ("ConvTranspose", {"constants": [WEIGHT], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "max-up": ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    "max-wide": ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "mean-up": ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
    "mean-in": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    "mean-out": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 0, 0]}),
    "instance": ("InstanceNormalization", {"constants": [FOUR, FOUR]}),
    "layer": ("LayerNormalization", {"constants": [np.arange(9, dtype=np.float32)], "axis": -1}),
    "lp": ("LpNormalization", {"axis": 1}),
    "hard": ("HardSigmoid", {"alpha": 0.25, "beta": 0.4}),
    "hard-six": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "clip": ("Clip", {"constants": [np.float32(-0.5), np.float32(0.25)]}),
    "clip-below": ("Clip", {"constants": [np.float32(0)]}),
    "clip-nothing": ("Clip", {}),
    "flatten": ("Flatten", {"axis": 2}),
    "flatten-back": ("Flatten", {"axis": -1}),
    "flatten-all": ("Flatten", {"axis": 4}),
    "gelu": ("Gelu", {"opset": 20}),
    "elu": ("Elu", {"alpha": 0.7}),
    "selu": ("Selu", {}),
    "edge": ("Pad", {"constants": [np.array([0, 0, 1, 2, 0, 0, 0, 1])], "mode": "edge"}),
    "reflect": ("Pad", {"constants": [np.array([0, 0, 1, 2, 0, 0, 0, 1])], "mode": "reflect"}),
    "slice-back": ("Slice", {"constants": [np.array([-1]), np.array([-9]), np.array([2]), np.array([-2])]}),
    "slice-far": ("Slice", {"constants": [np.array([1]), np.array([2**31]), np.array([3])]}),
    "split": ("Split", {"outputs": 2, "axis": 1, "num_outputs": 2}),
    "gather": ("Gather", {"constants": [np.array([[0, -1], [2, 1]])], "axis": 1}),
    "gather-one": ("Gather", {"constants": [np.array(2)], "axis": 1}),
    "expand": ("Expand", {"shape": (1, 4, 1, 1), "constants": [np.array([1, 4, 3, 3])]}),
    "tile": ("Tile", {"constants": [np.array([1, 2, 1, 3])]}),
    "transpose": ("Transpose", {"perm": [0, 2, 3, 1]}),
    "squeeze": ("Squeeze", {"shape": (1, 4, 1, 9), "constants": [np.array([2])]}),
    "depth": ("DepthToSpace", {"blocksize": 2}),
    "depth-crd": ("DepthToSpace", {"blocksize": 2, "mode": "CRD"}),
    "space": ("SpaceToDepth", {"shape": (1, 4, 8, 8), "blocksize": 2}),
    "mean-all": ("ReduceMean", {}),
    "length": ("ReduceL2", {"constants": [np.array([1, 2])], "keepdims": 0}),
    "bilinear": ("Resize", {"constants": [np.array([], np.float32), np.array([1, 1, 2, 2.5], np.float32)]}),
    "prelu": ("PRelu", {"constants": [FOUR.reshape(4, 1, 1)]}),
    "lrn": ("LRN", {"size": 3, "alpha": 0.1}),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_computes_what_onnx_runtime_computes(name, tmp_path):
    kind, settings = CASES[name]
    if name == "bilinear":
        settings = {**settings, "mode": "linear"}
    model = _one(kind, **settings)
    onnx.save(model, tmp_path / "one.onnx")
    shape = settings.get("shape", (1, 4, 9, 9))
    picture = np.random.default_rng(3).normal(0, 1, shape).astype(np.float32)
    (right,) = onnx_file.exact_session(model).run(["y0"], {"x": picture})
    module = OnnxModule(tmp_path / "one.onnx").eval()
    made = module(torch.from_numpy(picture))
    assert kind in OPERATORS
    assert tuple(made.shape) == right.shape
    assert np.allclose(made.numpy(), right, atol=1e-5)


RULES = [
    ("nearest", where, rule)
    for where in ("asymmetric", "half_pixel", "align_corners")
    for rule in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
] + [("linear", where, "floor") for where in ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel")]


@pytest.mark.parametrize("size", [6, 13, 18])
@pytest.mark.parametrize(("mode", "where", "rule"), RULES)
def test_resizing_takes_the_pixels_that_onnx_runtime_takes(mode, where, rule, size, tmp_path):
    none = np.array([], np.float32)
    rules = {"mode": mode, "coordinate_transformation_mode": where, "nearest_mode": rule}
    model = _one("Resize", constants=[none, none, np.array([1, 4, size, size])], **rules)
    onnx.save(model, tmp_path / "one.onnx")
    picture = np.random.default_rng(3).normal(0, 1, (1, 4, 9, 9)).astype(np.float32)
    (right,) = onnx_file.exact_session(model).run(["y0"], {"x": picture})
    made = OnnxModule(tmp_path / "one.onnx")(torch.from_numpy(picture))
    assert np.allclose(made.numpy(), right, atol=1e-5)


def test_an_operator_that_is_not_known_is_named(tmp_path):
    onnx.save(_one("EyeLike", shape=(4, 4)), tmp_path / "one.onnx")
    with pytest.raises(NotImplementedError, match="EyeLike of ONNX is not known here"):
        OnnxModule(tmp_path / "one.onnx")
