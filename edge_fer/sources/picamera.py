"""A Raspberry Pi's own camera, through picamera2, which only the operating system can install."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_fer.dependencies import load as load_package
from edge_fer.errors import SourceError
from edge_fer.sources import Frame, SourceBase

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

REMEDY: Final = (
    "apt install python3-picamera2, and create the venv with: python3 -m venv --system-site-packages .venv "
    "(pip cannot install picamera2)"
)


class PiCamera(SourceBase):
    """Grey frames: the brightness plane of the camera's lores stream (YUV420), as a view into its buffer.

    libcamera captures in threads of its own and drops frames that nobody fetched, so this source needs no thread.
    Raises `MissingDependency` without picamera2, `SourceError` without a camera.
    """

    def __init__(self, *, width_px: int = 640, height_px: int = 480, fps: float = 30.0) -> None:
        picamera2 = load_package("picamera2", "picamera2", REMEDY, uses="Picamera2")
        self._size = width_px, height_px
        self._mapped: Any = picamera2.MappedArray
        try:
            self._camera: Any = picamera2.Picamera2()
            # The sensor's full image is the main stream; the lores stream is scaled by the camera's hardware.
            configuration = self._camera.create_video_configuration(
                lores={"size": self._size, "format": "YUV420"}, controls={"FrameRate": fps}
            )
            self._camera.configure(configuration)
            self._camera.start()
        except (RuntimeError, IndexError) as exc:  # IndexError: libcamera lists no camera
            raise SourceError(
                f"the Pi's camera cannot be started: {exc}; check the ribbon cable with 'rpicam-hello --list-cameras'"
            ) from exc
        self._open = True

    def frames(self) -> Iterator[Frame]:
        """Yield the newest frame whenever one is asked for. Its buffer goes back when the next one is asked for."""
        first_ns: int | None = None
        index = 0
        while self._open:
            # flush=True waits for a frame exposed after this call, instead of one that waits since an earlier moment.
            request = self._camera.capture_request(flush=True)
            try:
                sensor_ns = int(request.get_metadata()["SensorTimestamp"])
                if first_ns is None:
                    first_ns = sensor_ns
                with self._mapped(request, "lores") as mapped:
                    yield Frame(self._luma(mapped.array), (sensor_ns - first_ns) / 1e9, index, "picamera")
            finally:
                request.release()
            index += 1

    def close(self) -> None:
        """Stop the camera."""
        if self._open:
            self._open = False
            self._camera.stop()
            self._camera.close()

    def _luma(self, planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the Y plane ``(height, width)`` of YUV420 *planes* ``(height * 3 / 2, stride)``, without a copy."""
        # Rows are padded to the stride, and the colour planes U and V follow below.
        width, height = self._size
        return planes[:height, :width]
