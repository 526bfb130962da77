"""Opens what is live: the drawn face, the Pi's camera, cameras of the machine, and network addresses."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from edge_fer.sources.addresses import Kind, redact, scene_of
from edge_fer.sources.live import AccessDenied
from edge_fer.sources.options import DEFAULT_FPS
from edge_fer.sources.video_devices import first_camera

if TYPE_CHECKING:
    from edge_fer.sources import Source
    from edge_fer.sources.live import Capture
    from edge_fer.sources.options import SourceOptions
    from edge_fer.sources.web import Found


log = logging.getLogger(__name__)


def open_live(kind: Kind, name: str, options: SourceOptions) -> Source:
    """Return the source *name*, which is of *kind*. Raises `SourceError`, or `MissingDependency` without picamera2."""
    width_px, height_px = options.size_px or options.usual_size_px
    fps = options.fps or DEFAULT_FPS
    if kind is Kind.SYNTHETIC:
        from edge_fer.sources.synthetic import SyntheticCamera

        return SyntheticCamera(scene=scene_of(name), width_px=width_px, height_px=height_px, fps=fps)
    if kind is Kind.CAMERA:
        name = first_camera()
        kind = Kind.PICAMERA if name == Kind.PICAMERA.value else Kind.DEVICE
        log.info("the camera of this machine is %s", name)
    if kind is Kind.PICAMERA:
        from edge_fer.sources.picamera import PiCamera

        return PiCamera(
            width_px=width_px, height_px=height_px, fps=fps, read_timeout_s=options.read_timeout_s, wait=options.wait
        )
    if kind is Kind.STREAM:
        return _open_address(name, options)
    from edge_fer.sources.camera import Camera

    return Camera(
        name, width_px=width_px, height_px=height_px, fps=fps, read_timeout_s=options.read_timeout_s, wait=options.wait
    )


def _open_address(address: str, options: SourceOptions) -> Source:
    from edge_fer.sources.camera import Camera

    upright = options.view.rotate is None
    timeout_s = options.read_timeout_s
    if options.size_px is not None or options.fps is not None:
        log.warning(
            "camera %s sends the size and rate that it is set to; --size and --fps reach cameras of this machine only",
            redact(address),
        )

    def open_stream(device: str, width_px: int, height_px: int, fps: float) -> Capture:
        from edge_fer.sources import stream

        del width_px, height_px, fps  # a server sends what it sends
        return stream.open_stream(device, timeout_s, upright=upright)

    if not address.lower().startswith(("http://", "https://")):
        return Camera(address, read_timeout_s=timeout_s, wait=options.wait, opener=open_stream)
    from edge_fer.sources import web
    from edge_fer.sources.stream import NetworkFilm, StreamCapture

    found = _look(address, options)
    if found is not None and isinstance(found.capture, StreamCapture) and found.kind == "film":
        return NetworkFilm(address, found.capture)
    if found is not None and found.kind == "picture":
        return web.NetworkPicture(address, found.capture)
    opener = web.HttpOpener(timeout_s, upright=upright, found=found)
    return Camera(address, read_timeout_s=timeout_s, wait=options.wait, opener=opener)


def _look(address: str, options: SourceOptions) -> Found | None:
    """Return what is at *address*; None if nothing is, and it is to be waited for."""
    from edge_fer.errors import SourceError
    from edge_fer.sources import web

    try:
        return web.look(address, options.read_timeout_s, upright=options.view.rotate is None)
    except AccessDenied:
        raise
    except SourceError:
        if not options.wait:
            raise
        # Then the camera looks again, and reports it.
        return None
