from __future__ import annotations

import pytest

from edge_fer_convert.graph import CONVOLUTION, DENSE, OTHER, SOFTMAX, Graph, Layer
from edge_fer_convert.targets import Files
from edge_fer_convert.variants import Variants

PLAIN = Graph(
    (
        Layer("conv", CONVOLUTION, (), "conv"),
        Layer("head", DENSE, ("conv",), "head"),
        Layer("scores", SOFTMAX, ("head",), "scores"),
    )
)
FUSED = Graph(
    (
        Layer("head_a", DENSE, (), "head_a"),
        Layer("scores_a", SOFTMAX, ("head_a",), "scores_a"),
        Layer("head_b", DENSE, (), "head_b"),
        Layer("scores_b", SOFTMAX, ("head_b",), "scores_b"),
        Layer("mean", OTHER, ("scores_a", "scores_b"), "mean"),
    )
)


class RecordingConverter:
    """A converter whose files are what it was asked for."""

    methods = ("widest", "narrowest")
    dynamic_in_words = "in float"

    def __init__(self, graph, weight_only=()):
        self._graph = graph
        self._weight_only = frozenset(weight_only)

    def graph(self):
        return self._graph

    def weight_only_layers(self, float_layers):
        return float_layers & self._weight_only

    def float32(self):
        return Files(b"float32")

    def dynamic(self, float_layers):
        return Files(repr(("dynamic", sorted(float_layers))).encode())

    def static(self, method, float_layers, bits=8, *, weight_only=frozenset()):
        return Files(repr((method, sorted(float_layers), bits, sorted(weight_only))).encode())


def test_descriptions_are_those_of_manifests():
    """They stand in bundles, so they may not change."""
    plain = Variants(RecordingConverter(PLAIN))
    fused = Variants(RecordingConverter(FUSED))
    assert plain.float32().description == "not quantized"
    assert plain.dynamic().description == "weights of 8 bits, activations in float"
    assert plain.int16("widest").description == "activations of 16 bits"
    assert plain.static("widest", frozenset(), plain.fusion_note).description == "static int8, widest"
    assert fused.naive().description == "everything in int8, for comparison"
    assert fused.dynamic().description.endswith("in float; 3 layers that join branches in float")


def test_layers_that_join_branches_are_in_float_in_all_but_the_naive_variant():
    variants = Variants(RecordingConverter(FUSED))
    joined = ["mean", "scores_a", "scores_b"]
    assert sorted(variants.fusion_layers) == joined
    assert variants.dynamic().make().content == repr(("dynamic", joined)).encode()
    assert variants.int16("widest").make().content == repr(("widest", joined, 16, [])).encode()
    naive = variants.naive()
    assert naive.shown_only
    assert naive.make().content == repr(("widest", [], 8, [])).encode()


def test_the_head_is_the_last_layer_with_weights_and_what_follows():
    assert Variants(RecordingConverter(PLAIN)).head == {"head", "scores"}


@pytest.mark.parametrize(("weight_only", "notes"), [((), [""]), (("head",), ["", ", with weights of 32 bits"])])
def test_8_bit_weights_are_tried_first_where_they_are_possible(weight_only, notes):
    variants = Variants(RecordingConverter(PLAIN, weight_only))
    kept = list(variants.keeping("narrowest", frozenset({"head"}), ", the head in float"))
    assert [variant.description for variant in kept] == [
        f"static int8, narrowest, the head in float{note}" for note in notes
    ]
    made = [variant.make().content for variant in kept]
    assert made[-1] == repr(("narrowest", ["head"], 8, [])).encode()
    assert len(set(made)) == len(kept)
