"""The command ``edge-fer info``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from edge_fer.dependencies import spare_memory
from edge_fer.options import DEFAULT_MODEL
from edge_fer.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command(epilog="\b\nExamples:\n  edge-fer info\n  edge-fer info --json > info.json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(as_json: bool) -> None:
    """Print what is installed here: versions, runtimes with their builds, models, detectors, profile and paths.

    It belongs into every report of a fault. Nothing is written and nothing is sent. edge-fer doctor says what of it is
    wrong.
    """
    spare_memory()
    from edge_fer import installation

    facts = installation.facts()
    for model in facts["models"]:
        model["default"] = model["name"] == DEFAULT_MODEL
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for line in _lines(facts):
        click.echo(printable(line))


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    machine = facts["machine"]
    yield f"edge-fer {facts['edge_fer']}, Python {machine['python']}"
    yield f"{machine['system']}, Linux {machine['kernel']}" if machine["system"] else machine["kernel"]
    yield from _section("machine", _machine(machine))
    yield from _section("runtimes", map(_part, facts["runtimes"].items()))
    yield from _section("libraries", map(_part, facts["libraries"].items()))
    yield from _section("models", map(_model, facts["models"]))
    yield from _section("detectors", map(_detector, facts["detectors"]))
    yield from _section("profile", _profile(facts["profile"]))
    yield from _section("paths", (f"{name}: {path}" for name, path in facts["paths"].items()))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield ""
    yield title
    for line in lines:
        yield f"  {line}"


def _machine(machine: dict[str, Any]) -> Iterator[str]:
    yield f"{machine['model'] or machine['cpu'] or 'unknown processor'}, {machine['machine']}"
    memory = f", {machine['memory_mb']:,} MiB of memory" if machine["memory_mb"] else ""
    yield f"{counted(machine['cores'], 'core')}{memory}"
    yield f"CPU features: {' '.join(machine['cpu_features']) or 'none that matter here'}"


def _part(item: tuple[str, dict[str, Any]]) -> str:
    """Return a line about a runtime or a library: its version, then what else is known of it."""
    name, known = item
    if "missing" in known:
        return f"{name}: {known['missing']}"
    package = known.get("package", "")
    rest = {key: value for key, value in known.items() if key not in {"package", "version", "module"} and value}
    details = [f"{key.replace('_', ' ').replace('cpu', 'CPU')} {_joined(value)}" for key, value in rest.items()]
    return f"{name}: {'; '.join([' '.join(filter(None, (package, known['version']))), *details])}"


def _joined(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def _model(model: dict[str, Any]) -> str:
    mark = " (default)" if model["default"] else ""
    return f"{model['name']}{mark}: {', '.join(model['targets'])}"


def _detector(detector: dict[str, Any]) -> str:
    name = detector["name"]
    return f"{name} (default)" if detector["default"] else f"{name}:FILE, with a model file of yours"


def _profile(profile: dict[str, Any]) -> Iterator[str]:
    if not profile["exists"]:
        yield f"none; edge-fer bench --write-profile would write {profile['path'] or 'one, in a home folder'}"
        return
    yield str(profile["path"])
    if "fault" in profile:
        yield profile["fault"]
        return
    for name in ("model", "target", "threads", "detector", "board", "measured"):
        if profile.get(name):
            yield f"{name}: {profile[name]}"
