"""Labelled faces, and what other programs write about them."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from edge_fer.emotions import FER2013
from edge_fer.evaluation.labelled import load_faces


@pytest.fixture
def faces(drawn_zip):
    """28 drawn faces, four of each class of FER2013."""
    return load_faces(drawn_zip)


@pytest.fixture
def write_answers():
    """Writes the csv of a program that labels every face correctly, with or without scores."""

    def write(path, faces, *, scored=False):
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["path", *(FER2013 if scored else ["label"])])
            for name, label in zip(faces.paths, faces.labels, strict=True):
                answer = np.eye(7)[label] * 0.6 + 0.4 / 7 if scored else [FER2013[label]]
                rows.writerow([name, *answer])

    return write


@pytest.fixture
def write_images(tmp_path):
    """Writes images, path → pixels, below a folder, and returns the folder."""

    def write(images):
        root = tmp_path / "images"
        for name, image in images.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / name), image)
        return root

    return write
