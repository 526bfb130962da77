"""The generic head of level 2: the median shape that the mesh sees in the photographs of FER2013's public test.

    python benchmarks/driving/generic_head.py --landmarks FOLDER --data fer2013/fer2013-public-test.zip

Each face's points are turned, scaled and moved onto the mean of all (generalized Procrustes analysis, Gower, 1975), the
median is made symmetric, and the rigid points of it are printed as they stand in `edge_fer.driving.landmarks.head`.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import rendering

from edge_fer.boxes import Box
from edge_fer.driving.landmarks import files, head, mesh, region
from edge_fer.evaluation.labelled import load_faces

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE_PX: Final = 192
FACE: Final = Box(10, 5, 172, 172)
"""Where the faces of FER2013 lie in its pictures, scaled to `SIDE_PX`."""
LEAST_FLAG: Final = 0.9
ROUNDS: Final = 4
PAIRS: Final = ((33, 263), (133, 362), (98, 327))
"""Points that mirror each other. The others lie in the middle."""


def shapes(network: mesh.Mesh, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the rigid points, ``(n, 12, 3)``, of the faces in *pictures*."""
    found = []
    for picture in pictures:
        large = cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
        square = region.of_box(FACE, 0.0)
        flag = 0.0
        for _ in range(3):
            points, flag = network.see(square.cut(large, mesh.SIDE_PX))
            placed = square.placed(points, mesh.SIDE_PX)
            square = region.of_points(placed)
        if flag > LEAST_FLAG:
            found.append(placed[head.NUMBERS])
    return np.array(found)


def aligned(shape: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return *shape* turned, scaled and moved onto *mean*."""
    centred = shape - shape.mean(axis=0)
    left, spread, right = np.linalg.svd(centred.T @ mean)
    signs = np.array([1.0, 1.0, np.linalg.det(right.T @ left.T)])
    rotation = (right.T * signs) @ left.T
    scale = (spread * signs).sum() / (centred**2).sum()
    return np.asarray(scale * centred @ rotation.T)


def symmetric(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return *shape* looking straight ahead, and like its mirror image."""
    other = list(range(len(head.NUMBERS)))
    for left, right in PAIRS:
        first, second = head.NUMBERS.index(left), head.NUMBERS.index(right)
        other[first], other[second] = second, first
    mirrored = (shape * [-1, 1, 1])[other]
    both = (shape + aligned(mirrored, shape)) / 2
    across = both[head.NUMBERS.index(263)] - both[head.NUMBERS.index(33)]
    x = across / np.linalg.norm(across)
    y = np.array([0.0, 1.0, 0.0]) - x * x[1]
    y /= np.linalg.norm(y)
    straight = both @ np.array([x, y, np.cross(x, y)]).T
    return np.asarray(straight / np.linalg.norm(across))


def main() -> None:
    """Print the table."""
    parser = rendering.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="FER2013's public test, as the ZIP of labelled faces")
    options = parser.parse_args()
    path = options.landmarks / files.MESH.file
    network = mesh.load(files.read(files.MESH, path), path)
    found = shapes(network, load_faces(options.data).images)
    mean = found[0] - found[0].mean(axis=0)
    for _ in range(ROUNDS):
        mean = np.median([aligned(shape, mean) for shape in found], axis=0)
        mean -= mean.mean(axis=0)
    print(f"of {len(found)} faces:")
    for number, (x, y, z) in zip(head.NUMBERS, symmetric(mean), strict=True):
        print(f"    {number}: ({x:.3f}, {y:.3f}, {z:.3f}),")


if __name__ == "__main__":
    main()
