"""What a card is given: name, account, network, time zone. Checked before anything is written."""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from dataclasses import dataclass, field
from typing import Final

from edge_fer.errors import BadInput
from edge_fer.text import printable

HOSTNAME: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
"""One label of a host's name (RFC 1123)."""
ACCOUNT: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
"""What Debian's useradd takes."""
RESERVED: Final = frozenset({
    "_apt", "adm", "audio", "avahi", "backup", "bin", "bluetooth", "cdrom", "daemon", "dialout", "dip", "disk",
    "edge-fer", "fax", "floppy", "games", "gpio", "i2c", "input", "irc", "kmem", "kvm", "list", "lp", "mail",
    "man", "messagebus", "netdev", "news", "nobody", "nogroup", "operator", "plugdev", "polkitd", "proxy",
    "render", "root", "sasl", "shadow", "spi", "src", "sshd", "staff", "sudo", "sync", "sys", "systemd", "tape",
    "tty", "users", "utmp", "uucp", "video", "voice", "www-data",
})  # fmt: skip
"""Accounts and groups that a system has already: useradd refuses both."""
COUNTRY: Final = re.compile(r"[A-Z]{2}")
TIMEZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")
MAX_SSID_BYTES: Final = 32
KEY_KINDS: Final = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip
DEFAULT_HOSTNAME: Final = "edge-fer"
DEFAULT_TIMEZONE: Final = "Etc/UTC"
WPA2: Final = "wpa2"
WPA3: Final = "wpa3"
OPEN: Final = "open"


@dataclass(frozen=True)
class Wifi:
    """A wireless network. Its key is a hash, but for WPA3, which needs the password itself."""

    ssid: str
    country: str
    """Two letters (ISO 3166-1): which channels may be used."""
    security: str
    """`WPA2`, `WPA3` or `OPEN`."""
    key: str = field(default="", repr=False)
    """64 hexadecimal digits; the password for WPA3; nothing for an open network."""
    hidden: bool = False


@dataclass(frozen=True)
class Account:
    """Somebody who may log in."""

    name: str
    password_hash: str = field(default="", repr=False)
    """As in ``/etc/shadow``; empty if there is no password."""
    ssh_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """All that a card is given besides edge-fer itself."""

    hostname: str = DEFAULT_HOSTNAME
    timezone: str = DEFAULT_TIMEZONE
    account: Account | None = None
    wifi: Wifi | None = None


def check_hostname(name: str) -> str:
    """Return *name* if a host can be called so. Raises `BadInput`."""
    if not HOSTNAME.fullmatch(name):
        raise BadInput(f"no host can be called {name[:70]!r}; use up to 63 of a-z, 0-9 and -, with no - at the ends")
    return name


def check_account(name: str) -> str:
    """Return *name* if an account can be called so. Raises `BadInput`."""
    if not ACCOUNT.fullmatch(name) or name in RESERVED:
        raise BadInput(f"no account can be called {name[:40]!r}; use up to 32 of a-z, 0-9, _ and -, a letter first")
    return name


def check_timezone(name: str) -> str:
    """Return *name* if it is a time zone. Raises `BadInput`."""
    # Where this system has no list of them, the name must at least be written as one.
    known = zoneinfo.available_timezones()
    if not TIMEZONE.fullmatch(name) or (known and name not in known):
        raise BadInput(f"{name[:60]!r} is no time zone; pass one such as Europe/Berlin")
    return name


def check_country(code: str) -> str:
    """Return the country *code* in capitals. Raises `BadInput`."""
    if not COUNTRY.fullmatch(code.upper()):
        raise BadInput(f"{code[:20]!r} is no country; pass two letters, such as DE")
    return code.upper()


def check_ssid(ssid: str) -> str:
    """Return *ssid* if a network can be called so: 1 to 32 bytes as UTF-8, any characters but controls."""
    try:
        size = len(ssid.encode())
    except UnicodeEncodeError as exc:
        raise BadInput("the network's name is no UTF-8; type it in a terminal that is") from exc
    if not 1 <= size <= MAX_SSID_BYTES:
        raise BadInput(f"the network's name has {size} bytes; a network's name has 1 to {MAX_SSID_BYTES}")
    if any(unicodedata.category(character) == "Cc" for character in ssid):
        raise BadInput(f"the network's name {printable(ssid)} holds control characters, which are not supported")
    return ssid


def _parts(key: bytes) -> list[bytes]:
    """Return the parts of a public key, each after its length (RFC 4251); none if they do not fill it."""
    parts = []
    while key:
        size = int.from_bytes(key[:4], "big")
        if len(key) < 4 + size:
            return []
        parts.append(key[4 : 4 + size])
        key = key[4 + size :]
    return parts


def check_ssh_key(line: str, where: str) -> str:
    """Return the public key in *line*, which comes from *where*. Raises `BadInput`, also for a private key."""
    import base64
    import binascii

    if "PRIVATE KEY" in line:
        raise BadInput(f"{where} holds a private key; pass the public one, which ends in .pub")
    words = line.split()
    if len(words) < 2 or words[0] not in KEY_KINDS:
        raise BadInput(f"{where} holds no public SSH key; pass a file such as ~/.ssh/id_ed25519.pub")
    try:
        content = base64.b64decode(words[1], validate=True)
    except binascii.Error as exc:
        raise BadInput(f"{where} holds a damaged SSH key; copy it again") from exc
    parts = _parts(content)
    if len(parts) < 2 or parts[0] != words[0].encode():
        raise BadInput(f"{where} holds a damaged SSH key; copy it again")
    if not line.strip().isprintable():
        raise BadInput(f"{where} holds control characters; copy the key again")
    return " ".join(words)
