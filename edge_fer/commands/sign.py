"""The command ``edge-fer sign``. Nothing heavy is imported before it runs."""

from __future__ import annotations

from pathlib import Path

import click

from edge_fer.errors import BadInput
from edge_fer.text import printable


@click.command(
    epilog="""\b
Examples:
  edge-fer sign --new-key ours
  edge-fer sign my-bundle --key ours.private.pem
  edge-fer verify my-bundle --key ours.public.pem"""
)
@click.argument("bundle", required=False)
@click.option("--key", type=click.Path(path_type=Path), help="The private key (.pem) to sign BUNDLE with.")
@click.option(
    "--new-key",
    metavar="NAME",
    help="Write a new pair of keys, NAME.private.pem and NAME.public.pem; nothing is overwritten.",
)
def sign(bundle: str | None, key: Path | None, new_key: str | None) -> None:
    """Sign BUNDLE, a folder or a zip, or make the keys for it.

    The signature (Ed25519, in manifest.sig) covers the manifest, whose checksums cover every file. A device that was
    given the public key (--key, or public_key in its profile) refuses every bundle that was not signed or was changed.
    Keep the private key secret.
    """
    if (new_key is None) == (bundle is None or key is None):
        raise click.UsageError("pass BUNDLE and --key to sign, or --new-key to make keys.")
    if bundle is not None and key is not None and new_key is None:
        click.echo(printable(f"{_sign(bundle, key)} signed"))
        return
    from edge_fer import signatures

    private, public = signatures.new_key(new_key or "")
    click.echo(printable(f"{private} written: keep it secret, it signs"))
    click.echo(printable(f"{public} written: for the devices, it checks"))


def _sign(path: str, key: Path) -> Path:
    from edge_fer import bundle as bundles
    from edge_fer import signatures

    opened = bundles.load(path)
    if opened.shipped:
        raise BadInput(f"{path} is part of edge-fer, and needs no signature; pass a bundle of your own")
    # Signed is only what is whole.
    for entry in opened.manifest.files:
        opened.read(entry)
    signatures.attach(opened.path, signatures.sign(opened.manifest_bytes, key))
    return opened.path
