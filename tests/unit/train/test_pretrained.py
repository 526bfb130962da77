from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer_train import pretrained, zoo  # noqa: E402


def write_h5(path, layers, group="") -> None:
    """Write *layers*, name → arrays, in the layout of Keras 2."""
    with h5py.File(path, "w") as file:
        root = file.create_group(group) if group else file
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for name, arrays in layers.items():
            inside = root.create_group(name)
            names = [f"{name}/weight_{n}:0" for n in range(len(arrays))]
            inside.attrs["weight_names"] = [n.encode() for n in names]
            for n, array in zip(names, arrays, strict=True):
                inside[n] = array


def weights_of(model) -> dict[str, list[np.ndarray]]:
    return {layer.name: [np.array(w) for w in layer.get_weights()] for layer in model.layers if layer.weights}


@pytest.mark.parametrize("form", ["weights.h5", "model.h5", "model.keras"])
def test_a_backbone_gets_the_weights_of_its_layers_names(tmp_path, form):
    """As keras.applications hands them out: without the top, or with one for other classes."""
    source = zoo.build("mobilenet", 32, 3, 1000)
    path = tmp_path / form
    if form == "model.keras":
        source.save(path)
    else:
        write_h5(path, weights_of(source), "model_weights" if form == "model.h5" else "")
    model = zoo.build("mobilenet", 32, 3)
    head = model.get_layer("scores").get_weights()[0].copy()
    assert pretrained.load_into(model, path) == 27 + 27  # convolutions and their batch normalisation
    loaded, expected = weights_of(model), weights_of(source)
    assert all(np.array_equal(a, b) for a, b in zip(loaded["conv_dw_3"], expected["conv_dw_3"], strict=True))
    assert np.array_equal(head, model.get_layer("scores").get_weights()[0])


def test_numbered_layers_are_matched_by_order_and_convolutions_become_dense(tmp_path):
    """VGG-Face's port: conv2d_1, conv2d_2, …; its dense layers are convolutions of the whole map."""
    model = zoo.build("vgg-face", 32)
    layers = {f"conv2d_{n}": arrays for n, arrays in enumerate(weights_of(model).values(), start=1)}
    rng = np.random.default_rng(0)
    layers = {name: [rng.random(a.shape).astype(np.float32) for a in arrays] for name, arrays in layers.items()}
    dense = layers["conv2d_14"]
    dense[0] = dense[0].reshape(1, 1, 512, 4096)
    path = tmp_path / "vgg_face_weights.h5"
    write_h5(path, layers)
    assert pretrained.load_into(model, path) == 15
    assert np.array_equal(model.get_layer("fc6").get_weights()[0], dense[0][0, 0])


def test_each_branch_of_a_joined_network_begins_with_a_file_of_its_own(tmp_path):
    """The hybrid's third is the compact network with attention, for which that network has no weights."""
    sources = {name: zoo.build(name, 32) for name in ("resnet50", "mobilenet-v2", "compact")}
    model = zoo.build("hybrid", 32)
    own = model.get_layer("cbam_stage_1_excite").get_weights()[0].copy()
    for name, source in sources.items():
        source.save(tmp_path / f"{name}.keras")
        expected = weights_of(source)
        assert pretrained.load_into(model, tmp_path / f"{name}.keras") == len(expected) - 1  # not its head
        loaded = weights_of(model)
        assert all(
            np.array_equal(a, b)
            for layer in expected.keys() & loaded.keys() - {"scores"}
            for a, b in zip(loaded[layer], expected[layer], strict=True)
        )
    assert np.array_equal(own, model.get_layer("cbam_stage_1_excite").get_weights()[0])
    zoo.build("cnn-2", 32).save(tmp_path / "other.keras")
    with pytest.raises(BadInput, match="one of the networks that it joins"):
        pretrained.load_into(model, tmp_path / "other.keras")


def test_each_network_whose_scores_are_joined_begins_with_a_file_of_its_own(tmp_path):
    paths = [tmp_path / "cnn-1.keras", tmp_path / "cnn-2.keras"]
    for path, size in zip(paths, (64, 32), strict=True):
        zoo.build(path.stem, size).save(path)
    model = zoo.build("fused-product", 64, shrink=2)
    assert [pretrained.load_into(model, path) for path in paths] == [13, 19]
    faces = np.random.default_rng(0).random((3, 64, 64, 1)).astype(np.float32)
    expected = zoo.join("fused-product", paths).predict(faces, verbose=0)
    assert np.allclose(model.predict(faces, verbose=0), expected, atol=1e-6)
    model.save(tmp_path / "joined.keras")
    again = zoo.build("fused-product", 64, shrink=2)
    assert pretrained.load_into(again, tmp_path / "joined.keras") == 4
    assert np.array_equal(again.predict(faces, verbose=0), model.predict(faces, verbose=0))
    zoo.build("compact", 32).save(tmp_path / "other.keras")
    with pytest.raises(BadInput, match="nor of one of the 2 that it joins"):
        pretrained.load_into(model, tmp_path / "other.keras")


def test_a_joined_network_of_another_size_is_refused(tmp_path):
    zoo.build("cnn-2", 48).save(tmp_path / "cnn-2.keras")
    with pytest.raises(BadInput, match=r"has \[\(4608, 1024\), \(1024,\)\] for layer dense_1, which needs"):
        pretrained.load_into(zoo.build("fused-product", 64, shrink=2), tmp_path / "cnn-2.keras")


def test_weights_for_colour_do_not_go_into_a_grey_network(tmp_path):
    path = tmp_path / "colour.keras"
    zoo.build("mobilenet", 32, 3).save(path)
    with pytest.raises(BadInput, match="channels = 'gray3'"):
        pretrained.load_into(zoo.build("mobilenet", 32, 1), path)


@pytest.mark.parametrize("content", [b"", b"not weights"])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read as weights"):
        pretrained.load_into(zoo.build("cnn-1", 32), path)
    with pytest.raises(BadInput, match="do not exist"):
        pretrained.load_into(zoo.build("cnn-1", 32), tmp_path / "absent.h5")


def test_all_but_the_last_four_layers_are_frozen():
    """Smelyakov et al., COLINS 2022, section 4."""
    model = zoo.build("mobilenet", 32, 3)
    pretrained.freeze(model, 4)
    names = [layer.name for layer in model.layers]
    features = names.index("features")
    assert all(not layer.trainable for layer in model.layers[: features - 3])
    assert all(layer.trainable for layer in model.layers[features - 3 :])
    before = weights_of(model)
    model.compile("sgd", "categorical_crossentropy")
    model.train_on_batch(np.random.default_rng(0).random((2, 32, 32, 3)), np.eye(7)[:2])
    after = weights_of(model)
    changed = {
        name for name in before if any(not np.array_equal(a, b) for a, b in zip(before[name], after[name], strict=True))
    }
    # With random weights below it, the gradient of conv_pw_13 may be too small to move it.
    assert {"scores", "conv_pw_13_bn"} <= changed <= {"scores", "conv_pw_13", "conv_pw_13_bn"}
