from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
onnx = pytest.importorskip("onnx", reason="ONNX is not installed: pip install -e '.[convert]'")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert import targets  # noqa: E402
from edge_fer_convert.formats import onnx_file  # noqa: E402
from edge_fer_convert.opening import open_model  # noqa: E402
from edge_fer_convert.opening.choices import Choices  # noqa: E402
from edge_fer_convert.pytorch import process  # noqa: E402

TORCH = Path(__file__).parents[3] / "golden" / "torch.onnx"


@pytest.fixture
def values(evaluation_faces):
    return Preprocess(size_px=32).to_values(evaluation_faces.images[::20])


@pytest.mark.parametrize("opset", [8, 9, 11])
def test_onnx_of_an_old_opset_can_be_quantized(values, tmp_path, opset):
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(0, 1, (8, 1, 3, 3)), "d": rng.normal(0, 1, (8, 7))}
    initializers = [onnx.numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    make = onnx.helper
    nodes = [
        make.make_node("Conv", ["x", "w"], ["c"], strides=[2, 2]),
        make.make_node("Relu", ["c"], ["r"]),
        make.make_node("GlobalAveragePool", ["r"], ["g"]),
        make.make_node("Flatten", ["g"], ["f"]),
        make.make_node("MatMul", ["f", "d"], ["y"]),
    ]
    float_type = onnx.TensorProto.FLOAT
    # Exporters of those days listed the weights among the inputs.
    inputs = [make.make_tensor_value_info("x", float_type, [1, 1, 32, 32])]
    inputs += [make.make_tensor_value_info(entry.name, float_type, list(entry.dims)) for entry in initializers]
    outputs = [make.make_tensor_value_info("y", float_type, [1, 7])]
    graph = make.make_graph(nodes, "old", inputs, outputs, initializers)
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", opset)], ir_version=3)
    onnx.save(model, tmp_path / "old.onnx")
    opened = open_model(tmp_path / "old.onnx")
    assert onnx.load_from_string(opened.onnx).opset_import[0].version >= onnx_file.OLDEST_OPSET
    assert np.allclose(opened.scores(values), onnx_file.run(model.SerializeToString(), values), atol=1e-5)


def test_without_pytorch_onnx_cannot_become_litert_and_the_message_tells(float_model, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "NEEDED", ("litert_torch_that_is_not_there",))
    (tmp_path / "mine.onnx").write_bytes(float_model.onnx)
    opened = open_model(tmp_path / "mine.onnx")
    assert "edge-fer[torch]" in str(opened.can_be("litert-int8"))
    assert opened.can_be("openvino-int8") is None
    assert open_model(TORCH).can_be("onnx-int8") is None


def test_a_model_of_pytorch_has_its_channels_first():
    opened = open_model(TORCH)
    assert opened.shape == (1, 3, 32, 32)
    assert (opened.size_px, opened.planes, opened.classes) == (32, 3, 7)


def test_a_quantized_onnx_is_refused(float_model, values, tmp_path):
    converter = targets.converter("onnx")(float_model, values)
    for files in converter.static(converter.methods[0], frozenset()), converter.dynamic(frozenset()):
        (tmp_path / "int8.onnx").write_bytes(files.content)
        with pytest.raises(BadInput, match=r"is already quantized [(].*(Dequantize|Integer)"):
            open_model(tmp_path / "int8.onnx")
    halves = onnx.load(TORCH)
    for weight in halves.graph.initializer:
        array = onnx.numpy_helper.to_array(weight)
        if array.dtype == np.float32:
            weight.CopyFrom(onnx.numpy_helper.from_array(array.astype(np.float16), weight.name))
            halves.graph.node.insert(0, onnx.helper.make_node("Cast", [weight.name], [f"{weight.name}_32"], to=1))
            for node in halves.graph.node[1:]:
                node.input[:] = [f"{name}_32" if name == weight.name else name for name in node.input]
    onnx.save(halves, tmp_path / "half.onnx")
    with pytest.raises(BadInput, match="has weights of 16 bits"):
        open_model(tmp_path / "half.onnx")


def test_traces_of_the_machine_that_exported_are_left_behind(tmp_path):
    """As torch.export writes them, with the paths of its user's program."""
    model = onnx.load(TORCH)
    model.doc_string = model.graph.doc_string = "/home/somebody/train.py"
    for node in model.graph.node:
        node.doc_string = "/home/somebody/train.py"
        node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value='File "/home/somebody/train.py", line 3')
    onnx.save(model, tmp_path / "traced.onnx")
    assert b"somebody" in (tmp_path / "traced.onnx").read_bytes()
    assert b"somebody" not in open_model(tmp_path / "traced.onnx").onnx


def _dynamic(tmp_path, dims):
    """The PyTorch model with its input's axes named instead of numbered."""
    model = onnx.load(TORCH)
    for dim, size in zip(model.graph.input[0].type.tensor_type.shape.dim, dims, strict=True):
        if isinstance(size, str):
            dim.dim_param = size
        else:
            dim.dim_value = size
    onnx.save(model, tmp_path / "dynamic.onnx")
    return tmp_path / "dynamic.onnx"


def test_open_axes_of_onnx_are_fixed(tmp_path):
    assert open_model(_dynamic(tmp_path, ("batch", 3, 32, 32))).shape == (1, 3, 32, 32)
    open_sides = _dynamic(tmp_path, ("batch", 3, "height", "width"))
    with pytest.raises(BadInput, match="sides are open"):
        open_model(open_sides)
    assert open_model(open_sides, Choices(32)).shape == (1, 3, 32, 32)
    with pytest.raises(BadInput, match="ONNX Runtime cannot run the model"):
        open_model(open_sides, Choices(40))
