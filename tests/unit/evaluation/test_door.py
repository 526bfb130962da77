"""The public names of edge_fer.evaluation."""

from __future__ import annotations

import pkgutil

import numpy as np
import pytest

from edge_fer import evaluation


@pytest.mark.parametrize("name", evaluation.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(evaluation, name) is not None


def test_the_package_lists_its_public_names_and_no_others():
    assert dir(evaluation) == sorted(evaluation.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        evaluation.nonsense  # noqa: B018


def test_no_public_name_is_that_of_a_module():
    """A module that is imported would hide it."""
    modules = {module.name for module in pkgutil.iter_modules(evaluation.__path__)}
    assert not modules & set(evaluation.__all__)


def test_faces_are_read_and_compared_with_public_names_alone(drawn_zip):
    faces = evaluation.load_faces(drawn_zip)
    assert isinstance(faces, evaluation.LabelledFaces)
    assert evaluation.find_near_copies(faces, of=faces).all()


def test_scores_are_evaluated_with_public_names_alone():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[eval]'")
    report = evaluation.evaluate(np.eye(2), np.array([0, 1]), ("no", "yes"))
    assert isinstance(report, evaluation.ClassificationReport)
    assert report.accuracy == 1
