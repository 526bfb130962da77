"""Every field is explained, once: in its docstring."""

from __future__ import annotations

import json
import re

import pytest

from edge_fer.appliance.config import Config
from edge_fer.appliance.config.example import SAMPLES, example
from edge_fer.appliance.config.explained import docstrings, schema, tables
from edge_fer.appliance.config.faults import find

CLASSES = {"": Config, **tables()}


@pytest.mark.parametrize("name", CLASSES)
def test_every_field_has_a_docstring(name):
    model = CLASSES[name]
    assert set(docstrings(model)) == set(model.model_fields)


@pytest.mark.parametrize("name", CLASSES)
def test_the_example_has_a_value_for_every_field(name):
    model = CLASSES[name]
    wanting = []
    for field, info in model.model_fields.items():
        key = f"{name}.{field}".lstrip(".")
        if (info.is_required() or info.default is None) and key not in {*SAMPLES, *tables()}:
            wanting.append(key)
    assert wanting == []


def test_what_the_example_shows_can_be_set():
    text = re.sub(r"^# (?=\[|[a-z_]+ = )", "", example(), flags=re.MULTILINE)
    text = text.replace("\ntls = false", "\ntls = true")
    # The speed comes from one place only.
    text = text.replace("\nspeed_file = ", "\n# speed_file = ")
    faults, settings = find(text)
    assert faults == []
    assert settings.music is not None
    assert len(settings.webhook) == 1
    assert settings.driving.speed.key == "kmh"
    assert settings.driving.parameters.away_notice_s == 3.0


def test_no_line_of_the_example_is_long():
    assert max(map(len, example().splitlines())) <= 120


def test_the_schema_explains_every_field():
    whole = json.loads(json.dumps(schema()))
    assert whole["properties"]["max_fps"]["maximum"] == 1000
    assert whole["additionalProperties"] is False
    for model in tables().values():
        for name, field in whole["$defs"][model.__name__]["properties"].items():
            assert field["description"] == docstrings(model)[name]
