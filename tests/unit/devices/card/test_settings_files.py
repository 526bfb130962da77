"""The files that bring a device its settings, for names and passwords of any characters."""

from __future__ import annotations

import configparser
import json
import shutil
import subprocess

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_fer.errors import BadInput
from edge_fer_devices.card import cloud_init, firstrun_files, passwords, settings
from edge_fer_devices.card.settings import OPEN, WPA2, WPA3, Account, Settings, Wifi

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install pyyaml")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIWWFqSIXQ33VwQZhx6DP3fa4YU5SAHrsRqRI3MqFuuc anna@home"
SSIDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=32).filter(
    lambda text: len(text.encode()) <= 32
)
PASSPHRASES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=8, max_size=63).filter(
    lambda text: 8 <= len(text.encode()) <= 63
)
NASTY = [
    "\"'`$\\#:{}[]&*!|>%@",
    "  spaces  ",
    "no",
    "0x1F",
    "1e3",
    "null",
    "~",
    "- a",
    "a: b",
    "\u2028\ufeff",
    "😀é漢",
]


def with_wifi(ssid, key="0" * 64, security=WPA2):
    return Settings(wifi=Wifi(ssid, "DE", security, key))


@given(SSIDS)
def test_any_name_of_a_network_survives_yaml(ssid):
    text = cloud_init.network_config(with_wifi(settings.check_ssid(ssid)))
    assert text.isascii()
    points = yaml.safe_load(text)["wifis"]["wlan0"]["access-points"]
    assert list(points) == [ssid]


@pytest.mark.parametrize("ssid", NASTY)
def test_nasty_names_survive_yaml_and_netplans_file(ssid):
    wanted = with_wifi(ssid)
    assert list(yaml.safe_load(cloud_init.network_config(wanted))["wifis"]["wlan0"]["access-points"]) == [ssid]
    netplan = yaml.safe_load(json.loads(firstrun_files.setup(wanted))["netplan"])
    assert list(netplan["network"]["wifis"]["wlan0"]["access-points"]) == [ssid]


@given(PASSPHRASES)
def test_a_password_that_must_be_in_clear_survives_yaml(password):
    text = cloud_init.network_config(with_wifi("ours", passwords.check_passphrase(password), WPA3))
    auth = yaml.safe_load(text)["wifis"]["wlan0"]["access-points"]["ours"]["auth"]
    assert auth == {"key-management": "sae", "password": password}


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]))
    )
)
def test_all_text_survives_yaml(values):
    assume(all(len(key) < 100 for key in values))
    assert yaml.safe_load(cloud_init.yaml(values)) == values


@given(SSIDS)
def test_any_name_of_a_network_survives_network_managers_file(ssid):
    reader = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    reader.read_string(firstrun_files.connection(with_wifi(ssid).wifi))
    numbers = reader["wifi"]["ssid"].rstrip(";").split(";")
    assert bytes(map(int, numbers)).decode() == ssid
    assert reader["wifi-security"]["psk"] == "0" * 64


@given(PASSPHRASES)
def test_a_password_survives_network_managers_file(password):
    text = firstrun_files.connection(Wifi("ours", "DE", WPA3, password))
    (line,) = [line for line in text.split("\n") if line.startswith("psk=")]
    assert as_glib(line.removeprefix("psk=")) == password


def as_glib(value):
    """Return what GLib reads of a value in a key file: it drops spaces at the start and takes these escapes."""
    value = value.lstrip(" ")
    read, rest = "", value
    while rest:
        if rest[0] == "\\":
            read += {"s": " ", "t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[rest[1]]
            rest = rest[2:]
        else:
            read += rest[0]
            rest = rest[1:]
    return read


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_comment_of_a_key_survives_user_data(comment):
    account = Account("anna", "", (f"{KEY} {comment}",))
    (user,) = yaml.safe_load(cloud_init.user_data(Settings(account=account)))["users"]
    assert user["ssh_authorized_keys"] == [f"{KEY} {comment}"]


def test_the_users_password_is_a_hash_and_only_there_until_the_first_boot():
    wanted = Settings(account=Account("anna", "$6$salt$hash", (KEY,)))
    values = yaml.safe_load(cloud_init.user_data(wanted))
    assert values["users"][0]["passwd"] == wanted.account.password_hash
    assert values["users"][0]["lock_passwd"] is False
    assert values["ssh_pwauth"] is True
    assert "$6$" not in cloud_init.user_data(wanted, secrets=False)
    assert "wifis" not in cloud_init.network_config(with_wifi("ours"), secrets=False)


def test_without_a_password_nobody_may_log_in_by_one():
    values = yaml.safe_load(cloud_init.user_data(Settings(account=Account("anna", "", (KEY,)))))
    assert values["users"][0]["lock_passwd"] is True
    assert "passwd" not in values["users"][0]
    assert values["ssh_pwauth"] is False


def test_nothing_waits_for_a_network():
    config = yaml.safe_load(cloud_init.network_config(with_wifi("ours", security=OPEN, key="")))
    assert config["ethernets"]["cable"]["optional"] is True
    assert config["wifis"]["wlan0"]["optional"] is True
    assert config["wifis"]["wlan0"]["access-points"] == {"ours": {}}
    assert config["wifis"]["wlan0"]["regulatory-domain"] == "DE"


def test_the_id_is_spelled_as_cloud_init_reads_it():
    values = yaml.safe_load(cloud_init.meta_data(Settings(), "edge-fer-1"))
    assert values["instance-id"] == "edge-fer-1"


@pytest.mark.parametrize(
    ("ssid", "password", "key"),
    [  # IEEE 802.11i-2004, H.4.3
        ("IEEE", "password", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"),
        ("ThisIsASSID", "ThisIsAPassword", "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af"),
        ("Z" * 32, "a" * 32, "becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62"),
    ],
)
def test_the_key_of_a_network_is_that_of_the_standard(ssid, password, key):
    assert passwords.wifi_key(password, ssid) == key


def test_a_key_is_taken_as_it_is():
    assert passwords.wifi_key("AB" * 32, "ours") == "ab" * 32


@pytest.mark.parametrize("password", ["short", "x" * 64, "ü" * 32, ""])
def test_passwords_that_no_network_has_are_refused_and_not_shown(password):
    with pytest.raises(BadInput, match="bytes") as caught:
        passwords.wifi_key(password, "ours")
    assert not password or password not in str(caught.value)


@pytest.mark.parametrize("password", ["correct horse battery", "pässwörd 'with\" $quotes\\", "  spaces  "])
def test_a_password_can_be_checked_against_its_hash(password):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    hashed = passwords.password_hash(password)
    salt = hashed.split("$")[2]
    again = subprocess.run(
        [openssl, "passwd", "-6", "-salt", salt, "-stdin"], input=password.encode(), capture_output=True, check=True
    )
    assert again.stdout.decode().strip() == hashed
    assert passwords.password_hash(password) != hashed  # another salt each time


@pytest.mark.parametrize("password", ["", "short", "with\nnewline", "with\0nul 123"])
def test_passwords_that_nobody_can_type_are_refused(password):
    with pytest.raises(BadInput):
        passwords.password_hash(password)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
        ("hello", "no public SSH key"),
        ("ssh-dss AAAA", "no public SSH key"),
        ("ssh-ed25519 !!!!", "damaged"),
        ("ssh-ed25519 AAAAB3NzaC1yc2EAAAADAQABAAABAQ==", "damaged"),
        (KEY + " \x1b[2J", "control characters"),
    ],
)
def test_what_is_no_public_key_is_refused(line, match):
    with pytest.raises(BadInput, match=match):
        settings.check_ssh_key(line, "k.pub")


def test_a_public_key_is_taken():
    assert settings.check_ssh_key(KEY + "\n", "k.pub") == KEY
