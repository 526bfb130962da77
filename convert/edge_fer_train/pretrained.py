"""Weights to begin with, from a file of the user's. Nothing is downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer.errors import BadInput
from edge_fer_train import checkpoints
from edge_fer_train.zoo import cbam, fused
from edge_fer_train.zoo.head import FEATURES

if TYPE_CHECKING:
    from collections.abc import KeysView, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Weights = dict[str, list[NDArray[Any]]]
    """By the name of their layer."""


def backbone(model: keras.Model) -> list[Any]:
    """Return the layers of *model* before its head: up to the one named ``features``."""
    names = [layer.name for layer in model.layers]
    if FEATURES not in names:
        raise BadInput(f"{model.name} has no layer {FEATURES!r}, which would end its backbone")
    return list(model.layers[: names.index(FEATURES) + 1])


def freeze(model: keras.Model, trainable: int) -> None:
    """Freeze the backbone of *model* except its last *trainable* layers; the head stays trainable."""
    layers = backbone(model)
    # Not layers[:-trainable], which would be none of them for 0.
    for layer in layers[: len(layers) - trainable]:
        layer.trainable = False


def load_into(model: keras.Model, path: Path) -> int:
    """Give *model* the weights in *path*; return how many layers got some.

    *path* is a ``.keras`` model, an ``.npz`` of `checkpoints.save`, or an ``.h5`` file of weights or of a whole model,
    as keras.applications and DeepFace publish them. Matching rules:

    - Layers are matched by name. Where no name is common (those of VGG-Face are numbered), they are matched by order.
    - Every layer of the backbone must find its weights. Where the backbone joins the features of several branches, the
      file is of one network, and every layer of at least one branch must find its weights.
    - Attention (CBAM) begins at random when the file has none.
    - Layers of the head get weights where the file has a layer of the same name and shape: a model of this zoo with as
      many classes has.
    - Where *model* joins the scores of several networks, the file has all layers of one of them, or of *model*.

    A convolution over the whole map becomes the equivalent dense layer. Raises `BadInput` when the file cannot be read,
    or a layer that must find weights finds none that fit.
    """
    weights = _read(path)
    layers = _with_weights(model.layers)
    joined = fused.networks(model)
    if joined:
        # A whole network or nothing: a head that stayed random would count in the joined scores.
        layers = _network_of([layers, *joined], weights, path)
        required = set(layers)
    else:
        required, weights = _matched(model, weights, path)
    given = 0
    for name, layer in layers.items():
        of_layer = _shaped_for(layer, weights.get(name))
        if _fits(layer, of_layer):
            layer.set_weights(of_layer)
            given += 1
        elif name in required:
            raise BadInput(_misfit(path, layer, of_layer))
    return given


def _shaped_for(layer: Any, weights: list[NDArray[Any]] | None) -> list[NDArray[Any]] | None:
    """Return *weights* with the kernel of a convolution over the whole map flattened for a dense *layer*."""
    if weights is None or not isinstance(layer, keras.layers.Dense):
        return weights
    flat = []
    for weight in weights:
        is_convolution = weight.ndim == 4  # (height, width, channels, units)
        flat.append(weight.reshape(-1, weight.shape[-1]) if is_convolution else weight)
    return flat


def _fits(layer: Any, weights: list[NDArray[Any]] | None) -> bool:
    return weights is not None and _shapes(weights) == _shapes(layer.weights)


def _shapes(weights: Sequence[Any]) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in weights]


def _misfit(path: Path, layer: Any, weights: list[NDArray[Any]] | None) -> str:
    found = "nothing" if weights is None else _shapes(weights)
    return (
        f"{path} has {found} for layer {layer.name}, which needs {_shapes(layer.weights)}; pass a file of this "
        "architecture (weights for colour images need a recipe with channels = 'gray3')"
    )


def _network_of(networks: list[dict[str, Any]], weights: Weights, path: Path) -> dict[str, Any]:
    """Return the layers of that one of *networks* that *weights* belong to."""
    for layers in networks:
        if layers.keys() == weights.keys():
            return layers
    raise BadInput(
        f"{path} is neither of this network nor of one of the {len(networks) - 1} that it joins; pass a file that has "
        "all layers of one of them"
    )


def _matched(model: keras.Model, weights: Weights, path: Path) -> tuple[set[str], Weights]:
    """Return the names of the layers that must find their weights, and *weights* by the names of *model*'s layers."""
    branches = _branches(model)
    # A branch is in the file if at least one of its layers is.
    known = [branch for branch in branches if not weights.keys().isdisjoint(branch)]
    if not known and len(branches) == 1:
        # No name is common, so the layers are matched by order. The file may have a head behind them.
        known = branches
        weights = dict(zip(branches[0], weights.values(), strict=False))
    if not known:
        raise BadInput(f"{path} has no layer of {model.name}; pass the weights of one of the networks that it joins")
    names = set().union(*known)
    if len(known) < len(branches):
        # The head is behind all branches, so the head of a single network does not belong to it.
        weights = {name: of_layer for name, of_layer in weights.items() if name in names}
    return {name for name in names if _is_required(name, weights)}, weights


def _is_required(name: str, weights: Weights) -> bool:
    # Files from elsewhere have no attention, which then begins at random.
    is_attention = name.startswith(cbam.PREFIX)
    return name in weights or not is_attention


def _branches(model: keras.Model) -> list[KeysView[str]]:
    """Return the names of the backbone's layers, in order: those that lead to each input of the layer ``features``."""
    joined = backbone(model)[-1].input
    ends = joined if isinstance(joined, list) else [joined]
    branches: list[KeysView[str]] = []
    for end in ends:
        layers = keras.Model(model.input, end).layers  # Keras finds what leads to the end
        branches.append(_with_weights(layers).keys())
    return branches


def _with_weights(layers: Sequence[Any]) -> dict[str, Any]:
    """Return those of *layers* that have weights, by their names."""
    return {layer.name: layer for layer in layers if layer.weights}


def _read(path: Path) -> Weights:
    if not path.is_file():
        raise BadInput(f"the pretrained weights {path} do not exist; pass a .keras, .npz or .h5 file")
    try:
        if path.suffix in (".keras", ".npz"):
            layers = _with_weights(checkpoints.load(path).layers)
            return {name: layer.get_weights() for name, layer in layers.items()}
        return _read_h5(path)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BadInput(f"{path} cannot be read as weights: {exc}; pass a .keras, .npz or .h5 file") from exc


def _read_h5(path: Path) -> Weights:
    """Read the layout of Keras 2: attributes ``layer_names`` and ``weight_names`` lead to the arrays."""
    import h5py

    weights: Weights = {}
    with h5py.File(path) as file:
        root = file.get("model_weights", file)  # the group of the weights in the file of a whole model
        if "layer_names" not in root.attrs:
            raise ValueError("it has no layer_names; save weights in Keras 3's own .weights.h5 as .keras")
        for encoded in root.attrs["layer_names"]:
            layer = _text(encoded)
            group = root[layer]
            names = [_text(name) for name in group.attrs.get("weight_names", ())]
            if names:  # layers without weights have an empty group
                weights[layer] = [np.asarray(group[name]) for name in names]
    return weights


def _text(name: bytes | str) -> str:
    """Decode what older versions of h5py write as bytes."""
    return name.decode() if isinstance(name, bytes) else name
