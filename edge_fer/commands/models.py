"""The command ``edge-fer models``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from edge_fer.options import DEFAULT_MODEL, MODEL
from edge_fer.text import counted, percent, printable

if TYPE_CHECKING:
    from edge_fer.manifest import Evaluation


@click.command(epilog="\b\nExamples:\n  edge-fer models\n  edge-fer models compact\n  edge-fer models --json")
@click.argument("bundle", required=False, type=MODEL)
@click.option("--json", "as_json", is_flag=True, help="Print manifests as JSON.")
def models(bundle: str | None, as_json: bool) -> None:
    """List the shipped bundles; edge-fer run takes the default one.

    With BUNDLE, print its model card: what it is for, how accurate it is, its limits.
    """
    from edge_fer import bundle as bundles

    if bundle is not None:
        opened = bundles.load(bundle)
        if as_json:
            click.echo(opened.manifest.model_dump_json(indent=2))
        else:
            click.echo(printable(opened.model_card() or f"{opened.path} has no model card", keep="\n\t"))
        return
    manifests = [bundles.load(name).manifest for name in bundles.shipped()]
    if as_json:
        listed = [
            {"default": manifest.name == DEFAULT_MODEL, **manifest.model_dump(mode="json")} for manifest in manifests
        ]
        click.echo(json.dumps(listed, indent=2))
        return
    for manifest in manifests:
        mark = " (default)" if manifest.name == DEFAULT_MODEL else ""
        click.echo(f"{manifest.name}{mark}: {manifest.description}")
        for target in manifest.targets:
            click.echo(f"  {target.name:16} {target.total_bytes / 1e6:5.2f} MB  {_accuracy(target.evaluation)}")


def _accuracy(evaluation: Evaluation | None) -> str:
    if evaluation is None or evaluation.accuracy is None:
        return ""
    votes = evaluation.votes
    by_votes = "" if votes is None else f"{percent(votes.accuracy_8_classes)} by the majority of FER+, "
    by_label = f"{percent(evaluation.accuracy)} by the label"
    return f"{by_votes}{by_label}; {evaluation.data} {evaluation.split}, {counted(evaluation.images, 'image')}"
