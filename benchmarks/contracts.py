"""Whether ``edge-fer convert`` finds wrong ranges, plane orders and label orders, and leaves right ones alone.

    python benchmarks/contracts.py --data fer2013/ --json benchmarks/results/conversion/contracts.json

Six float models of the clone, each behind a layer that gives it another contract: grey in one of the usual ranges, and
three planes, each with a mean and deviation of its own. The models are asked about FER2013's PublicTest, as described
rightly (which must pass), and with one mistake or two (which must be found, and the right options named). Needs the
`convert` extra and a clone.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import script
from edge_fer.emotions import FER2013
from edge_fer.errors import GateFailed
from edge_fer.progress import ProgressListener

if TYPE_CHECKING:
    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.preprocess import Preprocess
    from edge_fer_convert.float_model import FloatModel

RANGES: Final = {
    "cnn-1": (0.0, 1.0),
    "cnn-1-votes": (-1.0, 1.0),
    "mobilenet-v2": (0.0, 255.0),
    "mobilenet-v2-0.5": (-1.0, 1.0),
    "compact-fer2013": (-0.5, 0.5),
    "compact": (0.0, 255.0),
}
"""Each model, and the range that its layer in front expects."""
WRONG_RANGES: Final = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
PLANES: Final = ((0.1, 0.5, 0.9), (0.15, 0.25, 0.4))
"""Mean and deviation of each plane of the models with three. They differ far more than ImageNet's, whose order costs
these models next to nothing, since all planes hold the same grey."""
SHARES: Final = (0.8, 0.15, 0.05)
"""Of the three planes in the grey that the model then sees."""
COSTLY: Final = 5
"""Points of mean recall from which a mistake must end the conversion; smaller ones may be worth a warning."""
COUNTED: Final = 1000
"""Faces, at most, that tell what a mistake costs."""
ALPHABET: Final = tuple(sorted(FER2013))
FER_PLUS: Final = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear")


@dataclass(frozen=True)
class Case:
    """One model as somebody describes it."""

    model: str
    planes: int
    spec: Preprocess
    labels: tuple[str, ...] = FER2013
    mistake: str = "none"
    options: tuple[str, ...] = ()
    """What must be named to mend the description."""


class Listener(ProgressListener):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        """Keep *message*."""
        self.warnings.append(message)


def main() -> None:
    """Ask about every description of every model, print a line for each, and save the raw values."""
    parser = script.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    options = parser.parse_args()
    script.require_convert()
    from edge_fer.evaluation.labelled import load_faces

    faces = load_faces(options.data / "fer2013-public-test.zip")
    rows = []
    for name in RANGES:
        for planes in (1, 3):
            model = _described(name, planes)
            right, *wrong = _cases(name, planes, model)
            recall = _mean_recall(model, right, faces)
            for case in (right, *wrong):
                cost = 100 * (recall - _mean_recall(model, case, faces))
                rows.append({**_as_dict(case), **_asked(case, model, faces), "cost_points": cost})
                print(_line(rows[-1]), flush=True)
    script.save({"command": script.command(), "faces": len(faces), "rows": rows}, options.json, indent=1)
    print(*_summary(rows), sep="\n")


def _summary(rows: list[dict[str, Any]]) -> list[str]:
    """Return how many mistakes were found, by what they cost, and how many right descriptions were objected to."""
    wrong = [row for row in rows if row["options"]]
    costly = [row for row in wrong if row["cost_points"] >= COSTLY]
    cheap = [row for row in wrong if row["cost_points"] < COSTLY]
    right = [row for row in rows if not row["options"]]
    stopped = sum(_stopped(row) for row in costly)
    told = sum(bool(row["message"] or row["warnings"]) for row in cheap)
    refused = sum(bool(row["message"]) for row in right)
    warned = sum(bool(row["warnings"]) for row in right)
    return [
        f"mistakes that cost {COSTLY} points or more: {stopped} of {len(costly)} ended it, the right options named",
        f"cheaper mistakes: {told} of {len(cheap)} were told of",
        f"right descriptions: {refused} of {len(right)} ended it, {warned} led to a warning",
    ]


def _stopped(row: dict[str, Any]) -> bool:
    return bool(row["message"]) and all(option in row["message"] for option in row["options"])


def _described(name: str, planes: int) -> FloatModel:
    """Return the model *name* behind a layer that undoes its range, or its planes' means and deviations."""
    import keras
    import numpy as np

    from edge_fer_convert.opening import open_model

    inner = keras.models.load_model(script.float_weights(name), compile=False)
    face = keras.Input((*inner.input_shape[1:3], planes))
    if planes == 1:
        low, high = RANGES[name]
        grey = keras.layers.Rescaling(1 / (high - low), -low / (high - low))(face)
    else:
        mean, deviation = PLANES
        pixels = keras.layers.Rescaling(list(deviation), list(mean))(face)
        mix = keras.layers.Conv2D(1, 1, use_bias=False)
        grey = mix(pixels)
        mix.set_weights([np.array(SHARES, np.float32).reshape(1, 1, 3, 1)])
    return open_model(keras.Model(face, inner(grey)))


def _cases(name: str, planes: int, model: FloatModel) -> list[Case]:
    """Return the right description of a model and the wrong ones that are tried."""
    from edge_fer_convert.contract.candidates import black_and_white

    if planes == 3:
        mean, deviation = PLANES
        low, high = black_and_white(mean, deviation)
        right = Case(name, 3, model.preprocess(low=low, high=high))
        low, high = black_and_white(mean[::-1], deviation[::-1])
        options = f"--mean {','.join(map(str, mean))} --std {','.join(map(str, deviation))}"
        spec = model.preprocess(low=low, high=high)
        return [right, replace(right, spec=spec, mistake="plane order", options=(options,))]
    low, high = RANGES[name]
    right = Case(name, 1, model.preprocess(low=low, high=high))
    option = f"--range {low:g},{high:g}"
    cases = [right]
    for ends in WRONG_RANGES:
        if ends != (low, high):
            spec = model.preprocess(low=ends[0], high=ends[1])
            cases.append(replace(right, spec=spec, mistake=f"range {ends[0]:g},{ends[1]:g}", options=(option,)))
    labels_option = f"--labels {','.join(FER2013)}"
    for mistake, labels in (("labels by the alphabet", ALPHABET), ("labels of FER+", FER_PLUS)):
        cases.append(replace(right, labels=labels, mistake=mistake, options=(labels_option,)))
    # The last wrong range, which is 0,255 unless that is the right one.
    both = next(case for case in reversed(cases) if case.mistake.startswith("range"))
    mistake = f"{both.mistake}, labels by the alphabet"
    cases.append(replace(both, labels=ALPHABET, mistake=mistake, options=(option, labels_option)))
    equalized = right.spec.model_copy(update={"equalize": True})
    cases.append(replace(right, spec=equalized, mistake="equalised", options=("without --equalize",)))
    return cases


def _asked(case: Case, model: FloatModel, faces: LabelledFaces) -> dict[str, Any]:
    """Return what the check says of *case*, and how long it took."""
    from edge_fer_convert import Data, Job, ModelMetadata
    from edge_fer_convert.contract.check import check_contract

    # Faces keep their own classes, whatever the model's labels are said to be.
    data = Data(faces, "PublicTest").under(case.labels)
    job = Job(model, ModelMetadata(case.model, case.labels, case.spec), data, data)
    listener = Listener()
    message = ""
    started = time.monotonic()
    try:
        check_contract(job, model, data.faces, listener)
    except GateFailed as exc:
        message = str(exc)
    return {"message": message, "warnings": listener.warnings, "seconds": time.monotonic() - started}


def _mean_recall(model: FloatModel, case: Case, faces: LabelledFaces) -> float:
    """Return the mean recall of *model* as it is described, on `COUNTED` faces, as many of each class as there are."""
    import numpy as np

    from edge_fer_convert import Data, calibration

    data = Data(calibration.choose(faces, COUNTED), "PublicTest").under(case.labels).faces
    answers = model.scores(case.spec.to_values(data.crops(case.spec))).argmax(axis=1)
    return float(np.mean([(answers[data.labels == label] == label).mean() for label in np.unique(data.labels)]))


def _as_dict(case: Case) -> dict[str, Any]:
    return {
        "model": case.model,
        "planes": case.planes,
        "preprocess": case.spec.model_dump(mode="json"),
        "labels": case.labels,
        "mistake": case.mistake,
        "options": case.options,
    }


def _line(row: dict[str, Any]) -> str:
    said = " ".join([row["message"], *row["warnings"]])
    return (
        f"{row['model']:<17} {row['planes']}  {row['mistake']:<36} costs {row['cost_points']:5.1f}  "
        f"{row['seconds']:4.1f} s  {said}"
    )


if __name__ == "__main__":
    script.run(main)
