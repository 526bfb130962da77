"""The configuration of a Keras model, as its files hold it: JSON that is made fit for Keras 3 and for inference.

Keras 3 refuses arguments that Keras 2 wrote for every layer, computes in the numbers of the training, and keeps on
drawing random numbers where a model was told to do so. Nothing here touches weights.
"""

from __future__ import annotations

import copy
import inspect
import re
from dataclasses import dataclass, field
from typing import Any, Final

from edge_fer.errors import BadInput
from edge_fer_convert.opening import keras_operators

Config = dict[str, Any]

ANYTHING: Final = object()
HARMLESS: Final[dict[str, tuple[Any, ...]]] = {
    "groups": (None, 1),
    "time_major": (None, False),
    "renorm": (None, False),
    "adjustment": (None,),
    "softmax_robust_masking": (None, False),
    "ragged": (None, False),
    "zero_output_for_mask": (None, False),
    "implementation": (ANYTHING,),
    "fused": (ANYTHING,),
    "renorm_clipping": (ANYTHING,),
    "renorm_momentum": (ANYTHING,),
    "virtual_batch_size": (ANYTHING,),
    "synchronized": (ANYTHING,),
    "query_shape": (ANYTHING,),
    "key_shape": (ANYTHING,),
    "value_shape": (ANYTHING,),
    "kernel_initializer": (ANYTHING,),
    "kernel_regularizer": (ANYTHING,),
    "kernel_constraint": (ANYTHING,),
}
"""Arguments of Keras 2's layers that Keras 3 refuses, and the values with which nothing is lost without them."""
RENAMED: Final = {"SyncBatchNormalization": "BatchNormalization", "Model": "Functional"}
"""Classes of Keras 2 that Keras 3 has under another name."""
NOTHING_IN_INFERENCE: Final = re.compile(
    r"(Spatial|Gaussian|Alpha|)Dropout([123]D)?|GaussianNoise|ActivityRegularization|MixUp|CutMix|AugMix|RandAugment|"
    r"Random(?!Crop$)\w+"
)
"""Classes that only change faces and features in training; each version of Keras gives them other arguments."""
BATCH_STATISTICS: Final = frozenset({"BatchNormalization", "SyncBatchNormalization"})
"""Classes that compute something else in training, and not at random."""
SMALL_FLOATS: Final = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16", "float64")
"""Policies and types that LiteRT's operations do not compute in."""


@dataclass
class Cleaning:
    """Makes a configuration fit for Keras 3 and for inference, and keeps in words what was changed."""

    of_file: bool = True
    """Whether it comes from a file, which Keras 2 may have written."""
    arguments: set[str] = field(default_factory=set)
    """Arguments that were left out."""
    floats: set[str] = field(default_factory=set)
    """Numbers that layers computed in, of `SMALL_FLOATS`."""
    switched_off: list[str] = field(default_factory=list)
    """Layers that were called with ``training=True``."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed, a sentence each."""
        notes = []
        if self.floats:
            notes.append(f"the model computes in {', '.join(sorted(self.floats))}: converted in float32")
        if self.switched_off:
            names = ", ".join(self.switched_off)
            notes.append(f"{names} called with training=True: switched off, because random answers cannot be converted")
        if self.arguments:
            notes.append(f"arguments of Keras 2 left out: {', '.join(sorted(self.arguments))}")
        return tuple(notes)

    def clean(self, part: Any) -> Any:
        """Return *part* of a configuration, cleaned; raise `BadInput` for what cannot be converted."""
        if isinstance(part, list):
            return [self.clean(entry) for entry in part]
        if isinstance(part, str) and part in SMALL_FLOATS:
            self.floats.add(part)
            return "float32"
        if not isinstance(part, dict):
            return part
        if isinstance(part.get("class_name"), str) and isinstance(part.get("config"), dict):
            if part["class_name"].endswith("Policy"):
                return self._policy(part)
            part = self._layer(part)
        return {key: value if key == "name" else self.clean(value) for key, value in part.items()}

    def _policy(self, entry: Config) -> Any:
        """Return a policy, of the numbers in which a layer computes."""
        name = entry["config"].get("name")
        if name is None:
            raise BadInput("Keras has already quantized the model; pass the float model that it was made from")
        name = self.clean(name)
        # Keras 3 does not know the classes of Keras 2's policies, but takes any policy's name.
        known = entry["class_name"] == "DTypePolicy"
        return {**entry, "config": {**entry["config"], "name": name}} if known else name

    def _layer(self, entry: Config) -> Config:
        """Return the *entry* of one object: its class, its arguments, and how it is called."""
        name = entry["class_name"]
        config = dict(entry["config"])
        if self.of_file:
            name, config = self._for_keras_3(name, config)
        changed = {**entry, "class_name": name, "config": config}
        if entry.get("inbound_nodes"):
            changed["inbound_nodes"] = [self._node(node, entry) for node in entry["inbound_nodes"]]
        return changed

    def _for_keras_3(self, name: str, config: Config) -> tuple[str, Config]:
        """Return class and arguments of a layer as Keras 3 takes them."""
        if NOTHING_IN_INFERENCE.fullmatch(name):
            return "Identity", {key: config[key] for key in ("name", "trainable", "dtype") if key in config}
        name = RENAMED.get(name, name)
        self._drop_refused(name, config)
        axis = config.get("axis")
        if name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
            config["axis"] = axis[0]
        if isinstance(config.get("layers"), list):
            _count_calls_from_zero(config)
        return name, config

    def _drop_refused(self, name: str, config: Config) -> None:
        known = HARMLESS.keys() & config.keys()
        if not known:
            return
        accepted = _arguments(name)
        for argument in known - accepted:
            values = HARMLESS[argument]
            if values != (ANYTHING,) and config[argument] not in values:
                raise BadInput(
                    f"{config.get('name', name)} has {argument}={config[argument]}, which Keras 3 cannot compute; load "
                    "the model with the Keras that made it and export a SavedModel"
                )
            self.arguments.add(argument)
            del config[argument]

    def _node(self, node: Any, entry: Config) -> Any:
        if self.of_file and keras_operators.needs_keras_3(node):
            node = keras_operators.call_of_keras_3(node)
        return self._call(node, entry)

    def _call(self, node: Any, entry: Config) -> Any:
        """Return one call of a layer; ``training=True`` is left out of it."""
        if isinstance(node, dict):  # of Keras 3
            kwargs = node.get("kwargs", {})
            return {**node, "kwargs": self._inference(kwargs, entry)}
        # Of Keras 2: [[layer, node, tensor, kwargs], ...], or that list itself for layers with one input.
        if isinstance(node, list) and len(node) == 4 and isinstance(node[3], dict):
            return [*node[:3], self._inference(node[3], entry)]
        if isinstance(node, list):
            return [self._call(part, entry) for part in node]
        return node

    def _inference(self, kwargs: Config, entry: Config) -> Config:
        if kwargs.get("training") is not True:
            return kwargs
        name = str(entry.get("name") or entry["config"].get("name"))
        if _has_batch_statistics(entry):
            raise BadInput(
                f"{name} is called with training=True, so it computes with the statistics of each batch, and a device "
                "sees one face at a time; call it with training=False and save the model again"
            )
        self.switched_off.append(name)
        return {**kwargs, "training": False}


def _count_calls_from_zero(config: Config) -> None:
    """Let references to models inside the model of *config* count their calls from zero, as Keras 3 does.

    Keras 2 counts the construction of the inner model as its first call.
    """
    calls = {layer["config"].get("name"): len(layer.get("inbound_nodes") or []) for layer in config["layers"]}
    found: list[list[Any]] = []
    _references([[layer.get("inbound_nodes") for layer in config["layers"]], config.get("output_layers")], found)
    off_by_one = {name for name, number, *_ in found if number >= calls.get(name, number + 1)}
    if not off_by_one:
        return
    config["layers"] = copy.deepcopy(config["layers"])
    config["output_layers"] = copy.deepcopy(config["output_layers"])
    found = []
    _references([[layer.get("inbound_nodes") for layer in config["layers"]], config["output_layers"]], found)
    for reference in found:
        if reference[0] in off_by_one:
            reference[1] -= 1


def _references(part: Any, found: list[list[Any]]) -> None:
    """Add to *found* what *part* holds of Keras 2's references to tensors: ``[layer, call, tensor, …]``."""
    if not isinstance(part, list):
        return
    if len(part) in (3, 4) and isinstance(part[0], str) and isinstance(part[1], int):
        found.append(part)
        return
    for entry in part:
        _references(entry, found)


def _arguments(name: str) -> frozenset[str]:
    """Return the names of the arguments that Keras' class *name* takes; those of every layer without it."""
    import keras

    of_class = getattr(keras.layers, name, None)
    if of_class is None:
        return frozenset(HARMLESS)  # a class of the user's own takes what it has written
    return frozenset(inspect.signature(of_class.__init__).parameters)


def _has_batch_statistics(part: Any) -> bool:
    if isinstance(part, list):
        return any(_has_batch_statistics(entry) for entry in part)
    if not isinstance(part, dict):
        return False
    return part.get("class_name") in BATCH_STATISTICS or any(_has_batch_statistics(value) for value in part.values())
