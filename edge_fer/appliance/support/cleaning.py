"""Takes out of a text what names people, opens doors, or could be a picture."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Any, Final

from edge_fer.appliance.config.remarks import is_there
from edge_fer.sources.addresses import MASK, scrub
from edge_fer.text import printable

PATTERNS: Final = (
    # Long runs of base64: keys, hashes of passwords, and pictures, if ever one came to be there.
    (re.compile(r"[A-Za-z0-9+/=_-]{120,}"), MASK),
    (re.compile(r"(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\S+)\s+\S+.*"), MASK),
    (re.compile(r"\$(?:[156y]|2[aby])\$\S+"), MASK),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), f"{MASK}@{MASK}"),
    (re.compile(r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:])"), "MAC"),
    (re.compile(r"(?i)\b(ssid|psk|pass(?:word|phrase)?|secret|token|bearer)\b(\s*[=: ]\s*)(\"[^\"]*\"|'[^']*'|\S+)"),
     rf"\1\2{MASK}"),
    # What is no name of a credential may be the secret itself.
    (re.compile(r"(?i)(\bno credential |/etc/credstore/)('[^']*'|\"[^\"]*\"|[^\s:)]+)"), rf"\1{MASK}"),
    (re.compile(r"(/home/)[^/\s\"']+"), rf"\1{MASK}"),
)  # fmt: skip
"""What is masked, in this order."""
ADDRESS: Final = re.compile(r"(?<![\w.:])[0-9A-Fa-f.:]{3,}(?![\w.])")
"""What may be an address of the Internet; whether it is one, Python's own module says."""
PACKAGES: Final = "packages"
PERSONAL: Final = frozenset(
    {"contact", "notice", "title", "name", "user", "client_id", "prefix", "camera", "hosts", "playlists"}
)
"""Fields of the settings that may name somebody, or somebody's place."""
CREDENTIALS: Final = frozenset({"token", "password", "secret"})
"""Fields of the settings that name a credential. What is no name of one may be the secret itself."""


def clean(text: str, host: str | None = None, secrets: tuple[str, ...] = ()) -> str:
    """Return *text* without secrets, names and addresses.

    Masked besides are *host*, this device's own name, and *secrets* that are known.
    """
    own = socket.gethostname() if host is None else host
    cleaned = printable(text, keep="\n\t")
    for secret in secrets:
        cleaned = cleaned.replace(secret, MASK)
    cleaned = scrub(cleaned)
    for pattern, replacement in PATTERNS:
        cleaned = pattern.sub(replacement, cleaned)
    cleaned = ADDRESS.sub(_without_address, cleaned)
    # A name such as "pi" or "localhost" tells nothing, and stands in other words.
    if len(own) > 2 and own not in {"localhost", "edge-fer"}:
        cleaned = re.sub(rf"(?<![\w-]){re.escape(own)}(?![\w-])", "HOST", cleaned)
    return cleaned


def _without_address(found: re.Match[str]) -> str:
    """Return what *found* is: an address that is not this device's own is only named."""
    text, _, port = found[0].partition(":") if found[0].count(":") == 1 else (found[0], "", "")
    try:
        address = ipaddress.ip_address(text.rstrip("."))
    except ValueError:
        return found[0]
    if address.is_loopback or address.is_unspecified:
        return found[0]
    return f"IPv{address.version}" + (f":{port}" if port else "")


def clean_all(values: Any, secrets: tuple[str, ...] = ()) -> Any:
    """Return *values*, as JSON or TOML holds them, with every text in them cleaned, also of *secrets*."""
    if isinstance(values, dict):
        cleaned = {}
        for key, value in values.items():
            # Versions look like addresses, and packages are nobody's.
            cleaned[clean(str(key))] = value if key == PACKAGES else clean_all(value, secrets)
        return cleaned
    if isinstance(values, list | tuple):
        return [clean_all(value, secrets) for value in values]
    return clean(values, secrets=secrets) if isinstance(values, str) else values


def masked(values: Any, name: str = "") -> Any:
    """Return *values*, settings as a dictionary, with the names of credentials that are there, without names of people.

    An address keeps its scheme, so that one sees what kind it is.
    """
    if name in PERSONAL and values:
        return MASK
    if isinstance(values, dict):
        return {key: masked(value, str(key)) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [masked(value, name) for value in values]
    if name in CREDENTIALS and isinstance(values, str):
        return values if is_there(values) else MASK
    if isinstance(values, str) and "://" in values:
        return f"{values.partition('://')[0]}://{MASK}"
    if name == "host":
        return values if values in {"localhost", "127.0.0.1", "::1"} else MASK
    return values
