from __future__ import annotations

SCRIPT = """
import keras, numpy as np
from edge_fer_train.fast_kernels import fast_kernels

layers = keras.layers

def trained(kernel, data_format, axis):
    keras.utils.set_random_seed(1)
    keras.config.set_image_data_format(data_format)
    shape = (2, 9, 9) if data_format == "channels_first" else (9, 9, 2)
    model = keras.Sequential([
        keras.Input(shape), layers.Conv2D(4, 3), layers.BatchNormalization(axis=axis), layers.Flatten(),
        layers.Dense(5), layers.BatchNormalization(scale=False), layers.BatchNormalization(center=False),
    ])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    rng = np.random.default_rng(0)
    for _ in range(3):
        batch = rng.normal(3, 2, (16, *shape)).astype("float32"), rng.random((16, 5)).astype("float32")
        if kernel:
            with fast_kernels(model):
                model.train_on_batch(*batch)
        else:
            model.train_on_batch(*batch)
    return [np.array(weight) for weight in model.get_weights()]

for data_format, axis in (("channels_first", 1), ("channels_last", -1)):
    for own, fast in zip(trained(False, data_format, axis), trained(True, data_format, axis), strict=True):
        assert np.allclose(own, fast, atol=1e-4), np.abs(own - fast).max()
print("alike")
"""


def test_pytorchs_kernel_trains_as_keras_does(on_torch):
    assert on_torch(SCRIPT) == "alike\n"
