"""Model files that would kill, hang or fill the process that runs them."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge_fer import backends, bundle, trial, trial_child
from edge_fer.backends import ModelFile
from edge_fer.classifier import Classifier
from edge_fer.errors import BackendError, BadBundle, MissingDependency
from edge_fer.manifest import MANIFEST
from edge_fer.options import DEFAULT_MODEL
from edge_fer.trial import Limits

TINY = Path(__file__).parents[1] / "golden" / "tiny"
SHORT = Limits(time_s=2, cpu_s=1, memory_mb=400)


def with_target(folder: Path, target: str, content: bytes) -> Path:
    """The tiny bundle with one target, whose file is *content*, and right checksums."""
    shutil.copytree(TINY, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    (entry,) = (entry for entry in manifest["targets"] if entry["name"] == target)
    entry.update(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    (folder / entry["file"]).write_bytes(content)
    (folder / MANIFEST).write_text(json.dumps({**manifest, "targets": [entry]}))
    return folder


def tried(folder: Path, limits: Limits = SHORT) -> None:
    loaded = bundle.load(folder)
    target = loaded.target()
    trial.check(loaded, target, loaded.contents(target), backend=target.runtime, threads=1, limits=limits)


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Replaces the child by a script; what stands in front of it is the same for all."""

    def write(script: str) -> None:
        (tmp_path / "scripted_child.py").write_text(f"import json, os, signal, sys, time\n{script}")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(trial, "CHILD", "scripted_child")

    return write


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", r"litert-int8 ends the process that runs it \(SIGSEGV\); do not use"),
        ("print('ready', flush=True); os.abort()", r"ends the process that runs it \(SIGABRT\)"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", "takes longer than 1 s of processor time"),
        ("print('ready', flush=True); time.sleep(60)", "takes longer than 0.2 s"),
        ("print('ready', flush=True); x = bytearray(os.urandom(1)) * 2**29; time.sleep(60)", "more than 200 MiB"),
        ("sys.exit(3)", r"ends the process that runs it \(exit code 3\)"),
        ("print('ready'); print('nonsense')", r"ends the process that runs it \(exit code 0\)"),
        ("print('ready'); print('x' * 10**7)", "answers with more than 65536 bytes"),
        ("""print('ready'); print('{"error": "MemoryError", "message": ""}')""", "more than 200 MiB"),
    ],
)
def test_whatever_becomes_of_the_child_is_one_line(child, script, message):
    child(script)
    limits = Limits(time_s=0.2 if "0.2" in message else 20, cpu_s=1, memory_mb=200)
    with pytest.raises(BadBundle, match=message) as error:
        tried(TINY, limits)
    assert "\n" not in str(error.value)


def test_a_python_that_does_not_start_is_not_waited_for(child, monkeypatch):
    monkeypatch.setattr(trial, "START_LIMIT_S", 0.2)
    child("time.sleep(60)")
    with pytest.raises(BadBundle, match="no Python started"):
        tried(TINY)


def test_an_error_of_the_child_is_raised_here(child):
    child("""print('ready'); print('{"error": "BackendError", "message": "refused"}')""")
    with pytest.raises(BackendError, match=r"^refused$"):
        tried(TINY)


def test_the_child_gets_the_files_an_empty_folder_and_limits(child):
    child(
        """
import resource
from edge_fer.trial_child import _limit
request = json.loads(sys.stdin.buffer.readline())
_limit(**request["limits"])
try:
    os.write(os.open("file", os.O_CREAT | os.O_WRONLY), b"x")
except OSError as exc:
    full = exc.strerror
limits = [resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[0] for name in ("CORE", "FSIZE")]
left = sum(request["files"].values()) - len(sys.stdin.buffer.read())
print("ready")
print(json.dumps({"error": "BadBundle", "message": f"{os.path.getsize('file')} {full} {limits} {left}"}))
"""
    )
    with pytest.raises(BadBundle, match=r"^0 File too large \[0, 0\] 0$"):
        tried(TINY)


def test_a_good_target_passes_on_every_runtime(tmp_path):
    loaded = bundle.load(TINY)
    for name in ("litert-int8", "onnx-float32", "openvino-float32"):
        runtime = {"onnx": "onnxruntime", "openvino": "openvino"}.get(name.split("-")[0])
        if runtime:
            pytest.importorskip(runtime, reason=f"{runtime} is not installed: pip install -e '.[test]'")
        with Classifier(loaded, name) as classifier:
            assert classifier.check_golden().passed


def test_neither_shipped_nor_trusted_bundles_are_tried(monkeypatch):
    def refuse(*command, **options):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    Classifier.load(DEFAULT_MODEL).close()
    Classifier.load(TINY, trusted=True).close()
    Classifier.load(TINY, backend="fake").close()
    with pytest.raises(AssertionError, match="a process was started"):
        Classifier.load(TINY)


def test_what_was_tried_is_what_is_executed(tmp_path, monkeypatch):
    copy = Path(shutil.copytree(TINY, tmp_path / "copy"))

    def swapped(*arguments, **options):
        (copy / "litert-int8.tflite").write_bytes(b"another model")

    monkeypatch.setattr(trial, "check", swapped)
    Classifier.load(copy).close()


def test_a_missing_runtime_is_not_the_bundles_fault(tmp_path, monkeypatch):
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text("raise ImportError('gone')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingDependency, match="ONNX Runtime"):
        Classifier.load(TINY, "onnx-float32")


def tflite(change) -> bytes:
    """The tiny int8 model after *change*, a function of its object tree."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="ai-edge-litert is not installed")
    flatbuffers = pytest.importorskip("flatbuffers")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs((TINY / "litert-int8.tflite").read_bytes()))
    change(model)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_a_tflite_of_other_operators_kills_nobody(tmp_path):
    def slice_everything(model):
        for code in model.operatorCodes:
            code.builtinCode = code.deprecatedBuiltinCode = 65  # SLICE reads its third input unasked

    with pytest.raises((BadBundle, BackendError)):
        tried(with_target(tmp_path / "slices", "litert-int8", tflite(slice_everything)))


@pytest.mark.parametrize("scale", [np.inf, np.nan, 0.0, -1.0])
@pytest.mark.parametrize("end", ["inputs", "outputs"])
def test_a_tflite_of_impossible_scales_is_refused(tmp_path, scale, end):
    def stretch(model):
        graph = model.subgraphs[0]
        quantization = graph.tensors[getattr(graph, end)[0]].quantization
        quantization.scale = np.full(len(quantization.scale), scale, np.float32)

    # In this process: none of these kills it.
    model = ModelFile(tflite(stretch), bundle.load(TINY).manifest.preprocess, ("a", "b", "c"))
    with pytest.raises(BackendError, match=r"scale|XNNPACK"):
        backends.load("litert", model)


@pytest.fixture
def onnx_model():
    """Returns an ONNX file: nodes that make ``z``, of whose mean the scores consist."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install -e '.[test]'")
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install -e '.[convert]'")
    helper, number = onnx.helper, onnx.TensorProto.FLOAT

    def make(nodes, *initializers) -> bytes:
        mean = helper.make_node("ReduceMean", ["z"], ["mean"], axes=[0, 1, 2, 3], keepdims=0)
        add = helper.make_node("Add", ["row", "mean"], ["y"])
        row = onnx.numpy_helper.from_array(np.full((1, 3), 0.3, np.float32), "row")
        ends = [helper.make_tensor_value_info("x", number, [1, 16, 16, 1])]
        scores = [helper.make_tensor_value_info("y", number, [1, 3])]
        graph = helper.make_graph([*nodes, mean, add], "g", ends, scores, [row, *initializers])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        return bytes(model.SerializeToString())

    return make


def test_a_loop_without_end_is_ended(tmp_path, onnx_model):
    import onnx
    from onnx import helper, numpy_helper

    values = [("go", onnx.TensorProto.BOOL, []), ("v", onnx.TensorProto.FLOAT, [1, 16, 16, 1])]
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go2"]), helper.make_node("Add", ["v", "v"], ["v2"])],
        "body",
        [helper.make_tensor_value_info(*value) for value in [("i", onnx.TensorProto.INT64, []), *values]],
        [helper.make_tensor_value_info(f"{name}2", kind, shape) for name, kind, shape in values],
    )
    count = numpy_helper.from_array(np.array(2**62), "count")
    go = numpy_helper.from_array(np.array(True), "go0")
    content = onnx_model([helper.make_node("Loop", ["count", "go0", "x"], ["z"], body=body)], count, go)
    with pytest.raises(BadBundle, match="onnx-float32 takes longer than"):
        tried(with_target(tmp_path / "loop", "onnx-float32", content))


def test_a_model_that_fills_the_memory_is_ended(tmp_path, onnx_model):
    from onnx import helper, numpy_helper

    shape = numpy_helper.from_array(np.array([10**6, 16, 16, 1]), "shape")
    content = onnx_model([helper.make_node("Expand", ["x", "shape"], ["z"])], shape)
    with pytest.raises(BadBundle, match="takes more than 400 MiB of memory"):
        tried(with_target(tmp_path / "bomb", "onnx-float32", content))


@pytest.fixture
def reading_onnx(tmp_path, monkeypatch, onnx_model) -> bytes:
    """A model whose weights lie in a file of the working directory, which nothing pins."""
    import onnx
    from onnx import helper

    monkeypatch.chdir(tmp_path)
    Path("weights.bin").write_bytes(bytes(16))
    tensor = onnx.TensorProto(name="outside", data_type=1, dims=[1, 1, 1, 4], data_location=1)
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", "16")):
        tensor.external_data.add(key=key, value=value)
    return onnx_model([helper.make_node("Identity", ["outside"], ["z"])], tensor)


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_no_model_reads_another_file(tmp_path, reading_onnx, runtime):
    # OpenVINO reads ONNX as well, where it is let.
    pytest.importorskip({"onnx": "onnxruntime"}.get(runtime, runtime))
    spec = bundle.load(TINY).manifest.preprocess
    with pytest.raises(BackendError):
        backends.load(runtime, ModelFile(reading_onnx, spec, ("a", "b", "c")))
    with pytest.raises(BackendError):
        tried(with_target(tmp_path / "reads", f"{runtime}-float32", reading_onnx))


def test_a_process_with_a_thousand_open_files_can_try(child):
    child("""print('ready'); print('{"error": "BackendError", "message": "refused"}')""")
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2048:
        pytest.skip("too few open files are allowed")
    with contextlib.ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2048, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1024):
            stack.enter_context(Path(os.devnull).open())
        with pytest.raises(BackendError, match="refused"):
            tried(TINY)


def test_the_path_of_a_bundle_says_nothing_of_memory(tmp_path):
    loaded = bundle.load(shutil.copytree(TINY, tmp_path / "allocated"))
    target = loaded.target("litert-float32")
    contents = {**loaded.contents(target), target.file: b"no model"}
    files = {MANIFEST: loaded.manifest_bytes, **contents}
    request = {"path": str(loaded.path), "target": target.name, "runtime": "litert", "threads": 1, "golden": False}
    answer = trial_child._answer(request, files)
    assert answer["error"] == "BadBundle"
    assert "the bundle is damaged" in answer["message"]


def test_the_import_of_a_runtime_takes_none_of_the_models_time(monkeypatch):
    done = []

    class Answers(io.BytesIO):
        def write(self, content):
            done.append(content)

    quiet = SimpleNamespace(dup=lambda *fds: 1, dup2=lambda *fds: 1, _exit=done.append, fdopen=lambda *fd: Answers())
    request = json.dumps({"files": {}, "runtime": "onnx", "limits": {}}).encode()
    monkeypatch.setattr(trial_child, "os", quiet)
    monkeypatch.setattr(trial_child, "sys", SimpleNamespace(stdin=SimpleNamespace(buffer=io.BytesIO(request))))
    monkeypatch.setattr(trial_child, "_import_runtime", done.append)
    monkeypatch.setattr(trial_child, "_limit", lambda: done.append("limits"))
    monkeypatch.setattr(trial_child, "_answer", lambda request, files: {})
    trial_child.main()
    assert done == ["onnx", trial.READY, "limits", b"{}", 0]


@pytest.mark.parametrize("runtime", [name for name in backends.BACKENDS if name != "fake"])
def test_a_runtime_that_cannot_be_imported_is_told_later(monkeypatch, runtime):
    module = importlib.import_module(backends.BACKENDS[runtime])

    def missing():
        raise MissingDependency("gone")

    monkeypatch.setattr(module, "find_runtime", missing)
    trial_child._import_runtime(runtime)
    with pytest.raises(MissingDependency, match="gone"):
        backends.load(runtime, ModelFile(b"<net>", bundle.load(TINY).manifest.preprocess, ("a", "b", "c")))


def test_a_large_file_does_not_take_much_longer():
    assert Limits().with_files(256 << 20).time_s <= 8
