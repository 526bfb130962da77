"""Trains architectures of PyTorch on drawn faces, and converts each from its .pt2 to the three runtimes.

    python benchmarks/pytorch_models.py --json benchmarks/results/conversion/pytorch.json

For each architecture: how far the float forms are from PyTorch's own probabilities, LiteRT made by way of ONNX as well,
and accuracy, drop and rung of every target. The faces are drawn, so accuracy says nothing about people; it is there so
that a drop can be seen. Needs the `convert` extra, the `torch` extra, timm and torchvision.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import script
from edge_fer.emotions import FER2013
from edge_fer.evaluation.face_set import LabelledFaces
from edge_fer.preprocess import Preprocess
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

SIDE: Final = 64
SPEC: Final = Preprocess(size_px=SIDE, channels="gray3", low=-1.0, high=1.0)
TARGETS: Final = (
    "litert-int8", "litert-float32", "openvino-int8", "openvino-float32", "onnx-int8", "onnx-float32",
)  # fmt: skip
PACKAGES: Final = (
    "torch", "torchvision", "timm", "litert-torch", "litert-converter", "onnx", "onnxscript", "onnxruntime", "openvino",
    "litert-quantizer", "nncf",
)  # fmt: skip
EPOCHS: Final = 8
BATCH: Final = 32


def mobileone() -> torch.nn.Module:
    """Return MobileOne-S0, whose branches are merged after training."""
    return timm("mobileone_s0")


def mini_xception() -> torch.nn.Module:
    """Return the network of oarriaga's face classification, with separable convolutions and branches that add."""
    from torch import nn

    def separable(inputs: int, outputs: int) -> list[nn.Module]:
        depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        return [depthwise, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]

    class Block(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.straight = nn.Sequential(nn.Conv2d(inputs, outputs, 1, 2, bias=False), nn.BatchNorm2d(outputs))
            layers = [*separable(inputs, outputs), nn.ReLU(), *separable(outputs, outputs), nn.MaxPool2d(3, 2, 1)]
            self.deep = nn.Sequential(*layers)

        def forward(self, face: torch.Tensor) -> torch.Tensor:
            return self.straight(face) + self.deep(face)

    stem = [nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    blocks = [Block(8, 16), Block(16, 32), Block(32, 64), Block(64, 128)]
    head = [nn.Conv2d(128, 7, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*stem, *blocks, *head)


def vit() -> torch.nn.Module:
    """Return a small vision transformer."""
    from timm.models import VisionTransformer

    return VisionTransformer(img_size=SIDE, patch_size=8, embed_dim=96, depth=4, num_heads=3, num_classes=7)


def densenet() -> torch.nn.Module:
    """Return a small DenseNet."""
    from torchvision.models import DenseNet

    return DenseNet(growth_rate=12, block_config=(4, 6, 6), num_init_features=24, num_classes=7)


def timm(name: str) -> torch.nn.Module:
    """Return an architecture of timm."""
    from timm import create_model

    return create_model(name, num_classes=7)


def vision(name: str) -> torch.nn.Module:
    """Return an architecture of torchvision."""
    from torchvision import models

    return getattr(models, name)(num_classes=7)


MODELS: Final[dict[str, Callable[[], torch.nn.Module]]] = {
    "resnet18": lambda: vision("resnet18"),
    "mobilenet-v2": lambda: timm("mobilenetv2_050"),
    "mobilenet-v3-small": lambda: vision("mobilenet_v3_small"),
    "efficientnet-lite0": lambda: timm("efficientnet_lite0"),
    "efficientnet-b0": lambda: timm("efficientnet_b0"),
    "mobileone-s0": mobileone,
    "vit": vit,
    "shufflenet-v2": lambda: vision("shufflenet_v2_x0_5"),
    "regnet-y": lambda: timm("regnety_002"),
    "squeezenet": lambda: vision("squeezenet1_1"),
    "mnasnet": lambda: vision("mnasnet0_5"),
    "convnext-atto": lambda: timm("convnext_atto"),
    "ghostnet": lambda: timm("ghostnet_050"),
    "densenet": densenet,
    "mini-xception": mini_xception,
}


def draw(count: int, seed: int) -> LabelledFaces:
    """Return *count* drawn faces of each class, each with its own light, place and noise."""
    rng = np.random.default_rng(seed)
    images = []
    labels = []
    for label, name in enumerate(FER2013):
        face = draw_face(EXPRESSIONS[name]).astype(float)
        height, width = face.shape
        for _ in range(count):
            left, top = rng.uniform(-0.1, 0.1, 2)
            lit = np.clip(face * rng.uniform(0.5, 1.3) + rng.normal(0, 40, face.shape), 0, 255).astype(np.uint8)
            images.append(SPEC.crop(lit, (left * width, top * height, width, height)))
            labels.append(label)
    paths = tuple(f"{seed}/{number}" for number in range(len(images)))
    return LabelledFaces(np.stack(images), np.array(labels), paths)


def values_of(faces: LabelledFaces) -> torch.Tensor:
    """Return the ``(n, 3, N, N)`` values of *faces*."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(SPEC.to_values(faces.images).transpose(0, 3, 1, 2)))


def trained(name: str, faces: LabelledFaces) -> torch.nn.Module:
    """Return the architecture *name*, trained on *faces*."""
    import torch
    from torch.nn import functional

    torch.manual_seed(1)
    model = MODELS[name]()
    inputs = values_of(faces)
    labels = torch.from_numpy(faces.labels)
    steps = EPOCHS * (len(labels) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(labels))
        for batch in order[: len(order) // BATCH * BATCH].split(BATCH):
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()
    model.eval()
    if name.startswith("mobileone"):
        from timm.utils.model import reparameterize_model

        model = reparameterize_model(model)
    return model


def train(name: str, folder: Path) -> dict[str, Any]:
    """Train the architecture *name*; save it as .pt2 and as .onnx, and its probabilities for the evaluation set."""
    let_torchvision_load()
    import torch

    torch.set_num_threads(1)
    began = time.perf_counter()
    model = trained(name, draw(50, 1))
    evaluation = draw(100, 2)
    with torch.no_grad():
        rows = [model(face[None]) for face in values_of(evaluation)]
    scores = torch.softmax(torch.cat(rows), 1).numpy()
    np.save(folder / "torch.npy", scores)
    program = torch.export.export(model, (values_of(evaluation)[:1],))
    torch.export.save(program, folder / "model.pt2")
    torch.onnx.export(program, dynamo=True, external_data=False, verbose=False).save(folder / "model.onnx")
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "torch_accuracy": float((scores.argmax(1) == evaluation.labels).mean()),
        "train_seconds": time.perf_counter() - began,
    }


def let_torchvision_load() -> None:
    """Declare two operators that torchvision looks for: its wheels on PyPI hold them for CUDA's PyTorch only."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        LIBRARIES.append(library)


LIBRARIES: Final[list[Any]] = []
"""Declarations live as long as their object."""


def convert(name: str, folder: Path) -> dict[str, Any]:
    """Convert the model in *folder*, and return its report with the differences from PyTorch."""
    from edge_fer_convert import Data, Gate, Job, ModelMetadata, convert, open_model, report

    began = time.perf_counter()
    model = open_model(folder / "model.pt2")
    opened_s = time.perf_counter() - began
    evaluation = draw(100, 2)
    job = Job(
        model=model,
        metadata=ModelMetadata(name, FER2013, SPEC),
        pool=Data(draw(60, 3), "drawn faces", "calibration"),
        evaluated=Data(evaluation, "drawn faces", "evaluation"),
        targets=tuple(target for target in TARGETS if model.can_be(target) is None),
        gate=Gate(0.5, 0.7),
        images=200,
    )
    conversion = convert(job)
    right = np.load(folder / "torch.npy")
    differences = {}
    for result in conversion.results:
        if result.target.endswith("float32"):
            differences[result.target] = float(np.abs(result.chosen.scores - right).max())
    return {
        "cannot": {target: model.can_be(target) for target in TARGETS if model.can_be(target)},
        "open_seconds": opened_s,
        "difference_from_torch": differences,
        "report": report.as_dict(conversion),
    }


def by_way_of_onnx(name: str, folder: Path) -> dict[str, Any]:
    """Make LiteRT of the .onnx in *folder*, and return how far its probabilities are from PyTorch's."""
    from edge_fer_convert import open_model
    from edge_fer_convert.formats import tflite_file

    del name
    began = time.perf_counter()
    model = open_model(folder / "model.onnx")
    seconds = time.perf_counter() - began
    if model.tflite is None:
        return {"cannot": model.why_no_litert}
    values = SPEC.to_values(draw(100, 2).images)
    scores = tflite_file.run(tflite_softmax(model.tflite), values)
    difference = float(np.abs(scores - np.load(folder / "torch.npy")).max())
    return {"difference_from_torch": difference, "open_seconds": seconds}


def tflite_softmax(content: bytes) -> bytes:
    """Return a .tflite that gives logits with a softmax after them."""
    from edge_fer_convert.formats import tflite_ends

    return tflite_ends.append_softmax(content)


def isolated(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Call *function* in a process of its own, whose memory is free afterwards."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except Exception as exc:  # noqa: BLE001  (the next architecture is tried all the same)
            return {"failed": f"{type(exc).__name__}: {exc}"}


def try_out(name: str) -> dict[str, Any]:
    """Train and convert the architecture *name*."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        result = isolated(train, name, folder)
        if "failed" in result:
            return result
        return {**result, "pt2": isolated(convert, name, folder), "onnx": isolated(by_way_of_onnx, name, folder)}


def main() -> None:
    """Try out each architecture, print a line for it, and save all results after each."""
    parser = script.parser(__doc__)
    parser.add_argument("--only", choices=MODELS, action="append", help="try this one only; may be repeated")
    options = parser.parse_args()
    script.require_convert()
    versions = {name: metadata.version(name) for name in PACKAGES}
    models: dict[str, Any] = {}
    for name in options.only or MODELS:
        models[name] = try_out(name)
        result = {"command": script.command(), "versions": versions, "side_px": SIDE, "models": models}
        script.save(result, options.json, indent=1)
        print(f"{name}: {_line(models[name])}", flush=True)


def _line(result: dict[str, Any]) -> str:
    converted = result.get("pt2", result)
    if "failed" in converted:
        return str(converted["failed"])
    parts = [f"accuracy {result['torch_accuracy']:.1%} in PyTorch"]
    for target, difference in converted["difference_from_torch"].items():
        parts.append(f"{target} {difference:.1e} apart")
    for target in converted["report"]["targets"]:
        if target["asked"].endswith("int8"):
            drop = target["attempts"][-1]["drop_points"]["points"]
            parts.append(f"{target['asked']} became {target['target']} ({target['recipe']}), drop {drop:+.2f}")
    parts.append(f"by way of ONNX {result['onnx'].get('difference_from_torch')}")
    return "; ".join(parts)


if __name__ == "__main__":
    script.run(main)
