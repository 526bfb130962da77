"""Options that several commands share."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner

from edge_fer.options import SEED, FiniteRange, detector_options, model_options, model_options_with


@click.command()
@model_options
def usual(**options):
    """Use the usual texts."""
    click.echo(json.dumps(options))


@click.command()
@model_options_with(target_help="All targets.", threads_help="All cores.")
def other(**options):
    """Use other texts."""
    click.echo(json.dumps(options))


@pytest.mark.parametrize(
    ("command", "target_help", "threads_help"),
    [
        (usual, "for example litert-int8; by default its first.", "Threads of the model; by default 1."),
        (other, "All targets.", "All cores."),
    ],
)
def test_the_help_has_the_texts_of_the_command(command, target_help, threads_help):
    text = " ".join(CliRunner().invoke(command, ["--help"]).stdout.split())
    assert target_help in text
    assert threads_help in text
    assert text.index("--model") < text.index("--target") < text.index("--backend") < text.index("--threads")


@pytest.mark.parametrize("command", [usual, other])
def test_options_that_are_left_out_are_none(command):
    done = CliRunner().invoke(command, ["--threads", "2"])
    assert json.loads(done.stdout) == {"model": None, "target": None, "backend": None, "threads": 2}


@click.command()
@click.option("--number", type=FiniteRange(0, 10))
@click.option("--seed", type=SEED)
def numbers(number, seed):
    """Take numbers."""
    click.echo(f"{number} {seed}")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--number", "nan"),
        ("--number", "inf"),
        ("--number", "-inf"),
        ("--number", "11"),
        ("--number", "x"),
        ("--seed", "-1"),
        ("--seed", str(2**32)),
        ("--seed", "1.5"),
    ],
)
def test_numbers_that_cannot_be_are_wrong_usage(option, value):
    done = CliRunner().invoke(numbers, [option, value])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.stderr


def test_numbers_of_the_range_are_taken():
    done = CliRunner().invoke(numbers, ["--number", "2.5", "--seed", str(2**32 - 1)])
    assert done.stdout == f"2.5 {2**32 - 1}\n"


def test_what_cannot_be_parsed_is_wrong_usage_and_names_the_option():
    @click.command()
    @detector_options
    def search(**options):
        click.echo(json.dumps(options))

    def said(*arguments):
        done = CliRunner().invoke(search, arguments)
        return done.exit_code, done.output

    assert json.loads(said()[1]) == {"detector": None, "min_face": 48}
    assert json.loads(said("--detector", "yunet:x.onnx")[1])["detector"] == "yunet:x.onnx"
    for arguments, message in (
        (("--min-face", "0"), "Invalid value for '--min-face': 0 is not in the range 24<=x<=32768."),
        (("--detector", "mtcnn"), "Invalid value for '--detector': no detector 'mtcnn'; pass one of haar"),
    ):
        code, output = said(*arguments)
        assert code == 2
        assert message in output
