"""`convert/weights/README.md` lists the float weights that are in that folder, and something uses each of them."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from edge_fer_train import recipe

WEIGHTS = Path(__file__).parents[3] / "convert" / "weights"
if not WEIGHTS.is_dir():
    pytest.skip("convert/weights is not part of the wheel", allow_module_level=True)

FILES = sorted(path for path in WEIGHTS.iterdir() if path.name != "README.md")
ROW = re.compile(r"^\| `(?P<file>[^`]+)` \| .+ \| `(?P<sha256>[0-9a-f]{64})` \|$", re.MULTILINE)


def listed():
    text = (WEIGHTS / "README.md").read_text(encoding="utf-8")
    return {row["file"]: row["sha256"] for row in ROW.finditer(text)}


def named_by_recipes():
    names = set()
    for path in recipe.RECIPES.glob("*.toml"):
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        training = tables.get("training", {})
        conversion = tables.get("conversion", {})
        names.update(training.get("pretrained", []))
        names.update(training.get("teaching", {}).get("teachers", []))
        names.update(conversion.get("join", []))
        names.add(conversion.get("weights"))
    return names


def test_the_readme_lists_exactly_the_files_that_are_there():
    assert sorted(listed()) == [path.name for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_readme_has_the_checksum_of_each_file(path):
    assert hashlib.sha256(path.read_bytes()).hexdigest() == listed()[path.name]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_recipe_uses_each_file(path):
    assert path.name in named_by_recipes()
