"""Writes torch.onnx beside this file: a small CNN of PyTorch, trained on drawn faces, exported as users do.

It has three channels, which come first, torchvision's normalisation, and logits as output. Needs PyTorch and
onnxscript, which the tests do not: ``python tests/golden/make_torch_onnx.py``
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import torch

from edge_fer.preprocess import Preprocess

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "unit"))

from conftest import SIDE, draw  # noqa: E402

# torchvision's normalisation of ImageNet
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def main() -> None:
    torch.manual_seed(5)
    spec = Preprocess(
        size_px=SIDE,
        channels="gray3",
        low=tuple(-m / s for m, s in zip(MEAN, STD, strict=True)),
        high=tuple((1 - m) / s for m, s in zip(MEAN, STD, strict=True)),
    )
    faces = draw(60, 11)
    values = torch.from_numpy(spec.to_values(faces.images)).permute(0, 3, 1, 2).contiguous()
    labels = torch.from_numpy(faces.labels)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1, bias=False),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(256, 7),
    )
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(20):
        for chosen in torch.randperm(len(labels)).split(32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(values[chosen]), labels[chosen]).backward()
            optimizer.step()
    network.eval()
    assert (network(values).argmax(1) == labels).float().mean() > 0.98
    path = HERE / "torch.onnx"
    torch.onnx.export(network, (values[:1],), path, input_names=["input"], output_names=["logits"])
    model = onnx.load(path)
    for node in model.graph.node:
        del node.metadata_props[:]  # where on this machine each line of the model came from
    (HERE / "torch.onnx.data").unlink()
    onnx.save(model, path, save_as_external_data=True, location="torch.onnx.data", size_threshold=0)


if __name__ == "__main__":
    main()
