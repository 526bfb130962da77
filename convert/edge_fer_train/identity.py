"""What a training folder is tied to: recipe, precision, split, seed and faces. Another run is refused there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import MAX_SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer_train.recipe import Recipe

ABSENT: Final = "none"
"""What a message says where one of two runs lacks a setting."""
DIGITS: Final = 16
"""Digits of a sha256 that tell two inputs apart."""


@dataclass(frozen=True)
class Identity:
    """The facts by which two runs are the same. A value is a number, a text, a truth value or None."""

    settings: Mapping[str, Any]
    """What is known before the faces are read: the recipe's settings and the user's options."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What is known of the faces; empty before they are read."""

    def difference(self, other: Identity) -> str | None:
        """Return the first fact that differs, with both values, as ``precision float32, not bfloat16``; None for none.

        Faces are compared only where both know theirs.
        """
        pairs = [(self.settings, other.settings)]
        if self.data and other.data:
            pairs.append((self.data, other.data))
        for own, others in pairs:
            for name in dict.fromkeys([*own, *others]):
                before, now = (facts.get(name) for facts in (own, others))
                if before != now:
                    return f"{name} {_shown(before)}, not {_shown(now)}"
        return None


def of_recipe(recipe: Recipe) -> dict[str, Any]:
    """Return the settings of *recipe* that training depends on, by their paths: ``training.batch_size`` → 64."""
    content = recipe.model_dump(mode="json", exclude={"name", "description", "conversion"})
    return {"recipe": recipe.name, **dict(_leaves(content))}


def of_faces(faces: LabelledFaces) -> str:
    """Return the number of *faces* and a digest of their pixels, labels, classes and order."""
    digest = hashlib.sha256()
    for part in (*faces.digests(), *faces.names):
        digest.update(f"{part}\n".encode())
    digest.update(faces.labels.tobytes())
    return f"{len(faces)} faces ({digest.hexdigest()[:DIGITS]})"


def of_files(paths: Iterable[Path]) -> str | None:
    """Return the names of *paths*, each with a digest of its content where it is a file; None for no paths."""
    return ", ".join(map(_of_file, paths)) or None


def _of_file(path: Path) -> str:
    if not path.is_file():  # a teacher may be a folder, or the name of a shipped bundle
        return path.name
    with path.open("rb") as file:
        return f"{path.name} ({hashlib.file_digest(file, 'sha256').hexdigest()[:DIGITS]})"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of everything in *value* that is neither a dictionary nor a list."""
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = {str(number): part for number, part in enumerate(value, start=1)}.items()
    else:
        yield path, value
        return
    for name, part in parts:
        yield from _leaves(part, f"{path}.{name}" if path else name)


def _shown(value: Any) -> str:
    return ABSENT if value is None else str(value)[:MAX_SHOWN]
