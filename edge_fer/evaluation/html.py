"""Self-contained HTML pages: templates, figures that need no display, and how a share is printed."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Final

from edge_fer.text import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2 import Environment
    from matplotlib.figure import Figure

# Dark enough for thin lines on white. The first three, blue, orange and green, are the easiest to tell apart.
COLOURS: Final = ("#2e5aac", "#d9730d", "#12764a", "#9b2c8a", "#7a6a00", "#b42318", "#2b8a9e", "#667085")
GRID: Final = "#e4e7ec"
"""Colour of grid lines, as light as the borders of the pages' tables."""
LINE: Final = "#98a2b3"
"""Colour of a line that guides the eye and stands for no system."""


def colours(count: int) -> list[str]:
    """Return *count* colours; beyond the eight of `COLOURS` they repeat."""
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of *width* x *height* inches."""
    # Not pyplot.figure: pyplot keeps every figure alive in a global list and may ask for a display.
    from matplotlib.figure import Figure

    return Figure((width, height), layout="constrained")


def svg(figure: Figure) -> bytes:
    """Return *figure* as an SVG. The same figure gives the same bytes."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    # By default matplotlib salts the ids of an SVG at random and writes today's date into it.
    with rc_context({"svg.hashsalt": "edge-fer"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def embedded(figure: Figure) -> str:
    """Return *figure* as the data URL of an SVG, for the ``src`` of an ``<img>``."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()


def render(
    template: str,
    package: str = "edge_fer.evaluation",
    *,
    filters: Mapping[str, Callable[..., str]] | None = None,
    **values: Any,
) -> str:
    """Return the HTML page that *template* gives with *values*; what they hold is escaped.

    *template* is the name of a file in the folder ``templates`` of *package*. It may extend ``base.html.j2``, which
    lies beside this module, and use the filter ``percent`` and those of *filters*, name → function.
    """
    return _environment(package, filters, autoescape=True).get_template(template).render(**values)


def render_text(
    template: str,
    package: str = "edge_fer.evaluation",
    *,
    filters: Mapping[str, Callable[..., str]] | None = None,
    **values: Any,
) -> str:
    """Return what *template* gives with *values* as plain text, for instance Markdown; see `render`.

    Nothing is escaped. A newline at the end of the template is left out.
    """
    return _environment(package, filters, autoescape=False).get_template(template).render(**values)


def _environment(package: str, filters: Mapping[str, Callable[..., str]] | None, *, autoescape: bool) -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader

    # The package's own templates first; base.html.j2, which they extend, is found beside this module. Plain text has no
    # markup to protect, and escaping would spoil it.
    loader = ChoiceLoader([PackageLoader(package), PackageLoader("edge_fer.evaluation")])
    environment = Environment(loader=loader, autoescape=autoescape, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    environment.filters["percent"] = percent
    environment.filters.update(filters or {})
    return environment
