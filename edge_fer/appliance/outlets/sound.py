"""Sounds for alerts: a notice is heard once, a warning and an alarm until they are cleared.

A program of the system plays them; one that hangs is ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.event import Kind
from edge_fer.appliance.outlets import tones
from edge_fer.appliance.outlets.presence import LEVELS, Presence, level_of
from edge_fer.errors import OutletError, one_line

if TYPE_CHECKING:
    from edge_fer.appliance.event import Event
    from edge_fer.appliance.outlets.settings import SoundSettings

PLAYERS: Final = ("aplay", "paplay", "pw-play")
"""Tried in this order; of ALSA, PulseAudio and PipeWire."""
POLL_S: Final = 0.05
"""How often it is looked whether a player has ended, or something louder is to be heard."""
OPEN_S: Final = 5.0
MAX_WORDS: Final = 500
"""Characters of what a player says when it fails."""
NOTICE: Final = "notice"
REPEATED: Final = ("warning", "alarm")


class SoundOutlet:
    """Plays sounds. A thread plays, so that nobody waits for a player."""

    name = "sound"

    def __init__(
        self,
        settings: SoundSettings,
        secret: str | None = None,  # noqa: ARG002 (all outlets are made alike)
    ) -> None:
        self._settings = settings
        self.deadline_s = OPEN_S
        self.refused = 0
        self._every_s = {"warning": settings.warning_every_s, "alarm": settings.alarm_every_s}
        self._changed = threading.Condition()
        self._presence = Presence()
        self._is_new = False
        """Whether a notice has come that was not heard yet."""
        self._ends = False
        self._fault: str | None = None
        self._thread: threading.Thread | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def open(self) -> None:
        """Look for a player and for the files. Raises `OutletError`."""
        self.close()
        player = _player(self._settings.player)
        try:
            files = self._files()
        except OSError as exc:
            self.close()
            raise OutletError(f"the tones cannot be written: {one_line(exc)}") from exc
        self._ends = False
        self._fault = None
        self._thread = threading.Thread(target=self._run, args=[player, files], name="sound", daemon=True)
        self._thread.start()

    def send(self, event: Event) -> None:
        """Note what *event* raises or clears; it is heard at once. Raises `OutletError`."""
        with self._changed:
            before = self._presence.alerts.get(event.subject)
            self._presence.take(event)
            if event.kind is Kind.ALERT and _begins(event.after, before):
                self._is_new = self._presence.loudest() not in REPEATED
            self._changed.notify_all()
        self._check()

    def publish_status(self, status: dict[str, Any]) -> None:
        """Note what is raised. Raises `OutletError` if the player fails."""
        with self._changed:
            self._presence.correct(status)
            self._changed.notify_all()
        self._check()

    def close(self) -> None:
        """Be silent, at once."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.cleanup()
            self._folder = None

    def _check(self) -> None:
        if self._thread is None:
            raise OutletError("the player is not open")
        if self._fault is not None:
            raise OutletError(self._fault)

    def _files(self) -> dict[str, str]:
        """Return the file of each level; tones are written. Raises `OutletError` or `OSError`."""
        files: dict[str, str] = {}
        for level in tones.TONES:
            own = getattr(self._settings, level)
            if own is None:
                own = str(self._written(level))
            elif not Path(own).is_file():
                raise OutletError(f"the sound {own} for {level} is not there; mend [sound], or put it there")
            files[level] = own
        return files

    def _written(self, level: str) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="edge-fer-sound-")
        path = Path(self._folder.name) / f"{level}.wav"
        path.write_bytes(tones.wave_file(level))
        return path

    # in the thread

    def _run(self, player: str, files: dict[str, str]) -> None:
        """Play what is to be heard until the end, or until the player fails."""
        next_s = 0.0
        last: str | None = None
        while True:
            with self._changed:
                level = self._wanted()
                if self._ends:
                    return
                if level is None or (level == last and time.monotonic() < next_s):
                    last = level
                    self._changed.wait(None if level is None else POLL_S)
                    continue
                self._is_new = self._is_new and level != NOTICE
            last = level
            next_s = time.monotonic() + self._every_s.get(level, 0.0)
            try:
                self._play(player, files[level], level)
            except OutletError as exc:
                self._fault = str(exc)
                return

    def _wanted(self) -> str | None:
        """Return the level that is to be heard now; None for silence."""
        loudest = self._presence.loudest()
        least = LEVELS.index(self._settings.from_level)
        if loudest in REPEATED and LEVELS.index(loudest) >= least:
            return loudest
        return NOTICE if self._is_new and least <= LEVELS.index(NOTICE) else None

    def _play(self, player: str, path: str, level: str) -> None:
        """Play the file at *path*; stop where another level is to be heard. Raises `OutletError`."""
        until_s = time.monotonic() + self._settings.deadline_s
        with tempfile.TemporaryFile() as words:
            try:
                process = subprocess.Popen(  # noqa: S603 (the program of the settings)
                    [player, path],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    start_new_session=True,
                )
            except OSError as exc:
                raise OutletError(f"{player} cannot be started: {one_line(exc.strerror or exc)}") from exc
            try:
                code = self._ended(process, level, until_s)
            finally:
                _kill(process)
            if code:
                words.seek(0)
                said = one_line(words.read(MAX_WORDS).decode(errors="replace"))
                raise OutletError(f"{player} cannot play {path}: {said or f'it ends with {code}'}")

    def _ended(self, process: subprocess.Popen[bytes], level: str, until_s: float) -> int | None:
        """Wait for *process*. Return how it ended; None where it is to end. Raises `OutletError` if it hangs."""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(POLL_S)
            with self._changed:
                wanted = self._wanted()
                ends = self._ends
            # A notice is heard to its end; what is repeated ends with its alert.
            if ends or (wanted != level and (wanted in REPEATED or level in REPEATED)):
                return None
            if time.monotonic() >= until_s:
                raise OutletError(f"the player hangs: it has not ended within {self._settings.deadline_s:g} s")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End *process*, and those that it has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _begins(after: str | None, before: str | None) -> bool:
    """Return whether a change of an alert, from word to word, begins a notice, not one that was louder."""
    if after is None or level_of(after) != NOTICE:
        return False
    return before is None or LEVELS.index(level_of(before)) < LEVELS.index(NOTICE)


def _player(wanted: str | None) -> str:
    """Return the program that plays: the one that is wanted, or the first that is installed. Raises `OutletError`."""
    for name in PLAYERS if wanted is None else (wanted,):
        found = shutil.which(name)
        if found is not None:
            return found
    if wanted is not None:
        raise OutletError(f"the player {wanted} is not installed; install it, or mend [sound]")
    raise OutletError(f"none of {', '.join(PLAYERS)} is installed: apt install alsa-utils")
