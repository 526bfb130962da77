"""Secrets are read from systemd's folder or from a file, and never told."""

from __future__ import annotations

import pytest

from edge_fer.appliance.config import credentials
from edge_fer.errors import BadInput


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("content", "secret"),
    [("hidden", "hidden"), ("hidden\n", "hidden"), ("hidden\r\nmore\n", "hidden"), (" with spaces ", " with spaces ")],
)
def test_a_credential_is_the_first_line(folder, content, secret):
    (folder / "mqtt-password").write_bytes(content.encode())
    assert credentials.read("mqtt-password") == secret
    assert credentials.read(f"@{folder / 'mqtt-password'}") == secret


@pytest.mark.parametrize("name", ["", ".", "..", "../shadow", "a/b", "a b", "-x", "a\nb", "ä", "x" * 256])
def test_a_name_leads_nowhere_else(folder, name):
    with pytest.raises(BadInput, match="no credential"):
        credentials.read(name)


def test_without_systemd_it_says_what_to_do(monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(BadInput, match="/etc/credstore/mqtt-password"):
        credentials.read("mqtt-password")


@pytest.mark.parametrize(
    ("content", "match"),
    [(b"", "empty"), (b"\nhidden", "empty"), (b"hidden\xff", "UTF-8"), (b"hidden" * 1000, "longer than")],
)
def test_what_is_no_secret_is_refused_and_not_told(folder, content, match):
    (folder / "token").write_bytes(content)
    with pytest.raises(BadInput, match=match) as caught:
        credentials.read("token")
    assert "hidden" not in str(caught.value)


def test_a_credential_that_is_missing_is_told_with_its_place(folder):
    with pytest.raises(BadInput, match="No such file") as caught:
        credentials.read("token")
    assert str(folder / "token") in str(caught.value)
