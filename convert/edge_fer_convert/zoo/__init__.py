"""Architectures, one file each. Parameter counts are those of the papers and are asserted in the tests."""
