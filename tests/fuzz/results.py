"""Damaged files of ``edge-fer bench``, and damaged profiles."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from typing import TYPE_CHECKING, Any, Final

import tomli_w

from fuzz import hostile
from fuzz.bundles import TINY, write_small
from fuzz.case import INPUT, Case, Command
from fuzz.damage import damage
from fuzz.drawn import face_png

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READS: Final = frozenset({0, 3})
CHECKS: Final = frozenset({0, 3, 10})
STARTS: Final = frozenset({0, 3, 4})
PLOTS: Final = ("latencies", "stages", "accuracy", "states", "machine")
STAGES: Final = ("capture", "detect", "preprocess", "classify", "smooth", "sinks")


def make(rng: random.Random, folder: Path, base: Path) -> Case:
    """Write a damaged result, a sound one beside it, and what reads them; or a damaged profile."""
    if rng.random() < 0.2:
        return _profile(rng, folder / INPUT)
    act = rng.choice(tuple(ACTS))
    content = ACTS[act](rng, run())
    path = folder / INPUT / "run.json"
    if act == "gzip" or rng.random() < 0.2:
        path = folder / INPUT / "run.json.gz"
        content = content if act == "gzip" else gzip.compress(content, mtime=0)
    path.write_bytes(content)
    (folder / INPUT / "sound.json").write_text(json.dumps(run(seed=1)))
    return Case(act, tuple(rng.sample(_commands(rng, f"{INPUT}/{path.name}", f"{INPUT}/sound.json"), 3)))


def _commands(rng: random.Random, path: str, sound: str) -> list[Command]:
    plot = rng.choice(PLOTS)
    return [
        Command(("bench", "show", path), READS),
        Command(("bench", "show", path, "--json"), READS),
        Command(("bench", "table", path), READS),
        Command(("bench", "compare", sound, path), READS),
        Command(("bench", "compare", path, sound, "--json"), READS),
        Command(("bench", "check", path, "--baseline", sound), CHECKS),
        Command(("bench", "check", sound, "--baseline", path), CHECKS),
        Command(("bench", "report", path, "--out", "page.html"), READS),
        Command(("bench", "report", path, sound, "--out", "fleet.html"), READS),
        Command(("bench", "plot", path, plot, "--out", "plot.svg"), READS),
    ]


def run(seed: int = 0) -> dict[str, Any]:
    """Return a sound run of two measurements as its JSON."""
    rng = random.Random(seed)  # noqa: S311 (times that nobody measured)
    facts = {
        "model": "a board", "machine": "aarch64", "cpu": "Cortex-A76", "cores": 4, "cpu_features": ["asimd"],
        "memory_mb": 4096, "swap_mb": 0, "system": "Linux", "kernel": "6.6", "python": "3.11", "governor": "ondemand",
        "packages": {"numpy": "2.4.6", "opencv-python-headless": "4.14.0"},
    }  # fmt: skip
    return {
        "format_version": 2, "edge_fer": "0.1.0", "suite": "full", "command": "edge-fer bench",
        "started": "2026-11-30T09:00:00+00:00", "seconds": 60.0, "seed": 0, "partial": False,
        "scene": {"width_px": 640, "height_px": 480, "faces": 1}, "paced_fps": 30.0, "host": facts,
        "readings": [
            {"at_s": float(n), "temperature_c": 50.0 + n, "frequency_mhz": 2400.0, "throttled": 0, "power_w": 4.0,
             "others_cores": 0.0, "stolen_cores": 0.0} for n in range(3)
        ],
        "cells": [_measurement(rng, "litert-int8"), _measurement(rng, "litert-float32")],
        "skipped": [{"name": "onnx-int8 x1", "why": "ONNX Runtime is not installed"}],
    }  # fmt: skip


def _measurement(rng: random.Random, target: str) -> dict[str, Any]:
    return {
        "name": f"mine {target} x1", "kind": "edge-fer", "bundle": "mine", "target": target, "threads": 1,
        "files": {f"{target}.tflite": "0" * 64}, "runtime": {"runtime": "ai-edge-litert", "version": "2.3.0"},
        "cold_start_s": [0.5, 0.6], "load_ms": [1.0], "first_inference_ms": [1.0], "peak_memory_mb": [100.0],
        "warm_up_frames": 10, "steady": True,
        "free": [_block(rng, n) for n in range(6)], "paced": [_block(rng, n) for n in range(2)],
        "golden": {"inputs": 10, "same_label": 10, "worst": 0.0, "tolerance": 0.01, "passed": True},
        "accuracy": {
            "data": "faces.zip", "images": 3, "accuracy": 0.66, "macro_f1": 0.6, "recall": [1.0, 0.5],
            "names": ["happy", "sad"], "predicted": [0, 1, 0],
            "by_votes": {"votes": "fer.csv", "images": 3, "accuracy_8_classes": 0.6, "accuracy_7_classes": 0.6,
                         "macro_recall": 0.5},
        },
        "behaviour": {
            "seconds": 9.0, "states": [[0.0, "happy"], [4.0, "unknown"]], "truth": [[0.0, "happy"], [5.0, ""]],
            "data": "",
        },
        "failed": "",
    }  # fmt: skip


def _block(rng: random.Random, number: int) -> dict[str, Any]:
    stages = {stage: [round(rng.uniform(0.1, 2), 3) for _ in range(8)] for stage in STAGES}
    frames = [round(sum(stages[stage][n] for stage in STAGES[1:]), 3) for n in range(8)]
    return {
        "at_s": number * 1.0, "frame_ms": frames, "stages_ms": stages, "dropped": 0, "late": 1,
        "yardstick_ms": 5.0, "memory_mb": 100.0 + number, "open_files": 9,
    }  # fmt: skip


def _values(rng: random.Random, tree: dict[str, Any]) -> bytes:
    hostile.change(rng, tree)
    return hostile.to_json(rng, tree)


def _numbers(rng: random.Random, tree: dict[str, Any]) -> bytes:
    """Numbers only, so that the file stays a run: zeros, negative times, infinities, very many."""
    places = [(c, k) for c, k in hostile.places(tree) if isinstance(c[k], (int, float)) and not isinstance(c[k], bool)]
    for container, key in rng.sample(places, min(len(places), rng.choice((1, 3, 100)))):
        container[key] = rng.choice((0, 0.0, -1, -1.5, 1e-320, 1e308, 10**15, float("nan"), float("inf"), 2**63))
    return json.dumps(tree).encode()


def _lists(rng: random.Random, tree: dict[str, Any]) -> bytes:
    """Lists and tables that are empty, short or longer than their neighbours."""
    places = [(c, k) for c, k in hostile.places(tree) if isinstance(c[k], (list, dict))]
    for container, key in rng.sample(places, rng.choice((1, 2, 5))):
        value = container.get(key) if isinstance(container, dict) else container[key] if key < len(container) else None
        if isinstance(value, list):
            container[key] = rng.choice(([], value[:1], value * 2, value * 500))
        elif isinstance(value, dict):
            container[key] = rng.choice(
                ({}, dict(list(value.items())[:1]), {**value, "another": next(iter(value.values()), 0)})
            )
    return json.dumps(tree).encode()


def _texts(rng: random.Random, tree: dict[str, Any]) -> bytes:
    places = [(c, k) for c, k in hostile.places(tree) if isinstance(c[k], str)]
    for container, key in rng.sample(places, rng.choice((1, 3, len(places)))):
        container[key] = rng.choice(hostile.TEXTS)
    return json.dumps(tree).encode()


def _bytes(rng: random.Random, tree: dict[str, Any]) -> bytes:
    return damage(rng, json.dumps(tree, indent=1).encode())


def _other(rng: random.Random, tree: dict[str, Any]) -> bytes:
    """Another file of the same or of another program."""
    return rng.choice(
        (b"", b"\0" * 1000, b"PK\3\4", b"[1, 2]", b"null", face_png(), (TINY / "manifest.json").read_bytes())
    )


def _gzip(rng: random.Random, tree: dict[str, Any]) -> bytes:
    """A ``.gz`` that is damaged, is several in one, or is very much larger inside."""
    whole = gzip.compress(json.dumps(tree).encode(), mtime=0)
    act = rng.choice(("bytes", "bytes", "cut", "twice", "rest", "bomb"))
    if act == "bytes":
        return damage(rng, whole)
    if act == "cut":
        return whole[: rng.randrange(len(whole))]
    if act == "twice":
        return whole + whole
    if act == "rest":
        return whole + rng.choice((b"garbage", bytes(100), whole[:100]))
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = rng.choice((b" ", b"[", b"\0", b'"a",')) * (1 << 20)
    return b"".join(packer.compress(block) for _ in range(rng.choice((100, 900)))) + packer.flush()


ACTS: Final[dict[str, Callable[[random.Random, dict[str, Any]], bytes]]] = {
    "values": _values,
    "more values": _values,
    "numbers": _numbers,
    "more numbers": _numbers,
    "lists": _lists,
    "more lists": _lists,
    "texts": _texts,
    "bytes": _bytes,
    "another file": _other,
    "gzip": _gzip,
}


def _profile(rng: random.Random, folder: Path) -> Case:
    """A damaged profile, under which a run and a check start."""
    (folder / "face.png").write_bytes(face_png())
    (folder / "sound.json").write_text(json.dumps(run()))
    model = write_small(folder)
    values = {
        "model": model,
        "target": "litert-float32",
        "threads": 1,
        "measured": "today",
        "check": {"max_slowdown": 0.1},
    }
    act = rng.choice(("values", "values", "bytes", "text"))
    if act == "values":
        hostile.change(rng, values)
    # A half of a surrogate pair, which UTF-8 has no bytes for, becomes the bytes that a careless program would write.
    text = _toml(values).encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    if act == "bytes":
        text = damage(rng, text.encode()).decode("utf-8", "surrogateescape")
    if act == "text":
        text = rng.choice(
            (
                "",
                "\0",
                "[" * 10_000,
                "a = " + "[" * 10_000,
                "x" * 1_000_000,
                "\udcff\udcfe",
                "threads = 1\n" * 2,
                "a = {}\n[a]\n",
            )
        )
    run_it = ("run", "--source", f"{INPUT}/face.png", "--json")
    # A model that the user names counts more than a profile that cannot be used.
    named = (*run_it, "--model", model, "--target", "litert-float32")
    check = ("bench", "check", f"{INPUT}/sound.json", "--baseline", f"{INPUT}/sound.json")
    commands = (
        Command(run_it, STARTS, text), Command(named, frozenset({0}), text), Command(check, CHECKS, text),
    )  # fmt: skip
    return Case(f"profile: {act}", commands)


def _toml(values: Any) -> str:
    """Return *values* as TOML; what it has no form for, as it is in JSON."""
    try:
        return tomli_w.dumps(values)
    except (TypeError, ValueError, AttributeError, RecursionError):
        return "\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
