from __future__ import annotations

import pytest

from edge_fer_convert.graph import CONCAT, CONVOLUTION, DENSE, OTHER, SOFTMAX, Graph, Layer, fusion, short_name


def graph(*layers: tuple[str, str, str]) -> Graph:
    """Layers as (name, kind, "inputs with spaces between")."""
    return Graph(tuple(Layer(name, kind, tuple(inputs.split()), name) for name, kind, inputs in layers))


PLAIN = graph(("conv", CONVOLUTION, ""), ("pool", OTHER, "conv"), ("head", DENSE, "pool"), ("scores", SOFTMAX, "head"))

PRODUCT = graph(
    ("conv_a", CONVOLUTION, ""), ("head_a", DENSE, "conv_a"), ("scores_a", SOFTMAX, "head_a"),
    ("conv_b", CONVOLUTION, ""), ("head_b", DENSE, "conv_b"), ("scores_b", SOFTMAX, "head_b"),
    ("product", OTHER, "scores_a scores_b"), ("sum", OTHER, "product"), ("scores", OTHER, "product sum"),
)  # fmt: skip

FEATURES = graph(
    ("conv_a", CONVOLUTION, ""), ("flat_a", OTHER, "conv_a"),
    ("conv_b", CONVOLUTION, ""), ("flat_b", OTHER, "conv_b"),
    ("joined", CONCAT, "flat_a flat_b"), ("norm", OTHER, "joined"), ("head", DENSE, "norm"), ("last", DENSE, "head"),
    ("scores", SOFTMAX, "last"),
)  # fmt: skip

INCEPTION = graph(
    ("stem", CONVOLUTION, ""), ("a", CONVOLUTION, "stem"), ("b", CONVOLUTION, "stem"), ("joined", CONCAT, "a b"),
    ("after", CONVOLUTION, "joined"), ("head", DENSE, "after"), ("scores", SOFTMAX, "head"),
)  # fmt: skip

ATTENTION = graph(
    ("conv", CONVOLUTION, ""), ("gate", SOFTMAX, "conv"), ("scaled", OTHER, "conv gate"), ("head", DENSE, "scaled"),
    ("scores", SOFTMAX, "head"),
)  # fmt: skip


@pytest.mark.parametrize("model", [PLAIN, INCEPTION, ATTENTION], ids=["plain", "inception", "attention"])
def test_a_model_of_one_branch_joins_nothing(model):
    assert fusion(model) == frozenset()


def test_joined_scores_are_float_from_their_softmax_on():
    assert fusion(PRODUCT) == {"scores_a", "scores_b", "product", "sum", "scores"}


def test_joined_features_are_float_from_the_joint_to_the_dense_head():
    assert fusion(FEATURES) == {"joined", "norm", "head"}


def test_an_island_reaches_from_weights_to_weights():
    assert PLAIN.island("pool") == {"conv", "pool", "head"}
    assert PLAIN.island("conv") == {"conv", "pool", "head"}
    assert PLAIN.island("scores") == {"head", "scores"}
    assert FEATURES.island("joined") == {"conv_a", "flat_a", "conv_b", "flat_b", "joined", "norm", "head"}


def test_downstream_is_everything_that_depends():
    assert FEATURES.downstream("flat_a") == {"joined", "norm", "head", "last", "scores"}
    assert FEATURES.downstream("scores") == frozenset()


def test_joined_names_are_shortened():
    assert short_name("cnn/conv_1/Relu;cnn/conv_1/BiasAdd") == "cnn/conv_1/Relu"
    assert short_name("conv/WithoutBiases") == "conv"
