"""edge-fer and what a user would pick instead, under one harness: the same film, threads, faces, and test images.

    python benchmarks/peers/compare.py --data fer2013/fer2013-public-test.zip \
        --json benchmarks/results/<device>/peers.json

Each peer runs in an environment of its own below ``--environments``, made where it is not there (that of `fer` takes
3 GB). Peers whose weights are not on the disk are left out, with the reason: nothing is downloaded but packages. Blocks
of frames of all of them take turns, as in ``edge-fer bench``; ``edge-fer bench show`` reads the result.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_fer import bundle as bundles
from edge_fer.evaluation.labelled import LabelledFaces, load_faces
from edge_fer.progress import ProgressDisplay
from edge_fer_bench import candidates, results, table
from edge_fer_bench.candidates import Candidate
from edge_fer_bench.harness import Harness
from edge_fer_bench.results import Skipped
from edge_fer_bench.suites import SUITES

HERE = Path(__file__).parent
CAPABILITIES = frozenset({"frames", "classify"})


@dataclass(frozen=True)
class Peer:
    """A program, what its environment is made of, and the file without which it would download its weights."""

    name: str
    packages: tuple[str, ...]
    weights: Path | None = None
    arguments: tuple[str, ...] = ()


def peers(onnx: Path, size_px: int) -> list[Peer]:
    """Return all peers; *onnx* is our own float32 model of *size_px*."""
    home = Path.home()
    return [
        Peer("fer", ("fer==25.10.3", "opencv-contrib-python<5", "setuptools<81")),  # it imports pkg_resources
        Peer("opencv-dnn", ("opencv-python-headless<5", "numpy"), onnx, ("--onnx", str(onnx), "--size", str(size_px))),
        Peer(
            "deepface", ("deepface", "tf-keras", "opencv-python<5"),
            home / ".deepface/weights/facial_expression_model_weights.h5",
        ),
        Peer(
            "emotiefflib", ("emotiefflib", "onnx", "onnxruntime", "opencv-python<5"),
            home / ".emotiefflib/enet_b0_8_best_vgaf.onnx",
        ),
    ]  # fmt: skip


def candidate(peer: Peer, python: Path, threads: int) -> Candidate:
    """Return *peer* as something that is measured, told by every means to take so many threads."""
    script = HERE / f"worker_{peer.name.replace('-', '_')}.py"
    command = (str(python), str(script), "--threads", str(threads), *peer.arguments)
    limits = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    environment = {**dict.fromkeys(limits, str(threads)), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    name = f"{peer.name} x{threads}"
    return Candidate(
        name, command, threads, "peer", bundle=peer.name, environment=environment, capabilities=CAPABILITIES
    )


def environment_of(peer: Peer, folder: Path) -> Path:
    """Return the Python of the peer's environment, made where it is not there."""
    python = folder / peer.name / "bin" / "python"
    if not python.exists():
        print(f"making {folder / peer.name} with {' '.join(peer.packages)}", file=sys.stderr)  # noqa: T201
        subprocess.run([sys.executable, "-m", "venv", str(folder / peer.name)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *peer.packages], check=True)
    return python


def float_onnx(recipe: str, data: Path, folder: Path) -> Path:
    """Convert the float model of *recipe* to plain ONNX. Needs the `convert` extra."""
    command = [str(Path(sys.executable).parent / "edge-fer"), "convert", "--recipe", recipe, "--data", str(data)]
    subprocess.run([*command, "--targets", "onnx-float32", "--out", str(folder / "bundle")], check=True)
    return folder / "bundle" / "onnx-float32.onnx"


def as_npz(faces: LabelledFaces, path: Path) -> Path:
    """Write *faces* as a file that every peer can read."""
    np.savez(path, images=faces.images, labels=faces.labels, names=np.array(faces.names))
    return path


def main() -> None:
    """Compare, print, and keep the raw values where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="zip of FER2013 PublicTest, Training's beside it")
    parser.add_argument("--model", action="append", help="cnn-1 by default; may be given again, the first is OpenCV's")
    parser.add_argument("--threads", type=int, action="append", help="1 by default; may be given again")
    parser.add_argument("--only", action="append", help="a peer's name")
    parser.add_argument("--environments", type=Path, default=Path(".venv-peers"))
    parser.add_argument("--suite", choices=SUITES, default="full")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    models = {name: bundles.load(name) for name in options.model or ["cnn-1"]}
    first, opened = next(iter(models.items()))
    skipped, threads = [], options.threads or [1]
    chosen = [one for name, model in models.items() for one in candidates.candidates_of_bundle(name, model, threads)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        faces = load_faces(options.data, opened.manifest.labels)
        data = as_npz(faces, folder / f"{options.data.stem}.npz")
        onnx = float_onnx(first, options.data.parent, folder)
        for peer in peers(onnx, opened.manifest.preprocess.size_px):
            if options.only and peer.name not in options.only:
                continue
            if peer.weights is not None and not peer.weights.exists():
                skipped.append(Skipped(name=peer.name, why=f"its weights are not in {peer.weights.parent.name}/"))
                continue
            python = environment_of(peer, options.environments)
            chosen += [candidate(peer, python.absolute(), count) for count in threads]
        with ProgressDisplay() as progress:
            harness = Harness(SUITES[options.suite], folder, progress, data=(data, faces))
            run = harness.run(chosen, shlex.join(["python", "benchmarks/peers/compare.py", *sys.argv[1:]]))
    run = run.model_copy(update={"skipped": (*run.skipped, *skipped)})
    if options.json:
        results.save_run(run, options.json)
    print(table.render(run))  # noqa: T201


if __name__ == "__main__":
    main()
