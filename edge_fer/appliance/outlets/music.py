"""Music that follows the state of who is in view, played by mpv.

The use that Umer et al. give a recognizer of expressions (CMES 2022, section 3.2): the state chooses the class from
which a song is played. Beyond that, the music changes only after a state has lasted, fades, and is left alone for a
while once somebody has changed it by hand. Where nobody is in view, or nobody's state is known, it plays on.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.outlets.mood import Mood
from edge_fer.appliance.outlets.presence import Presence
from edge_fer.errors import OutletError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.appliance.event import Event
    from edge_fer.appliance.outlets.mpv import Mpv
    from edge_fer.appliance.outlets.settings import MusicSettings

PERIOD_S: Final = 0.25
"""Seconds between two looks at what plays."""
FADE_STEP_S: Final = 0.1
LOAD_S: Final = 5.0
"""Seconds in which the first track of a playlist must begin."""
END_S: Final = 0.4
"""Seconds in which the thread must be done, before the connection is cut."""
SAME: Final = 0.01
"""Volumes that differ by less, in percent, are the same."""


class MusicOutlet:
    """Plays music. mpv is spoken to by a thread of its own, since fades and dwell times need no event.

    *now* is the monotonic clock by which dwell times and overrides count.
    """

    name = "music"

    def __init__(
        self,
        settings: MusicSettings,
        secret: str | None = None,  # noqa: ARG002 (all outlets are made alike)
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._now = now
        self.deadline_s = settings.deadline_s + 30  # an mpv that starts on a busy board takes long
        self.refused = 0
        self._lock = threading.Lock()
        self._presence = Presence()
        self._mood = Mood(settings)
        self._mpv: Mpv | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._fault: str | None = None
        self._volume = float(settings.volume)
        """Volume of the music when no fade is under way: that of the settings, or what somebody chose by hand."""
        self._set_volume = self._volume
        """Volume that mpv was told last."""

    def open(self) -> None:
        """Connect to mpv, or start it, and go on with what played before. Raises `OutletError`."""
        from edge_fer.appliance.outlets.mpv import Mpv

        self.close()
        for state, place in self._settings.playlists.items():
            if "://" not in place and not Path(place).exists():
                raise OutletError(f"the playlist {place} of {state} is not there; mend [music], or put it there")
        mpv = Mpv.opened(self._settings)
        self._mpv = mpv
        self._fault = None
        self._stopping.clear()
        try:
            mpv.set("loop-playlist", "inf")
            self._tell_volume(mpv, self._volume)
        except OutletError:
            self.close()
            raise
        self._thread = threading.Thread(target=self._run, args=[mpv], name="music", daemon=True)
        self._thread.start()

    def send(self, event: Event) -> None:
        """Note what *event* tells; the music follows later. Raises `OutletError`."""
        with self._lock:
            self._presence.take(event)
        self._check()

    def publish_status(self, status: dict[str, Any]) -> None:
        """Note who is in view. Raises `OutletError` if mpv is gone or hangs."""
        with self._lock:
            self._presence.correct(status)
        self._check()

    def close(self) -> None:
        """Leave mpv as it is; one that was started here ends."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(END_S)
        if self._mpv is not None:
            # This also wakes the thread, if it waits for a player that hangs.
            self._mpv.close()
            self._mpv = None
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _check(self) -> None:
        if self._thread is None:
            raise OutletError("the player is not open")
        if self._fault is not None:
            raise OutletError(self._fault)

    def _run(self, mpv: Mpv) -> None:
        """Follow the state, until `close` or until mpv is gone."""
        try:
            self._go_on(mpv)
            while not self._stopping.wait(PERIOD_S):
                self._look(mpv)
            # In the middle of a fade, somebody else's mpv must not stay silent.
            self._tell_volume(mpv, self._volume)
        except OutletError as exc:
            self._fault = str(exc)

    def _go_on(self, mpv: Mpv) -> None:
        """Play again what played before mpv was gone; leave alone what somebody else plays. Raises `OutletError`."""
        is_idle = mpv.get("idle-active")
        if is_idle and self._mood.played is not None:
            self._play(mpv, self._mood.played)
        elif not is_idle and self._mood.played is None:
            self._mood.touched(self._now())

    def _look(self, mpv: Mpv) -> None:
        """Notice what was changed by hand, and change the music if it is time. Raises `OutletError`."""
        if self._was_touched(mpv):
            self._mood.touched(self._now())
        with self._lock:
            state = self._presence.first() if self._settings.who == "first" else self._presence.most()
        chosen = self._mood.change(state, self._now())
        if chosen is not None:
            self._change(mpv, chosen)

    def _was_touched(self, mpv: Mpv) -> bool:
        """Return whether somebody has changed volume, pause or track since the last look. Raises `OutletError`."""
        volume = float(mpv.get("volume"))
        is_paused = bool(mpv.get("pause")) or bool(mpv.get("mute"))
        has_other_track = any(self._is_by_hand(event) for event in mpv.events)
        mpv.events.clear()
        return self._was_turned(volume) or is_paused or has_other_track

    def _is_by_hand(self, event: dict[str, Any]) -> bool:
        """Return whether *event* of mpv tells of another track that was not chosen here."""
        # A track that ends by itself says "eof"; one that was left says "stop", and so do own changes, whose events
        # are taken away at once.
        if event.get("event") == "start-file":
            return self._mood.played is None
        return event.get("event") == "end-file" and event.get("reason") == "stop"

    def _was_turned(self, volume: float) -> bool:
        """Return whether somebody has set the volume to *volume*; it is kept from then on."""
        if abs(volume - self._set_volume) <= SAME:
            return False
        self._volume = volume
        self._set_volume = volume
        return True

    def _change(self, mpv: Mpv, state: str) -> None:
        """Fade out, play the playlist of *state*, fade in. Raises `OutletError`."""
        if not mpv.get("idle-active") and not self._fade(mpv, 0.0):
            self._mood.touched(self._now())
            return
        self._play(mpv, state)

    def _play(self, mpv: Mpv, state: str) -> None:
        self._tell_volume(mpv, 0.0 if self._settings.fade_s else self._volume)
        mpv.command("loadfile", self._settings.playlists[state], "replace")
        self._wait_for_track(mpv, state)
        if self._settings.shuffle:
            mpv.command("playlist-shuffle")
            mpv.command("playlist-play-index", 0)
            self._wait_for_track(mpv, state)
        self._mood.plays(state, self._now())
        if not self._fade(mpv, self._volume):
            self._mood.touched(self._now())

    def _wait_for_track(self, mpv: Mpv, state: str) -> None:
        """Wait until a track plays, and take away what mpv told of the change. Raises `OutletError` if none does."""
        until_s = time.monotonic() + LOAD_S
        while not self._stopping.wait(FADE_STEP_S):
            if any(event.get("event") == "file-loaded" for event in mpv.events) and mpv.get("time-pos") is not None:
                break
            mpv.get("idle-active")  # brings the events
            if time.monotonic() > until_s:
                self._tell_volume(mpv, self._volume)
                raise OutletError(
                    f"mpv plays nothing of {self._settings.playlists[state]}; check the playlist of {state}"
                )
        mpv.events.clear()

    def _fade(self, mpv: Mpv, volume: float) -> bool:
        """Fade to *volume*. Return whether nobody has turned it by hand meanwhile. Raises `OutletError`."""
        begin = self._set_volume
        steps = max(1, round(self._settings.fade_s / FADE_STEP_S))
        for step in range(1, steps + 1):
            if steps > 1 and self._stopping.wait(FADE_STEP_S):
                break
            if self._was_turned(float(mpv.get("volume"))):
                return False
            self._tell_volume(mpv, begin + (volume - begin) * step / steps)
        return True

    def _tell_volume(self, mpv: Mpv, volume: float) -> None:
        mpv.set("volume", volume)
        self._set_volume = volume
