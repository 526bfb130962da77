"""When the music follows a state: not at once, not too often, and not while somebody chooses it by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.appliance.outlets.presence import NOBODY

if TYPE_CHECKING:
    from edge_fer.appliance.outlets.settings import MusicSettings


class Mood:
    """Decides what is played. Knows no player, and no clock but the times that it is told."""

    def __init__(self, settings: MusicSettings) -> None:
        self._settings = settings
        self.played: str | None = None
        """The state whose playlist plays; None before the first."""
        self._played_s = float("-inf")
        self._candidate: str | None = None
        self._lasted_s = 0.0
        self._asked_s = float("-inf")
        self._left_alone_until_s = float("-inf")

    def change(self, state: str, now_s: float) -> str | None:
        """Return the state whose playlist is to be played from now on, if another one is; *state* is that of now.

        A state without a playlist, such as ``unknown`` or ``nobody``, changes nothing. A face that is not sure for a
        moment goes on waiting where it was; somebody who comes begins anew.
        """
        elapsed_s = now_s - self._asked_s
        self._asked_s = now_s
        if state == NOBODY:
            self._candidate = None
        if state not in self._settings.playlists:
            return None
        if state == self._candidate:
            self._lasted_s += elapsed_s
        else:
            self._candidate = state
            self._lasted_s = 0.0
        if state == self.played or now_s < self._left_alone_until_s:
            return None
        if self._lasted_s < self._settings.dwell_s or now_s - self._played_s < self._settings.least_s:
            return None
        return state

    def plays(self, state: str, now_s: float) -> None:
        """Note that the playlist of *state* plays from now on."""
        self.played = state
        self._played_s = now_s

    def touched(self, now_s: float) -> None:
        """Note that somebody changed the music by hand."""
        self._left_alone_until_s = now_s + self._settings.override_s
