"""``edge-fer bench``; nothing heavy is imported before it runs."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_fer.cli import model_options
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command(
    epilog="""\b
Examples:
  edge-fer bench
  edge-fer bench --seconds 30 --json result.json
  edge-fer bench --data fer2013-public-test.zip --json result.json"""
)
@model_options
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(1, 3600), help="How long frames run.")
@click.option(
    "--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Labelled faces to judge on."
)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Keep the raw values here.")
def bench(
    model: str, target: str | None, backend: str | None, threads: int, seconds: float, data: Path | None,
    json_path: Path | None,
) -> None:  # fmt: skip
    """Measure what this machine does with a bundle: stages, frames a second, start, memory, golden answers.

    Runs on the synthetic camera, so it needs no camera and no data. Progress goes to stderr, the table to stdout.
    """
    import cv2

    from edge_fer import bundle as bundles
    from edge_fer.classifier import Classifier
    from edge_fer.labelled import load_faces
    from edge_fer_bench import host, measure, results, table

    if json_path is not None and json_path.is_dir():
        raise BadInput(f"{json_path} is a folder; pass a file name")
    cv2.setNumThreads(threads)
    loaded = bundles.load(model)
    facts = host.facts()
    started = results.now()
    arguments = ["--model", model, "--threads", str(threads)]
    arguments += ["--target", target] if target else []
    arguments += ["--backend", backend] if backend else []
    first, peak = measure.processes(arguments, 5, _progress("starting processes"))
    with Classifier(loaded, target, backend=backend, threads=threads) as classifier:
        golden = measure.golden(classifier)
        stages = measure.stages(classifier, seconds, _progress("running frames"))
        info, chosen = classifier.backend.info, classifier.target.name
    classifiers = measure.classifiers(loaded, 300, threads)
    tracking = measure.tracking(range(3), _progress("tracking"))
    judged = measure.judge(loaded, load_faces(data), data.name, _progress("judging")) if data else ()
    result = results.Result(
        command=" ".join(["edge-fer", *sys.argv[1:]]),
        started=started,
        bundle=loaded.manifest.name,
        target=chosen,
        backend=asdict(info),
        host=facts,
        frame_px=(640, 480),
        stages_ms=stages,
        classifier_ms=classifiers,
        first_result_s=first,
        peak_memory_mb=peak,
        golden=golden,
        tracking=tracking,
        accuracy=judged,
    )
    if json_path is not None:
        results.save(result, json_path)
    click.echo(table.render(result))


def _progress(title: str) -> Callable[[float], None]:
    """Return a function that shows a share of work done on stderr, where somebody is looking."""
    if not sys.stderr.isatty():
        click.echo(title, err=True)
        return lambda _: None

    def show(share: float) -> None:
        click.echo(f"\r{title} {min(share, 1):4.0%} ", nl=share >= 1, err=True)

    return show
