"""Signatures of bundles, with real keys made on the spot."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_fer import bundle, signatures
from edge_fer.cli import main
from edge_fer.errors import BadBundle, BadInput, MissingDependency, SinkError
from edge_fer.manifest import MANIFEST, SIGNATURE

pytest.importorskip("cryptography", reason="cryptography is not installed: pip install -e '.[signing]'")

TINY = Path(__file__).parents[1] / "golden" / "tiny"


@pytest.fixture
def keys(tmp_path) -> tuple[Path, Path]:
    return signatures.new_key(tmp_path / "ours")


@pytest.fixture(params=["folder", "zip"])
def mine(tmp_path, request) -> Path:
    """A copy of the tiny bundle."""
    folder = Path(shutil.copytree(TINY, tmp_path / "mine"))
    return folder if request.param == "folder" else zipped(folder)


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    return path


def call(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output + repr(done.exception)
    return done.output


def test_a_signed_bundle_is_accepted_by_its_key_alone(mine, keys, tmp_path):
    private, public = keys
    _, other = signatures.new_key(tmp_path / "other")
    with pytest.raises(BadBundle, match="is not signed, and only bundles signed by"):
        bundle.load(mine, key=public)
    for _ in range(2):  # the second signature replaces the first
        assert call("sign", mine, "--key", private) == f"{mine} signed\n"
    assert bundle.load(mine, key=public).manifest == bundle.load(TINY).manifest
    assert bundle.load(mine).golden().inputs.any()
    with pytest.raises(BadBundle, match="signed by another key"):
        bundle.load(mine, key=other)


def test_a_manifest_that_was_changed_is_refused(keys, tmp_path):
    folder = Path(shutil.copytree(TINY, tmp_path / "mine"))
    call("sign", folder, "--key", keys[0])
    manifest = folder / MANIFEST
    manifest.write_text(manifest.read_text().replace("generated", "improved"))
    with pytest.raises(BadBundle, match="it was changed after it was signed"):
        bundle.load(folder, key=keys[1])


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"AAAA", b"A" * 88, b"A" * 10**6, "é".encode()])
def test_a_file_that_is_no_signature_is_refused(keys, tmp_path, content):
    folder = Path(shutil.copytree(TINY, tmp_path / "mine"))
    (folder / SIGNATURE).write_bytes(content)
    with pytest.raises(BadBundle, match=r"its signature is not one of Ed25519|is not signed by"):
        bundle.load(folder, key=keys[1])


def test_shipped_bundles_need_no_signature(keys):
    assert bundle.load("compact", key=keys[1]).trusted


def test_a_private_key_is_its_owners_and_never_overwritten(tmp_path, keys):
    private, public = keys
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes(), public.read_bytes()
    with pytest.raises(SinkError, match="a key is never overwritten"):
        signatures.new_key(tmp_path / "ours")
    (tmp_path / "half.public.pem").touch()
    with pytest.raises(SinkError, match=r"half\.public\.pem exists"):
        signatures.new_key(tmp_path / "half")
    assert not (tmp_path / "half.private.pem").exists()
    assert (private.read_bytes(), public.read_bytes()) == before


def test_what_is_no_key_is_named(tmp_path, keys):
    private, public = keys
    (tmp_path / "text.pem").write_text("no key")
    rsa = tmp_path / "rsa.pem"
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem, spki = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    rsa.write_bytes(ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(pem, spki))
    for path in (private, tmp_path / "text.pem", rsa, tmp_path, tmp_path / "missing"):
        with pytest.raises(BadInput, match=r"is no public Ed25519 key|cannot be read"):
            bundle.load(TINY, key=path)
    for path in (public, tmp_path / "text.pem", tmp_path / "missing"):
        with pytest.raises(BadInput, match=r"is no private Ed25519 key|cannot be read"):
            signatures.sign(b"", path)


def test_only_whole_bundles_of_ones_own_are_signed(tmp_path, keys):
    damaged = Path(shutil.copytree(TINY, tmp_path / "damaged"))
    (damaged / "onnx-int8.onnx").write_bytes(b"x")
    assert "the bundle is damaged" in call("sign", damaged, "--key", keys[0], code=4)
    assert not (damaged / SIGNATURE).exists()
    assert "is part of edge-fer" in call("sign", "compact", "--key", keys[0], code=3)
    assert "--new-key" in call("sign", damaged, code=2)


def test_a_signature_is_not_written_through_a_link(tmp_path, keys):
    folder = Path(shutil.copytree(TINY, tmp_path / "mine"))
    (folder / SIGNATURE).symlink_to(tmp_path / "outside")
    assert "is a link" in call("sign", folder, "--key", keys[0], code=6)
    assert not (tmp_path / "outside").exists()


@pytest.fixture
def asking(tmp_path, monkeypatch, keys) -> Path:
    """The profile of this machine, which asks for the key beside it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    profile = tmp_path / "edge-fer" / "profile.toml"
    profile.parent.mkdir()
    shutil.copy(keys[1], profile.with_name("fleet.pem"))
    profile.write_text('model = "compact"\ntarget = "litert-int8"\nthreads = 1\npublic_key = "fleet.pem"\n')
    return profile


def test_every_command_asks_for_the_key_of_the_profile(tmp_path, asking, keys, shades, monkeypatch):
    folder = Path(shutil.copytree(TINY, tmp_path / "mine"))
    run = ("run", "--model", folder, "--backend", "fake", "--frames", 1)
    for command in (run, ("verify", folder), ("eval", folder, "--data", shades), ("bench", "--model", folder)):
        assert "is not signed, and only bundles" in call(*command, code=4)
    call("sign", folder, "--key", keys[0])
    call(*run)
    monkeypatch.setattr("edge_fer.verify.verify", lambda loaded, threads: [Passed()])
    assert f"is signed by {asking.with_name('fleet.pem')}" in call("verify", folder)
    call("run", "--frames", 1, "--backend", "fake")


@pytest.mark.parametrize(
    ("before", "after"), [("threads = 1", "threads = 0"), ("public_key", "public-key"), ("\n", "\n[["), ("u", "ü")]
)
def test_a_profile_that_cannot_be_used_does_not_open_the_door(asking, before, after):
    asking.write_bytes(asking.read_text().replace(before, after).encode("latin-1"))
    run = ("run", "--backend", "fake", "--frames", 1)
    assert "it may name a public key; or pass --key" in call(*run, "--model", TINY, code=3)
    # What is part of edge-fer needs no key.
    assert "ignored: " not in call(*run, "--model", "compact")


@pytest.mark.parametrize("named_by", ["nobody", "profile"])
def test_a_folder_that_happens_to_have_the_name_is_not_the_model(tmp_path, monkeypatch, named_by):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(TINY, "compact")
    if named_by == "profile":
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        Path("edge-fer").mkdir()
        Path("edge-fer/profile.toml").write_text('model = "compact"\ntarget = "litert-int8"\nthreads = 1\n')
    run = ("run", "--backend", "fake", "--frames", 1, "--json")
    assert '"happy":' in call(*run)
    assert '"dark":' in call(*run, "--model", "compact")


def test_a_link_is_followed_once(tmp_path, keys, monkeypatch):
    link = tmp_path / "link"
    link.symlink_to(bundle.SHIPPED_MODELS / "compact")
    opened = bundle.open_files

    def change(location):
        link.unlink()
        link.symlink_to(TINY)
        return opened(location)

    monkeypatch.setattr(bundle, "open_files", change)
    assert bundle.load(link, key=keys[1]).manifest.name == "compact"


def test_names_are_shown_and_not_obeyed(tmp_path, keys, monkeypatch):
    monkeypatch.setattr("edge_fer.verify.verify", lambda loaded, threads: [Passed()])
    folder = Path(shutil.copytree(TINY, tmp_path / "a\x1b[31m\rb\nc"))
    for command in (("sign", folder, "--key", keys[0]), ("verify", folder), ("verify", folder, "--key", keys[1])):
        shown = CliRunner().invoke(main, [str(argument) for argument in command], color=True).output
        assert r"a\x1b[31m\rb\nc" in shown
        assert "\x1b" not in shown


def test_verify_says_whether_a_bundle_is_signed(tmp_path, keys, monkeypatch):
    monkeypatch.setattr("edge_fer.verify.verify", lambda loaded, threads: [Passed()])
    folder = Path(shutil.copytree(TINY, tmp_path / "mine"))
    assert f"{folder} is not signed" in call("verify", folder)
    call("sign", folder, "--key", keys[0])
    assert "by whom was not checked: pass --key" in call("verify", folder)
    assert f"is signed by {keys[1]}" in call("verify", folder, "--key", keys[1])
    assert "compact is part of edge-fer" in call("verify", "compact")


class Passed:
    ran, failed, fault = True, False, None

    def sentence(self) -> str:
        return "litert-int8: matches"


def test_openssl_can_check_a_signature(tmp_path, keys):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    import base64

    (tmp_path / "signature").write_bytes(base64.b64decode(signatures.sign((TINY / MANIFEST).read_bytes(), keys[0])))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", keys[1], "-rawin", "-in", TINY / MANIFEST]
    done = subprocess.run([*command, "-sigfile", tmp_path / "signature"], capture_output=True, text=True, check=False)
    assert "Verified Successfully" in done.stdout, done.stderr


def test_without_cryptography_its_extra_is_named(keys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setattr("edge_fer.dependencies.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"edge-fer\[signing\]"):
        bundle.load(TINY, key=keys[1])
