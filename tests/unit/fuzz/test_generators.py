"""Damage is repeatable, every kind of it can be made, and what is damaged was sound before."""

from __future__ import annotations

import io
import json
import zipfile

import av
import cv2
import numpy as np
import pytest

KINDS = ("bundles", "media", "results")
SUFFIXES = (".png", ".jpg", ".bmp", ".webp", ".tif", ".pgm", ".ppm", ".gif", ".jfif")


def content(folder):
    """Every file below *folder* by its path; of what is no file, that it is there."""
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() and path.stat().st_size < 1 << 26 else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_and_a_number_make_the_same_input(kind, base, tmp_path):
    from fuzz import case

    for index in range(3):
        first = case.make(kind, 3, index, tmp_path / f"a{index}", base)
        again = case.make(kind, 3, index, tmp_path / f"b{index}", base)
        assert first == again
        assert content(tmp_path / f"a{index}") == content(tmp_path / f"b{index}")


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_and_seeds_make_different_inputs(kind, base, tmp_path):
    from fuzz import case

    made = []
    for seed, index in ((3, 0), (3, 1), (4, 0)):
        folder = tmp_path / f"{seed}-{index}"
        case.make(kind, seed, index, folder, base)
        made.append(content(folder))
    assert made[0] != made[1] != made[2] != made[0]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pictures_are_sound_before_they_are_damaged(suffix, rng):
    from fuzz import media
    from fuzz.drawn import face

    for _ in range(4):
        image = cv2.imdecode(np.frombuffer(media.encoded(rng, suffix), np.uint8), cv2.IMREAD_GRAYSCALE)
        assert image.shape == face().shape
        # 16-bit pictures come down to 8 bits, lossy ones differ by little.
        assert np.abs(image.astype(int) - face()).mean() < 4


def test_films_are_sound_before_they_are_damaged(base):
    from fuzz import films

    for name in films.CODECS:
        with av.open(str(base / name)) as film:
            assert len(list(film.decode(video=0))) == films.FRAMES, name


def test_results_are_sound_before_they_are_damaged(tmp_path):
    pytest.importorskip("edge_fer_bench")
    from fuzz.results import run

    from edge_fer_bench import results

    (tmp_path / "run.json").write_text(json.dumps(run()))
    assert [cell.target for cell in results.load_run(tmp_path / "run.json").measurements] == [
        "litert-int8",
        "litert-float32",
    ]


def test_own_zips_are_sound_before_they_are_damaged():
    from fuzz import zips

    members = [zips._member(b"a.txt", b"hello" * 100), zips._member(b"b", b"")]
    with zipfile.ZipFile(io.BytesIO(zips._joined(members))) as archive:
        assert archive.testzip() is None
        assert archive.read("a.txt") == b"hello" * 100


def test_checksums_are_made_right_again(tmp_path, rng):
    from fuzz import bundles

    from edge_fer import bundle

    parts = bundles._tiny(rng)
    parts.files["golden.npz"] += b"rest"
    path = bundles._write(rng, parts, tmp_path, as_zip=False)
    opened = bundle.load(path)
    assert opened.read(opened.manifest.golden).endswith(b"rest")


def test_any_text_of_a_profile_can_be_written(tmp_path, monkeypatch):
    from fuzz import hostile, results
    from fuzz.case import seeded

    monkeypatch.setattr(hostile, "change", lambda rng, values: values.update(model="\ud800"))
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        case = results._profile(seeded(str(seed)), folder)
        case.commands[0].profile.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("suffix", ["tflite", "onnx", "xml"])
def test_every_change_of_a_model_can_be_made(suffix):
    from fuzz import models, onnx_models, openvino_models, tflite_models
    from fuzz.bundles import TINY
    from fuzz.case import seeded

    acts = {"tflite": tflite_models, "onnx": onnx_models, "xml": openvino_models}[suffix].ACTS
    original = next(TINY.glob(f"*-float32.{suffix}")).read_bytes()
    done = set()
    changed = 0
    for seed in range(150):
        content, what = models.CHANGES[suffix](seeded(str(seed)), original)
        done.update(what.split(", "))
        changed += content != original
    assert done == set(acts)
    assert changed > 130


def test_every_damage_of_an_npz_can_be_made(rng):
    from fuzz import arrays
    from fuzz.bundles import TINY

    original = (TINY / "golden.npz").read_bytes()
    for act, make in arrays.ACTS.items():
        if act == "bomb":  # takes seconds
            continue
        for _ in range(10):
            with zipfile.ZipFile(io.BytesIO(original)) as archive:
                members = {name: archive.read(name) for name in archive.namelist()}
            made = make(rng, members)
            assert made
            assert made != original


def test_every_damage_of_bytes_changes_them_and_none_grows_without_end(rng):
    from fuzz import damage

    content = bytes(range(256)) * 20
    for act in damage.DAMAGES:
        changed = [act(rng, content) for _ in range(20)]
        assert any(one != content for one in changed)
        assert max(map(len, changed)) < len(content) + 30_000
        for short in (b"", b"a", b"ab1"):
            act(rng, short)


def test_hostile_values_become_json_of_every_form(rng):
    from fuzz import hostile

    forms = set()
    for _ in range(200):
        tree = {"a": [1, 2.5, "x", None], "b": {"c": True}}
        hostile.change(rng, tree)
        written = hostile.to_json(rng, tree)
        try:
            json.loads(written)
            forms.add("sound")
        except (ValueError, RecursionError) as exc:
            forms.add(type(exc).__name__)
    assert {"sound", "JSONDecodeError"} <= forms
