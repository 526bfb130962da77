"""`benchmarks/training_choices.py`: a choice changes what it says and nothing else, or its figure means nothing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "training_choices.py"
if not SCRIPT.is_file():
    pytest.skip("benchmarks/training_choices.py is not part of the wheel", allow_module_level=True)

sys.path.append(str(SCRIPT.parent))  # where the script finds the module beside it
spec = importlib.util.spec_from_file_location("training_choices", SCRIPT)
choices = importlib.util.module_from_spec(spec)
spec.loader.exec_module(choices)


def flat(recipe):
    """Every value of *recipe* by its place; its one stage beside the rest of its training."""
    rest = recipe.model_dump()
    training = rest.pop("training")
    (stage,) = training.pop("stages")
    values = {}
    for where, part in (("recipe", rest), ("training", training), ("stage", stage)):
        for name, value in part.items():
            values[where, name] = value
    return values


@pytest.mark.parametrize("choice", [name for name in choices.CHOICES if name != choices.BASE])
def test_a_choice_changes_what_it_says_and_nothing_else(choice):
    base = flat(choices.recipe_of(choices.BASE, 3))
    changed = flat(choices.recipe_of(choice, 3))
    expected = set()
    for where, part in zip(("training", "stage", "recipe"), choices.CHOICES[choice], strict=True):
        expected |= {(where, name) for name in part}
    assert expected
    assert {place for place in base if base[place] != changed[place]} == expected
    assert changed["stage", "epochs"] == 3
