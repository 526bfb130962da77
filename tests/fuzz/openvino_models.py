"""OpenVINO's XML, well formed, with layers, ports and offsets that no converter writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

LAYERS: Final = (
    "Parameter", "Result", "Const", "Convolution", "GroupConvolution", "MatMul", "ReLU", "Reshape", "AvgPool",
    "SoftMax", "FakeQuantize", "Add", "Multiply", "Concat", "Split", "Gather", "Broadcast", "Tile", "Loop",
    "TensorIterator", "If", "Transpose", "Interpolate", "Pad", "TopK", "NonMaxSuppression", "ReadValue",
    "Assign", "LSTMCell", "Range", "Foo", "",
)  # fmt: skip
VALUES: Final = (
    "", "0", "-1", "1", "2", "16", "1000", "65536", "2147483647", "4294967296", "9223372036854775807", "1e400", "nan",
    "inf", "1,2,3", "true", "x" * 10_000, "..", "/dev/zero", "99999999999999999999999", "?", "1..5",
)  # fmt: skip
LARGE: Final = 100_000
"""Characters from which on a text is not changed again: the patterns below would take seconds."""
TYPES: Final = (
    "f32",
    "f16",
    "i64",
    "i8",
    "u8",
    "u1",
    "i4",
    "boolean",
    "string",
    "dynamic",
    "undefined",
    "bf16",
    "f64",
    "x",
)


def change(rng: random.Random, content: bytes) -> tuple[bytes, str]:
    """Return *content* with one to three of its elements changed, and what was done."""
    text = content.decode()
    done = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        if len(text) > LARGE:
            break
        act = rng.choice(tuple(ACTS))
        text = ACTS[act](rng, text)
        done.append(act)
    return text.encode("utf-8", "surrogatepass"), ", ".join(done)


def _replace(rng: random.Random, text: str, pattern: str, values: tuple[str, ...]) -> str:
    """Replace the first group of one match of *pattern* by one of *values*."""
    matches = list(re.finditer(pattern, text))
    if not matches:
        return text
    match = rng.choice(matches)
    return text[: match.start(1)] + rng.choice(values) + text[match.end(1) :]


def _layer(rng: random.Random, text: str) -> str:
    return _replace(rng, text, r'<layer [^>]*type="([^"]*)"', LAYERS)


def _opset(rng: random.Random, text: str) -> str:
    return _replace(
        rng, text, r'<layer [^>]*version="([^"]*)"', ("opset1", "opset5", "opset16", "extension", "", "opset99")
    )


def _data(rng: random.Random, text: str) -> str:
    return _replace(rng, text, r'<data [^>]*?(?<!\w)\w+="([^"]*)"', VALUES)


def _any_attribute(rng: random.Random, text: str) -> str:
    return _replace(rng, text, r'(?<!\w)\w+="([^"]*)"', VALUES)


def _shape(rng: random.Random, text: str) -> str:
    return _replace(rng, text, r' shape="([^"]*)"', (*VALUES, "1,16,16,1", "65536,65536,65536", "1000000000", "4,4"))


def _offset(rng: random.Random, text: str) -> str:
    return _replace(rng, text, r' (?:offset|size)="([^"]*)"', VALUES)


def _type(rng: random.Random, text: str) -> str:
    return _replace(rng, text, r' (?:element_type|precision)="([^"]*)"', TYPES + tuple(t.upper() for t in TYPES))


def _dimension(rng: random.Random, text: str) -> str:
    return _replace(rng, text, r"<dim>([^<]*)</dim>", VALUES)


def _port(rng: random.Random, text: str) -> str:
    return _replace(rng, text, r'(?:from-layer|to-layer|from-port|to-port)="([^"]*)"', VALUES)


def _id(rng: random.Random, text: str) -> str:
    return _replace(rng, text, r' id="([^"]*)"', VALUES)


def _drop(rng: random.Random, text: str) -> str:
    name = rng.choice(("layer", "edge", "port", "output", "input", "data", "dim"))
    return _replace(rng, text, rf"(?s)(<{name}[ >](?:(?!<{name}[ >]).)*?(?:/>|</{name}>))", ("",))


def _twice(rng: random.Random, text: str) -> str:
    name = rng.choice(("layer", "edge", "port"))
    matches = list(re.finditer(rf"(?s)<{name}[ >](?:(?!<{name}[ >]).)*?(?:/>|</{name}>)", text))
    if not matches:
        return text
    match = rng.choice(matches)
    return text[: match.end()] + match.group() * rng.choice((1, 1000)) + text[match.end() :]


def _entities(rng: random.Random, text: str) -> str:
    """Entities that grow tenfold at each level, or that read a file."""
    if rng.random() < 0.5:
        levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
        kind = f'<!DOCTYPE net [<!ENTITY e0 "xxxxxxxxxx">{levels}]>'
        use = "&e9;"
    else:
        kind = '<!DOCTYPE net [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
        use = "&file;"
    text = text.replace("<net ", kind + "<net ", 1)
    return re.sub(r'<net name="[^"]*"', f'<net name="{use}"', text, count=1)


def _deep(rng: random.Random, text: str) -> str:
    depth = rng.choice((100, 200_000))
    return text.replace("</net>", "<a>" * depth + "</a>" * depth + "</net>")


def _comment(rng: random.Random, text: str) -> str:
    return rng.choice(
        ("<!-- " + "x" * 1_000_000 + " -->" + text, "\n" * 1000 + text, text.replace("<net ", "<net a='\ud800' "))
    )


def _version(rng: random.Random, text: str) -> str:
    return _replace(rng, text, r'<net [^>]*version="([^"]*)"', ("0", "1", "10", "12", "99", "-1", ""))


ACTS: Final[dict[str, Callable[[random.Random, str], str]]] = {
    "layer": _layer,
    "opset": _opset,
    "data": _data,
    "attribute": _any_attribute,
    "shape": _shape,
    "offset": _offset,
    "type": _type,
    "dimension": _dimension,
    "port": _port,
    "id": _id,
    "missing element": _drop,
    "element twice": _twice,
    "entities": _entities,
    "deep": _deep,
    "comment": _comment,
    "version": _version,
}
