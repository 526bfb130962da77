"""The page with the drawn camera behind it: to try, test and measure it with no camera, model or picture of anybody."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import cv2

from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.latest import Latest, Moment
from edge_fer.appliance.page.server import Page
from edge_fer.appliance.status import Status
from edge_fer.emotions import FER2013, UNKNOWN
from edge_fer.sources.synthetic import SyntheticCamera

if TYPE_CHECKING:
    from edge_fer.appliance.page.settings import Drive, PageSettings
    from edge_fer.sources import Truth

QUALITY: Final = 75
LEAST: Final = 0.55
"""Score below which the state is unknown."""
TURNED_DEG: Final = 35.0
HISTORY_STEP_S: Final = 0.5
HISTORY_FPS: Final = 3
"""People hold an expression for longer than the drawn ones do."""


class DrawnCamera:
    """Draws moments, with a record as a sure classifier would make it. The same number gives the same moment."""

    def __init__(self, *, scene: str = "hard", width_px: int = 640, height_px: int = 480, faces: int = 1) -> None:
        self.size_px: Final = (width_px, height_px)
        self._camera = SyntheticCamera(scene=scene, width_px=width_px, height_px=height_px, faces=faces, fps=10.0)

    def moment(self, index: int, *, with_picture: bool = True) -> Moment:
        """Return moment *index*, of ten a second, as if it came now."""
        frame = self._camera.frame(index)
        faces = [_face(truth, frame.time_s) for truth in frame.truth if truth.visible > LEAST]
        wave = math.sin(index / 7)
        record = {
            "index": index,
            "time_s": frame.time_s,
            "source": "synthetic",
            "faces": faces,
            "stage_ms": {"capture": 20.0, "detect": 7.0 + wave, "preprocess": 0.3, "classify": 0.8, "smooth": 0.1},
            "dropped": 0,
        }
        picture = None
        if with_picture:
            picture = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        return Moment(record, self.size_px, time.monotonic(), picture)


def _face(truth: Truth, time_s: float) -> dict[str, Any]:
    sure = 0.74 + 0.22 * math.sin(time_s * 0.9 + truth.person * 2)
    scores = _scores(truth.label, sure, time_s + truth.person)
    turned = abs(truth.yaw_deg) > TURNED_DEG
    return {
        "track": truth.person + 1,
        "box": [round(float(value), 1) for value in truth.box],
        "confidence": 0.9,
        "state": truth.label if sure > LEAST and not turned else UNKNOWN,
        "seen": "turned" if turned else "found",
        "roll_deg": round(truth.roll_deg, 1),
        "scores": scores,
        "smoothed": scores,
    }


def _scores(label: str, sure: float, time_s: float) -> dict[str, float]:
    """Return *sure* for *label*, and what is left to the others, which never stand still."""
    weights = {other: 1.2 + math.sin(time_s * 0.7 + number * 1.9) for number, other in enumerate(FER2013)}
    rest = sum(weight for other, weight in weights.items() if other != label)
    shares = {other: round((1 - sure) * weight / rest, 4) for other, weight in weights.items()}
    return {**shares, label: round(sure, 4)}


class DrawnDevice:
    """A page with the drawn camera behind it, in this process. *history_s* is how far back its events reach.

    With *drive*, it is the page of a driver monitor, which shows what `drives` was told.
    """

    def __init__(
        self,
        settings: PageSettings,
        *,
        token: str | None = None,
        camera: DrawnCamera | None = None,
        first: int = 0,
        history_s: float = 0.0,
        drive: Drive | None = None,
    ) -> None:
        self.camera: Final = camera or DrawnCamera()
        self.latest: Final = Latest()
        self.status: Final = Status(stale_after_s=20.0)
        self.watched: Final = threading.Event()
        """Set while somebody wants pictures."""
        self._index = first
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._events: list[dict[str, Any]] = []
        self._states: dict[str, str] = {}
        self._driver: dict[str, Any] | None = None
        self._recall(history_s)
        self.page: Final = Page(
            settings,
            self.latest,
            self._health,
            lambda: b"",
            lambda _, limit: self._events[-limit:],
            token,
            self._watch,
            drive,
        )

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.page.port}"

    def play(self, fps: float = 10.0) -> None:
        """Let the camera run."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._ended, fps), daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Let the camera stand."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def show(self, moment: Moment) -> None:
        """Hand out *moment*."""
        self._note(moment.record, datetime.now(UTC))
        self.latest.put(moment)
        self.status.saw_frame()

    def drives(self, driver: dict[str, Any]) -> None:
        """Show *driver*, as `edge_fer.appliance.driver` has it, with the newest moment and in the status."""
        self._driver = {**driver, "at_s": time.monotonic()}
        moment = self.camera.moment(self._index, with_picture=False)
        now = {name: value for name, value in self._driver.items() if name != "recent"}
        self.latest.put(replace(moment, driver=now))
        self.status.saw_frame()

    def _health(self) -> dict[str, Any]:
        return {**self.status.as_dict(), **({} if self._driver is None else {"driver": self._driver})}

    def _run(self, ended: threading.Event, fps: float) -> None:
        next_s = time.monotonic()
        while not ended.wait(max(0.0, next_s - time.monotonic())):
            next_s = max(next_s + 1 / fps, time.monotonic())
            self.show(self.camera.moment(self._index, with_picture=self.watched.is_set()))
            self._index += 1

    def _watch(self, wanted: bool) -> None:
        if wanted:
            self.watched.set()
        else:
            self.watched.clear()

    def _recall(self, history_s: float) -> None:
        """Note the events that the moments before the first one would have made."""
        now = datetime.now(UTC)
        for step in range(int(history_s / HISTORY_STEP_S), 0, -1):
            ago_s = step * HISTORY_STEP_S
            moment = self.camera.moment(max(0, self._index - int(ago_s * HISTORY_FPS)), with_picture=False)
            self._note(moment.record, now - timedelta(seconds=ago_s))

    def _note(self, record: dict[str, Any], time: datetime) -> None:
        """Note an event for each face that came, changed its state, or went."""
        states = {f"track {face['track']}": face["state"] for face in record["faces"]}
        for subject in {**self._states, **states}:
            before = self._states.get(subject)
            after = states.get(subject)
            if before != after:
                event = Event(time, Kind.FACE, subject, before, after)
                self._events.append({"id": len(self._events) + 1, **event.as_dict()})
        self._states = states
