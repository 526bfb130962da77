"""What many tests need: the tiny bundle, FER2013 if it is there, labelled faces drawn on the spot."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from edge_fer import telemetry
from edge_fer.backends import ModelFile, litert
from edge_fer.backends.inputs import Input
from edge_fer.boxes import Box
from edge_fer.bundle import Bundle, load
from edge_fer.emotions import FER2013
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face

if TYPE_CHECKING:
    from collections.abc import Callable

# The tests write nothing outside the clone either.
telemetry.switch_off()
telemetry.keep_home_clean()

settings.register_profile("default", deadline=None, max_examples=60)
settings.load_profile("default")
st.register_type_strategy(Box, st.builds(Box, *[st.floats(-200, 800)] * 2, *[st.floats(1, 400)] * 2))  # about a frame

TINY = Path(__file__).parent / "golden" / "tiny"
DATA = Path(os.environ.get("EDGE_FER_DATA", Path(__file__).parents[2] / "shared" / "data")) / "fer2013"


@pytest.fixture
def tiny() -> Bundle:
    return load(TINY, trusted=True)


@pytest.fixture
def int8_input() -> Callable[[ModelFile], Input]:
    """Returns the input of a LiteRT model: how its quantization and the preprocessing spec combine."""

    def read(model: ModelFile) -> Input:
        _, _, runtime = litert.find_runtime()
        interpreter = runtime.Interpreter(model_content=model.content)
        (details,) = interpreter.get_input_details()
        scale, zero_point = details["quantization"]
        return Input(model, details["shape"].tolist(), details["dtype"], scale, zero_point)

    return read


@pytest.fixture
def fer2013() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"FER2013 is not in {DATA} (set EDGE_FER_DATA to the folder that holds fer2013/)")
    return DATA


@pytest.fixture
def drawn_zip(tmp_path: Path) -> Path:
    """Drawn faces in the layout of Kaggle's FER2013: four of each class, 48x48."""
    path = tmp_path / "drawn.zip"
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for label in FER2013:
            for number in range(4):
                face = cv2.resize(draw_face(EXPRESSIONS[label]), (48, 48), interpolation=cv2.INTER_AREA)
                noisy = np.clip(face + rng.normal(0, 25, face.shape), 0, 255).astype(np.uint8)
                archive.writestr(f"train/{label}/{label}{number}.png", cv2.imencode(".png", noisy)[1].tobytes())
    return path


@pytest.fixture
def shades(tmp_path):
    """Labelled faces of the tiny bundle's classes: a shade of grey each."""
    folder = tmp_path / "shades"
    for label, tone in {"dark": 30, "medium": 128, "bright": 225}.items():
        (folder / label).mkdir(parents=True)
        for number in range(3):
            image = np.full((48, 48), tone + number, np.uint8)
            cv2.imwrite(str(folder / label / f"{number}.png"), image)
    return folder


@pytest.fixture
def raspberry_pi(tmp_path: Path) -> Path:
    """The files of /proc and /sys that a Raspberry Pi 5 with a power sensor has."""
    root = tmp_path / "raspberry_pi"
    files = {
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\x00",
        "proc/device-tree/compatible": "raspberrypi,5-model-b\x00brcm,bcm2712\x00",
        "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp\nCPU part\t: 0xd0b\n\nprocessor\t: 1\n",
        "proc/meminfo": "MemTotal:        8245248 kB\nSwapTotal:        524272 kB\n",
        "proc/stat": "cpu  1000 0 500 9000 10 0 0 50 0 0\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "2400000\n",
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1500000\n",
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "2400000\n",
        "sys/class/thermal/thermal_zone0/temp": "61234\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        "sys/class/hwmon/hwmon2/power1_input": "4250000\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def no_profile_of_this_machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile in the home folder changes no test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
