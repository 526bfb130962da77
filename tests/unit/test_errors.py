from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_fer.errors import MAX_SHOWN, first_fault, one_line


class Part(BaseModel):
    sizes: list[int] = []


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    threads: int = Field(1, ge=1)
    part: Part = Part()
    needed: str


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"needed": "", "threads": 0}, "threads 0: Input should be greater than or equal to 1"),
        (
            {"needed": "", "part": {"sizes": [1, "x\ny"]}},
            r"part.sizes.1 'x\ny': Input should be a valid integer, unable",
        ),
        ({"needed": "", "extra": "y" * 100}, "extra: there is no such field"),
        ({"needed": "", "x" * 100_000: 1}, f"{'x' * MAX_SHOWN} 1: there is no such field"),
        ({}, "needed: Field required"),
        ({"threads": "a", "part": 3}, "threads 'a': Input should be a valid integer"),
        ([], "[]: Input should be a valid dictionary"),
    ],
    ids=["a value", "a place", "a long value", "a long name", "nothing", "several", "the whole"],
)
def test_a_refused_value_is_described_in_one_line(given, said):
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(given)
    line = first_fault(caught.value)
    assert line.startswith(said)
    assert "\n" not in line
    assert line.endswith(", and 2 more values are wrong") == (given == {"threads": "a", "part": 3})


def test_the_reason_of_another_library_is_one_line():
    assert one_line(ValueError("no kernel\n  for  Conv\n")) == "no kernel for Conv"
