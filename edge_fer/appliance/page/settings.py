"""The settings of the page, the table ``[page]``."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from edge_fer.frozen import Frozen

PORT: Final = 8737
LINE: Final = r"^[^\x00-\x1f\x7f]+$"
"""One line of text, without control characters."""
NAME: Final = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
"""Name of a host, without a port."""
CREDENTIAL: Final = r"^@?[^\x00-\x1f\x7f@]+$"
"""Name of a credential, or ``@FILE``."""


class Drive(Frozen):
    """What the page of a driver monitor tells of it."""

    level: int
    """1 or 2: how much it can tell."""
    eyes: bool
    """Whether it can tell anything of eyes."""


class PageSettings(Frozen):
    """What the page shows, and whom it answers."""

    enabled: bool = True
    """Whether there is a page at all. Without it, nothing answers ``/health`` and ``/metrics`` either."""
    bind: str = "127.0.0.1"
    """Address to listen at. Beyond this device (0.0.0.0, say) only together with ``token``."""
    port: int = Field(PORT, ge=0, le=65535)
    """Port to listen at; 0 takes a free one."""
    token: str | None = Field(None, pattern=CREDENTIAL)
    """Name of the credential that viewers must give, ``@FILE`` for a file; at least 16 characters, without spaces."""
    trust_this_device: bool = False
    """Whether programs on this device need no token, its own screen for one. Not beside a proxy or other users."""
    certificate: str | None = Field(None, pattern=LINE)
    """File with the certificate chain for HTTPS, PEM. Together with ``key``."""
    key: str | None = Field(None, pattern=LINE)
    """File with the private key of the certificate, PEM without a password."""
    hosts: tuple[Annotated[str, Field(pattern=NAME)], ...] = Field((), max_length=32)
    """Names by which browsers may ask for this device, besides ``localhost`` and the address in ``bind``."""
    max_viewers: int = Field(8, ge=1, le=64)
    """Most pages that are shown at a time. One more is refused."""
    pictures: bool = True
    """Whether the page may show the picture. Without it, it shows numbers only, and no picture is made."""
    picture_fps: float = Field(10.0, gt=0, le=60)
    """Most pictures a second that are sent to a page."""
    picture_width_px: int = Field(640, ge=64, le=4096)
    """Width in pixels to which larger pictures are reduced before they are sent."""
    picture_quality: int = Field(75, ge=10, le=95)
    """JPEG quality of the pictures that are sent."""
    language: Literal["auto", "en", "de"] = "auto"
    """Language of the page; ``auto`` takes the one that the browser asks for, English otherwise."""
    notice: str | None = Field(None, max_length=500, pattern=LINE)
    """Text of the notice to those who are seen; by default one in the page's language."""
    contact: str | None = Field(None, max_length=200, pattern=LINE)
    """Whom to ask about the notice: a name, an address, a number; by default the operator of the device."""
    title: str = Field("edge-fer", max_length=60, pattern=LINE)
    """Name of the device on the page."""
    timeline_s: int = Field(180, ge=30, le=1800)
    """Seconds that the timeline shows."""
    stale_after_s: float = Field(3.0, ge=0.5, le=600)
    """Seconds without a frame after which the page says that what it shows is old."""

    @field_validator("bind")
    @classmethod
    def _address(cls, value: str) -> str:
        return str(ipaddress.ip_address(value))

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.enabled and not self.only_this_device and self.token is None:
            msg = f"bind {self.bind} lets others than this device ask; name a credential in token, or bind 127.0.0.1"
            raise ValueError(msg)
        if (self.certificate is None) != (self.key is None):
            msg = "certificate and key are needed together; give both or none"
            raise ValueError(msg)
        return self

    @property
    def only_this_device(self) -> bool:
        """Whether only programs on this device can reach the page."""
        return ipaddress.ip_address(self.bind).is_loopback

    @property
    def encrypted(self) -> bool:
        """Whether the page is served over HTTPS."""
        return self.certificate is not None
