"""edge-fer and what a user would pick instead, in one harness: the same film, threads, faces, and test images.

    python benchmarks/peers/compare.py --data fer2013/fer2013-public-test.zip \
        --json benchmarks/results/<device>/peers.json
    python benchmarks/peers/compare.py --data fer2013/fer2013-public-test.zip --scene hard \
        --json benchmarks/results/<device>/peers-hard.json

The film shows one face that looks at the camera (`easy`), or people as cameras meet them (`hard`). All candidates also
process it once, frame by frame: how many of the visible faces they report, and how much that is no face, stands below
the times. With --against, another version of edge-fer (a commit of this clone, or the folder of another one) is a
candidate, too; what it reports is measured by benchmarks/faces/measure.py.

Each peer runs in an environment of its own below ``--environments``, which is made when it is missing (that of `fer`
takes 3 GB). Nothing but packages is downloaded: peers whose weights are not on the disk are left out, with the reason.
Blocks of frames of all candidates take turns, as in ``edge-fer bench``; ``edge-fer bench show`` reads the result.

The peer opencv-dnn runs our own float model as ONNX, which is converted first. So it needs the `convert` extra and the
float weights of a clone; in the clone, run: pip install -e '.[convert]'. To measure without it, name the other peers
with ``--only``.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer import bundle as bundles
from edge_fer.dependencies import require
from edge_fer.errors import BackendError, BadInput, EdgeFerError, MissingDependency
from edge_fer.evaluation.labelled import load_faces
from edge_fer.progress import ProgressDisplay
from edge_fer.sources.options import SCENES
from edge_fer_bench import results, table, versions
from edge_fer_bench.candidates import Candidate, candidates_of_bundle
from edge_fer_bench.harness import Harness
from edge_fer_bench.results import Skipped
from edge_fer_bench.scene import Scene
from edge_fer_bench.suites import SUITES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_fer.bundle import Bundle
    from edge_fer.evaluation.face_set import LabelledFaces

HERE: Final = Path(__file__).parent
CAPABILITIES: Final = frozenset({"frames", "classify", "report_faces"})
OPENCV: Final = "opencv-dnn"
"""The peer that runs our own float model."""


@dataclass(frozen=True)
class Peer:
    """A program that is compared."""

    name: str
    packages: tuple[str, ...]
    """What pip installs in the peer's environment."""
    weights: Path | None = None
    """The file without which the peer would download its weights."""


PEERS: Final = (
    Peer("fer", ("fer==25.10.3", "opencv-contrib-python<5", "setuptools<81")),  # it imports pkg_resources
    Peer(OPENCV, ("opencv-python-headless<5", "numpy")),
    Peer(
        "deepface",
        ("deepface", "tf-keras", "opencv-python<5"),
        Path.home() / ".deepface/weights/facial_expression_model_weights.h5",
    ),
    Peer(
        "emotiefflib",
        ("emotiefflib", "onnx", "onnxruntime", "opencv-python<5"),
        Path.home() / ".emotiefflib/enet_b0_8_best_vgaf.onnx",
    ),
)


def chosen_peers(only: Sequence[str] | None) -> tuple[list[Peer], list[Skipped]]:
    """Return the peers that can run, of those named or of all, and the others with the reason.

    Raises `BadInput` for a name that no peer has.
    """
    known = [peer.name for peer in PEERS]
    for name in only or ():
        if name not in known:
            raise BadInput(f"there is no peer {name!r}; choose from: {', '.join(known)}")
    peers = []
    skipped = []
    for peer in PEERS:
        if only and peer.name not in only:
            continue
        if peer.weights is not None and not peer.weights.exists():
            skipped.append(Skipped(name=peer.name, why=f"its weights are not in {peer.weights.parent.name}/"))
        else:
            peers.append(peer)
    return peers, skipped


def require_conversion() -> None:
    """Raise `MissingDependency` unless our float model can be converted, for `OPENCV`."""
    from edge_fer_convert.command import NEEDED
    from edge_fer_train.recipe import WEIGHTS

    require(NEEDED, "convert", f"the peer {OPENCV}")
    if not WEIGHTS.is_dir():
        raise MissingDependency(
            f"the peer {OPENCV} needs the float weights of a clone, and {WEIGHTS} is not there; leave it out with "
            "--only, or run in a clone: pip install -e '.[convert]'"
        )


def candidate(peer: Peer, python: Path, threads: int, arguments: Sequence[str] = ()) -> Candidate:
    """Return *peer* as a candidate of the harness that computes with *threads* threads."""
    script = HERE / f"worker_{peer.name.replace('-', '_')}.py"
    # OpenMP and TensorFlow read the number of threads from variables of their own.
    limits = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(threads))
    return Candidate(
        f"{peer.name} x{threads}",
        (str(python), str(script), "--threads", str(threads), *arguments),
        threads,
        "peer",
        bundle=peer.name,
        environment={**limits, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        capabilities=CAPABILITIES,
    )


def ours(options: argparse.Namespace, models: Mapping[str, Bundle], folder: Path) -> list[Candidate]:
    """Return the targets of *models* as candidates, of this version and of the one to measure it against."""
    threads = options.threads or [1]
    root = versions.folder_of(options.against, folder / "version") if options.against else None
    measured: list[Candidate] = []
    for name, model in models.items():
        for made in candidates_of_bundle(name, model, threads, options.target):
            measured.append(replace(made, capabilities=made.capabilities | {"report_faces"}))
            if root is not None:
                measured.append(_of_version(made, Path(options.against).name, root))
    return measured


def _of_version(made: Candidate, version: str, root: Path) -> Candidate:
    python, *arguments = made.command
    return replace(
        made,
        name=f"{made.name} of {version}",
        bundle=f"{made.bundle} of {version}",
        # Otherwise, the packages in the working folder would come before those of the version.
        command=(python, "-P", *arguments),
        environment=versions.environment(root),
    )


def environment_of(peer: Peer, folder: Path) -> Path:
    """Return the Python of the peer's environment in *folder*, which is made when it is missing.

    Raises `MissingDependency` when its packages cannot be installed.
    """
    environment = folder / peer.name
    python = environment / "bin" / "python"
    if python.exists():
        return python
    print(f"making {environment} with {' '.join(peer.packages)}", file=sys.stderr)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *peer.packages], check=True)
    except subprocess.CalledProcessError as exc:
        # Half an environment would be taken for a whole one the next time.
        shutil.rmtree(environment, ignore_errors=True)
        raise MissingDependency(
            f"the environment of {peer.name} could not be made, see above; leave the peer out with --only, or try: "
            f"pip install {shlex.join(peer.packages)}"
        ) from exc
    return python


def float_onnx(recipe: str, data: Path, folder: Path) -> Path:
    """Convert the float model of *recipe* to plain ONNX, and return the file. Raises `BackendError`."""
    command = [str(Path(sys.executable).parent / "edge-fer"), "convert", "--recipe", recipe, "--data", str(data)]
    command += ["--targets", "onnx-float32", "--out", str(folder / "bundle")]
    if subprocess.run(command, check=False).returncode != 0:
        raise BackendError(f"the float model of {recipe} could not be converted for {OPENCV}; the reason stands above")
    return folder / "bundle" / "onnx-float32.onnx"


def as_npz(faces: LabelledFaces, path: Path) -> Path:
    """Write *faces* to *path*, a file that every peer can read."""
    np.savez(path, images=faces.images, labels=faces.labels, names=np.array(faces.names))
    return path


def compare(options: argparse.Namespace) -> results.Run:
    """Measure edge-fer's targets and the peers in one run."""
    peers, skipped = chosen_peers(options.only)
    converts = any(peer.name == OPENCV for peer in peers)
    if converts:
        require_conversion()
    threads = options.threads or [1]
    models = {name: bundles.load(name) for name in options.model or ["cnn-1"]}
    first, bundle = next(iter(models.items()))
    suite = SUITES[options.suite]
    scene = Scene.of(options.scene, frames=suite.film_frames, faces=1, fps=30.0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        measured = ours(options, models, folder)
        faces = load_faces(options.data, bundle.manifest.labels)
        data = as_npz(faces, folder / f"{options.data.stem}.npz")
        arguments: dict[str, list[str]] = {}
        if converts:
            onnx = float_onnx(first, options.data.parent, folder)
            arguments[OPENCV] = ["--onnx", str(onnx), "--size", str(bundle.manifest.preprocess.size_px)]
        for peer in peers:
            python = environment_of(peer, options.environments).absolute()
            measured += [candidate(peer, python, count, arguments.get(peer.name, ())) for count in threads]
        with ProgressDisplay() as progress:
            harness = Harness(suite, folder, progress, scene, data=(data, faces))
            run = harness.run(measured, shlex.join(["python", "benchmarks/peers/compare.py", *sys.argv[1:]]))
    return run.model_copy(update={"skipped": (*run.skipped, *skipped)})


def main() -> None:
    """Compare, save the raw values, and print a table; print an error of edge-fer as one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="zip of FER2013 PublicTest, Training's and ferplus.csv beside it"
    )
    parser.add_argument(
        "--model", action="append", help="a bundle, cnn-1 by default; may be repeated, OpenCV runs the first"
    )
    parser.add_argument("--target", help="measure this target of each bundle only")
    parser.add_argument("--scene", choices=SCENES, default="easy", help="what the film shows")
    parser.add_argument("--against", help="another version of edge-fer: a commit or a folder")
    parser.add_argument("--threads", type=int, action="append", help="1 by default; may be repeated")
    parser.add_argument("--only", action="append", help="measure this peer only; may be repeated")
    parser.add_argument("--environments", type=Path, default=Path(".venv-peers"), help="folder of the environments")
    parser.add_argument("--suite", choices=SUITES, default="full")
    parser.add_argument("--json", type=Path, help="write the raw values to this file")
    options = parser.parse_args()
    try:
        run = compare(options)
        if options.json:
            results.save_run(run, options.json)
    except EdgeFerError as exc:
        print(f"compare.py: {exc}", file=sys.stderr)
        sys.exit(exc.exit_code)
    print(table.render(run))


if __name__ == "__main__":
    main()
