"""Asks a running service how it is, at the address that its settings name. Imports little: others wait for the answer.

The settings are read without being checked: a service that runs with what it read an hour ago can be asked although
somebody is just editing the file.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import threading
import tomllib
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import BadInput, OutletError, one_line

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from urllib.request import OpenerDirector, Request

DEFAULT_PATH: Final = Path("/etc/edge-fer/config.toml")
DEFAULT_BIND: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8737
"""As `edge_fer.appliance.page.settings.PORT`, whose module takes long to import."""
MAX_BYTES: Final = 1 << 20
"""Largest settings, and largest answer."""
STORES: Final = (Path("/etc/credstore"),)
"""Where the credential may lie that systemd passes to the service; readable for root alone."""
WORKS: Final = frozenset({"ok", "degraded"})
"""Status of a service that sees frames."""


@dataclass(frozen=True)
class Where:
    """Where the page of a service is."""

    host: str
    port: int
    certificate: str | None = None
    """File with the certificate that it shows, where it speaks HTTPS."""
    token: str | None = None
    """Name of the credential that it asks for."""

    @property
    def url(self) -> str:
        """The address, without a path: ``http://127.0.0.1:8737``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}"

    @classmethod
    def of_page(cls, bind: str, port: int, certificate: str | None = None, token: str | None = None) -> Where:
        """Return where a page bound to *bind* is, as seen from this device. Raises `ValueError` for no address."""
        address = ipaddress.ip_address(bind)
        # What listens at every address is asked at this device's own.
        if address.is_unspecified:
            address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
        return cls(str(address), port, certificate, token)

    @classmethod
    def of_settings(cls, path: Path) -> Where:
        """Return where the service with the settings at *path* is, as seen from this device. Raises `BadInput`."""
        if path.exists() and not path.is_file():
            raise BadInput(f"{path} does not say where to ask: it is no file; pass --url")
        try:
            with path.open("rb") as file:
                page = tomllib.loads(file.read(MAX_BYTES).decode("utf-8-sig")).get("page", {})
            if not page.get("enabled", True):
                raise BadInput(f"{path} switches the page off, which is what answers; set page.enabled = true")
            where = cls.of_page(
                page.get("bind", DEFAULT_BIND), int(page.get("port", DEFAULT_PORT)),
                _text(page, "certificate"), _text(page, "token"),
            )  # fmt: skip
        except (OSError, ValueError, AttributeError, TypeError, OverflowError, RecursionError) as exc:
            if isinstance(exc, BadInput):
                raise
            reason = one_line(getattr(exc, "strerror", None) or exc)
            raise BadInput(f"{path} does not say where to ask: {reason}; pass --url") from exc
        if where.port == 0:
            raise BadInput(f"{path} lets the system choose the port; pass --url with the one that the service has told")
        return where

    def secret(self) -> str | None:
        """Return the token, where this account may read it. A service asks programs on its own device for none."""
        if self.token is None:
            return None
        folders = [Path(os.environ["CREDENTIALS_DIRECTORY"])] if "CREDENTIALS_DIRECTORY" in os.environ else []
        named = self.token.startswith("@")
        paths = [Path(self.token[1:])] if named else [folder / self.token for folder in (*folders, *STORES)]
        for path in paths:
            try:
                return path.read_text().split("\n", 1)[0].strip()
            except (OSError, ValueError):
                continue
        return None


def _text(page: dict[str, Any], name: str) -> str | None:
    """Return the text *name* of the settings' table *page*, None if it is not there. Raises `ValueError`."""
    value = page.get(name)
    if value is not None and not (isinstance(value, str) and value.isprintable()):
        raise ValueError(f"page.{name} is no line of text")
    return value


def ask(url: str, timeout_s: float, certificate: str | None = None, token: str | None = None) -> dict[str, Any]:
    """Return what the service at *url* answers to ``/health`` within *timeout_s*, also where no frames come.

    *certificate* is the file of the one that it must show. Raises `OutletError` where nothing answers, or another
    program does, and `BadInput` for a certificate that cannot be read.
    """
    import urllib.request

    handlers: list[Any] = [urllib.request.ProxyHandler({})]
    request = urllib.request.Request(f"{url.rstrip('/')}/health")  # noqa: S310  (its scheme is checked by the caller)
    if certificate is not None:
        handlers.append(urllib.request.HTTPSHandler(context=_only(certificate)))
    if token is not None:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(*handlers)
    return _answer(_within(timeout_s, lambda: _content(opener, request, timeout_s), url), url)


def _content(opener: OpenerDirector, request: Request, timeout_s: float) -> bytes:
    """Return the body of the answer to *request*, whatever its status. Raises `OutletError`."""
    import urllib.error
    from http.client import HTTPException

    url = request.full_url.removesuffix("/health")
    try:
        try:
            response = opener.open(request, timeout=timeout_s)
        except urllib.error.HTTPError as exc:
            response = exc
        with response:
            content: bytes = response.read(MAX_BYTES)
    except (OSError, ValueError, HTTPException) as exc:
        raise _no_answer(url, one_line(getattr(exc, "reason", None) or exc)) from exc
    if response.status == HTTPStatus.UNAUTHORIZED:
        raise OutletError(f"{url} asks for a token, which this account may not read; ask as root")
    return content


def _within(timeout_s: float, work: Callable[[], bytes], url: str) -> bytes:
    """Return what *work* returns. A socket's own timeout begins anew with each byte; this one does not."""
    outcome: Future[bytes] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as exc:  # noqa: BLE001 (whatever it was, who waits is told)
            outcome.set_exception(exc)

    threading.Thread(target=run, name="ask", daemon=True).start()
    try:
        return outcome.result(timeout_s)
    except TimeoutError as exc:
        raise _no_answer(url, "timed out") from exc


def _no_answer(url: str, reason: str) -> OutletError:
    return OutletError(f"{url} does not answer: {reason}; see: journalctl -u edge-fer")


def _answer(content: bytes, url: str) -> dict[str, Any]:
    """Return the answer in *content*. Raises `OutletError` for what another program says."""
    answer: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        answer = json.loads(content)
    if not isinstance(answer, dict) or not isinstance(answer.get("status"), str):
        raise OutletError(f"{url} is no edge-fer: it answers something else; is the port right?")
    return answer


def _only(certificate: str) -> ssl.SSLContext:
    """Return what trusts the *certificate* of this device and no other. It may be made out to another name."""
    import ssl

    try:
        context = ssl.create_default_context(cafile=certificate)
    except OSError as exc:
        raise BadInput(f"the certificate {certificate} cannot be read: {one_line(exc)}; mend page.certificate") from exc
    context.check_hostname = False
    return context
