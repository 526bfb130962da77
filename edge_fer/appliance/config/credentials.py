"""Secrets, which never stand in the settings: a field names a credential, and here it is read.

systemd puts credentials into a folder that only the service can read (``LoadCredential=``, systemd.exec(5)).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from edge_fer import files
from edge_fer.errors import BadInput, reason

FOLDER_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
"""Variable in which systemd names the folder of the service's credentials."""
MAX_BYTES: Final = 4096
"""Longest secret."""
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")


def read(name: str) -> str:
    """Return the secret of the credential *name*, or of ``@FILE``: the first line, without the line's end.

    Raises `BadInput` if there is none; the message holds the place and never the secret.
    """
    path = place(name)
    try:
        with files.open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except UnicodeDecodeError:
        raise BadInput(f"the credential in {path} is not UTF-8 text; write it on one line") from None
    except OSError as exc:
        raise BadInput(f"the credential cannot be read from {path}: {reason(exc)}; put it there") from exc
    if len(content) > MAX_BYTES:
        raise BadInput(f"the credential in {path} is longer than {MAX_BYTES} bytes; write it on one line")
    secret = text.split("\n", 1)[0].rstrip("\r")
    if not secret:
        raise BadInput(f"the first line of {path} is empty; write the secret there")
    return secret


def place(name: str) -> Path:
    """Return the path of the credential *name*. Raises `BadInput` for a name that is none, or a missing folder."""
    if name.startswith("@"):
        return Path(name[1:])
    if not NAME.fullmatch(name):
        raise BadInput(f"no credential {name[:60]!r}: a name has letters, digits, '-', '_' and '.'; or pass @FILE")
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        raise BadInput(
            f"no credential {name}: only systemd passes credentials (put it into /etc/credstore/{name}); "
            "elsewhere name a file: @FILE"
        )
    return Path(folder) / name
