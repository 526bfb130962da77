"""Weights to begin with, from a file that the user has: nothing is downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer.errors import BadInput
from edge_fer_train import checkpoints
from edge_fer_train.zoo import cbam, fused
from edge_fer_train.zoo.head import FEATURES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Weights = dict[str, list[NDArray[Any]]]


def backbone(model: keras.Model) -> list[Any]:
    """Return the layers of *model* before its head: up to the one named ``features``."""
    names = [layer.name for layer in model.layers]
    if FEATURES not in names:
        raise BadInput(f"{model.name} has no layer {FEATURES!r}, so that its backbone cannot be told from its head")
    return list(model.layers[: names.index(FEATURES) + 1])


def load_into(model: keras.Model, path: Path) -> int:
    """Give *model* the weights in *path*; return how many layers got theirs.

    *path* is a ``.keras`` model, an ``.npz`` of `checkpoints.keep`, or an ``.h5`` file of weights or of a whole model,
    as keras.applications and DeepFace hand them out. Layers are matched by name; where no name is common (VGG-Face's
    are numbered), by their order. A convolution of the whole map becomes the dense layer that it is. Every layer of the
    backbone must find its weights, or, where the backbone joins the features of several branches, every layer of at
    least one: a file is of one network. Attention (CBAM) begins at random where that network has none. The layers of
    the head find theirs where the file is of the whole network and has one of the same name and shape, as a model of
    this zoo for as many classes has. Where *model* joins the scores of several networks, *path* is of one of them, or
    of *model*, and has all its layers.
    Raises `BadInput` when the file is none, or a layer of the backbone finds nothing that fits.
    """
    found = _read(path)
    layers, joined = {layer.name: layer for layer in model.layers if layer.weights}, fused.networks(model)
    if joined:
        layers = _whole([layers, *joined], found, path)
        wanted = set(layers)
    else:
        wanted, found = _matched(model, found, path)
    given = 0
    for name, layer in layers.items():
        weights = found.get(name)
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if weights is not None and isinstance(layer, keras.layers.Dense):
            weights = [weight.reshape(-1, weight.shape[-1]) if weight.ndim == 4 else weight for weight in weights]
        if weights is not None and [w.shape for w in weights] == shapes:
            layer.set_weights(weights)
            given += 1
        elif name in wanted:
            told = "nothing" if weights is None else [w.shape for w in weights]
            raise BadInput(
                f"{path} has {told} for layer {name}, which wants {shapes}; weights made for colour need a "
                "recipe with channels = 'gray3', and the file must be of this architecture"
            )
    return given


def _whole(networks: list[dict[str, Any]], found: Weights, path: Path) -> dict[str, Any]:
    """Return the layers of the network, of these, that *found* is of."""
    for layers in networks:
        if layers.keys() == found.keys():
            return layers
    raise BadInput(
        f"{path} is neither of this network nor of one of the {len(networks) - 1} whose scores it joins; each begins "
        "with a file that has all of its layers"
    )


def _matched(model: keras.Model, found: Weights, path: Path) -> tuple[set[str], Weights]:
    """Return the names of the layers that must find their weights, and *found* under the names of this zoo."""
    branches = [[layer.name for layer in layers if layer.weights] for layers in _branches(model)]
    known = [branch for branch in branches if set(branch) & set(found)]
    if not known and len(branches) == 1:
        known, found = branches, dict(zip(branches[0], found.values(), strict=False))
    if not known:
        raise BadInput(f"{path} has no layer of {model.name}; pass the weights of one of the networks that it joins")
    wanted = {name for branch in known for name in branch}
    if len(known) < len(branches):  # the head is behind all branches: one network's says nothing to it
        found = {name: weights for name, weights in found.items() if name in wanted}
    return {name for name in wanted if name in found or not name.startswith(cbam.PREFIX)}, found


def _branches(model: keras.Model) -> list[list[Any]]:
    """Return the layers of the backbone: of all that leads to each thing that the layer ``features`` joins."""
    joined = backbone(model)[-1].input
    return [keras.Model(model.input, end).layers for end in (joined if isinstance(joined, list) else [joined])]


def _read(path: Path) -> Weights:
    if not path.is_file():
        raise BadInput(f"the pretrained weights {path} are not there; pass a .keras, .npz or .h5 file")
    try:
        if path.suffix in (".keras", ".npz"):
            model = checkpoints.load(path)
            return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
        return _read_h5(path)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BadInput(f"{path} cannot be read as weights: {exc}; pass a .keras, .npz or .h5 file") from exc


def _read_h5(path: Path) -> Weights:
    """Read the layout of Keras 2: attributes ``layer_names`` and ``weight_names`` lead to the arrays."""
    import h5py

    with h5py.File(path) as file:
        root = file.get("model_weights", file)
        if "layer_names" not in root.attrs:
            raise ValueError("it has no layer_names; weights in Keras 3's own .weights.h5 are to be saved as .keras")
        found: Weights = {}
        for layer in (_text(name) for name in root.attrs["layer_names"]):
            group = root[layer]
            names = [_text(name) for name in group.attrs.get("weight_names", ())]
            if names:
                found[layer] = [np.asarray(group[name]) for name in names]
        return found


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def freeze(model: keras.Model, trainable: int) -> None:
    """Freeze the backbone of *model* but its last *trainable* layers; the head stays trainable."""
    layers = backbone(model)
    for layer in layers[: len(layers) - trainable]:
        layer.trainable = False
