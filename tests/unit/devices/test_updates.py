"""The recipes of `devices/updates` and `devices/rpi-image-gen`: what engines would refuse, or pass over in silence."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_fer.appliance.commands.health import health

DEVICES = Path(__file__).parents[3] / "devices"
UPDATES = DEVICES / "updates"
LAYERS = DEVICES / "rpi-image-gen"
LAYER = LAYERS / "layer" / "edge-fer.yaml"
SHARED = LAYERS / "layer" / "edge-fer.d" / "slot-shared.conf"
TRIAL = "/var/lib/edge-fer-update/on-trial"
FIELDS = {"Name", "Version", "Category", "Desc", "Requires", "Conflicts", "Provides", "RequiresProvider", "Type"}
ATTRIBUTES = {"Desc", "Required", "Valid", "Set", "Anchor", "Conflicts", "Triggers"}
"""What rpi-image-gen knows of a layer and of a variable (its `site/metadata_parser.py`)."""

pytestmark = pytest.mark.skipif(not UPDATES.is_dir(), reason="the recipes lie in a clone, not in the wheel")


@pytest.fixture(scope="module")
def metadata():
    """The fields between METABEGIN and METAEND."""
    block = re.search(r"^# METABEGIN$(.*?)^# METAEND$", LAYER.read_text(), re.MULTILINE | re.DOTALL)
    fields: dict[str, str] = {}
    name = ""
    for line in (line.removeprefix("#").removeprefix(" ") for line in block[1].splitlines()):
        if line.startswith(" "):
            fields[name] += line
        elif line:
            name, value = line.split(": ", 1)
            assert name not in fields
            fields[name] = value
    return fields


@pytest.fixture(scope="module")
def layer():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install pyyaml")
    return yaml.safe_load(LAYER.read_text())["mmdebstrap"]


def unit(path: Path) -> dict[str, list[tuple[str, str]]]:
    """The sections of a systemd unit; a key may be given twice."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            lines.append(tuple(line.split("=", 1)))
    return sections


def config(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    parser.read_string(path.read_text())
    return parser


def test_every_field_of_the_layer_is_one_that_rpi_image_gen_knows(metadata):
    variables = {
        match[1] for name in metadata if (match := re.fullmatch(r"X-Env-Var-([a-z_]+)", name))
    }  # others are passed over or refused
    for name in metadata:
        if name == "X-Env-VarPrefix":
            continue
        if match := re.fullmatch(r"X-Env-Layer-(\w+)", name):
            assert match[1] in FIELDS
            continue
        variable, _, attribute = name.removeprefix("X-Env-Var-").partition("-")
        assert variable in variables
        assert not attribute or attribute in ATTRIBUTES
    assert metadata["X-Env-Layer-Name"] == "edge-fer"
    assert "timesync" not in metadata["X-Env-Layer-Requires"]  # without a network, the device would never start
    assert "wait" not in metadata["X-Env-Layer-Requires"]


def test_the_layers_variables_and_files_exist(metadata, layer):
    hooks = "\n".join(layer["customize-hooks"])
    for variable in set(re.findall(r"\$IGconf_edgefer_([a-z_]+)", hooks)):
        default = metadata[f"X-Env-Var-{variable}"].replace("${DIRECTORY}", str(LAYER.parent))
        if variable != "wheelhouse":  # which is made by edge-fer wheelhouse
            assert Path(default).exists(), default
    base = {"files": LAYER.parent / "edge-fer.d", "devices": DEVICES}
    for variable, path in re.findall(r"\$IGconf_edgefer_(files|devices)/([\w./-]+)", hooks):
        assert (base[variable] / path).exists(), path


def test_the_layers_hooks_are_shell(layer):
    for hook in layer["customize-hooks"]:
        done = subprocess.run(["sh", "-n"], input=hook, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert hook.startswith("set -eu\n")  # or a step that fails would be passed over


def test_the_config_names_the_layer():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install pyyaml")
    values = yaml.safe_load((LAYERS / "config" / "edge-fer-ab.yaml").read_text())
    assert values["layer"]["app"] == "edge-fer"
    assert values["include"]["file"].endswith("-ab.yaml")


def test_the_services_settings_are_accepted():
    from edge_fer.appliance.config import Config

    Config.load(LAYERS / "layer" / "edge-fer.d" / "config.toml")


def test_what_the_service_and_the_update_write_survives_a_change_of_the_slot():
    lines = [line for line in SHARED.read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "Version=1"
    paths = [line.removeprefix("Path=") for line in lines[1:]]
    assert all(line.startswith("Path=/") for line in lines[1:])
    assert str(Path(TRIAL).parent) in paths
    service = unit(DEVICES / "edge_fer_devices" / "first_boot" / "units" / "edge-fer.service")
    (written,) = [value for key, value in service["Service"] if key == "ReadWritePaths"]
    assert {path.removeprefix("-") for path in written.split()} <= set(paths)


def test_rauc_system_has_two_slots_of_one_kind():
    system = config(UPDATES / "rauc" / "system.conf")
    slots = [system[name] for name in system.sections() if name.startswith("slot.rootfs.")]
    assert len({slot["device"] for slot in slots}) == len({slot["bootname"] for slot in slots}) == 2
    assert system["system"]["data-directory"].startswith("/persistent/shared/")
    handler = Path(system["handlers"]["post-install"]).name
    assert (UPDATES / "rauc" / handler).stat().st_mode & 0o111


def test_rauc_manifest_fits_the_system():
    system = config(UPDATES / "rauc" / "system.conf")
    manifest = config(UPDATES / "rauc" / "manifest.raucm")
    assert manifest["update"]["compatible"] == system["system"]["compatible"]
    assert manifest["bundle"]["format"] in system["system"]["bundle-formats"]
    assert {name.split(".")[1] for name in manifest.sections() if name.startswith("image.")} == {"rootfs"}


def test_only_a_slot_on_trial_is_given_up():
    healthy = unit(UPDATES / "units" / "edge-fer-healthy.service")
    assert ("OnFailure", "edge-fer-roll-back.service") in healthy["Unit"]
    assert ("RequiredBy", "boot-complete.target") in healthy["Install"]
    for name in ("edge-fer-roll-back.service", "edge-fer-mark-good.service"):
        assert ("ConditionPathExists", TRIAL) in unit(UPDATES / "units" / name)["Unit"]
    assert ("ConditionPathExists", f"!{TRIAL}") in unit(UPDATES / "units" / "edge-fer-keep.service")["Unit"]
    assert ("Requires", "boot-complete.target") in unit(UPDATES / "units" / "edge-fer-mark-good.service")["Unit"]
    assert Path(TRIAL).name in (UPDATES / "rauc" / "rauc-post-install").read_text()


def test_the_gate_waits_until_frames_come():
    (command,) = [
        value for key, value in unit(UPDATES / "units" / "edge-fer-healthy.service")["Service"] if key == "ExecStart"
    ]
    program, *words = command.split()
    assert program == "/opt/edge-fer/venv/bin/edge-fer"
    assert health.make_context("health", words[1:]).params["wait_s"] == 180
    assert words[0] == "health"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze: apt install systemd")
@pytest.mark.parametrize("name", ["healthy", "roll-back", "mark-good", "keep"])
def test_systemd_takes_the_units(name):
    path = UPDATES / "units" / f"edge-fer-{name}.service"
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    # Programs and units of the device are not on this machine.
    faults = [line for line in done.stderr.splitlines() if path.name in line and "not executable" not in line]
    assert not [line for line in faults if "Unknown" in line or "Failed to parse" in line or "Invalid" in line], faults


@pytest.mark.skipif(shutil.which("rauc") is None, reason="there is no rauc: apt install rauc squashfs-tools")
@pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="there is no mksquashfs: apt install squashfs-tools")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl: apt install openssl")
def test_rauc_makes_a_bundle_of_the_manifest_and_reads_it(tmp_path):
    content = tmp_path / "content"
    content.mkdir()
    (content / "rootfs.ext4").write_bytes(os.urandom(1 << 16))  # rauc refuses an almost empty one
    shutil.copy(UPDATES / "rauc" / "manifest.raucm", content)
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", key]
    subprocess.run([*make, "-out", cert], check=True, capture_output=True)
    bundle = tmp_path / "edge-fer.raucb"
    made = subprocess.run(
        ["rauc", "bundle", f"--cert={cert}", f"--key={key}", content, bundle],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    # The system's settings are read, too; its keyring is not on this machine.
    settings = tmp_path / "system.conf"
    settings.write_text((UPDATES / "rauc" / "system.conf").read_text().replace("/etc/rauc/keyring.pem", str(cert)))
    read = subprocess.run(
        ["rauc", f"--conf={settings}", "info", str(bundle)], capture_output=True, text=True, check=False
    )
    assert read.returncode == 0, read.stderr
    assert "edge-fer-raspberry-pi" in read.stdout
