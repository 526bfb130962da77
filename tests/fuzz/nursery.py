"""A process that has imported edge-fer and forks for every command: a start costs milliseconds instead of a second.

It reads a job in JSON from each line of stdin and answers with a line of JSON on stdout. No runtime is used before a
fork, since runtimes start threads, which do not survive one. What goes wrong in a fork is tried again in a process of
its own, whose word counts.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2

from fuzz import case as cases
from fuzz import watch
from fuzz.case import Case, Command

if TYPE_CHECKING:
    from typing import NoReturn

PR_SET_PDEATHSIG: Final = 1
"""Of ``linux/prctl.h``: what hangs ends with the nursery."""
MAX_FILE_BYTES: Final = 512 << 20
TRIES: Final = {"signal": 3}
"""How often a fault is tried again in a process of its own: damaged memory does not always end in a crash."""


def main(kinds: list[str]) -> None:
    """Answer jobs until stdin ends."""
    # Each would start threads or a process, which a fork does not have.
    cv2.setNumThreads(0)
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    for kind in kinds:
        for name in (cases.GENERATORS[kind], *cases.WARM[kind]):
            with contextlib.suppress(ImportError):  # a runtime that is not installed
                importlib.import_module(name)
    importlib.import_module("edge_fer.cli")
    gc.collect()
    gc.freeze()  # shared memory stays shared
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    for line in sys.stdin:
        answer = _answer(json.loads(line))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    """Make the job's input, run its commands, and return how they ended."""
    folder = Path(job["folder"])
    try:
        made = _made(job, folder / "first")
    except Exception:  # noqa: BLE001 (whatever it is, it is a fault of the generator, and the others go on)
        return {**job, "damage": "", "ended": [], "generator": traceback.format_exc()}
    ended = []
    for number, command in enumerate(made.commands):
        one = forked(command, folder / "first")
        if one.verdict:
            one = _confirmed(job, number, one, folder)
        ended.append(one.as_dict())
    return {**job, "damage": made.damage, "ended": ended, "generator": ""}


def _made(job: dict[str, Any], folder: Path) -> Case:
    if "kept" in job:
        shutil.copytree(job["kept"], folder, symlinks=True, copy_function=_copy)
        record = json.loads((folder / "case.json").read_text())
        commands = [Command(tuple(c["args"]), frozenset(c["allowed"]), c["profile"]) for c in record["commands"]]
        return Case(record["damage"], tuple(commands))
    return cases.make(job["kind"], job["seed"], job["index"], folder, Path(job["base"]))


def _copy(source: str, target: str) -> None:
    # A copy of a FIFO would wait for a writer.
    if Path(source).is_fifo():
        os.mkfifo(target)
    else:
        shutil.copy2(source, target)


def _confirmed(job: dict[str, Any], number: int, first: watch.Ended, folder: Path) -> watch.Ended:
    """Return how the command ends in a process of its own; an empty verdict if nothing is wrong there."""
    for attempt in range(TRIES.get(first.verdict, 1)):
        again = folder / f"again{number}-{attempt}"
        command = _made(job, again).commands[number]
        ended = fresh(command, again)
        if ended.verdict:
            return ended
    return replace(ended, where=f"only after a fork: {first.verdict}: {first.where}")


def forked(command: Command, folder: Path) -> watch.Ended:
    """Return how *command* ends in a fork of this process."""
    stdout, stderr = folder / "stdout", folder / "stderr"
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        _become(command, folder, stdout, stderr)
    return watch.watch(pid, command.args, command, stdout, stderr)


def fresh(command: Command, folder: Path) -> watch.Ended:
    """Return how *command* ends in a process that imports everything itself."""
    stdout, stderr = folder / "stdout", folder / "stderr"
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_fer.cli", *command.args],
            stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder, start_new_session=True,
            env=os.environ | _environment(command, folder),
        )  # fmt: skip
    return watch.watch(process.pid, command.args, command, stdout, stderr)


def _become(command: Command, folder: Path, stdout: Path, stderr: Path) -> NoReturn:
    """Turn this fork into *command*. It leaves as a process does, through Python's and the libraries' own ends."""
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    cv2.setNumThreads(-1)
    for descriptor, path in ((1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ.update(_environment(command, folder))
    tempfile.tempdir = None  # the one of before the fork
    os.chdir(folder)
    sys.argv = ["edge-fer", *command.args]
    importlib.import_module("edge_fer.cli").main(args=list(command.args), prog_name="edge-fer")
    raise SystemExit(0)


def _environment(command: Command, folder: Path) -> dict[str, str]:
    """Return the variables of a home of the command's own."""
    home = folder / "home"
    config = home / ".config"
    (config / "edge-fer").mkdir(parents=True, exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    if command.profile:
        (config / "edge-fer" / "profile.toml").write_bytes(command.profile.encode("utf-8", "surrogateescape"))
    return {"HOME": str(home), "XDG_CONFIG_HOME": str(config), "TMPDIR": str(folder / "tmp")}


def record(made: Case) -> str:
    """Return *made* as the text of a kept case's ``case.json``."""
    commands = [{**asdict(command), "allowed": sorted(command.allowed)} for command in made.commands]
    return json.dumps({"damage": made.damage, "commands": commands}, indent=2)


if __name__ == "__main__":
    main(sys.argv[1:])
