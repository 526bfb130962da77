from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer_train import checkpoints, zoo  # noqa: E402

FACES = np.random.default_rng(0).random((4, 32, 32, 1)).astype(np.float32)


@pytest.mark.parametrize("large", [False, True])
def test_a_kept_model_answers_as_before(tmp_path, monkeypatch, large):
    if large:
        monkeypatch.setattr(checkpoints, "LARGE_BYTES", 1000)
    model = zoo.build("cnn-2", 32)
    path = checkpoints.save(model, tmp_path, "mine")
    assert path.suffix == (".npz" if large else ".keras")
    loaded = checkpoints.load(path)
    assert loaded.dtype_policy.name == "float32"
    assert np.allclose(loaded.predict(FACES, verbose=0), model.predict(FACES, verbose=0), atol=2e-3 if large else 1e-6)
    if large:
        assert path.stat().st_size < 2.1 * model.count_params()


def test_what_float16_cannot_hold_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "LARGE_BYTES", 1000)
    model = zoo.build("cnn-1", 32)
    kernel, bias = model.get_layer("scores").get_weights()
    model.get_layer("scores").set_weights([kernel, bias + 1e6])
    with pytest.raises(BadInput, match="beyond what float16 holds"):
        checkpoints.save(model, tmp_path, "mine")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".keras", ".npz"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_refused(tmp_path, monkeypatch, suffix, kept):
    monkeypatch.setattr(checkpoints, "LARGE_BYTES", 1000 if suffix == ".npz" else 10**9)
    path = checkpoints.save(zoo.build("cnn-1", 32), tmp_path, "mine")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(BadInput, match=r"mine\.(keras|npz) .*(is cut off|is no checkpoint)"):
        checkpoints.load(path)


def test_an_npz_of_faces_is_no_checkpoint(tmp_path):
    np.savez(tmp_path / "faces.npz", images=np.zeros((1, 8, 8), np.uint8))
    with pytest.raises(BadInput, match="is no checkpoint"):
        checkpoints.load(tmp_path / "faces.npz")
