from __future__ import annotations

import time

import pytest

from edge_fer.messages import LEFT_OUT, LONG, LONGEST, first_words

UNKNOWN_LAYER = """\
<class 'keras.src.models.sequential.Sequential'> could not be deserialized properly. Please ensure that components \
that are Python object instances (layers, models, etc.) returned by `get_config()` are explicitly deserialized in the \
model's `from_config()` method.

config={'module': 'keras', 'class_name': 'Sequential', 'config': {'name': 'sequential', 'trainable': True}}.

Exception encountered: Could not locate class 'Gate'. Make sure custom classes and functions are decorated with \
`@keras.saving.register_keras_serializable()`. If they are already decorated, make sure they are all imported so that \
the decorator is run before trying to load them. Full object config: {'module': None, 'class_name': 'Gate'}"""
WRONG_PLANES = f"""\
Exception encountered when calling Sequential.call().

\x1b[1mInput 0 of layer 'conv2d' is incompatible with the layer: expected axis -1 of input shape to have value 1, but \
received input with shape (1, 9, 8, 3)\x1b[0m

Arguments received by Sequential.call():
  • inputs=tf.Tensor(shape=(1, 9, 8, 3), dtype=float32)
  • training={"None" * 30}"""
UNKNOWN_OPERATION = """\
Could not translate MLIR to FlatBuffer./venv/tensorflow/python/eager/polymorphic_function.py:696:1: error: \
'tf.Betainc' op is neither a custom op nor a flex op
    self._concrete_variable_creation_fn = tracing_compilation.trace_function(
^
/venv/tensorflow/python/eager/polymorphic_function/tracing_compilation.py:178:1: note: called from
    concrete_function = _maybe_define_function(
^
<unknown>:0: error: failed while converting: 'main':\x20
Some ops in the model are custom ops, See instructions to implement custom ops: https://www.tensorflow.org/lite/guide
Custom ops: Betainc"""
IN_A_GRAPH = f"""\
in user code:

    File "/home/somebody/model.py", line 47, in f  *
        def f(x): return tf.reshape(x,[7,7])

    ValueError: Cannot reshape a tensor with 3 elements to shape [7,7] (49 elements) for '{{{{node Reshape}}}} = \
Reshape' with input shapes: [3], [2] and with input tensors computed as partial shapes: input[1] = [7,7].

    {"# " * LONG}"""
WRONG_SHAPE = """\
[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions for input: x for the following indices
 index: 2 Got: 9 Expected: 8
 Please fix either the inputs/outputs or the model."""
WRONG_ORDER = """\
Nodes in a graph must be topologically sorted, however input 'z' of node:\x20
name: OpType: Relu
 is not output of any previous nodes."""
NO_RULE = """\
Check 'false' failed at src/frontends/common_translators/src/unconverted_ops_report.cpp:151:
FrontEnd API failed with OpConversionFailure:
Model wasn't fully converted.
Summary:
-- No conversion rule found for operations: com.x.Foo
"""
WRONG_CHANNELS = """\
Check 'false' failed at src/frontends/common_translators/src/unconverted_ops_report.cpp:151:
FrontEnd API failed with OpConversionFailure:
Model wasn't fully converted. Failed operations detailed log:
-- Conv-13 with a message:
[ONNX Frontend] Conversion failed for Conv-13
While validating ONNX node '<Node(Conv): y>': Check 'data_rank.is_dynamic()' failed at src/core/include/util.hpp:307:
While validating node 'opset1::Convolution Convolution_11 (opset1::Parameter x[0]:f32[1,1,8,8])':
Data batch channel count (1) does not match filter input channel count (3).
"""
DAMAGED = """\
Exception from src/inference/src/cpp/core.cpp:105:
Exception from src/inference/src/model_reader.cpp:188:
Unable to read the model. Please check if the model format is supported and model is correct.


"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            UNKNOWN_LAYER,
            ("Could not locate class 'Gate'. Make sure custom classes and functions are decorated with "
            "`@keras.saving.register_keras_serializable()`. If they are already decorated, make sure they are all "
            "imported so that the decorator is run before trying to load them. […]"),
        ),
        (
            WRONG_PLANES,
            ("Exception encountered when calling Sequential.call(). Input 0 of layer 'conv2d' is incompatible with the "
            "layer: expected axis -1 of input shape to have value 1, but received input with shape (1, 9, 8, 3) […]"),
        ),
        (
            UNKNOWN_OPERATION,
            "Could not translate MLIR to FlatBuffer. 'tf.Betainc' op is neither a custom op nor a flex op […]",
        ),
        (
            IN_A_GRAPH,
            ("ValueError: Cannot reshape a tensor with 3 elements to shape [7,7] (49 elements) for '{{node Reshape}} = "
            "Reshape' with input shapes: [3], [2] and with input tensors computed as partial shapes: input[1] = [7,7]. "
            "[…]"),
        ),
        (
            WRONG_SHAPE,
            ("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions for input: x for the following "
            "indices index: 2 Got: 9 Expected: 8; Please fix either the inputs/outputs or the model."),
        ),
        (
            WRONG_ORDER,
            ("Nodes in a graph must be topologically sorted, however input 'z' of node: name: OpType: Relu is not "
            "output of any previous nodes."),
        ),
        (NO_RULE, "Model wasn't fully converted. -- No conversion rule found for operations: com.x.Foo"),
        (
            WRONG_CHANNELS,
            ("[ONNX Frontend] Conversion failed for Conv-13; Data batch channel count (1) does not match filter input "
            "channel count (3)."),
        ),
        (DAMAGED, "Unable to read the model. Please check if the model format is supported and model is correct."),
        ("no kernel\n  for  Conv\n", "no kernel for Conv"),
        ("", ""),
        ("Exception from src/a.cpp:1:\n", "Exception from src/a.cpp:1:"),
    ],
    ids=[
        "Keras, an unknown layer", "Keras, wrong planes", "TensorFlow, an unknown operation", "TensorFlow, in a graph",
        "ONNX Runtime", "ONNX", "OpenVINO, no rule", "OpenVINO, channels", "OpenVINO, damaged", "two lines", "nothing",
        "a place only",
    ],
)  # fmt: skip
def test_the_first_sensible_line(text, line):
    assert first_words(text) == line


def test_a_long_sentence_is_whole_and_the_next_ones_are_said_to_be_missing():
    sentence = f"The layer is {'very ' * 80}large."
    assert LONG < len(sentence) < LONGEST
    assert first_words(sentence) == sentence
    assert first_words(f"{sentence} The next one. And another.") == f"{sentence} {LEFT_OUT}"


def test_data_are_cut_at_a_word():
    said = first_words("number " * 1000)
    assert said == f"{'number ' * 42}{LEFT_OUT}"
    assert first_words("x" * 10_000) == f"{'x' * LONG} {LEFT_OUT}"


@pytest.mark.parametrize(
    "part", ["/", "Check '", "{{function_node ", "Error: ", "Error: x\n", "a.", "File \"'", ": note", "x\n", ". A"]
)
def test_hostile_text_takes_no_time(part):
    started = time.process_time()
    assert len(first_words(part * 300_000)) <= LONGEST + len(LEFT_OUT) + 1
    assert time.process_time() - started < 10  # it takes a tenth of a second; what grows with the square takes minutes
