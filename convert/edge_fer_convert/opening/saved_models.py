"""Opens SavedModel folders."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edge_fer.errors import BadInput, one_line
from edge_fer_convert.formats import tflite_file
from edge_fer_convert.opening.shapes import fixed
from edge_fer_convert.opening.tflite_models import from_tflite
from edge_fer_convert.originals import Serving

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer_convert.float_model import FloatModel


def open_saved_model(path: Path, size_px: int | None) -> FloatModel:
    """Open a SavedModel folder; *size_px* sets open sides. Raises `BadInput` for one that is no float classifier."""
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as exc:
        raise BadInput(f"{path} is no readable SavedModel: {one_line(exc)}") from exc
    signatures = loaded.signatures
    if "serving_default" not in signatures:
        raise BadInput(f"{path} has no signature serving_default but {list(signatures)}; export it with model.export()")
    # The name under which Keras, TensorFlow and most exporters put a model's inference function.
    serve = signatures["serving_default"]
    inputs = serve.structured_input_signature[1]
    outputs = serve.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise BadInput(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; a FER classifier has one each")
    ((input_name, spec),) = inputs.items()
    (output_name,) = outputs
    shape = fixed(tuple(spec.shape), size_px)

    # A batch of one, fixed: an open batch leaves shape arithmetic in the file that no delegate executes.
    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="face")])  # type: ignore[untyped-decorator]
    def classify(face: Any) -> dict[str, Any]:
        return {"scores": serve(**{input_name: face})[output_name]}

    # The loaded model is passed along, because the converter must keep its variables alive.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([classify.get_concrete_function()], loaded)
    try:
        content = bytes(converter.convert())
        tflite_file.refuse_quantized(content, "the model")
        opened = from_tflite(content)
    except BadInput:
        raise
    except Exception as exc:  # the converter's own error derives from nothing narrower
        raise BadInput(f"TensorFlow cannot express the model in LiteRT's operations: {one_line(exc)}") from exc
    return replace(opened, original=Serving(lambda face: classify(face)["scores"], shape))
