"""Pages of one file each, and what they are made of: figures that need no display, put into them as they are."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS: Final = ("#2e5aac", "#d9730d", "#12764a", "#9b2c8a", "#7a6a00", "#b42318", "#2b8a9e", "#667085")


def colours(count: int) -> list[str]:
    """Return *count* colours, the first ones again where there are more than there are colours."""
    return [COLOURS[at % len(COLOURS)] for at in range(count)]


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of *width* x *height* inches: without pyplot, no global state, no display."""
    from matplotlib.figure import Figure

    return Figure((width, height), layout="constrained")


def svg(figure: Figure) -> bytes:
    """Return *figure* as an SVG, the same one from the same figure."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "edge-fer"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def embedded(figure: Figure) -> str:
    """Return *figure* as a data URL of an SVG."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg(figure)).decode()


def percent(share: float | None) -> str:
    """Return a share of 1 as per cent, or a dash."""
    return "–" if share is None else f"{share:.2%}"


def render(template: str, package: str = "edge_fer.evaluation", **values: Any) -> str:
    """Return *template* of the folder ``templates`` in *package*, as one page that needs no other file.

    A template may extend ``base.html.j2``, which lies beside this module.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader

    loader = ChoiceLoader([PackageLoader(package), PackageLoader("edge_fer.evaluation")])
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = percent
    return environment.get_template(template).render(**values)
