"""``edge-fer flash`` from a stock image to a new image, with the real tools."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import re
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edge_fer.errors import BadInput, EdgeFerError, SinkError
from edge_fer.stopping import Stopped
from edge_fer_devices.card import flashing, partitions
from edge_fer_devices.card import image as images
from edge_fer_devices.card.boot_partition import BootPartition
from edge_fer_devices.card.command import flash
from edge_fer_devices.card.inspection import Contents
from edge_fer_devices.card.passwords import wifi_key
from edge_fer_devices.card.programs import scratch
from edge_fer_devices.wheelhouse import building

pytestmark = pytest.mark.usefixtures("no_passwords")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIWWFqSIXQ33VwQZhx6DP3fa4YU5SAHrsRqRI3MqFuuc anna\n"


@pytest.fixture
def no_passwords(monkeypatch):
    monkeypatch.delenv("EDGE_FER_PASSWORD", raising=False)
    monkeypatch.delenv("EDGE_FER_WIFI_PASSWORD", raising=False)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_new_image_has_edge_fer_on_its_boot_partition(stock, flashed, tmp_path):
    before = sha256(stock)
    boot = flashed(stock)
    assert {"edge-fer", "user-data", "network-config", "meta-data", "edge-fer-status.json"} <= set(boot.names())
    assert boot.read("user-data").startswith("#cloud-config\n")
    assert json.loads(boot.read("edge-fer-status.json"))["outcome"] == "not started"
    assert boot.read("config.txt") == "arm_64bit=1\n"  # what the image had is still there
    assert sha256(stock) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.img", "wheels"]


def test_the_file_system_is_sound_and_the_rest_of_the_image_the_same(stock, flashed, tmp_path):
    fsck = shutil.which("fsck.vfat", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if fsck is None:
        pytest.skip("fsck.vfat is not installed: apt install dosfstools")
    flashed(stock)
    new = (tmp_path / "new.img").read_bytes()
    begin = 8192 * 512
    end = begin + 40 * (1 << 20)
    partition = tmp_path / "boot.part"
    partition.write_bytes(new[begin:end])
    checked = subprocess.run([fsck, "-n", partition], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    old = stock.read_bytes()
    assert new[:begin] == old[:begin]
    assert new[end:] == old[end:]


def test_each_card_has_another_instance_id(stock, flashed):
    ids = {json.loads(flashed(stock, "--force").read("meta-data"))["instance-id"] for _ in range(2)}
    assert len(ids) == 2


def test_the_card_file_lists_every_file_with_its_checksum(stock, flashed, tmp_path):
    boot = flashed(stock)
    out = tmp_path / "files"
    out.mkdir()
    subprocess.run(
        ["mcopy", "-s", "-i", f"{tmp_path / 'new.img'}@@{8192 * 512}", "::edge-fer", out], check=True,
        env={**os.environ, "MTOOLS_SKIP_CHECK": "1"},
    )  # fmt: skip
    del boot
    card = json.loads((out / "edge-fer/card.json").read_text())
    for name, expected in card["files"].items():
        assert sha256(out / "edge-fer" / name) == expected
    found = {path.relative_to(out / "edge-fer").as_posix() for path in out.rglob("*") if path.is_file()}
    assert found - set(card["files"]) == {
        "card.json",
        "settled/user-data",
        "settled/network-config",
        "config.toml",
        "profile.toml",
    }


def test_systemd_gets_the_unit_by_the_kernels_command_line_from_trixie_on(stock, stock_of, flashed):
    line = flashed(stock).read("cmdline.txt")
    assert "systemd.wants=edge-fer-first-boot.service" in line
    assert "systemd.unit-dropin.cloud-init-local.service" in line
    assert line.startswith("console=serial0,115200 console=tty1 root=PARTUUID=1234-02")
    assert len(line) < 1024


def test_images_before_trixie_get_a_script_that_runs_once(stock_of, flashed, wheels):
    stock = stock_of(debian=12, cloud_init=False)
    boot = flashed(stock, "--hostname", "kiosk-1", wheelhouse=wheels("3.11", name="wheels-3.11"))
    assert "user-data" not in boot.names()
    assert "systemd.run=/boot/firmware/edge-fer/firstrun.sh" in boot.read("cmdline.txt")
    assert "systemd.set_credential" not in boot.read("cmdline.txt")


def test_a_card_that_was_flashed_before_is_flashed_anew(stock, flashed, tmp_path):
    first = flashed(stock)
    before = first.read("cmdline.txt")
    again = flashed(tmp_path / "new.img", out=tmp_path / "again.img")
    assert len(again.read("cmdline.txt").split()) == len(before.split())
    assert again.read("meta-data") != first.read("meta-data")


def test_it_is_known_what_an_image_holds_and_whether_it_was_used(stock, stock_of, flashed, tmp_path):
    _, found, line = flashing.look_at(stock, stock)
    assert found == Contents("Debian GNU/Linux 13 (test)", 13, "3.13", True, "cloud-init", False)
    assert line.startswith("console=")
    flashed(stock)
    assert flashing.look_at(tmp_path / "new.img", stock)[1].used
    templates = stock_of(boot_files={"user-data": "#cloud-config\n# nothing yet\n", "meta-data": "dsmode: local\n"})
    assert not flashing.look_at(templates, templates)[1].used
    older = stock_of(debian=12, cloud_init=False)
    assert flashing.look_at(older, older)[1].init == "firstrun"


def test_packed_images_are_read_and_checked(stock, flashed, tmp_path):
    packed = tmp_path / "stock.img.xz"
    packed.write_bytes(lzma.compress(stock.read_bytes(), preset=0))
    for given in (sha256(packed), sha256(stock)):
        assert "user-data" in flashed(packed, "--sha256", given, "--force").names()
    listed = tmp_path / "stock.img.xz.sha256"
    listed.write_text(f"{sha256(packed)}  stock.img.xz\n")
    assert "user-data" in flashed(packed, "--sha256", listed, "--force").names()


def test_images_packed_by_zstd_are_read(stock, flashed, tmp_path):
    zstd = shutil.which("zstd")
    if zstd is None:
        pytest.skip("zstd is not installed: apt install zstd")
    packed = tmp_path / "stock.img.zst"
    subprocess.run([zstd, "-q", "-1", stock, "-o", packed], check=True)
    assert "user-data" in flashed(packed, "--sha256", sha256(stock)).names()
    packed.write_bytes(packed.read_bytes()[:-1000])
    with pytest.raises(BadInput, match="not downloaded completely"):
        flashed(packed, out=tmp_path / "other.img")
    assert not (tmp_path / "other.img").exists()


def test_empty_parts_take_no_space(stock, flashed, tmp_path):
    flashed(stock)
    assert (tmp_path / "new.img").stat().st_blocks * 512 < stock.stat().st_size // 2


# what cannot be used


def refused(flashed, tmp_path, image, *arguments, match, error=BadInput, **more):
    with pytest.raises(error, match=match):
        flashed(image, *arguments, **more)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".new", "new"))]


def test_what_is_no_image_is_refused(flashed, tmp_path):
    path = tmp_path / "text.img"
    path.write_text("no image " * 100)
    refused(flashed, tmp_path, path, match="no image of a card")
    path.write_bytes(b"")
    refused(flashed, tmp_path, path, match="no image of a card")
    refused(flashed, tmp_path, tmp_path / "missing.img", match="cannot be read")
    refused(flashed, tmp_path, tmp_path, match="it is a folder")


@pytest.mark.parametrize(("start", "name"), [(b"\x1f\x8b\x08", "gzip"), (b"PK\x03\x04", "zip"), (b"QFI\xfb", "qcow2")])
def test_other_packings_are_named(flashed, tmp_path, start, name):
    path = tmp_path / "other.img"
    path.write_bytes(start + bytes(1000))
    refused(flashed, tmp_path, path, match=name)


def test_a_truncated_image_is_refused(stock, flashed, tmp_path):
    path = tmp_path / "short.img"
    path.write_bytes(stock.read_bytes()[:-1024])
    refused(flashed, tmp_path, path, match="ends too early")
    packed = tmp_path / "short.img.xz"
    packed.write_bytes(lzma.compress(stock.read_bytes(), preset=0)[:-100])
    refused(flashed, tmp_path, packed, match="not downloaded completely")
    damaged = bytearray(lzma.compress(stock.read_bytes(), preset=0))
    damaged[len(damaged) // 2] ^= 0xFF
    packed.write_bytes(damaged)
    refused(flashed, tmp_path, packed, match="damaged")


def test_a_packed_image_that_asks_for_all_memory_is_refused(flashed, tmp_path):
    path = tmp_path / "hostile.img.xz"
    path.write_bytes(lzma.compress(bytes(1000), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]))
    with pytest.raises(BadInput, match="more than 128 MiB of memory"):
        flashed(path)


@pytest.mark.parametrize("padding", [b"", bytes(8)])
def test_an_image_packed_in_several_streams_is_read(stock, flashed, tmp_path, padding):
    content = stock.read_bytes()
    path = tmp_path / "parts.img.xz"
    path.write_bytes(lzma.compress(content[:100], preset=0) + padding + lzma.compress(content[100:], preset=0))
    assert "edge-fer" in flashed(path).names()


def test_wheels_are_fetched_before_the_image_is_unpacked(stock, tmp_path, monkeypatch):
    path = tmp_path / "stock.img.xz"
    path.write_bytes(lzma.compress(stock.read_bytes(), preset=0))

    def offline(*_, **__):
        raise EdgeFerError("is the network there?")

    monkeypatch.setattr(building, "build", offline)
    monkeypatch.setattr(images, "copy", None)  # would fail if it were called
    done = CliRunner().invoke(flash, [str(path), "--out", str(tmp_path / "new.img")], standalone_mode=False)
    assert str(done.exception) == "is the network there?"
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"no image " * 100, bytes(9 << 20)])
def test_what_was_packed_and_is_no_image_is_refused_at_once(flashed, tmp_path, content, monkeypatch):
    packed = tmp_path / "text.img.xz"
    packed.write_bytes(lzma.compress(content))
    monkeypatch.setattr(images, "_write", None)  # would fail if it were called
    refused(flashed, tmp_path, packed, match=r"^\S*/text.img.xz is ")


def test_a_small_file_that_unpacks_to_a_whole_disk_is_refused(stock, flashed, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "SPARE_BYTES", 1 << 20)
    packed = tmp_path / "bomb.img.xz"
    packed.write_bytes(lzma.compress(stock.read_bytes() + bytes(16 << 20), preset=0))
    refused(flashed, tmp_path, packed, match="long after its last partition")


def test_another_checksum_is_refused(stock, flashed, tmp_path):
    refused(flashed, tmp_path, stock, "--sha256", "0" * 64, match="not what was meant")
    refused(flashed, tmp_path, stock, "--sha256", "abc", match="neither 64 hexadecimal digits")
    empty = tmp_path / "empty.sha256"
    empty.write_text("nothing\n")
    refused(flashed, tmp_path, stock, "--sha256", empty, match="holds no sha256")


def test_a_32_bit_image_is_refused_with_the_reason(stock_of, flashed, tmp_path):
    refused(flashed, tmp_path, stock_of(arch="armhf"), match=r"32-bit image \(armhf\): .* loader of armhf")
    refused(flashed, tmp_path, stock_of(arch="amd64"), match="another processor than arm64")


def test_a_32_bit_image_is_known_by_its_kernels_without_debugfs(stock_of, flashed, tmp_path, monkeypatch):
    old = stock_of(arch="armhf", boot_files={"kernel7l.img": "", "kernel8.img": ""})
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **more: None if name == "debugfs" else which(name, **more))
    refused(flashed, tmp_path, old, match=r"armhf\): its boot partition has kernel7l.img")


def test_an_image_without_a_boot_partition_is_refused(stock, flashed, tmp_path):
    path = tmp_path / "other.img"
    content = bytearray(stock.read_bytes())
    content[446 + 4] = 0x83
    path.write_bytes(content)
    refused(flashed, tmp_path, path, match="no boot partition")
    content[446 + 4] = 0x0C
    content[8192 * 512 : 8193 * 512] = bytes(512)
    path.write_bytes(content)
    refused(flashed, tmp_path, path, match="no FAT file system")
    content[446 + 4] = 0xEE
    path.write_bytes(content)
    refused(flashed, tmp_path, path, match="GPT")


def test_a_full_boot_partition_is_refused(stock_of, flashed, tmp_path, wheels):
    folder = wheels(name="large")
    wheel = folder / "large-1.0-py3-none-any.whl"
    wheel.write_bytes(os.urandom(45 << 20))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["wheels"][wheel.name] = sha256(wheel)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    refused(
        flashed, tmp_path, stock_of(), match=r"full: \d+ MiB are free, \d+ MiB are needed", error=SinkError,
        wheelhouse=folder,
    )  # fmt: skip


def test_a_wheelhouse_for_another_device_is_refused(stock, flashed, tmp_path, wheels):
    refused(
        flashed, tmp_path, stock, match="for Python 3.11, the image has 3.13", wheelhouse=wheels("3.11", name="old")
    )
    other = wheels(machine="x86_64", name="pc")
    refused(flashed, tmp_path, stock, match="for x86_64, the device is aarch64", wheelhouse=other)
    few = wheels(models=("cnn-1",), name="few")
    refused(flashed, tmp_path, stock, match="has no model compact", wheelhouse=few)
    refused(flashed, tmp_path, stock, match="no wheelhouse", wheelhouse=tmp_path)
    refused(flashed, tmp_path, stock, "--streams", match="has nothing for streams")


@pytest.mark.parametrize("arguments", [(), ("--read-only",)])
def test_an_image_whose_kernel_cannot_be_told_what_to_start_is_refused(stock_of, flashed, tmp_path, wheels, arguments):
    older = stock_of(debian=12, cloud_init=False, boot_files={"cmdline.txt": ""})
    folder = wheels("3.11", name="wheels-3.11")
    refused(flashed, tmp_path, older, *arguments, match="no cmdline.txt", wheelhouse=folder)
    refused(flashed, tmp_path, stock_of(boot_files={"cmdline.txt": ""}), "--read-only", match="no cmdline.txt")


def test_a_damaged_wheelhouse_is_refused(stock, flashed, tmp_path, wheels):
    folder = wheels(name="damaged")
    wheel = next(folder.glob("*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"x")
    refused(flashed, tmp_path, stock, match="is damaged", wheelhouse=folder)
    wheel.unlink()
    refused(flashed, tmp_path, stock, match="lacks the wheel", wheelhouse=folder)


def test_an_image_without_venv_is_refused(stock_of, flashed, tmp_path):
    refused(flashed, tmp_path, stock_of(venv=False), match="without its venv module")


def test_the_stock_image_itself_is_never_the_target(stock, flashed, tmp_path):
    before = sha256(stock)
    refused(flashed, tmp_path, stock, "--force", match="never changed", out=stock)
    link = tmp_path / "link.img"
    link.symlink_to(stock)
    refused(flashed, tmp_path, stock, "--force", match="never changed", out=link)
    assert sha256(stock) == before


def test_a_hard_link_to_the_stock_image_is_never_the_target(stock, flashed, tmp_path):
    copy = tmp_path / "copy.img"
    shutil.copyfile(stock, copy)
    (tmp_path / "other.img").hardlink_to(copy)
    refused(flashed, tmp_path, copy, "--force", match="never changed", out=tmp_path / "other.img")
    manifest = tmp_path / "stock.rpi-imager-manifest"
    manifest.hardlink_to(copy)
    refused(flashed, tmp_path, copy, "--force", "--manifest", manifest, match="never changed")


@pytest.mark.parametrize("option", ["--out", "--manifest"])
def test_a_device_is_no_new_image(stock, flashed, tmp_path, monkeypatch, option):
    """As `--out /dev/sdb` would else overwrite a disk that nobody has looked at."""
    pipe = tmp_path / "disk.rpi-imager-manifest"
    os.mkfifo(pipe)
    paths = {"--out": tmp_path / "image.img", "--manifest": tmp_path / "m.rpi-imager-manifest", option: pipe}
    for force in ([], ["--force"]):
        with pytest.raises(BadInput, match="is a device or a pipe, no file"):
            flashed(stock, "--manifest", paths["--manifest"], *force, out=paths["--out"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [pipe.name, "wheels"]


def test_an_image_is_not_its_own_manifest(stock, flashed, tmp_path):
    same = tmp_path / "same.rpi-imager-manifest"
    refused(flashed, tmp_path, stock, "--manifest", same, match="the image and its manifest", out=same)


@pytest.mark.parametrize(
    "name", ["a@@b.img", "a?offset=1.img", "a b\n.img", "'$(x)\".img", "-i.img", "::.img", "ü😀.img"]
)
def test_names_mean_nothing_to_other_programs(stock, flashed, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(stock, name)
    new = flashed(tmp_path / name, out=tmp_path / f"new-{name}")
    assert "user-data" in new.names()
    assert flashing.look_at(Path(name), Path(name))[1].python == "3.13"


def test_only_the_owner_may_read_the_keys_in_an_image(stock, flashed, tmp_path):
    new = tmp_path / "new.img"
    new.touch(mode=0o644)  # also where another file was
    flashed(stock, "--force")
    assert new.stat().st_mode & 0o077 == 0


def test_partitions_that_reach_into_others_are_refused(stock, flashed, tmp_path):
    path = tmp_path / "odd.img"
    content = stock.read_bytes()
    larger = partitions.with_entry(content[:512], 1, 8192, (40 << 11) + 8, kind=0x0C)
    path.write_bytes(larger + content[512:])
    refused(flashed, tmp_path, path, match="partitions that overlap")
    path.write_bytes(partitions.with_entry(content[:512], 1, 0, 100, kind=0x0C) + content[512:])
    refused(flashed, tmp_path, path, match="partitions that overlap")
    # The file system itself says that it goes on in the root partition.
    said = 8192 * 512 + 32
    path.write_bytes(content[:said] + struct.pack("<I", (40 << 11) + 8) + content[said + 4 :])
    refused(flashed, tmp_path, path, match="larger than its boot partition")


def test_errors_name_no_temporary_file(stock, flashed, tmp_path):
    path = tmp_path / "odd.img"
    content = bytearray(stock.read_bytes())
    content[8192 * 512 + 16] = 0  # no table of clusters
    path.write_bytes(content)
    with pytest.raises(SinkError) as caught:
        flashed(path)
    assert ".part-" not in str(caught.value)
    content[8192 * 512 + 13] = 0  # no sectors in a cluster, on which mtools ends without a word
    path.write_bytes(content)
    with pytest.raises(SinkError, match="mdir"):
        flashed(path)


def test_an_image_that_exists_is_replaced_only_if_asked_to(stock, flashed, tmp_path):
    (tmp_path / "new.img").write_text("mine")
    with pytest.raises(BadInput, match="exists"):
        flashed(stock)
    assert (tmp_path / "new.img").read_text() == "mine"
    assert "user-data" in flashed(stock, "--force").names()


@pytest.mark.parametrize("place", ["_write", "check", "finish"])
def test_an_interruption_leaves_nothing(stock, flashed, tmp_path, monkeypatch, place):
    def interrupted(*arguments, **more):
        raise Stopped(2)

    where = {"_write": images, "check": BootPartition, "finish": flashing.NewImage}[place]
    monkeypatch.setattr(where, place, interrupted)
    before = sha256(stock)
    with pytest.raises(click.Abort):
        flashed(stock)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wheels"]
    assert sha256(stock) == before


def test_no_key_stays_behind_where_its_removal_is_interrupted(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    remove, interrupts = tempfile.TemporaryDirectory._rmtree, [Stopped(2)]

    def interrupted(self, *arguments, **more):
        if interrupts:  # signals interrupt once
            raise interrupts.pop()
        remove(*arguments, **more)

    monkeypatch.setattr(tempfile.TemporaryDirectory, "_rmtree", interrupted)
    with pytest.raises(Stopped), scratch() as folder:
        (folder / "user-data").write_text("a hash")
    assert not list(tmp_path.iterdir())


def test_a_file_that_reads_back_differently_is_no_success(stock, flashed, tmp_path, monkeypatch):
    write = BootPartition.write
    monkeypatch.setattr(
        BootPartition, "write", lambda self, contents: write(self, {**contents, "meta-data": b"something else"})
    )
    refused(flashed, tmp_path, stock, match="meta-data is not what was written", error=SinkError)


# secrets and options


def test_no_password_is_on_the_image_in_clear(stock, flashed, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery\n")
    wifi = tmp_path / "wifi"
    wifi.write_text("pa\"ss'wörd\n")
    flashed(
        stock, "--user", "anna", "--password-file", secret, "--wifi", 'Café "1" 😀', "--wifi-country", "de",
        "--wifi-password-file", wifi,
    )  # fmt: skip
    content = (tmp_path / "new.img").read_bytes()
    assert b"correct horse battery" not in content
    assert "pa\"ss'wörd".encode() not in content
    assert b"pa\\\"ss'w" not in content
    assert b"$6$" in content


def test_the_ssh_server_is_started_only_for_an_account(stock, flashed, tmp_path):
    key = tmp_path / "k.pub"
    key.write_text(KEY)
    assert "ssh" not in flashed(stock).names()
    assert "ssh" in flashed(stock, "--force", "--user", "anna", "--ssh-key", key).names()


def test_a_dry_run_shows_every_file_and_no_secret(stock, tmp_path, wheels, monkeypatch):
    monkeypatch.setenv("EDGE_FER_PASSWORD", "correct horse battery")
    monkeypatch.setenv("EDGE_FER_WIFI_PASSWORD", "password of the network")
    words = [stock, "--dry-run", "--wheelhouse", wheels(), "--user", "anna", "--wifi", "ours", "--wifi-country", "DE"]
    done = CliRunner().invoke(flash, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    for name in (
        "user-data",
        "network-config",
        "meta-data",
        "cmdline.txt",
        "edge-fer/config.toml",
        "edge-fer/card.json",
    ):
        assert re.search(rf"^{name} \(\d+ bytes\)$", done.stdout, re.MULTILINE)
    assert '"password": "***"' in done.stdout
    assert '"passwd": "***"' in done.stdout
    assert "$6$" not in done.stdout
    assert not re.search(
        r'"[0-9a-f]{64}"[^,]*$', done.stdout.partition("network-config (")[2].partition("user-data (")[0]
    )
    assert [path.name for path in tmp_path.iterdir()] == ["wheels"]
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())
    assert done.stderr.endswith("nothing was written\n")


def test_a_dry_run_masks_the_password_of_a_camera(stock, tmp_path, wheels):
    source = "rtsp://anna:geheim@camera/1"
    words = [stock, "--dry-run", "--wheelhouse", wheels(streams=True), "--streams", "--source", source]
    done = CliRunner().invoke(flash, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert "rtsp://" in done.stdout
    assert "geheim" not in done.output


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "0 characters"),
        (b"\n", "0 characters"),
        (b"x" * 256, "256 bytes; take at most 255"),
        (b"x" * (1 << 17), "more than 65536 bytes"),
        (b"\xff\xfe12345678", "it is no text"),
        (b"\x00" * 20, "control characters"),
        (b"secret\x1b[31mpassword", "control characters"),
    ],
)
@pytest.mark.parametrize("with_key", [False, True])
def test_odd_files_of_passwords_make_no_account(stock, flashed, tmp_path, content, match, with_key):
    key, secret = tmp_path / "k.pub", tmp_path / "secret"
    key.write_text(KEY)
    secret.write_bytes(content)
    arguments = ["--user", "anna", "--password-file", secret, *(["--ssh-key", key] if with_key else [])]
    refused(flashed, tmp_path, stock, *arguments, match=match)


def test_text_files_of_windows_are_read(stock, flashed, tmp_path):
    key, secret = tmp_path / "k.pub", tmp_path / "secret"
    key.write_text("\ufeff" + KEY.replace("\n", "\r\n"))
    secret.write_text("\ufeffpassword of the network\r\n")
    boot = flashed(
        stock, "--user", "anna", "--ssh-key", key, "--wifi", "ours", "--wifi-country", "DE", "--wifi-password-file",
        secret,
    )  # fmt: skip
    assert wifi_key("password of the network", "ours") in boot.read("network-config")
    assert KEY.strip() in boot.read("user-data")


def test_many_ssh_keys_are_taken(stock, flashed, tmp_path):
    keys = tmp_path / "authorized_keys"
    keys.write_text(KEY * 200)
    boot = flashed(stock, "--user", "anna", "--ssh-key", keys)
    assert boot.read("user-data").count(KEY.strip()) == 200


def test_a_dry_run_masks_the_settings_of_older_images(stock_of, tmp_path, wheels, monkeypatch):
    monkeypatch.setenv("EDGE_FER_PASSWORD", "correct horse battery")
    monkeypatch.setenv("EDGE_FER_WIFI_PASSWORD", 'back\\slash "quoted"')
    words = [
        stock_of(debian=12, cloud_init=False), "--dry-run", "--wheelhouse", wheels("3.11"), "--user", "anna",
        "--wifi", "ours", "--wifi-country", "DE", "--wifi-security", "wpa3",
    ]  # fmt: skip
    done = CliRunner().invoke(flash, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert "edge-fer/setup.json" in done.stdout
    for part in ("$6$", "back", "quoted"):
        assert part not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--hostname", "under_score"), "no host"),
        (("--hostname", "-x"), "no host"),
        (("--timezone", "../etc"), "no time zone"),
        (("--timezone", "Europe/Berln"), "no time zone"),
        (("--user", "Anna Übel"), "no account"),
        (("--user", "root"), "no account"),
        (("--user", "video"), "no account"),
        (("--user", "anna\n"), "no account"),
        (("--hostname", "a\nusers: []"), "no host"),
        (("--hostname", "$(reboot)"), "no host"),
        (("--timezone", "Etc/UTC\nruncmd: [reboot]"), "no time zone"),
        (("--user", "anna"), "no terminal"),
        (("--ssh-key", "k.pub"), "needs an account"),
        (("--wifi", "x"), "country"),
        (("--wifi", "x" * 33, "--wifi-country", "DE"), "33 bytes"),
        (("--wifi", "", "--wifi-country", "DE"), "0 bytes"),
        (("--wifi", "ü" * 17, "--wifi-country", "DE"), "34 bytes"),
        (("--wifi", "a\nb", "--wifi-country", "DE"), "control characters"),
        (("--wifi", "x", "--wifi-country", "Germany", "--wifi-security", "open"), "no country"),
        (("--wifi-country", "DE"), "needs the network's name"),
        (("--device", "raspberry-pi-9"), "no board profile"),
        (("--device", "generic-x86"), "x86_64"),
        (("--bundle", "missing.zip"), "no bundle"),
        (("--config", "missing.toml"), "cannot be used"),
        (("--python", "3.12"), "has Python 3.13, not 3.12"),
        (("--manifest", "image.json"), "rpi-imager-manifest"),
        (("--profile", "raspberry-pi-4"), "by --device"),
        (("--source", "rtsp://camera/1"), "pass --streams"),
    ],
)
def test_wrong_options_are_one_line_and_nothing_is_written(stock, flashed, tmp_path, arguments, match):
    with pytest.raises(ValueError, match=match) as caught:
        flashed(stock, *arguments)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["wheels"]


def test_a_source_that_is_none_is_refused(stock, flashed, tmp_path):
    with pytest.raises(BadInput, match="streams begin with rtsp"):
        flashed(stock, "--source", "ftp://camera/1")
    assert [path.name for path in tmp_path.iterdir()] == ["wheels"]


def test_exactly_one_target_is_needed(stock):
    for arguments in ([], ["--out", "x.img", "--card", "/dev/sdz"]):
        assert CliRunner().invoke(flash, [str(stock), *arguments]).exit_code == 2


def test_the_settings_are_checked_before_they_are_copied(stock, flashed, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('source = "synthetic"\n[page]\nport = -80\n')
    with pytest.raises(BadInput, match=r"page.port -80"):
        flashed(stock, "--config", config)
    config.write_text('source = "synthetic"\n[page]\nbind = "0.0.0.0"\ntoken = "page-token"\n')
    boot = flashed(stock, "--config", config, "--source", "@/etc/edge-fer/camera.txt")
    del boot
    done = CliRunner().invoke(
        flash, [str(stock), "--dry-run", "--wheelhouse", str(tmp_path / "wheels"), "--config", str(config)]
    )
    assert 'bind = "0.0.0.0"' in done.stdout
    assert 'source = "synthetic"' in done.stdout


def test_a_read_only_card_has_room_and_a_partition_that_stays_writable(stock, flashed, tmp_path):
    sfdisk = shutil.which("sfdisk", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if sfdisk is None:
        pytest.skip("sfdisk is not installed: apt install fdisk")
    boot = flashed(stock, "--read-only")
    assert " resize" not in boot.read("cmdline.txt")
    table = json.loads(subprocess.run([sfdisk, "-J", tmp_path / "new.img"], capture_output=True, check=True).stdout)
    first, root, data = table["partitiontable"]["partitions"]
    assert first["start"] == 8192
    assert root["size"] >= (1 << 30) // 512
    assert data["start"] == root["start"] + root["size"]
    assert data["size"] == (256 << 20) // 512
    image = (tmp_path / "new.img").open("rb")
    with image:
        image.seek(data["start"] * 512 + 1024 + 120)
        assert image.read(13) == b"edge-fer-data"


def test_raspberry_pi_imager_is_told_of_the_image(stock, flashed, tmp_path):
    manifest = tmp_path / "new.rpi-imager-manifest"
    flashed(stock, "--manifest", manifest)
    (entry,) = json.loads(manifest.read_text())["os_list"]
    new = tmp_path / "new.img"
    assert entry["url"] == new.as_uri()
    assert entry["extract_sha256"] == sha256(new)
    assert entry["extract_size"] == entry["image_download_size"] == new.stat().st_size
    assert entry["architecture"] == "armv8"
    assert entry["devices"]
    for field in ("name", "description", "icon", "release_date"):
        assert entry[field]


@pytest.fixture
def told(stock, wheels, tmp_path):
    """Return a function that calls the command with its arguments, and returns what it tells the user on stderr."""
    key = tmp_path / "key.pub"
    key.write_text(KEY)
    folder = wheels()

    def call(*arguments):
        out = tmp_path / "told.img"
        words = [stock, "--out", out, "--force", "--wheelhouse", folder, *arguments]
        done = CliRunner().invoke(flash, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done.stderr

    return call


def test_it_says_what_to_do_next_and_how_to_see_that_it_works(told, tmp_path):
    said = told("--user", "anna", "--ssh-key", tmp_path / "key.pub", "--hostname", "hall")
    assert "Raspberry Pi Imager" in said
    assert "a network cable" in said
    assert "ssh -L 8737:127.0.0.1:8737 anna@hall.local" in said
    assert "edge-fer-status.json" in said
    config = tmp_path / "config.toml"
    config.write_text('[page]\nbind = "0.0.0.0"\nport = 9000\ntoken = "page-token"\n')
    said = told("--config", config, "--wifi", "ours", "--wifi-country", "DE", "--wifi-security", "open")
    assert "the network ours" in said
    assert "http://edge-fer.local:9000/" in said
    assert "ssh" not in said
    assert told("--json", "--user", "anna", "--ssh-key", tmp_path / "key.pub").count("Next") == 0


def test_it_warns_of_what_the_card_will_lack(told, tmp_path):
    account = ("--user", "anna", "--ssh-key", tmp_path / "key.pub")
    assert "nobody can log in" in told()
    assert "warning" not in told(*account)
    assert "python3-picamera2" in told(*account, "--source", "picamera")
    said = told(*account, "--source", "anna:hush@camera/1")
    assert "in clear" in said
    assert "hush" not in said
