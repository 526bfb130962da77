"""The command ``edge-fer verify``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json

import click

from edge_fer.backends import MAX_THREADS
from edge_fer.errors import BadInput, GoldenMismatch


@click.command(
    epilog="""\b
Examples:
  edge-fer verify compact
  edge-fer verify my-bundle.zip --json"""
)
@click.argument("bundle")
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1, MAX_THREADS), help="Threads of the model."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each target.")
def verify(bundle: str, threads: int, as_json: bool) -> None:
    """Check the files, checksums and golden answers of BUNDLE on this machine.

    Targets whose runtime is not installed are reported as not run. The exit code is 4 if anything does not match.
    """
    from edge_fer import bundle as bundles
    from edge_fer.verify import verify as verify_bundle

    results = verify_bundle(bundles.load(bundle), threads)
    for result in results:
        click.echo(json.dumps(result.as_dict()) if as_json else result.sentence())
    if any(result.failed for result in results):
        raise GoldenMismatch(f"{bundle} does not compute here what it computed on the workstation; see above")
    if not any(result.ran for result in results):
        raise BadInput(f"no target of {bundle} can be run here; see above")
