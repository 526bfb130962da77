"""How a backbone of ``keras.applications`` becomes a classifier of faces: pooled features, dropout, softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_fer_train.zoo import axes

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from edge_fer_train.zoo.axes import DataFormat

FEATURES = "features"
"""Name of the last layer of a backbone; the layers after it are the head."""


def classifier(
    application: Callable[..., keras.Model],
    name: str,
    size: int,
    channels: int,
    classes: int,
    dropout: float,
    data_format: DataFormat,
    **options: Any,
) -> keras.Model:
    """Return *application* without its top, with random weights, features averaged over positions, and a softmax.

    Its layers keep their names of ``keras.applications``, by which pretrained weights are found.
    """
    import keras
    from keras import layers

    face = keras.Input((size, size, channels), name="face")
    with axes.inside(data_format):
        base = application(input_tensor=axes.enter(face), include_top=False, weights=None, **options)
        x = layers.GlobalAveragePooling2D(name=FEATURES)(base.output)
    x = layers.Dropout(dropout, name="dropout")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(face, scores, name=name)
