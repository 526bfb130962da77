"""What a watcher is to do, and what it is told meanwhile: through a pipe, since an address may hold a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_fer.frozen import Frozen

if TYPE_CHECKING:
    from edge_fer.appliance.config import Config
    from edge_fer.profile import Choice


class Driving(Frozen):
    """What is observed of a driver, beside faces."""

    landmarks: str | None = None
    """Path of the model of landmarks; None for level 1."""
    eyes: str | None = None
    """Path of the model of eyes."""


class Job(Frozen):
    """What a watcher watches, and with which model."""

    source: str
    """As for ``edge-fer run --source``."""
    size: str | None = None
    """``WIDTHxHEIGHT`` in pixels that a camera is asked for."""
    usual_size_px: tuple[int, int] | None = None
    """Width and height that a camera is asked for where *size* is None; None for edge-fer's own value."""
    read_timeout_s: float = 10.0
    """Seconds that a camera may take to deliver a frame before it is opened again."""
    max_fps: float = 15.0
    """Most frames a second that are looked at."""
    model: str
    """Path of a bundle, or name of a shipped one."""
    public_key: str | None = None
    """Path of the public key by which the bundle must be signed; None for that of the profile, if any."""
    target: str | None = None
    threads: int = 1
    detector: str = "haar"
    min_face_px: int = 48
    search_every_s: float | None = None
    confirm_every_s: float | None = None
    classify_fps: float | None = None
    driving: Driving | None = None
    """What is observed of a driver; None: no driver is looked for."""
    verify: bool = False
    """Whether the bundle is tried first: its files, the golden answers, and drawn people. Pass False only for one that
    passed."""
    wait: bool = False
    """Whether the source is opened only after the order `Order.go`: the camera may still be another watcher's."""

    @classmethod
    def of(cls, config: Config, chosen: Choice, model: str) -> Job:
        """Return what *config* asks for, with the bundle at *model* and else what was *chosen*."""
        schedule = chosen.schedule
        key = config.public_key
        return cls(
            source=config.source,
            size=config.size,
            usual_size_px=chosen.frame_px,
            read_timeout_s=config.supervision.stale_after_s / 2,
            max_fps=config.max_fps,
            model=model,
            public_key=None if key is None else str(key),
            target=chosen.target,
            threads=chosen.threads,
            detector=chosen.detector,
            min_face_px=config.min_face_px,
            search_every_s=schedule.search_every_s,
            confirm_every_s=schedule.confirm_every_s,
            classify_fps=schedule.classify_fps,
            driving=_driving(config),
        )


def _driving(config: Config) -> Driving | None:
    settings = config.driving
    if settings is None:
        return None
    return Driving(
        landmarks=None if settings.landmarks is None else str(settings.landmarks),
        eyes=None if settings.eyes is None else str(settings.eyes),
    )


class Pictures(Frozen):
    """Which pictures are asked for."""

    fps: float
    """At most so many a second."""
    width_px: int
    """Wider ones are reduced."""
    quality: int
    """Of JPEG, up to 100."""


class Order(Frozen):
    """One line from the service. What is None stays as it was."""

    go: bool = False
    """Open the source now."""
    pictures: Pictures | None = None
    """Send such pictures."""
    no_pictures: bool = False
    """Send none."""

    def as_line(self) -> bytes:
        """Return it as it is written."""
        return self.model_dump_json(exclude_defaults=True).encode() + b"\n"


def as_line(job: Job) -> bytes:
    """Return *job* as it is written."""
    return job.model_dump_json().encode() + b"\n"


def differs(one: Job, other: Job) -> dict[str, Any]:
    """Return the fields of *other* that are not as in *one*, but for how it begins."""
    ours = one.model_dump(exclude={"verify", "wait"})
    theirs = other.model_dump(exclude={"verify", "wait"})
    return {name: value for name, value in theirs.items() if ours[name] != value}
