"""Which camera of a machine is taken, by what the kernel says of its video devices."""

from __future__ import annotations

import pytest

from edge_fer.sources.addresses import Kind, kind_of
from edge_fer.sources.video_devices import cameras, first_camera

RIBBON_ON_4 = {0: "unicam", 10: "bcm2835-codec-decode", 13: "bcm2835-isp", 19: "rpivid"}
RIBBON_ON_5 = {0: "rp1-cfe-csi2_ch0", 4: "rp1-cfe-fe_config", 20: "pispbe-input", 19: "rpi-hevc-dec"}
USB = "HD Webcam C270"


@pytest.fixture
def folder(tmp_path):
    """Return a function that makes the folder of the kernel with the video devices that it is given."""

    def make(devices):
        for number, name in devices.items():
            (tmp_path / f"video{number}").mkdir()
            (tmp_path / f"video{number}/name").write_text(f"{name}\n")
            (tmp_path / f"video{number}/index").write_text("0\n")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ({}, "0"),
        ({0: USB}, "0"),
        ({2: USB}, "2"),
        (RIBBON_ON_4, "picamera"),
        (RIBBON_ON_5, "picamera"),
        ({**RIBBON_ON_4, 1: USB}, "1"),
        ({10: "bcm2835-codec-decode"}, "0"),
    ],
)
def test_a_usb_camera_is_taken_then_that_of_the_ribbon_cable(folder, devices, expected):
    assert first_camera(folder(devices)) == expected


def test_a_cameras_second_device_is_none(folder):
    kernel = folder({2: USB, 10: USB})
    (kernel / "video2/index").write_text("1\n")
    assert cameras(kernel) == {10: USB}


def test_its_name_is_no_file():
    assert kind_of("camera") is Kind.CAMERA


def test_a_machine_without_video_devices(tmp_path):
    assert first_camera(tmp_path / "nothing") == "0"
