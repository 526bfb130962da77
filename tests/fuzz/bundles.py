"""Damaged bundles: `tests/golden/tiny` with one thing wrong in it, mostly under checksums that are right again."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fuzz import arrays, hostile, models, zips
from fuzz.case import INPUT, Case, Command
from fuzz.damage import damage
from fuzz.drawn import face_png

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

TINY: Final = Path(__file__).parents[1] / "golden" / "tiny"
CARD: Final = b"# tiny\n\nA generated model for tests.\n"
MANIFEST: Final = "manifest.json"
OPENS: Final = frozenset({0, 4})
CHECKS: Final = frozenset({0, 3, 4, 7})
"""Done, bad input (a backend that is none), bad bundle, a model that its runtime refuses."""


def write_small(folder: Path) -> str:
    """Write a sound bundle of one target below *folder*, for inputs that need one; return its argument."""
    parts = _read_tiny()
    _keep_target(parts, parts.manifest["targets"][1])
    _write_folder(parts, folder / "tiny")
    return f"{INPUT}/tiny"


@dataclass
class Parts:
    """A bundle in memory. A damage changes it in place and returns what it did."""

    manifest: dict[str, Any]
    files: dict[str, bytes]
    seal: bool = True
    """Whether sizes and checksums are made right before it is written."""
    manifest_bytes: bytes | None = None
    """Written instead of `manifest`."""
    odd_zip: bool = False
    """Whether the zip itself is the damage."""
    after: list[Callable[[Path], None]] = field(default_factory=list)
    """What is done to the folder after it was written."""


def make(rng: random.Random, folder: Path, base: Path) -> Case:
    """Write a damaged bundle, a folder or a zip, and a drawn picture to run it on."""
    parts = _tiny(rng)
    names = list(DAMAGES)
    name = rng.choices(names, [DAMAGES[name][0] for name in names])[0]
    done = DAMAGES[name][1](rng, parts)
    path = _write(rng, parts, folder / INPUT, as_zip=parts.odd_zip or (not parts.after and rng.random() < 0.2))
    (folder / INPUT / "face.png").write_bytes(face_png())
    argument = f"{INPUT}/{path.name}"
    commands = [
        Command(("verify", argument, *rng.choice(((), (), ("--json",)))), CHECKS),
        Command(("run", "--source", f"{INPUT}/face.png", "--model", argument, "--json"), CHECKS),
    ]
    if rng.random() < 0.25:
        commands.append(Command(("models", argument, *rng.choice(((), ("--json",)))), OPENS))
    return Case(f"{name}: {done}", tuple(commands))


def _tiny(rng: random.Random) -> Parts:
    """Return the tiny bundle with one of its targets, or with all, and with a model card or without."""
    parts = _read_tiny()
    if rng.random() < 0.8:
        _keep_target(parts, rng.choice(parts.manifest["targets"]))
    if rng.random() < 0.3:
        parts.files["MODEL_CARD.md"] = CARD
        parts.manifest["card"] = {"file": "MODEL_CARD.md", "sha256": "", "size_bytes": 0}
    return parts


def _read_tiny() -> Parts:
    files = {path.name: path.read_bytes() for path in sorted(TINY.iterdir())}
    return Parts(json.loads(files.pop(MANIFEST)), files)


def _keep_target(parts: Parts, target: dict[str, Any]) -> None:
    """Leave *target* alone in the bundle: one is tried faster than all."""
    parts.manifest["targets"] = [target]
    kept = {"golden.npz", target["file"], target.get("weights", {}).get("file")}
    parts.files = {name: content for name, content in parts.files.items() if name in kept}


def _entries(tree: Any) -> list[dict[str, Any]]:
    """Return all file entries of a manifest, however it was changed."""
    found = []
    if isinstance(tree, dict):
        if isinstance(tree.get("file"), str) and "sha256" in tree:
            found.append(tree)
        for value in tree.values():
            found += _entries(value)
    elif isinstance(tree, list):
        for value in tree[:100]:
            found += _entries(value)
    return found


def _seal(parts: Parts) -> None:
    for entry in _entries(parts.manifest):
        content = parts.files.get(entry["file"])
        if content is not None:
            entry["sha256"] = hashlib.sha256(content).hexdigest()
            entry["size_bytes"] = len(content)


def _write(rng: random.Random, parts: Parts, folder: Path, *, as_zip: bool) -> Path:
    """Write *parts* below *folder* and return the folder or zip."""
    if not as_zip:
        _write_folder(parts, folder / "bundle")
        return folder / "bundle"
    path = folder / "bundle.zip"
    path.write_bytes(zips.write(rng, _contents(parts), plain=not parts.odd_zip))
    return path


def _write_folder(parts: Parts, path: Path) -> None:
    path.mkdir()
    for name, content in _contents(parts).items():
        (path / name).write_bytes(content)
    for act in parts.after:
        act(path)


def _contents(parts: Parts) -> dict[str, bytes]:
    if parts.seal:
        _seal(parts)
    written = parts.manifest_bytes
    if written is None:
        written = json.dumps(parts.manifest, indent=2).encode()
    return {MANIFEST: written, **parts.files}


def _bytes(rng: random.Random, parts: Parts) -> str:
    name = rng.choice(sorted(parts.files))
    parts.files[name] = damage(rng, parts.files[name])
    parts.seal = rng.random() < 0.8
    return f"bytes of {name}{'' if parts.seal else ', checksums of before'}"


def _manifest_values(rng: random.Random, parts: Parts) -> str:
    _seal(parts)
    if rng.random() < 0.3:
        _add_figures(parts)
    parts.seal = False
    done = hostile.change(rng, parts.manifest)
    parts.manifest_bytes = hostile.to_json(rng, parts.manifest)
    return done


def _add_figures(parts: Parts) -> None:
    parts.manifest["calibration"] = {
        "data": "drawn", "images": 5, "seed": 0, "sha256": "0" * 64, "tools": {"ai-edge-quantizer": "0.10.0"},
    }  # fmt: skip
    parts.manifest["targets"][0]["evaluation"] = {
        "data": "drawn", "split": "test", "images": 9, "accuracy": 0.5, "macro_f1": 0.4, "drop_points": 0.1,
        "drop_interval_points": [-0.1, 0.2], "agreement": 0.9,
        "votes": {
            "images": 9, "accuracy_8_classes": 0.5, "accuracy_7_classes": 0.5, "macro_recall": 0.5,
            "calibration_error": 0.1, "drop_points": 0.0,
        },
    }  # fmt: skip


def _manifest_bytes(rng: random.Random, parts: Parts) -> str:
    _seal(parts)
    parts.manifest_bytes = damage(rng, json.dumps(parts.manifest, indent=2).encode())
    return "bytes of the manifest"


def _names(rng: random.Random, parts: Parts) -> str:
    """Give a target the name of another runtime or precision, or the file of another."""
    target = rng.choice(parts.manifest["targets"])
    if rng.random() < 0.5:
        runtime = rng.choice(("litert", "onnx", "openvino", "fake", "tensorrt"))
        target["name"] = f"{runtime}-{rng.choice(('int8', 'float32', 'float16', 'x'))}"
        return f"target named {target['name']}"
    other = rng.choice(sorted(parts.files))
    target["file"] = other
    return f"the file of a target is {other}"


def _spec(rng: random.Random, parts: Parts) -> str:
    """Change what model and golden inputs must fit: sizes, ranges, labels."""
    act = rng.choice(("preprocess", "labels", "weights"))
    if act == "preprocess":
        return "preprocess: " + hostile.change(rng, parts.manifest["preprocess"], most=2)
    if act == "weights":
        entry = rng.choice(parts.manifest["targets"])
        if entry.pop("weights", None) is None:
            entry["weights"] = copy.deepcopy(parts.manifest["golden"])
        return "weights of a target"
    parts.manifest["labels"] = rng.choice(
        (
            ["a", "b"],
            ["a\x1b[31m", "b\n", "c"],
            ["x" * 5000, "y", "z"],
            [str(n) for n in range(1000)],
            ["\u202ea", "b", "c"],
        )
    )
    return "labels"


def _golden(rng: random.Random, parts: Parts) -> str:
    parts.files["golden.npz"], done = arrays.damaged_npz(rng, parts.files["golden.npz"])
    return done


def _card(rng: random.Random, parts: Parts) -> str:
    parts.files["MODEL_CARD.md"] = rng.choice(
        (
            b"\xff\xfe",
            b"",
            b"a\x1b]0;title\x07\x1b[2J",
            b"x" * 5_000_000,
            "\u202e\ud800".encode("utf-8", "surrogatepass"),
        )
    )
    parts.manifest["card"] = {"file": "MODEL_CARD.md", "sha256": "0" * 64, "size_bytes": 1}
    return "model card"


def _zip(rng: random.Random, parts: Parts) -> str:
    parts.odd_zip = True
    return "a zip of its own kind"


def _folder(rng: random.Random, parts: Parts) -> str:
    """Put something else in the place of a file."""
    name = rng.choice([MANIFEST, *sorted(parts.files)])
    act = rng.choice(tuple(FOLDERS))
    parts.after.append(lambda folder: FOLDERS[act](folder / name))
    return f"{act} in the place of {name}"


def _linked(path: Path, to: str) -> None:
    path.unlink()
    path.symlink_to(to)


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _sparse(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(3 << 30)


FOLDERS: Final[dict[str, Callable[[Path], None]]] = {
    "nothing": lambda path: path.unlink(),
    "an empty file": lambda path: path.write_bytes(b""),
    "a loop of links": lambda path: _linked(path, path.name),
    "a link to nothing": lambda path: _linked(path, "nothing"),
    "a link to /dev/zero": lambda path: _linked(path, "/dev/zero"),
    "a link to /etc/passwd": lambda path: _linked(path, "/etc/passwd"),
    "a link to its own folder": lambda path: _linked(path, "."),
    "a FIFO": _fifo,
    "a folder": _directory,
    "a file of 3 GiB": _sparse,
}

DAMAGES: Final[dict[str, tuple[float, Callable[[random.Random, Parts], str]]]] = {
    "bytes": (4, _bytes),
    "manifest": (3, _manifest_values),
    "manifest bytes": (1, _manifest_bytes),
    "names": (1, _names),
    "spec": (1, _spec),
    "golden": (2, _golden),
    "card": (0.3, _card),
    "zip": (2, _zip),
    "folder": (1, _folder),
    "model": (6, models.change),
}
"""How often each damage is chosen, and what makes it."""
