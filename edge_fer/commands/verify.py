"""The command ``edge-fer verify``. Nothing heavy is imported before it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from edge_fer.backends import MAX_THREADS
from edge_fer.dependencies import spare_memory
from edge_fer.errors import BadBundle, BadInput, GoldenMismatch
from edge_fer.options import MODEL, key_option
from edge_fer.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer.bundle import Bundle


@click.command(
    epilog="""\b
Examples:
  edge-fer verify compact
  edge-fer verify my-bundle.zip --json
  edge-fer verify my-bundle.zip --key ours.public.pem"""
)
@click.argument("bundle", type=MODEL)
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1, MAX_THREADS), help="Threads of the model."
)
@key_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each target.")
def verify(bundle: str, threads: int, key: Path | None, as_json: bool) -> None:
    """Check the files, checksums, signature and golden answers of BUNDLE on this machine.

    Targets whose runtime is not installed are reported as not run. The exit code is 4 if anything does not match.
    Each target of a bundle from outside is executed in a process of its own, with limits of time and memory.
    """
    spare_memory()
    from edge_fer import profile
    from edge_fer.verify import verify as verify_bundle

    opened = profile.open_bundle(bundle, key)
    results = verify_bundle(opened, threads)
    for result in results:
        click.echo(json.dumps(result.as_dict()) if as_json else result.sentence())
    if any(result.fault for result in results):
        raise BadBundle(f"{bundle} cannot be used; see above")
    if any(result.failed for result in results):
        raise GoldenMismatch(f"{bundle} does not compute here what it computed on the workstation; see above")
    if not any(result.ran for result in results):
        raise BadInput(f"no target of {bundle} can be run here; see above")
    # On stderr, so that stdout holds a line for each target and nothing else.
    click.echo(printable(_signed(opened)), err=True)


def _signed(bundle: Bundle) -> str:
    """Return in words what is known of the origin of *bundle*."""
    if bundle.shipped:
        return f"{bundle.path.name} is part of edge-fer"
    if bundle.signed_by is not None:
        return f"{bundle.path} is signed by {bundle.signed_by}"
    if bundle.signature is not None:
        return f"{bundle.path} is signed; by whom was not checked: pass --key"
    return f"{bundle.path} is not signed"
