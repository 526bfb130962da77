"""Which disks may be overwritten, and that a card counts only when it is finished."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from edge_fer.errors import BadInput, MissingDependency, SinkError
from edge_fer.progress import ProgressListener
from edge_fer_devices.card import card as cards
from edge_fer_devices.card import disks, image
from edge_fer_devices.card.boot_partition import BootPartition
from edge_fer_devices.card.card import Card
from edge_fer_devices.card.command import flash

GB = 10**9


def device(path, size, *, type="disk", mountpoints=(None,), children=(), **more):  # noqa: A002
    fields = {"vendor": "Generic ", "model": "STORAGE_DEVICE", "tran": "usb", "ro": False, "rm": True}
    fields |= {"fstype": None, "label": None, **more}
    return {"path": path, "type": type, "size": size, "mountpoints": [*mountpoints], "children": [*children], **fields}


@pytest.fixture
def lsblk(monkeypatch):
    """Return a function that lets lsblk tell of the devices that it is given."""

    def tell(*devices):
        answer = json.dumps({"blockdevices": devices})
        monkeypatch.setattr(disks.shutil, "which", lambda name: f"/usr/bin/{name}")
        done = subprocess.CompletedProcess([], 0, stdout=answer, stderr="")
        monkeypatch.setattr(disks, "run", lambda *_, **__: done)

    return tell


SYSTEM = device(
    "/dev/nvme0n1", 512 * GB, model="Fast disk", tran="nvme", rm=False,
    children=[
        device("/dev/nvme0n1p1", GB, type="part", mountpoints=["/boot/efi"]),
        device("/dev/nvme0n1p2", 511 * GB, type="part", children=[
            device("/dev/mapper/root", 511 * GB, type="crypt", mountpoints=["/"]),
        ]),
    ],
)  # fmt: skip
CARD = device("/dev/sdb", 32 * GB, children=[device("/dev/sdb1", GB, type="part", fstype="vfat", label="bootfs")])


def check(path, *, image_bytes=GB, force=False):
    disks.check(disks.find(path), image_bytes=image_bytes, force=force)


def test_a_card_may_be_written(lsblk):
    lsblk(SYSTEM, CARD)
    check("/dev/sdb")
    shown = "\n".join(disks.find("/dev/sdb").lines())
    assert "Generic STORAGE_DEVICE, 32.0 GB, usb" in shown
    assert "/dev/sdb1: 1.0 GB, vfat 'bootfs'" in shown


@pytest.mark.parametrize("force", [False, True])
def test_the_systems_own_disk_is_never_written_also_when_it_is_encrypted(lsblk, force):
    lsblk(SYSTEM, CARD)
    with pytest.raises(BadInput, match="this system's own disk, mounted at /, /boot/efi"):
        check("/dev/nvme0n1", force=force)


def test_swap_is_the_systems(lsblk):
    lsblk(device("/dev/sda", 8 * GB, children=[device("/dev/sda1", GB, type="part", mountpoints=["[SWAP]"])]))
    with pytest.raises(BadInput, match="own disk"):
        check("/dev/sda", force=True)


@pytest.mark.parametrize("force", [False, True])
def test_a_mounted_card_is_not_written(lsblk, force):
    part = device("/dev/sdb1", GB, type="part", mountpoints=["/media/anna/bootfs"])
    lsblk(device("/dev/sdb", 32 * GB, children=[part]))
    with pytest.raises(BadInput, match="mounted at /media/anna/bootfs; unmount it"):
        check("/dev/sdb", force=force)


def test_a_large_disk_is_written_only_with_force(lsblk):
    lsblk(device("/dev/sdc", 2000 * GB))
    with pytest.raises(BadInput, match="2000 GB"):
        check("/dev/sdc")
    check("/dev/sdc", force=True)


def test_an_empty_reader_and_a_protected_card_are_told(lsblk):
    lsblk(device("/dev/sdd", 0), device("/dev/sde", 8 * GB, ro=True))
    with pytest.raises(BadInput, match="no card in the reader"):
        check("/dev/sdd")
    with pytest.raises(BadInput, match="write-protected"):
        check("/dev/sde")


def test_a_card_that_is_too_small_is_refused(lsblk):
    lsblk(CARD)
    with pytest.raises(SinkError, match=r"32.0 GB, the image needs 33.0 GB"):
        check("/dev/sdb", image_bytes=33 * GB)


def test_a_partition_and_a_missing_disk_are_refused(lsblk):
    lsblk(SYSTEM, CARD)
    with pytest.raises(BadInput, match="part of /dev/sdb; pass the whole card"):
        disks.find("/dev/sdb1")
    with pytest.raises(BadInput, match="no disk /dev/sdx; those that a card may be: /dev/sdb"):
        disks.find("/dev/sdx")


def test_a_card_that_was_changed_while_passwords_were_typed_is_not_written(lsblk):
    lsblk(SYSTEM, CARD)
    disk = disks.find("/dev/sdb")
    disks.check_same(disk)
    lsblk(SYSTEM, {**CARD, "size": 64 * GB})
    with pytest.raises(BadInput, match="not what it was"):
        disks.check_same(disk)


def test_without_lsblk_no_card_is_written(monkeypatch):
    monkeypatch.setattr(disks.shutil, "which", lambda name: None)
    with pytest.raises(MissingDependency, match="lsblk"):
        disks.disks()


def test_the_disks_of_this_machine_can_be_listed():
    if disks.shutil.which("lsblk") is None:
        pytest.skip("lsblk is not installed")
    for disk in disks.disks():
        assert disk.path.startswith("/dev/")


@pytest.mark.parametrize("typed", ["sdc\n", "\n\n\n", "yes\n"])
def test_another_name_than_the_cards_writes_nothing(lsblk, stock, wheels, typed, monkeypatch):
    lsblk(CARD)
    words = [str(stock), "--card", "/dev/sdb", "--wheelhouse", str(wheels())]
    monkeypatch.setattr(Card, "open", None)  # would fail if it were called
    refused = CliRunner().invoke(flash, [*words, "--confirm", typed.strip() or "no"], standalone_mode=False)
    assert isinstance(refused.exception, BadInput)
    # Without a terminal nobody can be asked.
    silent = CliRunner().invoke(flash, words, input=typed, standalone_mode=False)
    assert isinstance(silent.exception, BadInput)
    assert "--confirm sdb" in str(silent.exception)


# the card itself: a file in its place


@pytest.fixture
def reader(tmp_path):
    path = tmp_path / "sdb"
    path.write_bytes(b"\xff" * (4 << 20))
    return path


def content(size=3 << 20):
    return b"\x01" * 510 + b"\x55\xaa" + b"\x02" * (size - 512)


def write(reader, source, *, finish=True):
    with image.Image.open(source) as stock, Card.open(reader) as card:
        sums = image.copy(stock, card.file, sparse=card.sparse, progress=lambda share: None)
        assert reader.read_bytes()[:512] == bytes(512)
        card.verify(sums, ProgressListener())
        if finish:
            card.finish()


def test_the_table_of_partitions_is_written_last(reader, tmp_path):
    source = tmp_path / "stock.img"
    source.write_bytes(content())
    write(reader, source, finish=False)
    assert reader.read_bytes()[:512] == bytes(512)
    write(reader, source)
    assert reader.read_bytes()[: 3 << 20] == content()
    assert reader.read_bytes()[3 << 20 :] == b"\xff" * (1 << 20)


def test_a_card_is_no_card_any_more_from_the_first_write_on(reader, tmp_path):
    with contextlib.suppress(KeyboardInterrupt), Card.open(reader) as card:
        card.file.write(content(1024))
        raise KeyboardInterrupt
    assert reader.read_bytes()[:512] == bytes(512)


def test_a_card_stays_as_it_is_where_the_image_cannot_be_used(reader, stock_of, wheels, monkeypatch):
    monkeypatch.setattr(disks, "disks", lambda: [disks._disk(device(str(reader), 32 * GB))])
    words = [str(stock_of(arch="armhf")), "--card", str(reader), "--confirm", "sdb", "--wheelhouse", str(wheels())]
    before = reader.read_bytes()
    done = CliRunner().invoke(flash, words, standalone_mode=False)
    assert isinstance(done.exception, BadInput)
    assert reader.read_bytes() == before


def test_a_card_that_forgets_is_found(reader, tmp_path, monkeypatch):
    source = tmp_path / "stock.img"
    source.write_bytes(content())
    monkeypatch.setattr(cards.fcntl, "ioctl", lambda *_: spoil(reader))
    with pytest.raises(SinkError, match="does not hold what was written"):
        write(reader, source)
    assert reader.read_bytes()[:512] == bytes(512)


def spoil(reader):
    with reader.open("r+b") as file:
        file.seek(2 << 20)
        file.write(b"x")


@pytest.mark.parametrize(
    ("number", "match"),
    [
        (errno.EBUSY, "in use by another program"),
        (errno.EACCES, "use sudo"),
        (errno.ENOMEDIUM, "gone or broken"),
        (errno.ENOENT, "gone or broken"),
        (errno.EIO, "gone or broken"),
        (errno.ENOSPC, "cannot be written"),
    ],
)
def test_what_the_system_refuses_is_told_in_words(reader, monkeypatch, number, match):
    def refuse(*arguments):
        raise OSError(number, "refused")

    monkeypatch.setattr(cards.os, "open", refuse)
    with pytest.raises(SinkError, match=match), Card.open(reader):
        pass


def test_a_card_that_is_pulled_out_while_it_is_written_is_not_finished(reader, tmp_path, monkeypatch):
    source = tmp_path / "stock.img"
    source.write_bytes(content())

    def gone(target, block, **more):
        target.write(block)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(cards.os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(image, "_write", gone)
    with pytest.raises(SinkError, match="not finished: insert it and flash it again"):
        write(reader, source)
    assert reader.read_bytes()[:512] == bytes(512)


def test_a_real_block_device_becomes_a_card(stock, wheels, tmp_path):
    losetup = shutil.which("losetup", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if os.geteuid() != 0 or losetup is None:
        pytest.skip("a loop device needs root and losetup")
    file = tmp_path / "card"
    with file.open("wb") as raw:
        raw.write(b"\xff" * (1 << 20))
        raw.truncate(stock.stat().st_size + (16 << 20))
    made = subprocess.run([losetup, "--find", "--show", file], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"there is no loop device: {made.stderr}")
    loop = made.stdout.strip()
    try:
        words = [str(stock), "--card", loop, "--confirm", loop.rpartition("/")[2], "--wheelhouse", str(wheels())]
        done = CliRunner().invoke(flash, words, standalone_mode=False)
        assert done.exception is None, done.exception
    finally:
        subprocess.run([losetup, "--detach", loop], check=True)
    assert file.read_bytes()[:512] == stock.read_bytes()[:512]
    assert "user-data" in BootPartition(file, 8192 * 512).names()
