"""Which int8 is worth it on a CPU for LiteRT: static, or dynamic, whose activations are quantized as they come.

    python benchmarks/litert_dynamic.py --data fer2013/ --json benchmarks/results/conversion/litert_dynamic.json

Makes float32, static int8 with each way of choosing the ranges, and dynamic int8 of each model, calibrated as its
recipe says; a model that joins branches keeps the layers that join them in float. Compares them with float32 on all of
FER2013 PublicTest, and times one face on one thread, all files of a model in turn: by the clock, and by the processor
time of that thread, which other programs hardly change. Needs the `convert` extra and a clone.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import script
from edge_fer.backends import load as load_backend
from edge_fer.text import percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import keras
    from numpy.typing import NDArray

    from edge_fer.backends import ModelFile
    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer_convert.targets import Files
    from edge_fer_convert.targets.litert import LiteRT
    from edge_fer_train.recipe import Recipe

MODELS: Final = ("cnn-1", "mobilenet-v2-0.5", "fused-votes")
RUNS: Final = 200
"""Runs of each file that are timed."""
WARM_UP: Final = 5


def rows_of(name: str, pool: LabelledFaces, evaluation: LabelledFaces) -> Iterator[dict[str, Any]]:
    """Make the model *name* in every way, and yield size, loss and latencies of each."""
    from edge_fer_convert import calibration
    from edge_fer_convert.gate import compare_with_float32
    from edge_fer_convert.model_metadata import ModelMetadata
    from edge_fer_convert.opening import open_model
    from edge_fer_convert.targets.litert import LiteRT
    from edge_fer_train import recipe

    settings = recipe.load(name)
    chosen = calibration.choose(pool, settings.converted.images, settings.seed)
    values = calibration.Calibration.of_faces(chosen, settings.preprocess).values
    metadata = ModelMetadata(name, evaluation.names, settings.preprocess)
    made = _made(LiteRT(open_model(_float_model(settings)), values))
    models = [files.model_file(metadata) for files in made.values()]
    crops = evaluation.crops(settings.preprocess)
    times = _timed(models, crops)
    reference = None
    for (way, files), model, (by_clock, by_processor) in zip(made.items(), models, times, strict=True):
        with load_backend("litert", model) as backend:
            computes = backend.info.computes
            scores = backend.run(crops)
        if reference is None:
            reference = scores  # float32 comes first
        comparison = compare_with_float32(scores, reference, evaluation.labels)
        yield {
            "model": name,
            "way": way,
            "size_bytes": len(files),
            "computes": computes,
            "accuracy": comparison.accuracy,
            "drop_points": comparison.drop.points if comparison.drop else None,
            "f1_drop_points": comparison.f1_drop.points if comparison.f1_drop else None,
            "agreement": comparison.agreement,
            "latency_ms": by_clock,
            "processor_ms": by_processor,
        }


def _timed(models: Sequence[ModelFile], crops: NDArray[np.uint8]) -> list[tuple[list[float], list[float]]]:
    """Return for each of *models* how long its runs take, by the clock and by the thread's processor time, in ms."""
    times: list[tuple[list[float], list[float]]] = [([], []) for _ in models]
    with ExitStack() as stack:
        backends = [stack.enter_context(load_backend("litert", model)) for model in models]
        for run in range(WARM_UP + RUNS):
            face = crops[run % len(crops)][np.newaxis]
            for backend, (by_clock, by_processor) in zip(backends, times, strict=True):
                started = time.perf_counter()
                started_thread = time.thread_time()
                backend.run(face)
                by_processor.append(1e3 * (time.thread_time() - started_thread))
                by_clock.append(1e3 * (time.perf_counter() - started))
    return [(by_clock[WARM_UP:], by_processor[WARM_UP:]) for by_clock, by_processor in times]


def _made(converter: LiteRT) -> dict[str, Files]:
    """Return the files by the way in which they were made, float32 first."""
    from edge_fer_convert.graph import fusion

    joined = fusion(converter.graph())
    made = {"float32": converter.float32()}
    for method in converter.methods:
        made[f"static int8, {method}"] = converter.static(method, joined)
    made["dynamic int8"] = converter.dynamic(joined)
    return made


def _float_model(settings: Recipe) -> Path | keras.Model:
    from edge_fer_train import zoo
    from edge_fer_train.recipe import WEIGHTS

    if settings.converted.join:
        return zoo.join(settings.architecture, [WEIGHTS / part for part in settings.converted.join])
    return WEIGHTS / str(settings.converted.weights)


def main() -> None:
    """Compare, print a line for each file, and save all rows."""
    parser = script.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--model", action="append", choices=MODELS, help="instead of all; may be repeated")
    options = parser.parse_args()
    script.require_convert()
    script.evaluate_models(options, options.model or MODELS, rows_of, _line)


def _line(row: dict[str, Any]) -> str:
    p50 = np.median(row["processor_ms"])
    drops = (
        f"drop {row['drop_points']:+.2f}  macro-F1 {row['f1_drop_points']:+.2f}  agreement {percent(row['agreement'])}"
    )
    return f"{row['model']:<17} {row['way']:<54} {row['size_bytes'] / 1e6:5.2f} MB  {p50:6.2f} ms  {drops}"


if __name__ == "__main__":
    script.run(main)
