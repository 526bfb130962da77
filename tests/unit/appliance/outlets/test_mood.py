"""When the music follows a state."""

from __future__ import annotations

from edge_fer.appliance.outlets.mood import Mood
from edge_fer.appliance.outlets.settings import MusicSettings


class Watched:
    """A mood that is asked eight times a second: such times have no rounding."""

    def __init__(self, **settings) -> None:
        playlists = {"happy": "h", "sad": "s"}
        self.mood = Mood(
            MusicSettings(playlists=playlists, **{"dwell_s": 5, "least_s": 20, "override_s": 60} | settings)
        )
        self.eighths = 0

    def sees(self, state: str, seconds: float) -> list[tuple[float, str]]:
        """Return the changes, each with its time in seconds, while *state* is seen for *seconds*."""
        changes = []
        for _ in range(round(seconds * 8)):
            self.eighths += 1
            chosen = self.mood.change(state, self.eighths / 8)
            if chosen is not None:
                self.mood.plays(chosen, self.eighths / 8)
                changes.append((self.eighths / 8, chosen))
        return changes


def test_a_state_has_to_last():
    watched = Watched()
    assert watched.sees("happy", 5) == []
    assert watched.sees("sad", 3) == []
    assert watched.sees("happy", 10) == [(13.125, "happy")]


def test_the_music_does_not_change_too_often():
    watched = Watched()
    assert watched.sees("happy", 10) == [(5.125, "happy")]
    assert watched.sees("sad", 30) == [(25.125, "sad")]


def test_it_plays_on_where_nobody_is_or_nothing_is_known():
    watched = Watched()
    watched.sees("happy", 10)
    for state in ("nobody", "unknown", "fear"):
        assert watched.sees(state, 100) == []
    assert watched.mood.played == "happy"
    assert watched.sees("happy", 100) == []


def test_a_face_that_is_not_sure_for_a_moment_goes_on_waiting():
    watched = Watched()
    assert watched.sees("happy", 4) == []
    assert watched.sees("unknown", 100) == []
    # The time since it was last asked counts only if the state was the same then.
    assert watched.sees("happy", 2) == [(105.125, "happy")]


def test_somebody_who_comes_begins_anew():
    watched = Watched()
    watched.sees("happy", 4)
    watched.sees("nobody", 1)
    assert watched.sees("happy", 5) == []
    assert watched.sees("happy", 1) == [(10.125, "happy")]


def test_what_somebody_chose_by_hand_is_left_alone_for_a_while():
    watched = Watched()
    watched.sees("happy", 30)
    watched.mood.touched(30.0)
    assert watched.sees("sad", 100) == [(90.0, "sad")]
