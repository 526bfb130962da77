"""Self-contained HTML pages: one base for all, figures that need no display, and how a share is printed.

Every page extends ``base.html.j2`` and says its `Origin`; ``parts.html.j2`` has the macros for tables, figures and the
words that the list at its end explains.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

from edge_fer.evaluation.glossary import Glossary
from edge_fer.evaluation.metrics import bracketed
from edge_fer.text import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

    from jinja2 import Environment
    from markupsafe import Markup
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

# Dark enough for thin lines on white. The first three, blue, orange and green, are the easiest to tell apart.
COLOURS: Final = ("#2e5aac", "#d9730d", "#12764a", "#9b2c8a", "#7a6a00", "#b42318", "#2b8a9e", "#667085")
GRID: Final = "#e4e7ec"
"""Colour of grid lines, as light as the borders of the pages' tables."""
LINE: Final = "#98a2b3"
"""Colour of a line that guides the eye and stands for no system."""
INK: Final = "#1b1f24"
PAPER: Final = "#ffffff"
IN_THE_DARK: Final = {
    **dict(zip(COLOURS, (
        "#84adff", "#ffa24d", "#4cc38a", "#e18ad2", "#d6c33c", "#f97066", "#67d3e8", "#9aa4b2",
    ), strict=True)),
    GRID: "#2b3138",
    LINE: "#5d6673",
    INK: "#e8eaed",
    PAPER: "#14171a",
    "#000000": "#9aa4b2",
    "#d0d5dd": "#454d58",
}  # fmt: skip
"""The colours of a figure where the reader's computer asks for a dark page. Black is that of axes."""
DPI: Final = 120
HINT: Final = "hint: "
"""What the gid of an artist begins with whose rest is shown when the pointer rests on it."""


def colours(count: int) -> list[str]:
    """Return *count* colours; beyond the eight of `COLOURS` they repeat."""
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of *width* x *height* inches."""
    # Not pyplot.figure: pyplot keeps every figure alive in a global list and may ask for a display.
    from matplotlib.figure import Figure

    return Figure((width, height), layout="constrained")


def beside(figure: Figure, **options: Any) -> None:
    """Put the legend of *figure* on its right, where it covers no value."""
    figure.legend(loc="outside right upper", fontsize=8, frameon=False, **options)


def hint(artist: Artist, text: str) -> None:
    """Show *text* when the pointer rests on *artist*, in the SVG of its figure."""
    artist.set_gid(HINT + text)


def svg(figure: Figure) -> bytes:
    """Return *figure* as an SVG, light or dark as the reader's computer asks for. The same figure gives the same bytes.

    A program that knows no style sheets draws the light one.
    """
    from xml.etree import ElementTree as ET

    root = _drawn(figure)
    root.set("xmlns", "http://www.w3.org/2000/svg")
    style = ET.Element("style")
    style.text = figure_styles("")
    root.insert(0, style)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def png(figure: Figure) -> bytes:
    """Return *figure* as a PNG of `DPI` dots an inch. The same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


PICTURES: Final[dict[str, Callable[[Figure], bytes]]] = {".svg": svg, ".png": png}
"""Ending of a file → what writes a figure so."""


def inline(figure: Figure, label: str) -> Markup:
    """Return *figure* as the SVG element of a page; *label* is what a screen reader says of it."""
    from xml.etree import ElementTree as ET

    from markupsafe import Markup

    root = _drawn(figure)
    root.set("class", "plot")
    root.set("role", "img")
    root.set("aria-label", label)
    # matplotlib and the writer have escaped every text.
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704


def figure_styles(within: str) -> str:
    """Return the style sheet of figures in elements that the selector *within* chooses; everywhere if it is empty."""
    within = f"{within} " if within else ""
    dark = ""
    for light, colour in IN_THE_DARK.items():
        for kind in ("fill", "stroke"):
            dark += f' {within}[style*="{kind}: {light}"] {{ {kind}: {colour} !important }}'
    text = f"{within}text"
    return (
        f"{within}* {{ stroke-linejoin: round; stroke-linecap: butt }} "
        f"{text} {{ fill: {INK}; font-family: system-ui, sans-serif !important }} "
        f"@media (prefers-color-scheme: dark) {{ {text} {{ fill: {IN_THE_DARK[INK]} }}{dark} }}"
    )


def _drawn(figure: Figure) -> Element:
    """Return *figure* as an SVG element without namespaces, and without the ids that nothing refers to."""
    from xml.etree import ElementTree as ET

    from matplotlib import rc_context

    buffer = io.BytesIO()
    # By default matplotlib salts the ids of an SVG at random, writes today's date into it, and turns text into shapes,
    # which no reader can search or hear.
    with rc_context({"svg.hashsalt": "edge-fer", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue().decode()
    referred = set(re.findall(r"#([\w-]+)", text))
    root = ET.fromstring(text)  # noqa: S314 (matplotlib wrote it)
    for element in list(root):
        if element.tag.endswith("}metadata"):
            root.remove(element)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for name in list(element.keys()):
            if name.startswith("{"):  # xlink:href
                element.set(name.rpartition("}")[2], element.attrib.pop(name))
        _tidy(element, referred)
    return root


def _tidy(element: Element, referred: set[str]) -> None:
    """Turn the id of *element* into what a pointer shows; drop one that is not *referred* to."""
    from xml.etree import ElementTree as ET

    name = element.get("id", "")
    if name not in referred:
        element.attrib.pop("id", None)
    if name.startswith(HINT):
        title = ET.Element("title")
        title.text = name.removeprefix(HINT)
        element.insert(0, title)


def render(
    template: str,
    package: str = "edge_fer.evaluation",
    *,
    filters: Mapping[str, Callable[..., str]] | None = None,
    **values: Any,
) -> str:
    """Return the HTML page that *template* gives with *values*; what they hold is escaped.

    *template* is the name of a file in the folder ``templates`` of *package*. It may extend ``base.html.j2``, which
    lies beside this module and wants an `Origin` as ``origin``, and use the filters ``percent`` and ``interval``, those
    of *filters*, name → function, and the function ``term``.
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
    environment.filters["interval"] = bracketed
    environment.filters["anchor"] = anchor
    environment.filters.update(filters or {})
    glossary = Glossary()
    environment.globals["glossary"] = glossary
    environment.globals["explain"] = glossary.explain
    environment.globals["figure_styles"] = figure_styles(".plot")
    return environment


def anchor(word: str) -> str:
    """Return the id of *word* in the glossary of a page."""
    return "word-" + re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")
