"""Values that a JSON or TOML file may hold and that its reader may not expect, and ways to put them there."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import random

INTEGERS: Final = (0, -1, 1, 2, 255, 65536, 2**31 - 1, 2**31, 2**63, -(2**63), 10**30, 10**400)
FLOATS: Final = (0.0, -0.0, 0.5, -1.5, 1e-320, 1e308, -1e308, float("nan"), float("inf"), float("-inf"))
TEXTS: Final = (
    "", " ", "\n", "\0", "a\x1b[2J\x1b]0;title\x07", "\u202etxt.exe", "\ud800", "\U0001f600", "../../etc/passwd",
    "/etc/passwd", "a" * 100, "a" * 100_000, "é", "unknown", "litert-int8", "fake-int8", "constructor", "%s%n{0}{{}}",
    "<script>alert(1)</script>", "null", "1", "NaN", "CON", "a/b", "a\\b", "C:\\x", "-x", "--help", "$_", "$x^{$",
    "2026-13-45T99:99:99Z", "9" * 5000,
)  # fmt: skip
OTHERS: Final[tuple[Any, ...]] = (None, True, False, [], {}, [[]], [None] * 3, {"": None}, {"a": {"b": {"c": []}}})
MARK: Final = "@deep@"
"""Stands for a thousand nested lists, which Python's own writer could not write."""


def value(rng: random.Random, like: Any = None) -> Any:
    """Return a hostile value: in two of three cases one of the type of *like*."""
    pools: list[tuple[Any, ...]] = [INTEGERS, FLOATS, TEXTS, OTHERS, (MARK,)]
    if rng.random() < 0.67:
        if isinstance(like, bool) or like is None:
            pools = [OTHERS, TEXTS]
        elif isinstance(like, (int, float)):
            pools = [INTEGERS, FLOATS]
        elif isinstance(like, str):
            pools = [TEXTS]
    return rng.choice(rng.choice(pools))


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) below *tree*, at most the first and last five of a long list."""
    found: list[tuple[Any, Any]] = []
    if isinstance(tree, dict):
        keys: list[Any] = list(tree)
    elif isinstance(tree, list):
        keys = list(range(len(tree)))
        keys = keys if len(keys) <= 10 else keys[:5] + keys[-5:]
    else:
        return found
    for key in keys:
        found.append((tree, key))
        found += places(tree[key])
    return found


def change(rng: random.Random, tree: Any, most: int = 3) -> str:
    """Change one to *most* places of *tree*, a JSON value, in place; return what was done."""
    done = []
    for _ in range(rng.randint(1, most)):
        choices = places(tree)
        if not choices:
            break
        container, key = rng.choice(choices)
        done.append(_change_one(rng, container, key, choices))
    return ", ".join(done)


def _change_one(rng: random.Random, container: Any, key: Any, choices: list[tuple[Any, Any]]) -> str:
    act = rng.choice(("value", "value", "value", "value", "delete", "swap", "wrap", "grow", "add"))
    present = container[key]
    if act == "delete":
        del container[key]
    elif act == "swap":  # a value from elsewhere in the same file
        other, other_key = rng.choice(choices)
        found = isinstance(other, dict) and other_key in other
        container[key] = copy.deepcopy(other[other_key]) if found else value(rng, present)
    elif act == "wrap":
        container[key] = rng.choice(([present], {"value": present}, str(present)))
    elif act == "grow" and isinstance(present, list):
        container[key] = present * rng.choice((2, 100, 2000))
    elif act == "add" and isinstance(container, dict):
        container[rng.choice(TEXTS)] = value(rng)
    else:
        act = "value"
        container[key] = value(rng, present)
    return f"{act} of {str(key)[:40]}"


def to_json(rng: random.Random, tree: Any) -> bytes:
    """Return *tree* as JSON, which once in four times is not quite JSON, or unusual JSON."""
    text = json.dumps(tree, indent=rng.choice((None, 2)))
    deep = rng.choice((60, 1000, 100_000))
    text = text.replace(f'"{MARK}"', "[" * deep + "]" * deep)
    if rng.random() < 0.75:
        return text.encode()
    return rng.choice(FORMS)(rng, text)


def _double_key(rng: random.Random, text: str) -> bytes:
    first = text.find("{")
    return (text[: first + 1] + '"format_version": 1, "name": "twice",' + text[first + 1 :]).encode()


def _utf16(rng: random.Random, text: str) -> bytes:
    return text.encode("utf-16", "surrogatepass")


def _latin(rng: random.Random, text: str) -> bytes:
    return text.encode("latin-1", "replace").replace(b"e", b"\xe9", 1)


def _with_mark(rng: random.Random, text: str) -> bytes:
    return b"\xef\xbb\xbf" + text.encode()


def _with_rest(rng: random.Random, text: str) -> bytes:
    return text.encode() + rng.choice((b"\0", b"{}", b"]", b"\n" * 1000, b"garbage"))


def _only_deep(rng: random.Random, text: str) -> bytes:
    return rng.choice((b"[", b'{"a":')) * rng.choice((1000, 200_000))


def _constant(rng: random.Random, text: str) -> bytes:
    return rng.choice((b"", b"null", b"[]", b"{}", b"0", b'"x"', b"NaN", b"1" * 20_000, b"\xff\xfe", b" " * 100_000))


FORMS: Final = (_double_key, _utf16, _latin, _with_mark, _with_rest, _only_deep, _constant)
