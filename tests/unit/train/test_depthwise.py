from __future__ import annotations

SCRIPT = """
import itertools
import keras, torch
from edge_fer_train import depthwise
from edge_fer_train.fast_kernels import fast_kernels

def answers(layer, faces):
    faces = faces.clone().requires_grad_()
    outputs = layer(faces)
    weights = torch.cos(torch.arange(outputs.numel(), dtype=outputs.dtype)).reshape(outputs.shape)
    kernel, bias = layer.kernel.value, layer.bias.value
    return outputs.detach(), *torch.autograd.grad((outputs * weights).sum(), [faces, kernel, bias])

convolve, convolved = depthwise.convolve, []
depthwise.convolve = lambda *given: convolved.append(1) or convolve(*given)
keras.config.set_image_data_format("channels_first")
keras.config.set_floatx("float64")  # nearer than bfloat16, for which it is; float32 is left to Keras
seen = 0
for side, stride, pixels, padding, multiplier in itertools.product(
    (1, 3, 5), (1, 2, 3), (2, 3, 5, 8), ("valid", "same"), (1, 2)
):
    if padding == "valid" and pixels < side:
        continue
    layer = keras.layers.DepthwiseConv2D(
        side, stride, padding, depth_multiplier=multiplier, activation="tanh", bias_initializer="random_normal"
    )
    model = keras.Sequential([keras.Input((4, pixels, pixels + 1)), layer])
    faces = torch.randn((3, 4, pixels, pixels + 1), dtype=torch.float64)
    keras_own = answers(layer, faces)
    assert len(convolved) == seen
    with fast_kernels(model):
        fast = answers(layer, faces)
    for own, found in zip(keras_own, fast, strict=True):
        assert own.shape == found.shape
        assert torch.allclose(own, found, atol=1e-9), (side, stride, pixels, padding, (own - found).abs().max())
    seen += 1
    assert len(convolved) == seen
print(seen)
"""

UNTOUCHED = """
import keras, torch
from edge_fer_train import depthwise
from edge_fer_train.fast_kernels import fast_kernels

def fails(*inputs):
    raise AssertionError("not left to Keras")

depthwise.convolve = fails
faces = torch.randn((2, 6, 6, 4))
for options in (
    {"data_format": "channels_last", "dtype": "bfloat16"},
    {"data_format": "channels_first", "dtype": "bfloat16", "dilation_rate": 2},
    {"data_format": "channels_first", "dtype": "float32"},
):
    layer = keras.layers.DepthwiseConv2D(2, **options)
    model = keras.Sequential([keras.Input(faces.shape[1:]), layer])
    own = layer(faces)
    with fast_kernels(model):
        assert torch.equal(layer(faces), own)
print("alike")
"""


def test_outputs_and_gradients_are_those_of_keras(on_torch):
    assert on_torch(SCRIPT) == "126\n"


def test_other_orders_dilations_and_float32_are_left_to_keras(on_torch):
    assert on_torch(UNTOUCHED) == "alike\n"
