"""Gives edge-fer damaged input and watches how each command ends. ``python tests/fuzz/run.py --help`` says how.

A damaged input follows from a seed and a number alone, so that ``--only bundles:1234 --seed 7`` makes it again.
"""
