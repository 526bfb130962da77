"""Hashes of passwords, so that a card holds none in clear."""

from __future__ import annotations

import hashlib
import re
import shutil
import unicodedata
from typing import Final

from edge_fer.errors import BadInput, EdgeFerError, MissingDependency
from edge_fer_devices.running import run

PSK_ROUNDS: Final = 4096
PSK_BYTES: Final = 32
PSK: Final = re.compile(r"[0-9a-fA-F]{64}")
MIN_PASSPHRASE: Final = 8
MAX_PASSPHRASE: Final = 63
SHA512_CRYPT: Final = re.compile(r"\$6\$[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{86}")
TIMEOUT_S: Final = 60
MIN_PASSWORD: Final = 8
MAX_PASSWORD_BYTES: Final = 255
"""OpenSSL takes no more, and leaves out the rest without an error."""


def wifi_key(password: str, ssid: str) -> str:
    """Return the key of network *ssid* with *password*, as 64 hexadecimal digits (IEEE 802.11i, annex H.4).

    A *password* of 64 hexadecimal digits is a key already. Raises `BadInput` for one that no network can have.
    """
    if PSK.fullmatch(password):
        return password.lower()
    content = check_passphrase(password).encode()
    return hashlib.pbkdf2_hmac("sha1", content, ssid.encode(), PSK_ROUNDS, PSK_BYTES).hex()


def check_passphrase(password: str) -> str:
    """Return *password* if a network can have it: 8 to 63 bytes as UTF-8. Raises `BadInput`, without showing it."""
    try:
        size = len(password.encode())
    except UnicodeEncodeError as exc:
        raise BadInput("the network's password is no UTF-8; type it in a terminal that is") from exc
    if not MIN_PASSPHRASE <= size <= MAX_PASSPHRASE:
        raise BadInput(f"the network's password has {size} bytes; it has {MIN_PASSPHRASE} to {MAX_PASSPHRASE}")
    if any(unicodedata.category(character) == "Cc" for character in password):
        raise BadInput("the network's password holds control characters, which no network has; type it again")
    return password


def password_hash(password: str) -> str:
    """Return the hash of an account's *password* as in ``/etc/shadow`` (SHA-512 crypt, by OpenSSL).

    OpenSSL reads it from a pipe, so that no list of processes shows it. Raises `BadInput`, `MissingDependency`.
    """
    if len(password) < MIN_PASSWORD:
        raise BadInput(f"the account's password has {len(password)} characters; take at least {MIN_PASSWORD}")
    if "\n" in password or "\0" in password or not password.isprintable():
        raise BadInput("the account's password holds control characters; take another")
    if len(password.encode()) > MAX_PASSWORD_BYTES:
        raise BadInput(f"the account's password has {len(password.encode())} bytes; take at most {MAX_PASSWORD_BYTES}")
    program = shutil.which("openssl")
    if program is None:
        raise MissingDependency("openssl is not installed: apt install openssl, or pass --ssh-key alone")
    done = run(
        [program, "passwd", "-6", "-stdin"], stdin=password + "\n", timeout_s=TIMEOUT_S,
        remedy="install it again: apt install openssl, or pass --ssh-key alone",
    )  # fmt: skip
    hashed = done.stdout.strip()
    if done.returncode != 0 or not SHA512_CRYPT.fullmatch(hashed):
        raise EdgeFerError("openssl passwd -6 gives no hash; install OpenSSL 1.1.1 or later, or pass --ssh-key alone")
    return hashed
