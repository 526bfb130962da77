"""Follows every known face, and searches the frame where that may find another."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from edge_fer.detectors import SURE
from edge_fer.records import Seen
from edge_fer.tracking.association import LIKE_ITSELF, MOMENT_S, distance, same, whose
from edge_fer.tracking.changes import HEAD
from edge_fer.tracking.in_step import InStep, lasting
from edge_fer.tracking.looking import Look, see, tilts
from edge_fer.tracking.patches import Patch
from edge_fer.tracking.searching import Searches
from edge_fer.tracking.settings import Tracking
from edge_fer.tracking.suspects import Suspects
from edge_fer.tracking.track import Track

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.detectors import Detector, Face
    from edge_fer.tracking.patches import Match
    from edge_fer.tracking.searching import Search

LIKE_THE_LAST: Final = 0.7
"""Least correlation with the last frame's patch at which a face that the detector does not confirm is followed. It must
also stay like itself when it was confirmed: otherwise, a cut would leave a ghost."""
NEIGHBOUR: Final = 1.5
"""Distance, in widths of a face, below which another one may be mistaken for it."""


class FaceTracker:
    """Follows every known face, and searches the frame where that may find another.

    By default, all of it is done while `update` is called. While `behind` is entered, the detector works in a thread
    of its own: no frame waits for it, and its answers are moved to where the faces are by then.
    """

    def __init__(self, detector: Detector, tracking: Tracking | None = None) -> None:
        self.detector = detector
        self.tracking = tracking or Tracking()
        self._executor: Executor = InStep()
        self._searches = Searches(detector, self.tracking)
        self._suspects = Suspects()
        self._next_id = 1
        self.reset()

    @property
    def searches(self) -> int:
        """Searches of the whole, upright frame so far."""
        return self._searches.whole

    def reset(self) -> None:
        """Forget all faces. To be called when the next frame is unrelated to the last one."""
        self._tracks: list[Track] = []
        self._now_s = -math.inf
        self._looks: dict[int, Look] = {}
        self._searches.reset()
        self._suspects.reset()

    def known(self) -> set[int]:
        """Return the ids of all tracks that have not ended, whether their face is in sight or not."""
        return {track.id for track in self._tracks}

    def rests(self, time_s: float) -> bool:
        """Return whether `update` would do nothing in the frame of *time_s*: nobody is known, and no search is due."""
        return not self._tracks and time_s >= self._now_s and self._searches.rests(time_s)

    @contextmanager
    def behind(self) -> Iterator[None]:
        """Let the detector work in a thread of its own until the context is left."""
        # Imported here: files need no threads, and the first result must not wait for what is not needed.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1, thread_name_prefix="detector") as executor:
            self._executor = executor
            try:
                yield
            finally:
                self._executor = InStep()
                self._searches.drop()
                self._looks.clear()

    def update(self, gray: NDArray[np.uint8], time_s: float, reduced: int = 1) -> list[Track]:
        """Take the grey ``(height, width)`` uint8 frame of *time_s* and return the faces in it, oldest track first.

        *reduced* is that of the `Frame`. Boxes are in pixels of *gray*.

        A face that is lost keeps its track for a while, but is not returned until it is seen again. A face that
        appears beside others is returned once a second look has confirmed it.
        """
        if time_s < self._now_s:
            self._start_again(time_s)
        self._now_s = time_s
        before = self._tracks
        self._tracks = [self._follow(gray, track) for track in before]
        self._part(gray, before)
        self._remember_looks(gray)
        known = [track.box for track in self._tracks if self._sees(track)]
        self._searches.begin_if_due(self._executor, gray, time_s, known, reduced, nobody=not self._tracks)
        search = self._searches.take()
        if search is not None:
            self._take(gray, search)
        self._forget_ended()
        return self._in_sight()

    def _start_again(self, time_s: float) -> None:
        """Keep the faces, but no time: the source's time has started again."""
        earlier_s = math.nextafter(time_s, -math.inf)
        tracks = [track.at_unknown_time(earlier_s) for track in self._tracks]
        self.reset()
        self._tracks = tracks

    def _forget_ended(self) -> None:
        self._tracks = [track for track in self._tracks if not self._ended(track)]
        # Nobody takes the answer to a look at such a face any more, and each look keeps its frame.
        for ended in self._looks.keys() - self.known():
            del self._looks[ended]

    def _ended(self, track: Track) -> bool:
        away_s = self._now_s - track.seen_s
        return away_s > (self.tracking.forget_after_s if track.followed else MOMENT_S)

    def _sees(self, track: Track) -> bool:
        return track.seen_s == self._now_s

    def _in_sight(self) -> list[Track]:
        return [track for track in self._tracks if track.reported and self._sees(track)]

    # Following

    def _follow(self, gray: NDArray[np.uint8], track: Track) -> Track:
        """Return *track* as it is in *gray*."""
        moved, as_confirmed = self._by_looks(gray, track)
        if track.id not in self._looks and self._is_look_due(moved, as_confirmed):
            tilts_deg = tilts(moved.face.roll_deg, moved.followed)
            kept = lasting(self._executor, gray)
            future = self._executor.submit(see, self.detector, kept, moved.box, tilts_deg)
            self._looks[track.id] = Look(kept, self._now_s, moved.box, future)
        look = self._looks.get(track.id)
        if look is None or not look.face.done():
            return moved
        del self._looks[track.id]
        face = look.face.result()
        if face is not None and self._is_credible(moved, look, face):
            return self._confirmed(moved, look, face)
        if not track.followed:
            return track.lost(look.time_s)
        return replace(moved, looked_s=look.time_s, seen=Seen.BRIDGED)

    def _is_credible(self, track: Track, look: Look, face: Face) -> bool:
        """Return whether *face* may be that of *track*: where its looks are lost, as by a cut, it may be anything."""
        if self._sees(track) or face.confidence >= SURE:
            return True
        return track.looks.likeness(look.gray, face.box) >= LIKE_ITSELF

    def _by_looks(self, gray: NDArray[np.uint8], track: Track) -> tuple[Track, bool]:
        """Return *track* where it looks as it did, and whether it looks as when it was confirmed."""
        if track.confirmed is None or self._now_s - track.confirmed_s > self.tracking.bridge_s:
            return track, False
        match = track.confirmed.find(gray, track.box)
        if match is not None:
            seen = Seen.BRIDGED if track.denied else track.seen
            return track.moved(match, self._now_s, seen), True
        if track.last is not None:
            match = track.last.find(gray, track.box, LIKE_THE_LAST)
            if match is not None and self._is_itself(gray, track.confirmed, match):
                return track.moved(match, self._now_s, Seen.BRIDGED), False
        return track, False

    def _is_itself(self, gray: NDArray[np.uint8], confirmed: Patch, match: Match) -> bool:
        # People leave at the frame's edge. A patch stays there, and takes the looks of what was behind them.
        return not _is_at_edge(match.box, gray.shape) and confirmed.likeness(match.patch) >= LIKE_ITSELF

    def _is_look_due(self, track: Track, as_confirmed: bool) -> bool:
        since_s = self._now_s - track.looked_s
        if not track.denied:
            return not as_confirmed or since_s >= self.tracking.confirm_every_s
        if self._sees(track):
            return since_s >= self.tracking.look_every_s
        return since_s >= self.tracking.search_again_s

    def _confirmed(self, track: Track, look: Look, face: Face) -> Track:
        """Return *track* with *face*, which *look* saw, at the place where it is by now."""
        box = look.box.toward(face.box, self.tracking.settle)
        patch = Patch.of(look.gray, box)
        looked_now = look.time_s == self._now_s
        return replace(
            track,
            face=face._replace(box=box.moved(track.box.x - look.box.x, track.box.y - look.box.y)),
            # Where nothing has followed it since, it is known to be in sight only in the frame that was looked at.
            seen_s=max(track.seen_s, look.time_s),
            seen=Seen.TURNED if face.turned else Seen.FOUND,
            reported=True,
            followed=True,
            confirmed=patch,
            last=patch if looked_now or track.last is None else track.last,
            confirmed_s=look.time_s,
            looked_s=look.time_s,
        )

    # Telling people apart

    def _part(self, gray: NDArray[np.uint8], before: Sequence[Track]) -> None:
        """Of tracks that lie on one face, keep the one whose face it is; the others have lost theirs."""
        kept: list[Track] = []
        for index, track in enumerate(self._tracks):
            rival = self._rival(track, kept)
            kept.append(track)
            if rival is None:
                continue
            first = self._claim(gray, kept[rival], before[rival])
            loser = rival if self._claim(gray, track, before[index]) > first else index
            kept[loser] = before[loser].lost(self._now_s)
        self._tracks = kept

    @staticmethod
    def _claim(gray: NDArray[np.uint8], track: Track, before: Track) -> tuple[float, float]:
        """Return how well *track*, which was *before*, claims its face: whoever was lost may have found another's."""
        return before.seen_s, track.likeness(gray)

    def _rival(self, track: Track, others: Sequence[Track]) -> int | None:
        """Return which of *others*, an index, is seen on the face of *track*."""
        if not self._sees(track):
            return None
        for index, other in enumerate(others):
            if self._sees(other) and same(track.box, other.box):
                return index
        return None

    def _remember_looks(self, gray: NDArray[np.uint8]) -> None:
        """Remember how the faces look that were confirmed in this frame, unless another one is near."""
        for index, track in enumerate(self._tracks):
            if track.confirmed_s == self._now_s and not self._has_neighbour(track):
                self._tracks[index] = replace(track, looks=track.looks.having_seen(gray, track.box))

    def _has_neighbour(self, track: Track) -> bool:
        return any(other is not track and distance(track.box, other.box) < NEIGHBOUR for other in self._tracks)

    # Taking what was found

    def _take(self, gray: NDArray[np.uint8], search: Search) -> None:
        """Take the faces of *search*. Each continues a lost track, or begins a new one."""
        # Where the detector mistakes something for a face, it does so for long. So what appears beside a face must be
        # confirmed first; what appears alone is reported, so that a first face comes without delay.
        alone = not self._in_sight()
        for found in search.faces.result():
            face = self._brought_here(gray, search, found)
            if any(self._sees(track) and same(track.box, face.box) for track in self._tracks):
                continue  # following found it with a more precise box
            lost = [track for track in self._tracks if not self._sees(track)]
            track = whose(gray, face, self._now_s, lost)
            if track is None:
                if not self._is_a_face(gray, face, search.tilt_deg):
                    continue
                track = Track(self._next_id, face, self._now_s, reported=False)
                self._next_id += 1
                self._tracks.append(track)
            self._looks.pop(track.id, None)
            reported = track.followed or alone
            found_again = track.found(face, self._now_s, Patch.of(gray, face.box), reported)
            self._tracks[self._tracks.index(track)] = found_again

    def _is_a_face(self, gray: NDArray[np.uint8], face: Face, tilt_deg: float) -> bool:
        """Return whether what nobody has seen before is taken for a face."""
        # Most people are upright: what only looks like a face when it is tilted must have moved, however sure it is.
        if face.confidence >= SURE and tilt_deg == 0:
            return True
        heads = [track.box.grown(HEAD) for track in self._tracks if self._sees(track)]
        if any(face.box.iou(head) > 0 for head in heads):
            return False  # where somebody is, something always moves
        return self._suspects.moves(gray, face.box, self._now_s)

    def _brought_here(self, gray: NDArray[np.uint8], search: Search, face: Face) -> Face:
        """Return *face*, which was found in the frame of *search*, where it is in *gray*."""
        if search.time_s == self._now_s:
            return face
        patch = Patch.of(search.gray, face.box)
        match = patch.find(gray, face.box, LIKE_THE_LAST) if patch is not None else None
        return face if match is None else face._replace(box=match.box)


def _is_at_edge(box: Box, shape: tuple[int, ...]) -> bool:
    """Return whether *box* touches the edge of a frame of *shape*, or reaches beyond it."""
    height, width = shape
    return min(box.x, box.y) < 1 or box.x + box.width > width - 1 or box.y + box.height > height - 1
