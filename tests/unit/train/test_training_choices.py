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
    told = recipe.model_dump()
    training = told.pop("training")
    (stage,) = training.pop("stages")
    return {
        (where, name): value
        for where, part in (("recipe", told), ("training", training), ("stage", stage))
        for name, value in part.items()
    }


@pytest.mark.parametrize("choice", [name for name in choices.CHOICES if name != choices.BASE])
def test_a_choice_changes_what_it_says_and_nothing_else(choice):
    base, changed = (flat(choices.recipe_of(name, 3)) for name in (choices.BASE, choice))
    said = {
        (where, name)
        for where, part in zip(("training", "stage", "recipe"), choices.CHOICES[choice], strict=True)
        for name in part
    }
    assert said
    assert {place for place in base if base[place] != changed[place]} == said
    assert changed["stage", "epochs"] == 3
