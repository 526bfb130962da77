"""The page: what the camera sees and how the appliance is, over HTTP.

`server` runs it in a thread. A request passes `connections` (deadlines and sizes), then `gate` (who may ask what), then
`routes`. `viewers` sends moments to the pages that are open. ``static`` holds what runs in the browser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.lazy import lazy_exports

if TYPE_CHECKING:
    from edge_fer.appliance.page.server import Page
    from edge_fer.appliance.page.settings import PageSettings

__all__ = ["Page", "PageSettings"]

__getattr__, __dir__ = lazy_exports(__name__, {"Page": "server", "PageSettings": "settings"})
