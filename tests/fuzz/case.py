"""A damaged input and the commands that have to bear it."""

from __future__ import annotations

import importlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from pathlib import Path

INPUT: Final = "input"
"""The folder of a case that holds its input; commands run in the folder above."""


@dataclass(frozen=True)
class Command:
    """What is typed after ``edge-fer``, and the exit codes that are right for it."""

    args: tuple[str, ...]
    allowed: frozenset[int]
    profile: str = ""
    """Text of the machine's profile, if it has one."""


@dataclass(frozen=True)
class Case:
    """One input, already written, with what was done to it in words."""

    damage: str
    commands: tuple[Command, ...]


class Generator(Protocol):
    """What each module in `GENERATORS` provides."""

    def make(self, rng: random.Random, folder: Path, base: Path) -> Case:
        """Write a damaged input below *folder*. *base* holds what `fuzz.films` wrote."""
        ...


# What a kind imports before it is run: each process of the runner imports it once, for all inputs.
WARM: Final[dict[str, tuple[str, ...]]] = {
    "bundles": ("edge_fer.verify", "edge_fer.pipeline", "ai_edge_litert.interpreter", "onnxruntime", "openvino"),
    "media": ("edge_fer.pipeline", "ai_edge_litert.interpreter", "av", "rich", "jinja2", "sklearn.metrics"),
    "results": ("edge_fer_bench.plots", "edge_fer.pipeline", "jinja2", "matplotlib.figure"),
}
GENERATORS: Final[dict[str, str]] = {
    "bundles": "fuzz.bundles",
    "media": "fuzz.media",
    "results": "fuzz.results",
}
"""Modules by kind of input."""


def seeded(text: str) -> random.Random:
    """Return a generator that *text* seeds by its hash, the same in every process."""
    return random.Random(text)  # noqa: S311 (repeatable, not secret)


def make(kind: str, seed: int, index: int, folder: Path, base: Path) -> Case:
    """Write input *index* of *kind* below *folder*. The same arguments write the same input."""
    (folder / INPUT).mkdir(parents=True)
    rng = seeded(f"{seed}:{kind}:{index}")
    generator: Generator = importlib.import_module(GENERATORS[kind])
    return generator.make(rng, folder, base)
