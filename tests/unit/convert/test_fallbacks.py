from __future__ import annotations

import numpy as np
import pytest

for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

import keras  # noqa: E402

from edge_fer import backends  # noqa: E402
from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.errors import BackendError, GateFailed  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert import gate, targets  # noqa: E402
from edge_fer_convert.calibration import Calibration  # noqa: E402
from edge_fer_convert.fallbacks import FallbackSearch  # noqa: E402
from edge_fer_convert.gate import Gate  # noqa: E402
from edge_fer_convert.graph import CONVOLUTION, DENSE, WEIGHTED, Graph, Layer, fusion  # noqa: E402
from edge_fer_convert.opening import open_model  # noqa: E402
from edge_fer_convert.sensitivity import ChannelError, rank  # noqa: E402

SPEC = Preprocess(size_px=32)
RUNTIMES = tuple(targets.CONVERTERS)


def scaled_apart(network, factor, values):
    """The same function, with the largest channel of its first convolution *factor* times larger still.

    ReLU and max-pooling carry a positive factor through, and the next convolution divides by it: float32 answers as
    before, while one scale for the whole tensor in between leaves the small channels next to nothing.
    """
    made = keras.models.clone_model(network)
    made.set_weights(network.get_weights())
    first, second = made.get_layer("conv_a"), made.get_layer("conv_b")
    kernel, bias = first.get_weights()
    seen = keras.Model(made.inputs, first.output).predict(values, verbose=0).max(axis=(0, 1, 2))
    scales = np.where(seen == seen.max(), factor, 1.0)
    first.set_weights([kernel * scales, bias * scales])
    following, shift = second.get_weights()
    second.set_weights([following / scales[:, None], shift])
    return made


def fallback_search(runtime, model, pool, evaluation_faces, allowed=None):
    values = Calibration.of_faces(pool, SPEC).values
    converter = targets.converter(runtime)(model, values)

    def score(files):
        backend = backends.load(runtime, backends.ModelFile(files.content, SPEC, FER2013, 1, files.weights))
        scores = backend.run(evaluation_faces.images)
        backend.close()
        return scores

    reference = score(converter.float32())
    return FallbackSearch(
        converter, values, score, evaluation_faces.labels, reference, allowed or Gate(), lambda message: None
    )


@pytest.fixture(scope="module")
def hard_model(network, pool):
    """Weights of one layer scaled 100 times apart: built to lose accuracy under one scale a tensor."""
    return open_model(scaled_apart(network, 100, SPEC.to_values(pool.images)))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_model_made_to_lose_falls_back_until_it_passes(runtime, hard_model, network, pool, evaluation_faces):
    search = fallback_search(runtime, hard_model, pool, evaluation_faces)
    assert np.allclose(search.reference, network.predict(SPEC.to_values(evaluation_faces.images), verbose=0), atol=1e-3)
    chosen = search.run(f"{runtime}-int8", strict=False)
    first = search.attempts[0]
    assert first.refused is not None, "the naive int8 model should lose"
    assert first.comparison.drop.points > 2
    assert len(search.attempts) > 1
    assert gate.compare_with_float32(chosen.scores, search.reference, evaluation_faces.labels).drop.points <= 0.5
    assert chosen.variant.precision != "float32"
    assert [attempt.refused is None for attempt in search.attempts].count(True) == 1


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_strict_fails_instead(runtime, hard_model, pool, evaluation_faces):
    search = fallback_search(runtime, hard_model, pool, evaluation_faces, Gate(max_drop=-1000))
    with pytest.raises(GateFailed, match=f"{runtime}-int8 does not pass the gate.*points of accuracy"):
        search.run(f"{runtime}-int8", strict=True)
    assert all(attempt.variant.precision == "int8" for attempt in search.attempts)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_culprit_is_ranked_first(runtime, hard_model, pool, evaluation_faces):
    search = fallback_search(runtime, hard_model, pool, evaluation_faces, Gate(max_drop=-1000))
    with pytest.raises(GateFailed):
        search.run(f"{runtime}-int8", strict=True)
    layers = search.converter.graph().layers
    second = [n for n, layer in enumerate(layers) if layer.kind == CONVOLUTION][1]
    assert search.worst()[0].layer in {layer.name for layer in layers[: second + 1]}


def test_every_variant_is_tried_in_order_when_none_passes(float_model, pool, evaluation_faces):
    search = fallback_search("litert", float_model, pool, evaluation_faces, Gate(max_drop=-1000))
    with pytest.raises(GateFailed):
        search.run("litert-int8", strict=False)
    precisions = [attempt.variant.precision for attempt in search.attempts]
    methods = len(search.converter.methods)
    assert precisions[:methods] == ["int8"] * methods
    assert precisions[-3:] == ["int16", "dynamic", "float32"]


def test_a_file_that_its_runtime_refuses_is_skipped(float_model, pool, evaluation_faces):
    search = fallback_search("litert", float_model, pool, evaluation_faces)
    first, score = search.converter.static(search.converter.methods[0], frozenset()), search.score

    def picky(files):
        if files == first:
            raise BackendError("refuses the model: node 232 failed to prepare")
        return score(files)

    search.score = picky
    chosen = search.run("litert-int8", strict=False)
    assert chosen.files != first
    assert len(search.failures) == 1
    assert "cannot be executed: refuses the model: node 232" in search.failures[0].line


def test_dense_layers_that_compute_in_float_have_weights_of_8_bits_first(
    float_model, pool, evaluation_faces, monkeypatch
):
    monkeypatch.setattr("edge_fer_convert.targets.litert.LARGE", 1)
    search = fallback_search("litert", float_model, pool, evaluation_faces, Gate(max_drop=-1000))
    static, islands = search.converter.static, []

    def recorded(method, float_layers, bits=8, *, weight_only=frozenset()):
        if any(search.converter.graph().by_name[name].kind == DENSE for name in float_layers):
            islands.append((float_layers, weight_only))
        return static(method, float_layers, bits, weight_only=weight_only)

    monkeypatch.setattr(search.converter, "static", recorded)
    with pytest.raises(GateFailed):
        search.run("litert-int8", strict=False)
    assert islands
    assert [bool(weight_only) for _, weight_only in islands] == [True, False] * (len(islands) // 2)
    assert [float_layers for float_layers, _ in islands[::2]] == [float_layers for float_layers, _ in islands[1::2]]
    made = [attempt.files for attempt in search.attempts]
    assert all(files not in made[:number] for number, files in enumerate(made)), "the same file was compared twice"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_layer_of_the_scores_is_kept_before_any_other(runtime, float_model, pool, evaluation_faces):
    search = fallback_search(runtime, float_model, pool, evaluation_faces, Gate(max_drop=-1000))
    with pytest.raises(GateFailed):
        search.run(f"{runtime}-int8", strict=False)
    static = [attempt.variant for attempt in search.attempts if attempt.variant.precision == "int8"]
    kept = next(variant.float_layers for variant in static if variant.float_layers)
    layers = search.converter.graph().layers
    assert [layer.name for layer in layers if layer.name in kept and layer.kind in WEIGHTED] == [
        [layer.name for layer in layers if layer.kind in WEIGHTED][-1]
    ]
    assert layers[-1].name in kept


def test_a_quantizer_that_fails_costs_its_own_variants_only(float_model, pool, evaluation_faces, monkeypatch):
    search = fallback_search("litert", float_model, pool, evaluation_faces)

    def fails(*arguments, **options):
        raise KeyError("no such tensor")

    monkeypatch.setattr(search.converter, "static", fails)
    chosen = search.run("litert-int8", strict=False)
    assert chosen.variant.precision == "dynamic"
    assert len(search.failures) == len(search.converter.methods) + 2  # the scores in float, activations of 16 bits
    assert search.failures[0].line.endswith("cannot be made: KeyError: 'no such tensor'")
    strict = fallback_search("litert", float_model, pool, evaluation_faces)
    monkeypatch.setattr(strict.converter, "static", fails)
    with pytest.raises(GateFailed, match="no such tensor"):
        strict.run("litert-int8", strict=True)


def test_float32_and_dynamic_are_made_at_once(float_model, pool, evaluation_faces):
    for target in ("litert-float32", "litert-dynamic"):
        search = fallback_search("litert", float_model, pool, evaluation_faces)
        assert search.run(target, strict=False).variant.precision == target.split("-")[1]
        assert len(search.attempts) == 1


def joined_by_product(first, second):
    """Scores joined by the product rule (Umer et al., CMES 2022, section 2.3.3), in one graph."""
    face = keras.Input((32, 32, 1))
    product = keras.layers.Multiply()([first(face), second(face)])
    return keras.Model(face, product / keras.ops.sum(product, axis=-1, keepdims=True))


def joined_by_features(first, second):
    """Features of two branches, one a hundred times larger, joined for one head (Abdulkadir et al., JOIG 2025)."""
    face = keras.Input((32, 32, 1))
    ends = []
    for network in (first, second):
        inner = keras.Model(network.inputs, network.layers[-2].output)
        ends.append(inner(face))
    ends[0] = keras.layers.Rescaling(100.0)(ends[0])
    head = keras.layers.Dense(7, activation="softmax")
    model = keras.Model(face, head(keras.layers.Concatenate()(ends)))
    kernels = [network.layers[-1].get_weights()[0] for network in (first, second)]
    biases = [network.layers[-1].get_weights()[1] for network in (first, second)]
    head.set_weights([np.concatenate([kernels[0] * 0.005, kernels[1] * 0.5]), (biases[0] + biases[1]) / 2])
    return model


@pytest.mark.parametrize("join", [joined_by_product, joined_by_features])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_fused_models_join_in_float_and_show_the_naive_graph_beside(runtime, join, network, pool, evaluation_faces):
    second = keras.Sequential.from_config(network.get_config() | {"name": "second"})
    second.set_weights(network.get_weights())
    second.get_layer("conv_a").set_weights([w * 1.1 for w in network.get_layer("conv_a").get_weights()])
    model = open_model(join(network, second))
    search = fallback_search(runtime, model, pool, evaluation_faces)
    fusion_layers = fusion(search.converter.graph())
    assert fusion_layers
    convolutions = {layer.name for layer in search.converter.graph().layers if layer.kind == CONVOLUTION}
    assert not fusion_layers & convolutions
    chosen = search.run(f"{runtime}-int8", strict=False)
    naive = search.attempts[0]
    assert naive.variant.shown_only
    assert not chosen.variant.shown_only
    assert chosen.variant.precision == "int8"
    assert "that join branches in float" in chosen.variant.description
    errors = [np.abs(attempt.scores - search.reference).mean() for attempt in (naive, chosen)]
    assert errors[1] < errors[0]
    if join is joined_by_features:
        # One scale for both branches drowns the smaller one.
        assert naive.comparison.drop.points > chosen.comparison.drop.points + 1


def test_channels_count_alike_in_the_error_of_a_tensor():
    before = np.ones((4, 5, 5, 2), np.float32) * (1, 1000)
    assert ChannelError.of(before, before).mean() == 0
    # Half of the channels are gone, nearly none of the power.
    assert ChannelError.of(before, before * (0, 1)).mean() == 0.5
    assert ChannelError.of(np.zeros_like(before), before).mean() == 0


def test_the_error_of_images_one_by_one_is_that_of_all_together():
    rng = np.random.default_rng(0)
    before = rng.normal(0, (1, 10, 0.1), (4, 5, 5, 3)).astype(np.float32)
    after = before * rng.uniform(0.5, 1.5, before.shape).astype(np.float32)
    layers = (Layer("a", "other", (), "a"), Layer("b", "convolution", ("a",), "b"))
    whole = rank(Graph(layers), iter([{"a": before, "b": after}]), iter([{"a": after, "b": after}]))
    one_by_one = rank(
        Graph(layers),
        ({"a": b[np.newaxis], "b": a[np.newaxis]} for b, a in zip(before, after, strict=True)),
        ({"a": a[np.newaxis], "b": a[np.newaxis]} for a in after),
    )
    assert [tensor.layer for tensor in one_by_one] == [tensor.layer for tensor in whole]
    assert one_by_one[0].error == pytest.approx(whole[0].error)
    assert 0 < whole[0].error < 1


def test_error_is_charged_to_the_layer_that_adds_it():
    layers = (Layer("a", "other", (), "a"), Layer("b", "other", ("a",), "b"), Layer("c", "other", ("b",), "c"))
    exact = {name: np.ones((1, 4), np.float32) for name in "abc"}
    off = {"a": exact["a"], "b": exact["b"] * 0.5, "c": exact["c"] * 0.5}
    ranked = rank(Graph(layers), [exact], [off])
    assert [tensor.layer for tensor in ranked] == ["b", "a", "c"]
    assert ranked[0].added == pytest.approx(0.25)
