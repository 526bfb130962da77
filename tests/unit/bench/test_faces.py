"""``benchmarks/faces``: films of the user, with a reference or annotations as truth. The films here are drawn."""

from __future__ import annotations

import gzip
import importlib
import json
import math
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.errors import BadInput
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer_bench.following import Counts, figures

FOLDER = Path(__file__).parents[3] / "benchmarks" / "faces"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the scripts are not part of the wheel")

HERE = Box(100, 100, 80, 80)
THERE = Box(400, 100, 80, 80)


@pytest.fixture(scope="module")
def faces():
    """The modules of the script, which lie beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        names = ("annotated", "films", "measure", "reference")
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})


def write_film(path, frames=10, fps=25):
    """A film of the drawn camera."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height = 320, 240
        for frame in SyntheticCamera(width_px=320, height_px=240, frames=frames).frames():
            colour = cv2.cvtColor(frame.image, cv2.COLOR_GRAY2BGR)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(colour, "bgr24")))
        container.mux(stream.encode())


def write_pictures(folder, count, width=64):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        cv2.imwrite(str(folder / f"frame{number}.png"), np.full((48, width), number, np.uint8))


# Films


def test_all_films_of_a_folder_are_found(faces, tmp_path):
    write_film(tmp_path / "b.mp4")
    write_film(tmp_path / "more" / "a.AVI")
    write_film(tmp_path / ".trash" / "c.mp4")
    write_pictures(tmp_path / "numbered", 3)
    write_pictures(tmp_path / "alone", 1)
    (tmp_path / "notes.txt").write_text("no film")
    found = faces.films.find_films(tmp_path, 25.0, stills=False, seconds=None)
    assert [film.name for film in found] == ["b.mp4", "more/a.AVI", "numbered"]
    assert [len(list(film.frames())) for film in found] == [10, 10, 3]


def test_pictures_are_in_the_order_of_their_numbers_and_have_times(faces, tmp_path):
    write_pictures(tmp_path / "film", 12)
    (film,) = faces.films.find_films(tmp_path / "film", 10.0, stills=False, seconds=1.0)
    frames = list(film.frames())
    assert [int(frame.image.flat[0]) for frame in frames] == list(range(1, 11))
    assert [frame.time_s for frame in frames] == pytest.approx([number / 10 for number in range(10)])


def test_the_beginning_of_a_film_is_enough(faces, tmp_path):
    write_film(tmp_path / "film.mp4", frames=10, fps=10)
    (film,) = faces.films.find_films(tmp_path / "film.mp4", 25.0, stills=False, seconds=0.5)
    assert [round(frame.time_s, 3) for frame in film.frames()] == [0, 0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize(("folder", "message"), [("", "holds no films"), ("nowhere", "is not there")])
def test_a_folder_without_films_is_an_error(faces, tmp_path, folder, message):
    with pytest.raises(BadInput, match=message):
        faces.films.find_films(tmp_path / folder, 25.0, stills=False, seconds=None)


# The reference


def project(yaw_deg, roll_deg, depth):
    """The landmarks of a head turned and then tilted, whose nose is *depth* of the eyes' distance before them."""
    yaw, roll = math.radians(yaw_deg), math.radians(roll_deg)
    points = []
    for x, y, z in ((-1, 0, 0), (1, 0, 0), (0, 1.2, 2 * depth), (-0.8, 2, 0), (0.8, 2, 0)):
        u = x * math.cos(yaw) + z * math.sin(yaw)
        points.append((u * math.cos(roll) - y * math.sin(roll), u * math.sin(roll) + y * math.cos(roll)))
    return np.array(points)


@given(st.floats(-65, 65), st.floats(-60, 60))
def test_landmarks_tell_how_a_head_is_turned_and_tilted(faces, yaw, roll):
    landmarks = project(yaw, roll, faces.reference.NOSE_DEPTH)
    assert faces.reference.yaw_deg(landmarks) == pytest.approx(yaw)
    assert faces.reference.tilt_deg(landmarks) == pytest.approx(roll)


def seen(faces, *scores, fps=10.0, box=HERE):
    """What a reference sees of one face: its score in each frame, None where it sees nothing."""
    frames = []
    for number, score in enumerate(scores):
        present = [] if score is None else [faces.reference.Sighting(box._replace(x=box.x + number), score)]
        frames.append((number / fps, present))
    return frames


def test_a_face_that_lasts_is_a_person(faces):
    truth = faces.reference.truth(seen(faces, *[0.9] * 6), 48)
    assert [(face.person, face.ignored, face.pose) for (face,) in truth] == [(0, False, "frontal")] * 6


def test_flicker_of_the_reference_is_neither_missed_nor_false(faces):
    truth = faces.reference.truth(seen(faces, 0.9, 0.9, None, None, 0.9, 0.9), 48)
    assert [[face.ignored for face in frame] for frame in truth] == [[True], [True], [], [], [True], [True]]


def test_what_the_reference_is_not_sure_of_and_small_faces_are_ignored(faces):
    (*_, (last,)) = faces.reference.truth(seen(faces, *[0.9] * 5, 0.6), 48)
    assert (last.person, last.ignored) == (0, True)
    small = faces.reference.truth(seen(faces, *[0.9] * 6, box=Box(0, 0, 40, 50)), 48)
    assert all(face.ignored for (face,) in small)


def test_short_gaps_are_filled(faces):
    truth = faces.reference.truth(seen(faces, *[0.9] * 5, None, 0.9), 48)
    (filled,) = truth[5]
    assert (filled.person, filled.ignored) == (0, False)
    assert filled.box == HERE._replace(x=105)


def test_in_long_gaps_nobody_knows_but_it_is_the_same_person(faces):
    truth = faces.reference.truth(seen(faces, *[0.9] * 5, *[None] * 10, *[0.9] * 5), 48)
    assert all(len(frame) == 1 for frame in truth)
    assert all(frame[0].ignored for frame in truth[5:15])
    assert {frame[0].person for frame in truth} == {0}


def test_after_more_than_that_it_is_somebody_else(faces):
    truth = faces.reference.truth(seen(faces, *[0.9] * 5, *[None] * 25, *[0.9] * 5), 48)
    assert not any(truth[5:30])
    assert {frame[0].person for frame in truth if frame} == {0, 1}


def test_neighbours_are_linked_each_with_itself(faces):
    frames = []
    for number in range(10):
        left = faces.reference.Sighting(HERE._replace(x=100 + 4 * number), 0.9)
        right = faces.reference.Sighting(THERE._replace(x=400 - 4 * number), 0.9)
        frames.append((number / 25, [left, right] if number % 2 else [right, left]))
    first, second = faces.reference.link(frames)
    assert {len(first.places), len(second.places)} == {10}
    assert all(sighting.box.x <= 140 for _, sighting in second.places)


def test_in_stills_nobody_is_a_person(faces):
    truth = faces.reference.truth(seen(faces, 0.9, None, 0.6), 48, stills=True)
    assert [[(face.person, face.ignored) for face in frame] for frame in truth] == [[(None, False)], [], [(None, True)]]


class Eye:
    """A reference that sees the same face everywhere, and counts how often it looks."""

    name = "eye"
    key = "0123"

    def __init__(self, faces, box=HERE):
        self.sighting = faces.reference.Sighting(box, 0.9, 12.5, -3.0)
        self.looks = 0

    def see(self, image):
        self.looks += 1
        return [self.sighting]


def test_what_the_reference_sees_is_kept_where_the_user_says(faces, tmp_path):
    write_pictures(tmp_path / "film", 3)
    (film,) = faces.films.find_films(tmp_path / "film", 25.0, stills=False, seconds=None)
    eye = Eye(faces)
    first = faces.reference.sightings(film, eye, tmp_path / "cache")
    again = faces.reference.sightings(film, eye, tmp_path / "cache")
    assert eye.looks == 3
    assert first == again == [(number / 25, [eye.sighting]) for number in range(3)]
    write_pictures(tmp_path / "film", 3, width=65)  # another film of the same name
    faces.reference.sightings(film, eye, tmp_path / "cache")
    assert eye.looks == 6
    for kept in (tmp_path / "cache").iterdir():
        kept.write_text('{"frames": [3]}')
    with pytest.raises(BadInput, match=r"is no reference that was kept here: .*; remove it"):
        faces.reference.sightings(film, eye, tmp_path / "cache")


@pytest.mark.parametrize(
    ("content", "message"), [(None, "is not there"), (b"no network", "is not a YuNet that OpenCV")]
)
def test_a_file_that_is_no_reference_is_an_error(faces, tmp_path, content, message):
    path = tmp_path / "yunet.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=message) as raised:
        faces.reference.YuNet(path)
    assert "\n" not in str(raised.value)


# Annotations

IMGLAB = """<?xml version='1.0'?>
<dataset><images>
  <image file='film/1.png'>
    <box top='10' left='20' width='60' height='50'><label>ann</label></box>
    <box top='10' left='200' width='60' height='60' ignore='1'/>
  </image>
  <image file='film/2.png'><box top='12' left='22' width='60' height='50'><label>ann</label></box></image>
</images></dataset>
"""
WIDER = """0--Parade/1.png
2
20 10 60 50 0 0 0 0 0 0
200 10 60 60 2 0 0 0 2 1
0--Parade/2.png
0
0 0 0 0 0 0 0 0 0 0
"""


def write_annotations(path, text):
    path.write_text(text)
    for name in ("film/1.png", "film/2.png", "0--Parade/1.png", "0--Parade/2.png"):
        picture = path.parent / name
        picture.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(picture), np.zeros((300, 300), np.uint8))
    return path


def test_boxes_of_imglab_are_read(faces, tmp_path):
    path = write_annotations(tmp_path / "faces.xml", IMGLAB)
    ((film, boxes),) = faces.annotated.films(path, tmp_path, 25.0, stills=False, seconds=None)
    assert film.name == "film"
    (ann, ignored), (again,) = faces.annotated.truth(film, boxes, 48)
    assert ann.box == Box(20, 10, 60, 50)
    assert (ann.person, again.person) == (0, 0)
    assert (ann.ignored, ignored.ignored) == (False, True)


def test_names_in_the_encoding_that_the_xml_tells(faces, tmp_path):
    xml = "<?xml version='1.0' encoding='ISO-8859-1'?><dataset><image file='Mädchen.jpg'/></dataset>"
    path = tmp_path / "faces.xml"
    path.write_bytes(xml.encode("latin-1"))
    assert faces.annotated.read(path) == {"Mädchen.jpg": []}


def test_boxes_of_wider_face_are_read(faces, tmp_path):
    path = write_annotations(tmp_path / "wider.txt", WIDER)
    ((film, boxes),) = faces.annotated.films(path, tmp_path, 25.0, stills=True, seconds=None)
    (clear, hidden), none = faces.annotated.truth(film, boxes, 56)
    assert (clear.box, clear.person) == (Box(20, 10, 60, 50), None)
    assert clear.ignored  # smaller than 56
    assert hidden.ignored
    assert none == []


def test_boxes_without_labels_are_linked(faces, tmp_path):
    path = write_annotations(tmp_path / "faces.xml", IMGLAB.replace("<label>ann</label>", ""))
    ((film, boxes),) = faces.annotated.films(path, tmp_path, 25.0, stills=False, seconds=None)
    (first, ignored), (second,) = faces.annotated.truth(film, boxes, 48)
    assert first.person == second.person != ignored.person


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.xml", "<dataset><images>", "is no XML"),
        ("a.xml", "<dataset/>", "names no pictures"),
        ("a.xml", "<d><image file='x'><box top='1' left='a'/></image></d>", "a <box> of x has no number"),
        ("a.xml", "<d><image/></d>", "an <image> has no file"),
        ("a.txt", "x.jpg\nmany\n", "line 2, after x.jpg, is 'many', and not the number of faces"),
        ("a.txt", "x.jpg\n1\n1 2 3\n", "line 3 is '1 2 3', and not 10 numbers"),
        ("a.txt", "x.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n", "is '', and not 10 numbers"),
        ("a.txt", "", "names no pictures"),
        ("a.txt", "\udcff.jpg\n0\n", "can't decode byte 0xff"),
        ("a.txt", "nowhere.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n", "nowhere.jpg is not in"),
    ],
)
def test_damaged_annotations_are_told_in_one_line(faces, tmp_path, name, text, message):
    path = tmp_path / name
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadInput) as raised:
        faces.annotated.films(path, tmp_path, 25.0, stills=False, seconds=None)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


# The whole


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder of numbered pictures of the drawn camera, and their boxes as imglab writes them."""
    folder = tmp_path_factory.mktemp("drawn")
    images = []
    for frame in SyntheticCamera(frames=12, seed=1).frames():
        name = f"film/{frame.index}.png"
        (folder / "film").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / name), frame.image)
        x, y, width, height = frame.truth[0].box
        box = f"<box top='{y}' left='{x}' width='{width}' height='{height}'/>"
        images.append(f"<image file='{name}'>{box}</image>")
    (folder / "faces.xml").write_text(f"<dataset><images>{''.join(images)}</images></dataset>")
    return folder


#: A version of edge-fer that sees one face at the same place, on which its package puts its mark.
OTHER = """
import json, sys
import edge_fer
print("{}", flush=True)
for line in sys.stdin:
    faces = [[1, 0, 0, 90, 90, edge_fer.MARK, ""]]
    answer = {} if json.loads(line)["do"] == "begin" else {"faces": faces, "cpu_ms": 50.0}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def other(tmp_path):
    """A clone of that version."""
    root = tmp_path / "other"
    (root / "edge_fer").mkdir(parents=True)
    (root / "edge_fer" / "__init__.py").write_text("MARK = 'other'\n")
    (root / "benchmarks" / "faces").mkdir(parents=True)
    (root / "benchmarks" / "faces" / "follower.py").write_text(OTHER)
    return root


@pytest.fixture
def other_alone(faces, other, monkeypatch):
    """That version is all that is measured."""
    monkeypatch.setattr(
        faces.measure,
        "candidates",
        lambda options, temporary: [faces.measure._candidate("other", "haar", options, other)],
    )


def test_two_versions_take_turns_in_one_run(faces, drawn, other, tmp_path, capsys):
    json_path = tmp_path / "values.json.gz"
    arguments = [drawn, "--annotations", drawn / "faces.xml", "--against", other, "--json", json_path]
    faces.measure.main([*map(str, arguments)])
    shown = capsys.readouterr()
    assert shown.out.startswith("1 film, 12 frames, 12 visible faces")
    assert "film: haar of other      0.0%" in shown.out
    assert "film: haar             100.0%" in shown.out
    assert "haar against haar of other: +100.0 points of coverage, 0." in shown.out
    assert "film: following" in shown.err
    saved = json.loads(gzip.decompress(json_path.read_bytes()))
    assert saved["truth"]["file"] == "faces.xml"
    (film,) = saved["films"]
    assert len(film["frames"]) == 12
    assert film["ways"]["haar of other"]["reported"][3] == [[1, 0, 0, 90, 90, "other", ""]]
    counts = Counts.from_dict(film["ways"]["haar"]["counts"])
    assert figures(counts).coverage == 1
    assert figures(counts).ids_a_person == 1
    assert len(counts.cpu_ms) == 12
    assert min(counts.cpu_ms) > 0


def test_drawn_scenes_need_no_films(faces, other_alone, capsys):
    faces.measure.main(["--scene", "easy", "--seconds", "0.2", "--seeds", "2"])
    out = capsys.readouterr().out
    assert out.startswith("2 films, 12 frames, 12 visible faces (12 frontal)")
    assert "average: other" in out
    assert "all frames: other" in out


def test_nothing_is_followed_through_stills(faces, other_alone, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(faces.reference, "YuNet", lambda path: Eye(faces, Box(5, 5, 80, 80)))
    monkeypatch.setattr(faces.measure, "_source_of_truth", lambda options: {})
    write_pictures(tmp_path / "stills", 12)
    json_path = tmp_path / "values.json"
    faces.measure.main([str(tmp_path / "stills"), "--reference", "eye", "--stills", "--json", str(json_path)])
    assert capsys.readouterr().out.startswith("1 film, 12 frames, 12 visible faces")
    (film,) = json.loads(json_path.read_text())["films"]
    counts = Counts.from_dict(film["ways"]["other"]["counts"])
    assert (figures(counts).coverage, counts.persons, counts.followed_s) == (1, 0, 0)


def test_a_film_that_cannot_be_read_is_left_out(faces, other_alone, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(faces.reference, "YuNet", lambda path: Eye(faces))
    films = tmp_path / "films"
    write_film(films / "whole.mp4")
    (films / "broken.mp4").write_bytes(b"no film")
    arguments = [str(films), "--reference", "eye", "--cache", str(tmp_path / "cache")]
    faces.measure.main(arguments)
    shown = capsys.readouterr()
    assert shown.out.startswith("1 film, 10 frames, 10 visible faces (10 frontal)")
    assert "warning: left out: " in shown.err
    assert "broken.mp4" in shown.err
    (films / "whole.mp4").write_bytes(b"cut")
    with pytest.raises(SystemExit):
        faces.measure.main(arguments)
    assert capsys.readouterr().err.endswith("measure.py: none of the films can be read; see the lines above\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scene", "easy", "--detector", "nonsense"], "no detector 'nonsense'; pass one of haar, yunet:FILE"),
        (["--scene", "easy", "--against", "no-such-commit"], "neither a folder nor a commit of this clone"),
        (["--scene", "easy", "--detector", "haar", "--detector", "haar"], "of haar, haar, two have the same name"),
        (["--scene", "easy", "--seconds", "0"], "pass values greater than 0"),
        (["--reference", "yunet.onnx"], "no films; pass the folder"),
    ],
)
def test_errors_are_one_line(faces, arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        faces.measure.main(arguments)
    assert ended.value.code > 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("measure.py: ")
    assert message in last
