from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer import backends  # noqa: E402
from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_train import zoo  # noqa: E402
from edge_fer_train.zoo import fused  # noqa: E402
from edge_fer_train.zoo.layers import leaves  # noqa: E402

#: Of three planes at the architecture's own size, its head for seven classes left out where the paper leaves it out.
PARAMETERS = {
    "cnn-1": 476_135,  # Umer et al., CMES 2022, Table 1
    "cnn-2": 19_829_287,  # Table 2
    "fused-sum": 476_135 + 19_829_287,
    "fused-product": 476_135 + 19_829_287,
    "mobilenet-v2": 2_257_984 + 1280 * 7 + 7,  # keras.applications
    "compact": 1_560_615 + 2 * 9 * 32,
    "hybrid": 30_302_326,
    "vgg19": 20_024_384 + 512 * 7 + 7,  # keras.applications
    "sequential": 4_478_727 + 2 * 9 * 64,
    "resnet50": 23_587_712 + 2048 * 7 + 7,  # Smelyakov et al., COLINS 2022, section 6
    "mobilenet": 3_228_864 + 1024 * 7 + 7,  # the same
    "openface": 3_743_280 + 128 * 7 + 7,  # the same
    "vgg-face": 134_260_544 + 4096 * 7 + 7,
}
SMALLEST = {"openface": 96}


def side(name: str) -> int:
    return SMALLEST.get(name, 32)


@pytest.fixture(autouse=True)
def forget():
    yield
    keras.utils.clear_session()


@pytest.mark.parametrize("name", zoo.ARCHITECTURES)
def test_parameters_are_those_of_the_papers(name):
    assert zoo.build(name, channels=3).count_params() == PARAMETERS[name]


@pytest.mark.parametrize("name", zoo.ARCHITECTURES)
def test_both_data_formats_are_one_model(name):
    last = zoo.build(name, side(name), dropout=0.1)
    first = zoo.build(name, side(name), dropout=0.1, data_format="channels_first")
    assert first.input_shape == last.input_shape == (None, side(name), side(name), 1)
    assert [w.shape for w in first.weights] == [w.shape for w in last.weights]
    if keras.backend.backend() != "tensorflow":  # whose convolutions on a CPU know channels last only
        first.set_weights(last.get_weights())
        faces = np.random.default_rng(0).random((2, *last.input_shape[1:])).astype(np.float32)
        assert np.allclose(last.predict(faces), first.predict(faces), atol=1e-4)


def test_building_leaves_keras_as_it_was():
    before = keras.config.image_data_format()
    zoo.build("mobilenet-v2", 32, data_format="channels_first")
    assert keras.config.image_data_format() == before


@pytest.mark.parametrize("name", zoo.ARCHITECTURES)
def test_it_trains_a_step_and_becomes_int8(name):
    for module in ("tensorflow", "litert_quantizer"):
        pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")
    if keras.backend.backend() != "tensorflow":
        pytest.skip(f"converting needs Keras on TensorFlow, it runs on {keras.backend.backend()}")
    from edge_fer_convert import targets
    from edge_fer_convert.opening import open_model

    rng = np.random.default_rng(0)
    spec = Preprocess(size_px=side(name))
    crops = rng.integers(0, 256, (4, side(name), side(name)), np.uint8)
    keras.utils.set_random_seed(0)
    model = zoo.build(name, side(name))
    before = [np.array(weight) for weight in model.get_weights()]
    model.compile(keras.optimizers.SGD(1e-5), "categorical_crossentropy")  # 1e-2 makes a fresh ResNet-50 overflow
    loss = model.train_on_batch(spec.to_values(crops), np.eye(7, dtype=np.float32)[:4])
    assert np.isfinite(loss)
    assert any(not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    converter = targets.converter("litert")(open_model(model), spec.to_values(crops))
    files = converter.static(converter.methods[0], frozenset())
    assert len(files) < 0.35 * len(converter.float32())
    backend = backends.load("litert", backends.ModelFile(files.content, spec, FER2013))
    assert np.allclose(backend.run(crops).sum(axis=1), 1, atol=0.05)


def test_cnn_1_has_the_layers_of_its_paper():
    model = zoo.build("cnn-1", 96, channels=3)
    shapes = [tuple(layer.output.shape[1:]) for layer in model.layers if layer.name.startswith("norm")]
    assert shapes == [(48, 48, 32), (24, 24, 64), (12, 12, 96), (6, 6, 128), (3, 3, 64)]
    assert model.get_layer("features").output.shape[1] == 576
    per_layer = [layer.count_params() for layer in model.layers if layer.name.startswith(("conv", "dense", "scores"))]
    assert per_layer == [896, 18496, 55392, 110720, 73792, 147712, 65792, 1799]


def test_cnn_2_has_the_layers_of_its_paper():
    model = zoo.build("cnn-2", 96, channels=3)
    assert model.get_layer("features").output.shape[1] == 18432
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.count_params() for layer in convolutions] == [896, 9248, 18496, 36928, 73856, 147584]
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.count_params() for layer in dense] == [18_875_392, 524_800, 131_328, 1799]


def test_half_the_width_of_mobilenet_v2():
    assert zoo.build("mobilenet-v2", 96, width=0.5).count_params() == 714_903


def test_twice_the_width_of_the_compact_network():
    """Every convolution but the first, which sees one plane, has four times as many weights."""
    model, wide = (zoo.build("compact", 48, width=width) for width in (1.0, 2.0))
    one, two = ([layer.kernel.shape for layer in m.layers if "_conv" in layer.name] for m in (model, wide))
    assert all(np.prod(b) == np.prod(a) * (2 if a[2] == 1 else 4) for a, b in zip(one, two, strict=True))
    assert wide.count_params() == 6_225_479


@pytest.mark.parametrize("rule", ["sum", "product"])
def test_scores_are_joined_by_their_rule(rule):
    parts = [zoo.build(name, 32) for name in ("cnn-1", "cnn-2")]
    faces = np.random.default_rng(1).random((3, 32, 32, 1)).astype(np.float32)
    first, second = (np.asarray(part.predict(faces, verbose=0), np.float64) for part in parts)
    expected = (first + second) / 2 if rule == "sum" else first * second
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.allclose(fused.join(parts, rule).predict(faces, verbose=0), expected, atol=1e-5)


def test_the_second_part_may_see_the_face_smaller():
    """As the recipes have it: CNN_1 at 96 px, CNN_2 at 48."""
    parts = [zoo.build("cnn-1", 64), zoo.build("cnn-2", 32)]
    model = zoo.build("fused-product", 64, shrink=2)
    assert model.count_params() == sum(part.count_params() for part in parts)
    model.set_weights([weight for part in parts for weight in part.get_weights()[:-2]] + [
        weight for part in parts for weight in part.get_weights()[-2:]
    ])  # fmt: skip
    faces = np.random.default_rng(1).random((3, 64, 64, 1)).astype(np.float32)
    assert np.allclose(
        model.predict(faces, verbose=0), fused.join(parts, "product").predict(faces, verbose=0), atol=1e-6
    )


def test_the_layers_of_joined_networks_are_those_they_had():
    parts = [zoo.build("cnn-1", 32), zoo.build("cnn-2", 32)]
    model = fused.join(parts, "sum")
    for found, part in zip(fused.networks(model), parts, strict=True):
        assert list(found) == [layer.name for layer in part.layers if layer.weights]
        assert all(found[name].count_params() == part.get_layer(name).count_params() for name in found)
    inside = [layer for layer in leaves(model) if layer.weights]
    assert sum(layer.count_params() for layer in inside) == model.count_params()
    assert not any(isinstance(layer, keras.Model) for layer in inside)
    assert fused.networks(parts[0]) == []
    assert list(leaves(parts[0])) == parts[0].layers


def test_a_frozen_network_answers_in_training_as_it_does_afterwards():
    def answers(network, faces):
        return [keras.ops.convert_to_numpy(network(faces, training=training)) for training in (True, False)]

    model = zoo.build("fused-product", 64, shrink=2, dropout=0.5)
    faces = np.random.default_rng(1).random((3, 64, 64, 1)).astype(np.float32)
    fused.freeze(model, 1)
    frozen, other = (model.get_layer(name) for name in ("part_1", "part_2"))
    assert np.allclose(*answers(frozen, faces), atol=1e-6)
    assert not np.allclose(*answers(other, np.ascontiguousarray(faces[:, :32, :32])), atol=1e-6)
    assert not frozen.trainable_variables
    assert len(model.trainable_variables) == len(other.trainable_variables) + 2  # its layer before the scores


def test_networks_that_share_a_product_are_together_as_sure_as_one_was():
    parts = [zoo.build("cnn-1", 32), zoo.build("cnn-2", 32)]
    for part in parts:  # sure of something, as trained networks are
        kernel, bias = part.get_layer("scores").get_weights()
        part.get_layer("scores").set_weights([kernel * 20, bias])
    model, summed = (fused.join(parts, rule) for rule in ("product", "sum"))
    faces = np.random.default_rng(1).random((3, 32, 32, 1)).astype(np.float32)
    before = summed.predict(faces, verbose=0)
    fused.soften_logits(model)
    fused.soften_logits(summed)
    first, second = (part.predict(faces, verbose=0) for part in parts)
    expected = np.sqrt(first * second)
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.allclose(model.predict(faces, verbose=0), expected, atol=1e-5)
    assert np.array_equal(summed.predict(faces, verbose=0), before)


@pytest.mark.parametrize("rule", ["sum", "product"])
def test_what_networks_say_alone_stands_behind_what_they_say_together(rule):
    parts = [zoo.build("cnn-1", 32), zoo.build("cnn-2", 32)]
    model = fused.join(parts, rule)
    fused.soften_logits(model)
    apart = fused.with_own_outputs(model)
    assert [weight.path for weight in apart.weights] == [weight.path for weight in model.weights]
    faces = np.random.default_rng(1).random((3, 32, 32, 1)).astype(np.float32)
    together, *alone = apart.predict(faces, verbose=0)
    assert np.allclose(together, model.predict(faces, verbose=0), atol=1e-6)
    for found, part in zip(alone, parts, strict=True):
        assert np.allclose(found, part.predict(faces, verbose=0), atol=1e-5)
    with pytest.raises(BadInput, match="cnn_1 joins no scores"):
        fused.with_own_outputs(parts[0])


@pytest.mark.parametrize(("name", "number"), [("fused-sum", 0), ("fused-sum", 3), ("cnn-1", 1)])
def test_a_network_that_is_not_there_cannot_be_frozen(name, number):
    with pytest.raises(BadInput, match=f"there is no network {number} to freeze"):
        fused.freeze(zoo.build(name, 32), number)


def test_the_product_of_scores_that_share_nothing_is_still_a_number():
    parts = [zoo.build("cnn-1", 32) for _ in range(2)]
    for part, label in zip(parts, (0, 1), strict=True):
        kernel, bias = part.get_layer("scores").get_weights()
        part.get_layer("scores").set_weights([kernel * 0, np.where(np.arange(7) == label, 200.0, bias)])
    scores = fused.join(parts, "product").predict(np.zeros((1, 32, 32, 1), np.float32), verbose=0)
    assert np.allclose(scores[0, :2], 0.5, atol=1e-3)


def test_files_are_joined_as_the_architecture_says(tmp_path):
    paths = [tmp_path / "a.keras", tmp_path / "b.keras"]
    for path in paths:
        zoo.build("cnn-1", 32).save(path)
    assert zoo.join("fused-product", paths).output_shape == (None, 7)
    with pytest.raises(BadInput, match="joins no scores"):
        zoo.join("cnn-1", paths)
    zoo.build("cnn-1", 48).save(paths[1])
    with pytest.raises(BadInput, match="is for 32 px, which does not divide 48"):
        zoo.join("fused-sum", paths)
    zoo.build("cnn-1", 32, classes=8).save(paths[1])
    with pytest.raises(BadInput, match="1 channels, 7 classes and 1 channels, 8 classes; join models with the same"):
        zoo.join("fused-sum", paths)


def test_a_part_of_half_the_size_sees_means_of_four_pixels():
    parts = [zoo.build("cnn-1", 64), zoo.build("cnn-2", 32)]
    faces = np.random.default_rng(1).random((3, 64, 64, 1)).astype(np.float32)
    halved = faces.reshape(3, 32, 2, 32, 2, 1).mean(axis=(2, 4))
    expected = parts[0].predict(faces, verbose=0) * parts[1].predict(halved, verbose=0)
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.allclose(fused.join(parts, "product").predict(faces, verbose=0), expected, atol=1e-5)


def test_an_unknown_architecture_names_those_there_are():
    with pytest.raises(BadInput, match=r"no architecture 'vit'; .*cnn-1"):
        zoo.build("vit")


def test_a_network_of_one_width_takes_no_other():
    with pytest.raises(BadInput, match="vgg19 has no width"):
        zoo.build("vgg19", 32, width=0.5)
