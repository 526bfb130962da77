"""Signatures of bundles: Ed25519 (RFC 8032) over the bytes of the manifest, which pins every file by its checksum.

The file ``manifest.sig`` holds the signature in base64. Keys are PEM files as OpenSSL writes them: PKCS #8 for the
private one, SubjectPublicKeyInfo for the public one.
"""

from __future__ import annotations

import base64
import binascii
import os
import shutil
import zipfile
from typing import TYPE_CHECKING, Final

from edge_fer import files
from edge_fer.archives import UNPACK_ERRORS, open_zip, unpack_reason
from edge_fer.dependencies import require
from edge_fer.errors import BadBundle, BadInput, SinkError
from edge_fer.manifest import SIGNATURE

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_BYTES: Final = 64
MAX_KEY_BYTES: Final = 10_000
PRIVATE: Final = ".private.pem"
PUBLIC: Final = ".public.pem"


def new_key(name: str | Path) -> tuple[Path, Path]:
    """Write a new pair of keys, ``NAME.private.pem``, which only its owner can read, and ``NAME.public.pem``.

    Return both paths. Raises `SinkError` if one exists or cannot be written; then neither is left.
    """
    from pathlib import Path

    _require()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    private_path, public_path = Path(f"{name}{PRIVATE}"), Path(f"{name}{PUBLIC}")
    _write_new(private_path, private, 0o600)
    try:
        _write_new(public_path, public, 0o644)
    except SinkError:
        private_path.unlink()
        raise
    return private_path, public_path


def sign(manifest: bytes, key: Path) -> bytes:
    """Return the content of ``manifest.sig`` for the bytes of a *manifest*. *key* is the path of a private key.

    Raises `BadInput` for a key that cannot be used, `MissingDependency` without ``cryptography``.
    """
    return base64.b64encode(_private_key(key).sign(manifest)) + b"\n"


def check(manifest: bytes, signature: bytes | None, key: Path, bundle: str) -> None:
    """Raise `BadBundle` unless *signature*, the content of ``manifest.sig``, is that of *manifest* by *key*.

    *key* is the path of a public key, *bundle* what messages call the bundle. Raises `BadInput` for a key that cannot
    be used, `MissingDependency` without ``cryptography``.
    """
    public_key = _public_key(key)  # first: with a wrong key, nothing can be said of the bundle
    from cryptography.exceptions import InvalidSignature

    if signature is None:
        raise BadBundle(
            f"{bundle} is not signed, and only bundles signed by {key} are accepted; sign it (edge-fer sign)"
        )
    try:
        raw = base64.b64decode(signature.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != SIGNATURE_BYTES:
        raise BadBundle(f"{bundle}: its signature is not one of Ed25519 in base64; sign it again (edge-fer sign)")
    try:
        public_key.verify(raw, manifest)
    except InvalidSignature as exc:
        raise BadBundle(
            f"{bundle} is not signed by {key}: it was changed after it was signed, or signed by another key"
        ) from exc


def attach(location: Path, signature: bytes) -> None:
    """Write *signature* into the bundle at *location*, a folder or a zip, in place of an older one.

    Raises `SinkError` if it cannot be written; the bundle is then as it was.
    """
    try:
        if location.is_dir():
            path = location / SIGNATURE
            if path.is_symlink():  # writing would follow it, to any file of the machine
                raise SinkError(f"{path} is a link; remove it and sign again")
            files.write(path, signature)
            return
        with files.replacing(location) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as signed:
            with files.open_regular(location) as file, open_zip(file) as archive:
                for member in archive.infolist():
                    if member.filename != SIGNATURE:
                        _copy(archive, member, signed)
            signed.writestr(SIGNATURE, signature)
    except UNPACK_ERRORS as exc:
        raise SinkError(f"{location} cannot be signed: {unpack_reason(exc)}") from exc


def _private_key(path: Path) -> Ed25519PrivateKey:
    content = _read(path)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(content, password=None)
    except Exception as exc:  # ValueError, TypeError for a password, UnsupportedAlgorithm, errors of OpenSSL
        raise _unusable(path, "private", exc) from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(path, "private", None)
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    content = _read(path)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(content)
    except Exception as exc:  # ValueError, UnsupportedAlgorithm, errors of OpenSSL
        raise _unusable(path, "public", exc) from exc
    if not isinstance(key, Ed25519PublicKey):
        raise _unusable(path, "public", None)
    return key


def _unusable(path: Path, kind: str, exc: Exception | None) -> BadInput:
    reason = "it is of another kind" if exc is None else f"{type(exc).__name__}"
    return BadInput(
        f"{path} is no {kind} Ed25519 key without a password, as PEM ({reason}); make keys with edge-fer sign --new-key"
    )


def _read(path: Path) -> bytes:
    _require()
    try:
        with files.open_regular(path) as file:
            return file.read(MAX_KEY_BYTES)
    except OSError as exc:
        raise BadInput(f"key {path} cannot be read: {exc.strerror or exc}") from exc


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write *path* with the permissions *mode*, unless it exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except FileExistsError as exc:
        raise SinkError(f"{path} exists, and a key is never overwritten; choose another name") from exc
    except OSError as exc:
        raise SinkError(f"{path} cannot be written: {exc.strerror or exc}") from exc


def _require() -> None:
    require(["cryptography"], "signing", "a signature")


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, into: zipfile.ZipFile) -> None:
    with archive.open(member) as source, into.open(member.filename, "w") as copy:
        shutil.copyfileobj(source, copy)
