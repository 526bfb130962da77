from __future__ import annotations

import cv2
import pytest

from edge_fer.emotions import FER2013
from edge_fer.preprocess import Preprocess
from edge_fer.progress import ProgressListener


class Recorder(ProgressListener):
    """Keeps the messages of a run."""

    def __init__(self):
        self.steps = []
        self.warnings = []

    def step(self, message, share=0.0):
        assert 0 <= share <= 1
        self.steps.append(message)

    def warn(self, message):
        self.warnings.append(message)


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture(scope="session")
def faces(pool, evaluation_faces, tmp_path_factory):
    """A folder with train/<class>/<image>.png and test/<class>/<image>.png."""
    root = tmp_path_factory.mktemp("faces")
    for name, part in (("train", pool), ("test", evaluation_faces)):
        for number, (image, label) in enumerate(zip(part.images, part.labels, strict=True)):
            folder = root / name / FER2013[label]
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{number}.png"), image)
    return root


@pytest.fixture(scope="session")
def job(float_model, pool, evaluation_faces):
    """The job that brings the small model to every target."""
    from edge_fer_convert import Data, Gate, Job, ModelMetadata

    return Job(
        model=float_model,
        metadata=ModelMetadata("mine", FER2013, Preprocess(size_px=32), "a model of mine", "MIT"),
        pool=Data(pool, "drawn", "train"),
        evaluated=Data(evaluation_faces, "drawn", "test"),
        gate=Gate(2.0, 2.0),
        images=100,
    )


@pytest.fixture(scope="session")
def finished(job):
    """That job done, and the messages that it sent to its listener."""
    from edge_fer_convert import convert

    listener = Recorder()
    return convert(job, listener), listener
