"""Makes settings of what the user has passed, and asks for the passwords."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from edge_fer.errors import BadInput
from edge_fer.text import printable
from edge_fer_devices.card import passwords
from edge_fer_devices.card import settings as checks
from edge_fer_devices.card.options import STDIN
from edge_fer_devices.card.settings import OPEN, WPA3, Account, Settings, Wifi

if TYPE_CHECKING:
    from edge_fer_devices.card.options import FlashOptions

PASSWORD: Final = "EDGE_FER_PASSWORD"  # noqa: S105  (the name of a variable)
WIFI_PASSWORD: Final = "EDGE_FER_WIFI_PASSWORD"  # noqa: S105
MAX_SECRET_BYTES: Final = 1 << 16
"""Size of the largest file of a password or of SSH keys."""


def settings(options: FlashOptions) -> Settings:
    """Return the settings of the card; passwords that were not passed are asked for. Raises `BadInput`."""
    return Settings(
        checks.check_hostname(options.hostname),
        checks.check_timezone(options.timezone),
        _account(options),
        _wifi(options),
    )


def _account(options: FlashOptions) -> Account | None:
    if options.user is None:
        if options.ssh_keys or options.password_file:
            raise BadInput("a password or an SSH key needs an account; pass --user NAME")
        return None
    name = checks.check_account(options.user)
    keys = [key for path in options.ssh_keys for key in _ssh_keys(path)]
    # An account with a key needs no password, unless one is given.
    asked = "" if keys else f"Password of the account {name}"
    password = _secret(options.password_file, PASSWORD, asked)
    # An empty file is a mistake: without any password, sudo would ask for none.
    wanted = password or options.password_file is not None or not keys
    return Account(name, passwords.password_hash(password) if wanted else "", tuple(keys))


def _ssh_keys(path: Path) -> list[str]:
    lines = [line for line in _read(path, "--ssh-key").splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise BadInput(f"{path} holds no SSH key; pass a file such as ~/.ssh/id_ed25519.pub")
    return [checks.check_ssh_key(line, str(path)) for line in lines]


def _wifi(options: FlashOptions) -> Wifi | None:
    if options.wifi is None:
        if options.wifi_password_file or options.wifi_country:
            raise BadInput("a password or a country of a network needs the network's name; pass --wifi NAME")
        return None
    ssid = checks.check_ssid(options.wifi)
    if options.wifi_country is None:
        raise BadInput("the radio has to know its country; pass --wifi-country, such as DE")
    security = options.wifi_security
    key = ""
    if security != OPEN:
        password = _secret(options.wifi_password_file, WIFI_PASSWORD, f"Password of the network {printable(ssid)}")
        is_wpa3 = security == WPA3
        key = passwords.check_passphrase(password) if is_wpa3 else passwords.wifi_key(password, ssid)
    country = checks.check_country(options.wifi_country)
    return Wifi(ssid, country, security, key, options.wifi_hidden)


def _secret(path: str | None, variable: str, question: str) -> str:
    """Return a password from the file at *path*, else the environment's *variable*, else by asking, if *question*."""
    if path == STDIN:
        return sys.stdin.readline(MAX_SECRET_BYTES).rstrip("\r\n")
    if path is not None:
        return _read(Path(path), "the password's file").partition("\n")[0].rstrip("\r")
    if os.environ.get(variable):
        return os.environ[variable]
    if not question:
        return ""
    if not sys.stdin.isatty():
        raise BadInput(f"there is no terminal to ask at: {question}; pass it by a file or by {variable}")
    return str(click.prompt(question, hide_input=True, confirmation_prompt=True, err=True))


def _read(path: Path, what: str) -> str:
    try:
        # A pipe is welcome: a shell's <(…) is one.
        with path.expanduser().open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        # Without the mark that editors of Windows write before a text.
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = getattr(exc, "strerror", None) or "it is no text"
        raise BadInput(f"{what} {path} cannot be read: {reason}") from exc
    if len(content) > MAX_SECRET_BYTES:
        raise BadInput(f"{what} {path} has more than {MAX_SECRET_BYTES} bytes; pass another")
    return text
