"""The films that are measured: films of a folder, folders of pictures, and drawn scenes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final, Protocol

from edge_fer.errors import BadInput
from edge_fer.images import IMAGE_SUFFIXES
from edge_fer.sources import Frame
from edge_fer.sources.files import read_image
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.sources.video import VIDEO_SUFFIXES, Video

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FEWEST_PICTURES: Final = 2
"""A single picture in a folder is no film."""


class Film(Protocol):
    """What is measured, one frame after the other. Its frames are the same each time they are asked for."""

    @property
    def name(self) -> str:
        """Return how it is called in the results."""
        ...

    @property
    def stills(self) -> bool:
        """Return whether the frames are unrelated pictures, in which nothing can be followed."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Yield the frames. Raises `SourceError`."""
        ...


@dataclass(frozen=True)
class VideoFilm:
    """A film in a file, or its first *seconds*."""

    name: str
    path: Path
    seconds: float | None = None
    stills: bool = False

    def frames(self) -> Iterator[Frame]:
        """Yield the frames. Raises `SourceError`."""
        with Video(self.path) as video:
            yield from _first(video.frames(), self.seconds)

    def key(self) -> str:
        """Return what tells this film from all others, wherever it lies."""
        return _key([self.path], f"{self.seconds}")


@dataclass(frozen=True)
class Pictures:
    """Pictures as the frames of a film, *fps* a second, or as *stills* that have nothing to do with each other."""

    name: str
    paths: tuple[Path, ...]
    fps: float = 25.0
    stills: bool = False
    seconds: float | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield the pictures. Raises `SourceError` for one that cannot be read."""
        return _first(self._frames(), None if self.stills else self.seconds)

    def key(self) -> str:
        """Return what tells these pictures from all others, wherever they lie."""
        return _key(self.paths, f"{self.fps} {self.stills} {self.seconds}")

    def _frames(self) -> Iterator[Frame]:
        for index, path in enumerate(self.paths):
            picture = read_image(path)
            yield Frame(picture.pixels, index / self.fps, index, path.name, reduced=picture.reduced)


@dataclass(frozen=True)
class Scene:
    """A scene of the drawn camera; its frames know their truth."""

    name: str
    scene: str
    seconds: float
    seed: int
    stills: bool = False

    def frames(self) -> Iterator[Frame]:
        """Draw the frames."""
        fps = 30.0
        return SyntheticCamera(scene=self.scene, fps=fps, frames=round(self.seconds * fps), seed=self.seed).frames()


def find_films(folder: Path, fps: float, *, stills: bool, seconds: float | None) -> list[VideoFilm | Pictures]:
    """Return the films in *folder* and below it, by name: each video, and each folder that holds pictures.

    Raises `BadInput` if there are none.
    """
    if folder.is_file():
        return [VideoFilm(folder.name, folder, seconds)]
    if not folder.is_dir():
        raise BadInput(f"{folder} is not there; pass a folder of films")
    films: list[VideoFilm | Pictures] = []
    pictures: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if any(part.startswith(".") for part in inside.parts) or not path.is_file():
            continue
        suffix = path.suffix.lower()
        if suffix in VIDEO_SUFFIXES:
            films.append(VideoFilm(str(inside), path, seconds))
        elif suffix in IMAGE_SUFFIXES:
            pictures.setdefault(path.parent, []).append(path)
    for parent, paths in pictures.items():
        if len(paths) >= FEWEST_PICTURES or stills:
            name = folder.name if parent == folder else str(parent.relative_to(folder))
            films.append(Pictures(name, tuple(sorted(paths, key=_by_number)), fps, stills, seconds))
    if not films:
        raise BadInput(f"{folder} holds no films; pass a folder of videos, or of folders of numbered pictures")
    return films


def _by_number(path: Path) -> tuple[int, str]:
    """Order pictures by the number that their name ends in: 10 comes after 9."""
    stem = path.stem
    digits = "".join(takewhile(str.isdecimal, reversed(stem)))[::-1]
    return (int(digits) if digits else -1, stem)


def _first(frames: Iterator[Frame], seconds: float | None) -> Iterator[Frame]:
    if seconds is None:
        return frames
    return takewhile(lambda frame: frame.time_s < seconds, frames)


def _key(paths: list[Path] | tuple[Path, ...], settings: str) -> str:
    digest = hashlib.sha256(settings.encode())
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
