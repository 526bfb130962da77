"""Annotated boxes as truth: the XML of dlib's imglab, and the text of WIDER FACE."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.etree import ElementTree as ET

from films import Pictures
from reference import Sighting, link

from edge_fer.boxes import Box
from edge_fer.errors import BadInput
from edge_fer_bench.following import TrueFace, side_px

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reference import Sightings

WIDER_VALUES: Final = 10
"""Box, blur, expression, illumination, invalid, occlusion, pose."""
INVALID: Final = 7
OCCLUSION: Final = 8
HEAVY: Final = 2


class Annotated(NamedTuple):
    """A box that somebody has drawn."""

    box: Box
    ignored: bool
    """Marked as no clear face, or as a heavily hidden one."""
    label: str = ""
    """Whose face it is, if it says."""


def read(path: Path) -> dict[str, list[Annotated]]:
    """Return the boxes of each picture in the file *path*, by the picture's name in it. Raises `BadInput`."""
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror or exc}") from exc
    try:
        # As bytes, since XML tells its encoding itself.
        boxes = _imglab(content) if path.suffix.lower() == ".xml" else _wider(content.decode())
    except ET.ParseError as exc:
        raise BadInput(f"{path} is no XML: {exc}; pass a file of dlib's imglab") from exc
    except ValueError as exc:
        raise BadInput(f"{path}: {exc}") from exc
    if not boxes:
        raise BadInput(f"{path} names no pictures; pass an XML of dlib's imglab, or a text of WIDER FACE")
    return boxes


def _imglab(content: bytes) -> dict[str, list[Annotated]]:
    """Read ``<image file=""><box top="" left="" width="" height="" ignore="1"><label>…``."""
    pictures: dict[str, list[Annotated]] = {}
    # The user's own file, and expat bounds what entities may grow to.
    for image in ET.fromstring(content).iter("image"):  # noqa: S314
        name = image.get("file")
        if name is None:
            raise ValueError("an <image> has no file; pass a file of dlib's imglab")
        boxes = pictures.setdefault(name, [])
        for element in image.iter("box"):
            try:
                box = Box(*(float(element.attrib[side]) for side in ("left", "top", "width", "height")))
            except (KeyError, ValueError) as exc:
                raise ValueError(f"a <box> of {name} has no number for {exc}") from exc
            ignored = "1" in {element.get("ignore"), element.get("difficult")}
            _add(boxes, Annotated(box, ignored, element.findtext("label", "")))
    return pictures


def _wider(text: str) -> dict[str, list[Annotated]]:
    """Read the name of a picture, the number of its faces, and a line of `WIDER_VALUES` numbers for each."""
    pictures: dict[str, list[Annotated]] = {}
    lines = enumerate(text.splitlines(), 1)
    for _, name in lines:
        if not name.strip():
            continue
        number, line = next(lines, (0, ""))
        if not line.strip().isdecimal():
            raise ValueError(f"line {number}, after {name.strip()}, is {line.strip()!r}, and not the number of faces")
        boxes = pictures.setdefault(name.strip(), [])
        # A picture without faces has one line of zeros.
        for _ in range(max(1, int(line))):
            number, line = next(lines, (0, ""))
            _add(boxes, _wider_box(line, number))
    return pictures


def _wider_box(line: str, number: int) -> Annotated:
    try:
        values = [int(value) for value in line.split()]
    except ValueError:
        values = []
    if len(values) != WIDER_VALUES:
        raise ValueError(f"line {number} is {line.strip()!r}, and not {WIDER_VALUES} numbers of a face")
    return Annotated(Box(*values[:4]), values[INVALID] == 1 or values[OCCLUSION] == HEAVY)


def _add(boxes: list[Annotated], annotated: Annotated) -> None:
    # WIDER FACE has boxes without an area, which nobody can find.
    if annotated.box.width > 0 and annotated.box.height > 0:
        boxes.append(annotated)


def films(
    path: Path, folder: Path, fps: float, *, stills: bool, seconds: float | None
) -> list[tuple[Pictures, list[list[Annotated]]]]:
    """Return the pictures that the file *path* annotates, each folder of them as a film, with the boxes of each.

    Their names are looked for in *folder*, and beside *path*. Raises `BadInput` for one that is in neither.
    """
    by_folder: dict[str, list[tuple[Path, list[Annotated]]]] = {}
    for name, boxes in read(path).items():
        by_folder.setdefault(str(Path(name).parent), []).append((_picture(name, (folder, path.parent)), boxes))
    found: list[tuple[Pictures, list[list[Annotated]]]] = []
    for parent, entries in by_folder.items():
        name = path.name if parent == "." else parent
        pictures = Pictures(name, tuple(picture for picture, _ in entries), fps, stills, seconds)
        found.append((pictures, [boxes for _, boxes in entries]))
    return found


def _picture(name: str, folders: Sequence[Path]) -> Path:
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise BadInput(f"the annotated picture {name} is not in {' or '.join(map(str, folders))}; pass its folder")


def truth(film: Pictures, annotated: Sequence[Sequence[Annotated]], min_face_px: float) -> list[list[TrueFace]]:
    """Return the true faces of each frame of *film*, of which *annotated* has the boxes. Their pose is not known.

    Boxes with the same label are a person. Where there are no labels, boxes are linked over time, but not in stills.
    """
    persons = _persons(film, annotated)
    frames: list[list[TrueFace]] = []
    for index, boxes in enumerate(annotated):
        faces: list[TrueFace] = []
        for number, each in enumerate(boxes):
            ignored = each.ignored or side_px(each.box) < min_face_px
            faces.append(TrueFace(each.box, persons.get((index, number)), ignored=ignored))
        frames.append(faces)
    return frames


def _persons(film: Pictures, annotated: Sequence[Sequence[Annotated]]) -> dict[tuple[int, int], int]:
    """Return the person of each box, by the numbers of its frame and of the box in it."""
    if film.stills:
        return {}
    persons: dict[tuple[int, int], int] = {}
    numbers: dict[str, int] = {}
    for index, boxes in enumerate(annotated):
        for number, each in enumerate(boxes):
            if each.label:
                persons[index, number] = numbers.setdefault(each.label, len(numbers))
    if persons:
        return persons
    seen: Sightings = []
    for index, boxes in enumerate(annotated):
        seen.append((index / film.fps, [Sighting(each.box, 1.0) for each in boxes]))
    for number, person in enumerate(link(seen)):
        for index, sighting in person.places:
            persons[index, seen[index][1].index(sighting)] = number
    return persons
