from __future__ import annotations

import json
import zipfile

import pytest

from edge_fer.errors import BadInput
from edge_fer_convert.formats import pt2_file


def _tensor(*sizes, dtype=7):
    return {
        "dtype": dtype,
        "sizes": [
            {"as_int": size} if size else {"as_expr": {"expr_str": "Symbol('s31', positive=True, integer=True)//2"}}
            for size in sizes
        ],
    }


def _program(**changes):
    """What torch.export writes of a model, as far as it is read here."""
    node = {
        "target": "torch.ops.aten.conv2d.default",
        "inputs": [{"name": "input", "arg": {"as_tensor": {"name": "x"}}}],
        "outputs": [{"as_tensor": {"name": "y"}}],
    }
    graph = {"nodes": [node], "tensor_values": {"x": _tensor(1, 3, 32, 32), "y": _tensor(1, 7)}}
    face = {"user_input": {"arg": {"as_tensor": {"name": "x"}}}}
    scores = {"user_output": {"arg": {"as_tensor": {"name": "y"}}}}
    program = {"graph_module": {"graph": graph, "signature": {"input_specs": [face], "output_specs": [scores]}}}
    for change in changes.values():
        change(program["graph_module"])
    return program


def _archive(path, program=None, members=(), weight=None):
    weight = weight or {"path_name": "weight_0", "use_pickle": False}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/models/model.json", json.dumps(program or _program()))
        archive.writestr("m/data/weights/model_weights_config.json", json.dumps({"config": {"c.weight": weight}}))
        archive.writestr("m/data/constants/model_constants_config.json", json.dumps({"config": {}}))
        for member in ("data/weights/weight_0", "archive_version", "byteorder", "extra/labels.txt", *members):
            archive.writestr(f"m/{member}", "0")
    return path


def test_what_an_archive_takes_and_gives_is_read(tmp_path):
    contents = pt2_file.read(_archive(tmp_path / "m.pt2"))
    assert contents.input_shape == (1, 3, 32, 32)
    assert contents.outputs == {"y": (1, 7)}


def test_open_axes_are_none(tmp_path):
    def open_batch(module):
        module["graph"]["tensor_values"]["x"] = _tensor(None, 3, 32, 32)

    assert pt2_file.read(_archive(tmp_path / "m.pt2", _program(a=open_batch))).input_shape == (None, 3, 32, 32)


@pytest.mark.parametrize(
    "member",
    [
        "data/aotinductor/model/model.so",
        "data/constants/custom_obj_0",
        "data/constants/opaque_obj_0",
        "data/weights/model.pt",
        "models/other.json",
    ],
)
def test_code_and_pickles_beside_the_graph_are_refused(tmp_path, member):
    with pytest.raises(BadInput, match=f"it holds {member}"):
        pt2_file.read(_archive(tmp_path / "m.pt2", members=[member]))


@pytest.mark.parametrize(
    "weight", [{"path_name": "weight_0", "use_pickle": True}, {"path_name": "../../x", "use_pickle": False}]
)
def test_a_weight_that_is_a_pickle_is_refused(tmp_path, weight):
    with pytest.raises(BadInput, match=r"holds c\.weight as a pickle.*torch\.export\.save"):
        pt2_file.read(_archive(tmp_path / "m.pt2", weight=weight))


@pytest.mark.parametrize(
    "target",
    [
        "torch.os.system",
        "torch.ops.load_library",
        "torch.hub.load",
        "os.system",
        "#x:y",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.from_file.out",
        "torch.ops.aten.save.default",
    ],
)
def test_a_graph_that_calls_anything_but_tensor_operators_is_refused(tmp_path, target):
    def call(module):
        module["graph"]["nodes"][0]["target"] = target

    with pytest.raises(BadInput, match="in its graph"):
        pt2_file.read(_archive(tmp_path / "m.pt2", _program(a=call)))


def test_a_graph_of_absurd_size_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "n.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/models/model.json", b" " * (pt2_file.LARGEST + 1))
    with pytest.raises(BadInput, match=r"models/model\.json is larger than 67108864 bytes"):
        pt2_file.read(tmp_path / "n.pt2")


@pytest.mark.parametrize("size", ["exec(bytes((1,2)))", "__import__", "s0.x", "open", "Symbol('open()')"])
def test_a_size_that_is_code_is_refused(tmp_path, size):
    def code(module):
        module["graph"]["tensor_values"]["z"] = {"dtype": 7, "sizes": [{"as_expr": {"expr_str": size}}]}

    with pytest.raises(BadInput, match="in its graph"):
        pt2_file.read(_archive(tmp_path / "m.pt2", _program(a=code)))


def test_a_model_that_trains_is_refused(tmp_path):
    def train(module):
        module["graph"]["nodes"][0]["inputs"].append({"name": "training", "arg": {"as_bool": True}})

    def mutate(module):
        module["signature"]["output_specs"].append({"buffer_mutation": {"arg": {"name": "y"}}})

    for change in train, mutate:
        with pytest.raises(BadInput, match=r"call model\.eval\(\) before"):
            pt2_file.read(_archive(tmp_path / "m.pt2", _program(a=change)))


def test_other_inputs_are_refused(tmp_path):
    def half(module):
        module["graph"]["tensor_values"]["x"]["dtype"] = 6

    def two(module):
        module["signature"]["input_specs"] *= 2

    with pytest.raises(BadInput, match=r"takes float16 numbers.*model\.float"):
        pt2_file.read(_archive(tmp_path / "m.pt2", _program(a=half)))
    with pytest.raises(BadInput, match="takes 2 inputs"):
        pt2_file.read(_archive(tmp_path / "m.pt2", _program(a=two)))


def test_damaged_files_are_refused_in_one_line(tmp_path):
    whole = _archive(tmp_path / "m.pt2").read_bytes()
    for name, content in {"empty": b"", "cut": whole[: len(whole) // 2], "text": b"hello", "json": b"PK"}.items():
        path = tmp_path / f"{name}.pt2"
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"no readable torch\.export archive") as caught:
            pt2_file.read(path)
        assert "\n" not in str(caught.value)
    with zipfile.ZipFile(tmp_path / "other.pt2", "w") as archive:
        archive.writestr("a/b", "")
        archive.writestr("c/d", "")
    with pytest.raises(BadInput, match=r"is no torch\.export archive"):
        pt2_file.read(tmp_path / "other.pt2")
