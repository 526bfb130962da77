"""Opens SavedModel folders, of Keras 2 and 3, of TensorFlow 1, and of modules of one's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import BadInput, one_line
from edge_fer_convert.formats import tensorflow_graph, tflite_file
from edge_fer_convert.opening import outputs
from edge_fer_convert.opening.shapes import fixed
from edge_fer_convert.opening.tflite_models import SCALED, from_tflite
from edge_fer_convert.originals import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.opening.choices import Choices

USUAL: Final = ("serving_default", "serve", "predict")
"""Names under which Keras, TensorFlow and most exporters put a model's inference function, best first."""
TAG: Final = "serve"
"""Tag of the graph that a SavedModel has for inference."""
RANDOM: Final = ("RngReadAndSkip", "StatelessRandom", "RandomUniform", "RandomStandardNormal", "StatefulUniform")
"""Operations that draw random numbers."""
FILES_AND_CODE: Final = frozenset(
    {
        "WriteFile", "ReadFile", "MatchingFiles", "CreateSummaryFileWriter", "CreateSummaryDbWriter", "DebugIdentity",
        "DebugIdentityV2", "DebugIdentityV3", "PyFunc", "PyFuncStateless", "EagerPyFunc",
    }
)  # fmt: skip
"""Operations that write and read files of any name, or call Python. TensorFlow may execute them when it loads a model.
"""
IN_TRAINING: Final = (
    "layers that augment faces, dropout and normalisations do so in training; pass the .keras file that it was "
    "exported from, or export it with training=False"
)
"""Why a function is not one of inference, and what to do."""


def open_saved_model(path: Path, choices: Choices) -> FloatModel:
    """Open a SavedModel folder. Raises `BadInput` for one that is no float classifier."""
    import tensorflow as tf

    loaded = _loaded(path)
    function = _function(path, loaded)
    shapes = {name: tuple(spec.shape.as_list() or ()) for name, spec in function.results.items()}
    output = outputs.chosen(shapes, choices.output)
    shape = fixed(function.shape, choices.size_px)
    dtype = tf.as_dtype(function.dtype)

    # A batch of one, fixed: an open batch leaves shape arithmetic in the file that no delegate executes.
    @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name="face")])  # type: ignore[untyped-decorator]
    def classify(face: Any) -> dict[str, Any]:
        return {"scores": function(face)[output]}

    concrete = _traced(classify)
    frozen = _frozen(concrete)
    # Before the conversion, which folds such a scaling into the weights of the next layer.
    scaled = tensorflow_graph.takes_pixels(frozen)
    opened = from_tflite(_as_tflite(concrete, loaded))
    original = Serving(lambda face: classify(face)["scores"], shape, dtype.name)
    return replace(opened, original=original, takes_pixels=opened.takes_pixels or (SCALED if scaled else ""))


@dataclass(frozen=True)
class _Function:
    """An inference function that takes one image."""

    concrete: Any
    argument: str | None
    """Name of its argument; None where it is passed by position."""
    shape: tuple[int | None, ...]
    dtype: Any

    @property
    def results(self) -> dict[str, Any]:
        """Its outputs, as specifications, by their names."""
        return _named(self.concrete.structured_outputs)

    def __call__(self, face: Any) -> dict[str, Any]:
        """Return its outputs for *face*."""
        computed = self.concrete(face) if self.argument is None else self.concrete(**{self.argument: face})
        return _named(computed)


def _named(computed: Any) -> dict[str, Any]:
    if isinstance(computed, dict):
        return dict(computed)
    if not isinstance(computed, list | tuple):
        return {"scores": computed}
    return {f"output_{number}": tensor for number, tensor in enumerate(computed)}


def _loaded(path: Path) -> Any:
    import tensorflow as tf

    try:
        return tf.saved_model.load(str(path), tags=_tags(path))
    except (OSError, ValueError, RuntimeError, KeyError, tf.errors.OpError) as exc:
        raise BadInput(f"{path} is no readable SavedModel: {one_line(exc)}") from exc


def _tags(path: Path) -> list[str] | None:
    """Return the tags of the graph for inference, where a SavedModel has several graphs, as TensorFlow 1 wrote them."""
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel()
    try:
        content.ParseFromString((path / "saved_model.pb").read_bytes())
    except Exception as exc:  # protobuf's error has no public class
        raise BadInput(f"{path} is no readable SavedModel: {one_line(exc)}; export it again") from exc
    _refuse_files_and_code(path, content)
    if len(content.meta_graphs) < 2:
        return None
    tags = [sorted(graph.meta_info_def.tags) for graph in content.meta_graphs]
    for names in sorted(tags, key=len):
        if TAG in names:
            return names
    raise BadInput(f"{path} has no graph for inference, with the tag {TAG}, but {tags}; export it again")


def _refuse_files_and_code(path: Path, content: Any) -> None:
    """Raise `BadInput` where a graph, or a function, of a SavedModel does something that no classifier does."""
    for graph in content.meta_graphs:
        library = graph.graph_def.library.function
        nodes = [*graph.graph_def.node, *(node for function in library for node in function.node_def)]
        for node in nodes:
            if node.op in FILES_AND_CODE:
                raise BadInput(
                    f"{path} holds {node.op}, an operation that no classifier of faces needs: it reaches files, or "
                    "executes code; export the model without it"
                )


def _function(path: Path, loaded: Any) -> _Function:
    """Return the inference function of a *loaded* SavedModel. Raises `BadInput` where there is none, or several."""
    found = dict(_functions(loaded))
    if not found:
        raise BadInput(f"{path} has no function that takes one image, {_offers(loaded)}; export it with model.export()")
    for name in USUAL:
        if name in found:
            return found[name]
    if len(found) > 1:
        raise BadInput(
            f"{path} has several functions that take an image, {', '.join(sorted(found))}, and none is named "
            "serving_default; export it with one, e.g. tf.saved_model.save(model, folder, signatures=function)"
        )
    return next(iter(found.values()))


def _functions(loaded: Any) -> Iterator[tuple[str, _Function]]:
    """Yield the functions of *loaded* that take one image alone, by their names."""
    for name, signature in loaded.signatures.items():
        inputs = signature.structured_input_signature[1]
        if len(inputs) == 1:
            ((argument, spec),) = inputs.items()
            if _is_image(spec):
                yield name, _Function(signature, argument, tuple(spec.shape), spec.dtype)
    if loaded.signatures:
        return
    # A module saved without signatures still has the functions that it was called with.
    for name in ("serve", "__call__"):
        concretes = getattr(getattr(loaded, name, None), "concrete_functions", [])
        for concrete in concretes:
            positional, named = concrete.structured_input_signature
            in_training = any(value is True for value in (*positional, *named.values()))
            images = [spec for spec in positional if _is_image(spec)]
            if len(images) == 1 and not in_training:
                yield name, _Function(concrete, None, tuple(images[0].shape), images[0].dtype)
                break


def _is_image(spec: Any) -> bool:
    shape = getattr(spec, "shape", None)
    dtype = getattr(spec, "dtype", None)
    numbers = dtype is not None and (dtype.is_floating or dtype.is_integer)
    return numbers and shape is not None and shape.rank is not None and shape.rank > 2


def _offers(loaded: Any) -> str:
    signatures = []
    for name, signature in loaded.signatures.items():
        inputs = signature.structured_input_signature[1]
        specs = [f"{argument} {spec.dtype.name} {spec.shape}" for argument, spec in inputs.items()]
        signatures.append(f"{name}({', '.join(specs)})")
    return f"but {', '.join(signatures)}" if signatures else "and no signature"


def _traced(classify: Any) -> Any:
    import tensorflow as tf

    try:
        return classify.get_concrete_function()
    except (ValueError, TypeError, tf.errors.OpError) as exc:
        raise BadInput(f"the model cannot take such a face: {one_line(exc)}; check --size") from exc


def _frozen(concrete: Any) -> Any:
    """Return the function with its weights as constants. Raises `BadInput` where it draws, or keeps, something."""
    try:
        frozen = tensorflow_graph.inlined(concrete)
    except ValueError as exc:  # it assigns to one of its variables
        raise BadInput(f"the model changes its own variables in inference: {IN_TRAINING}") from exc
    drawn = [name for name in tensorflow_graph.operations(frozen) if name.startswith(RANDOM)]
    if drawn:
        raise BadInput(f"the model draws random numbers in inference ({drawn[0]}): {IN_TRAINING}")
    return frozen


def _as_tflite(concrete: Any, loaded: Any) -> bytes:
    """Return the ``.tflite`` of a function. Raises `BadInput` for what LiteRT cannot express."""
    import tensorflow as tf

    # The loaded model is passed along, because the converter must keep its variables alive.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], loaded)
    try:
        content = bytes(converter.convert())
        tflite_file.refuse_quantized(content, "the model")
    except BadInput:
        raise
    except Exception as exc:  # the converter's own error derives from nothing narrower
        raise BadInput(f"TensorFlow cannot express the model in LiteRT's operations: {one_line(exc)}") from exc
    return content
